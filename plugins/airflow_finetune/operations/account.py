"""What AWS says to a connection: who it is, where, and how many instances it may run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from airflow_finetune.aws.answers import asked
from airflow_finetune.aws.quotas import Quota, found_quotas, quota_name
from airflow_finetune.errors import FinetuneError, SpecError
from airflow_finetune.lifecycle.failures import Refusal
from airflow_finetune.pipeline import PipelineSpec, read_pipeline
from airflow_finetune.pipeline.sections import Serving
from airflow_finetune.redact import redacted_text

_LATER = "{{ what curation makes }}"


class Wanted(NamedTuple):
    """What a pipeline file asks for.

    Attributes:
        path: of the file.
        quotas: AWS's name -> instances that one run needs at once.
        conn_id: of its Airflow connection.
        region: None takes the connection's.
        error: why the file cannot work; None when it can.
    """

    path: str
    quotas: Mapping[str, int]
    conn_id: str | None = None
    region: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Account:
    """What AWS says.

    Attributes:
        identity: the ARN that the connection is; empty when it is nobody.
        region: of the connection; empty without.
        error: AWS's or boto3's words when it is nobody or nowhere; empty when it is somebody.
        quotas: AWS's name -> quota; those that it does not list are missing.
        quotas_error: why they could not be read; empty when they could, or need not be.
    """

    identity: str = ""
    region: str = ""
    error: str = ""
    quotas: Mapping[str, Quota] = field(default_factory=dict)
    quotas_error: str = ""


def wanted_by(path: str) -> Wanted:
    """Return what a pipeline file needs of an account."""
    try:
        pipeline = read_pipeline(Path(path))
    except SpecError as error:
        return Wanted(path, {}, error=str(error))
    return Wanted(path, instances_of(pipeline), pipeline.aws.conn_id, pipeline.aws.region)


def instances_of(pipeline: PipelineSpec) -> dict[str, int]:
    """Return AWS's name of a quota -> instances that one run needs at once.

    Nothing for what is only known later, and for what is not bought by instance: AWS counts that in quotas of Bedrock.
    """
    fields, serving = {**pipeline.tuning, "dataset": _LATER}, pipeline.serving
    spec, needed = pipeline.backend.spec.load(fields, rendered=False, thing=str(pipeline.path)), dict[str, int]()
    instance_type, count = getattr(spec, "instance_type", None), getattr(spec, "instance_count", 1)
    if isinstance(instance_type, str) and isinstance(count, int):
        markets = ("spot", "on_demand") if getattr(spec, "spot", False) else ("on_demand",)
        for market in markets[: pipeline.backend.rungs(spec)]:
            needed[quota_name(instance_type, market)] = count
    if isinstance(serving, Serving) and serving.instance_type is not None:
        needed[quota_name(serving.instance_type, "endpoint")] = 2 * serving.instance_count  # baseline and candidate
    return needed


def account(client: Callable[[str], Any], names: Collection[str]) -> Account:
    """Return what AWS says; every call is a read, and none raises.

    Args:
        client: makes a boto3 client of a service.
        names: of the quotas that are asked for.
    """
    try:
        region = str(client("sagemaker").meta.region_name)
        found = asked("credentials", lambda: str(client("sts").get_caller_identity()["Arn"]))
    except Exception as error:  # a connection can be wrong in as many ways as the amazon provider can raise
        return Account(error=_words(error))
    if isinstance(found, Refusal):
        return Account(region=region, error=f"AWS answered {found.code}: {found.message}")
    if not names:
        return Account(found, region)
    try:
        quotas = found_quotas(client("service-quotas"), names)
    except FinetuneError as error:
        return Account(found, region, quotas_error=_words(error))
    if isinstance(quotas, Refusal):
        return Account(found, region, quotas_error=f"AWS answered {quotas.code}: {quotas.message}")
    return Account(found, region, quotas=quotas)


def _words(error: Exception) -> str:
    return error.said if isinstance(error, FinetuneError) else redacted_text(f"{type(error).__name__}: {error}")
