"""Everything that a service of the embedded AWS may use, made once per server and handed to each handler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .edge.call_log import CallLog
    from .edge.clients import Clients
    from .edge.faults import Faults
    from .runner.hosting import Hosting
    from .runner.processes import Processes
    from .runner.training import Training
    from .settings import Settings
    from .state.billing import Billing
    from .state.clock import Clock
    from .state.prices import Prices
    from .state.quotas import Quotas
    from .state.store import Store


@dataclass(frozen=True)
class World:
    """The parts of one running sandbox.

    Attributes:
        settings: what the person chose at start.
        clock: real UTC timestamps, and modelled seconds that run ``speed`` times as fast.
        store: documents of our own services by (kind, region, name).
        prices: dollars per hour and facts of an instance type.
        quotas: limits per region, and increase requests.
        billing: what was billed so far, per resource.
        faults: rules that make an API call or a job fail.
        calls: every API call with its parameters and outcome.
        clients: boto3 clients on this sandbox's own endpoint, past faults and call log.
        processes: starts programs re-rooted at /opt/ml, and ends them.
        training: the life of training jobs.
        hosting: the life of endpoints.
    """

    settings: Settings
    clock: Clock
    store: Store
    prices: Prices
    quotas: Quotas
    billing: Billing
    faults: Faults
    calls: CallLog
    clients: Clients
    processes: Processes
    training: Training
    hosting: Hosting
