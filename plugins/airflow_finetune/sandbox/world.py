"""Everything that a service of the embedded AWS may use, made once per server and handed to each handler."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .edge.call_log import CallLog
from .edge.clients import Clients
from .edge.faults import Faults
from .runner.processes import Processes
from .state import Billing, Clock, Prices, Quotas, Store

if TYPE_CHECKING:
    from .settings import Settings


@dataclass(frozen=True, eq=False)
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
        training: the life of training jobs; made last, for it uses the other parts through this world.
        hosting: the life of endpoints; likewise.
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
    training: Any = field(init=False)
    hosting: Any = field(init=False)

    def __post_init__(self) -> None:
        for name in ("training", "hosting"):
            object.__setattr__(self, name, _part(name, self))


class _Nothing:
    def start(self) -> None: ...
    def close(self) -> None: ...
    def reset(self) -> None: ...
    def interrupt(self, *args: Any) -> bool:
        return False


def _part(name: str, world: World) -> Any:
    try:
        module = importlib.import_module(f".runner.{name}", __package__)
    except ModuleNotFoundError:
        return _Nothing()
    return getattr(module, name.capitalize())(world)


def build(settings: Settings) -> World:
    """Make every part; nothing runs and nothing listens yet."""
    clock = Clock(settings.speed)
    return World(
        settings=settings,
        clock=clock,
        store=Store(),
        prices=Prices(),
        quotas=Quotas(clock),
        billing=Billing(clock),
        faults=Faults(settings.seed),
        calls=CallLog(),
        clients=Clients(settings.token),
        processes=Processes(settings),
    )
