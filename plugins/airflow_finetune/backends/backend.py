"""What a way to tune brings: the declaration that the operator works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow_finetune.resources import Resource
from airflow_finetune.spec import Spec
from airflow_finetune.values import TunedModel

MakeClient = Callable[[str], Any]


@dataclass(frozen=True)
class Place:
    """Where a job of one generation runs and keeps its things.

    Attributes:
        region: AWS's name.
        key: the claim's key.
        generation: the claim's generation.
        digest: of the spec; with the two above it makes the checkpoint's place, so that attempts and fallbacks of one
            generation share it and nobody else.
    """

    region: str
    key: str
    generation: int
    digest: str


@dataclass(frozen=True)
class Outcome:
    """What the life of a job knows at its end.

    Attributes:
        described: AWS's description.
        digest: of the spec.
        attempts: jobs of this generation.
        region: where it ran.
        hourly_usd: AWS's price; None when it could not be read.
    """

    described: Mapping[str, Any]
    digest: str
    attempts: int
    region: str
    hourly_usd: float | None


@dataclass(frozen=True)
class Backend:
    """One way to tune a model on AWS.

    Attributes:
        name: the word in ``backend:``.
        spec: the class of what people write.
        resource: what AWS makes.
        rungs: how many markets a job may be bought on, by the spec.
        longest: how long a job and its fallback may take at most by AWS's own limits, by the spec.
        request: gives the create request for (spec, place, rung, make_client); may upload code, creates nothing else.
        digest: of the spec and of the code that it names, without what only describes it.
        result: gives the model that a finished job has made, by (spec, outcome).
    """

    name: str
    spec: type[Spec]
    resource: Resource
    rungs: Callable[[Any], int]
    longest: Callable[[Any], timedelta]
    digest: Callable[[Any], str]
    request: Callable[[Any, Place, int, MakeClient], dict[str, Any]]
    result: Callable[[Any, Outcome], TunedModel]
