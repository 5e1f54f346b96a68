"""One candidate and its preflight: what the rules look at; every call is a read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from airflow_finetune.aws.foundation_models import is_profile
from airflow_finetune.backends import Backend
from airflow_finetune.errors import FinetuneError, Unavailable
from airflow_finetune.planning.choice.rules import Offer
from airflow_finetune.planning.limits import Limits
from airflow_finetune.planning.preflight import made_plan
from airflow_finetune.spec import Spec
from airflow_finetune.values import Plan


@dataclass(frozen=True)
class Candidate:
    """One backend that a run could take.

    Attributes:
        name: the key in the pipeline file.
        backend: the way to tune.
        base_model: what would be tuned.
        spec: rendered; None when it cannot work.
        limits: rendered; likewise.
        refused: why spec and limits cannot work; empty where they can.
        baseline: what it would be compared with; empty where that is not known.
        min_examples: as of ``Offer``.
        max_examples: likewise.
    """

    name: str
    backend: Backend
    base_model: str
    spec: Spec | None
    limits: Limits | None
    refused: str = ""
    baseline: str = ""
    min_examples: int | None = None
    max_examples: int | None = None


def offered(candidate: Candidate, region: str, client: Callable[[str], Any], now: datetime) -> Offer:
    """Return what the rules look at: the candidate with its plan, or with why it has none.

    Args:
        candidate: rendered.
        region: of the connection.
        client: makes a boto3 client of a service.
        now: the clock.

    Raises:
        Unavailable: AWS cannot answer now.
    """
    plan, refused = _planned(candidate, region, client, now)
    asked = [each for each in (candidate.baseline, candidate.base_model) if is_profile(each)]
    return Offer(
        name=candidate.name,
        backend=candidate.backend.name,
        base_model=candidate.base_model,
        plan=plan,
        refused=refused,
        settable=frozenset(candidate.backend.keys.model) | frozenset(getattr(candidate.spec, "hyperparameters", {})),
        profile=asked[0] if asked else "",
        min_examples=candidate.min_examples,
        max_examples=candidate.max_examples,
    )


def _planned(candidate: Candidate, region: str, client: Callable[[str], Any], now: datetime) -> tuple[Plan | None, str]:
    if candidate.spec is None or candidate.limits is None:
        return None, candidate.refused
    try:
        return made_plan(candidate.backend, candidate.spec, candidate.limits, region, client, now), ""
    except Unavailable:
        raise
    except FinetuneError as error:
        return None, str(error)
