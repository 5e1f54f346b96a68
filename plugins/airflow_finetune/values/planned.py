"""What a run may do and cost, as it travels from ``plan`` to ``fine_tune``."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from airflow_finetune.values.chosen import BackendChoice
from airflow_finetune.values.value import DatasetReference, Value

Market = Literal["spot", "on_demand"]


class CostItem(Value):
    """One line of a worst case; ``usd`` is ``quantity * unit_usd``.

    Attributes:
        name: what is paid for.
        quantity: in units, all instances together.
        unit: for example ``instance hour``.
        unit_usd: of one unit.
        usd: of all.
    """

    name: str
    quantity: float
    unit: str
    unit_usd: float
    usd: float


class Price(Value):
    """What an hour of one instance costs, and who said so.

    Attributes:
        usage: ``training`` or ``hosting``.
        instance_type: AWS's name.
        usd_per_hour: of one instance.
        source: AWS's Pricing API, or whoever wrote the price down.
        asked_at: when.
    """

    usage: str
    instance_type: str
    usd_per_hour: float
    source: str
    asked_at: datetime


class UnitPrice(Value):
    """What something costs that is billed by quantity, and who said so.

    Attributes:
        usage: what for, for example ``customization`` or ``model_unit``.
        model: the base model, as the price list calls it.
        unit: for example ``thousand tokens``.
        usd: of one unit.
        source: AWS's Pricing API, or whoever wrote the price down.
        asked_at: when.
    """

    usage: str
    model: str
    unit: str
    usd: float
    source: str
    asked_at: datetime


class PlannedRung(Value):
    """One market that the job may be bought on; AWS bills Spot at most at the on-demand price, which stands here."""

    market: Market
    instance_type: str
    instance_count: int
    max_runtime_seconds: int
    usd_per_hour: float


class PlannedHosting(Value):
    """What the models may be served on while they are evaluated.

    Attributes:
        instance_type: of every endpoint.
        instance_count: of each endpoint.
        arms: how many models are served side by side.
        lease_seconds: how long an endpoint may live.
        usd_per_hour: of one instance.
    """

    instance_type: str
    instance_count: int
    arms: int
    lease_seconds: int
    usd_per_hour: float


class PlannedBedrockHosting(Value):
    """What a custom model may be served on by Bedrock while it is evaluated.

    Attributes:
        hosting: by token, or by model units and hours.
        model: the base model, as the price list calls it.
        model_units: of each arm; 0 for a deployment that is paid by token.
        arms: how many models are served so.
        lease_seconds: how long it may live.
        commitment: AWS's word for the term that is paid whatever happens; None without.
    """

    hosting: Literal["on_demand_deployment", "provisioned_throughput"]
    model: str
    model_units: int
    arms: int
    lease_seconds: int
    commitment: str | None = None


class PlanCheck(Value):
    """One thing that was looked up before anything was created.

    Attributes:
        name: what was checked.
        outcome: ``unknown`` when AWS would not let us look; the run is not stopped by it.
        said: what was found, or AWS's words.
    """

    name: str
    outcome: Literal["ok", "unknown"]
    said: str


class Plan(Value):
    """What a run may do and cost, resolved and frozen before anything is created.

    Attributes:
        backend: which way to tune.
        spec_digest: of the spec that was planned; another spec needs another plan.
        region: where everything runs.
        image_uri: the image, looked up once; empty for a job without.
        dataset: what the model learns from.
        rungs: markets in the order in which they are tried; empty for a job that is not bought by instance.
        hosting: None when nothing is served.
        items: the worst case line by line.
        worst_case_usd: their sum; at most ``max_usd``.
        max_usd: what the user allows.
        max_runtime_seconds: of one job; without rungs that is ``max_wait_seconds``.
        max_wait_seconds: of the fine_tune task, all attempts and the fallback included.
        most_jobs: that the fine_tune task may make; None where time limits what they cost.
        lease_seconds: how long an endpoint may live; None without hosting.
        checks: what was looked up, and what was found.
        prices: every price of an instance with its source.
        unit_prices: likewise, of what is billed by quantity.
        choice: why this candidate is taken, where the pipeline names several; None for a single backend.
        resolved: field of the spec -> what was looked up for it, so that no retry looks up something else.
    """

    backend: str
    spec_digest: str
    region: str
    image_uri: str
    dataset: DatasetReference
    rungs: tuple[PlannedRung, ...]
    hosting: PlannedHosting | PlannedBedrockHosting | None = None
    items: tuple[CostItem, ...]
    worst_case_usd: float
    max_usd: float
    max_runtime_seconds: int
    max_wait_seconds: float
    most_jobs: int | None = None
    lease_seconds: int | None = None
    checks: tuple[PlanCheck, ...] = ()
    prices: tuple[Price, ...] = ()
    unit_prices: tuple[UnitPrice, ...] = ()
    choice: BackendChoice | None = None
    resolved: dict[str, str] = Field(default_factory=dict)
