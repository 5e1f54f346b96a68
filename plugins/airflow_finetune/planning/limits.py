"""What a person allows a run to cost, and what beside training it may pay for."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from airflow_finetune.spec import Spec

Usd = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Hosting(BaseModel):
    """What the models are served on while they are evaluated.

    Attributes:
        instance_type: of every endpoint, for example ``ml.g5.xlarge``.
        instance_count: of each endpoint.
        arms: how many models are served side by side: baseline and candidate.
        hours: how long an endpoint may live; its lease.
        image_uri: what serves; None where it is not known yet, and not looked at.
        usd_per_hour: of one instance; None asks AWS.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    instance_type: Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$")]
    instance_count: Annotated[int, Field(ge=1)] = 1
    arms: Annotated[int, Field(ge=1)] = 2
    hours: Usd = 2.0
    image_uri: str | None = None
    usd_per_hour: Usd | None = None


class Limits(Spec):
    """The limits of a plan.

    Attributes:
        max_usd: the most that a run may cost in the worst case. There is no default: no limit, no run.
        hosting: None when nothing is served.
        evaluation_usd: what else the evaluation may cost, for example a judge that is paid by the token.
        usd_per_hour: of one training instance; None asks AWS.
        inputs: more S3 addresses that must hold something, for example of a baseline that is served.
        max_wait: of the fine_tune task, where it is given one; None takes the spec's own limits, as that task does.
        shortest_wait: down to this that time may be shortened, so that the worst case stays within ``max_usd``; only
            for a fine_tune that is given the plan. None shortens nothing: what could cost more is refused.
    """

    backend: ClassVar[str] = "plan"

    max_usd: Usd
    hosting: Hosting | None = None
    evaluation_usd: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    usd_per_hour: Usd | None = None
    inputs: tuple[str, ...] = ()
    max_wait: Annotated[timedelta, Field(gt=timedelta(0))] | None = None
    shortest_wait: Annotated[timedelta, Field(gt=timedelta(0))] | None = None
