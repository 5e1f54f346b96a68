"""Everything that a service of the embedded AWS may use, made once per server and handed to each handler."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .edge.call_log import CallLog
from .edge.clients import Clients
from .edge.faults import Faults
from .runner.bedrock import Bedrock
from .runner.fleets import Hosting, Processing, Training
from .runner.jumpstart import JumpStart
from .runner.processes import Processes
from .state import Billing, Clock, FoundationModels, Prices, PublicHub, Quotas, Store

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
        processing: the life of processing jobs; likewise.
        hosting: the life of endpoints; likewise.
        foundation_models: what is known of Bedrock's models.
        bedrock: Bedrock's models and customization jobs.
        hub: the table of SageMaker's public hub.
        jumpstart: AWS's buckets with the files of that hub's models.
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
    training: Training = field(init=False)
    processing: Processing = field(init=False)
    hosting: Hosting = field(init=False)
    foundation_models: FoundationModels = field(default_factory=FoundationModels)
    bedrock: Bedrock = field(init=False)
    hub: PublicHub = field(default_factory=PublicHub)
    jumpstart: JumpStart = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "training", Training(self))
        object.__setattr__(self, "processing", Processing(self))
        object.__setattr__(self, "hosting", Hosting(self))
        object.__setattr__(self, "bedrock", Bedrock(self))
        object.__setattr__(self, "jumpstart", JumpStart(self.hub, self.clients))


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
