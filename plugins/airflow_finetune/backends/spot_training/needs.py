"""What a training job needs, read from the request that would make it: overrides count as AWS would count them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from airflow_finetune.backends.backend import Needs, Place, Rung
from airflow_finetune.backends.spot_training.prepare import image_of
from airflow_finetune.backends.spot_training.request import training_request
from airflow_finetune.backends.spot_training.spec import SpotTrainingSpec
from airflow_finetune.errors import SpecError
from airflow_finetune.values import DatasetReference

_AWS_MAX_RUNTIME_SECONDS = 24 * 3600  # what AWS takes when a request has none


def needs_of(spec: SpotTrainingSpec, rungs: int, region: str) -> Needs:
    """Return what the requests of all rungs need.

    Raises:
        SpecError: there is no image, the request would be refused, or it leaves the instance to AWS.
    """
    given = spec.source_dir is not None and spec.source_dir.startswith("s3://")
    # The archive of a local folder is uploaded when a job is made; here only its address matters.
    code_uri = str(spec.source_dir) if given else f"{spec.output_uri.rstrip('/')}/code/planned/sourcedir.tar.gz"
    place, image_uri = Place(region, "planned", 0, "planned"), image_of(spec, region)
    try:
        requests = [training_request(spec, place, rung, code_uri, image_uri) for rung in range(rungs)]
    except SpecError as error:
        raise SpecError(f"{error.thing} for {spec.instance_type}", error.said, error.next_step) from None
    first = requests[0]
    read = list(dict.fromkeys([*_inputs(first), code_uri]))
    written = (first["OutputDataConfig"]["S3OutputPath"], spec.checkpoint_uri or spec.output_uri)
    return Needs(
        role_arn=first["RoleArn"],
        image_uri=first["AlgorithmSpecification"].get("TrainingImage", image_uri),
        dataset=DatasetReference.load(spec.dataset),
        inputs=tuple(uri for uri in read if given or uri != code_uri),
        outputs=tuple(dict.fromkeys(written)),
        rungs=tuple(_rung(request) for request in requests),
    )


def _inputs(request: Mapping[str, Any]) -> Iterator[str]:
    for channel in request.get("InputDataConfig") or ():
        if uri := channel.get("DataSource", {}).get("S3DataSource", {}).get("S3Uri"):
            yield uri


def _rung(request: Mapping[str, Any]) -> Rung:
    compute = request["ResourceConfig"]
    if "InstanceType" not in compute or "InstanceCount" not in compute:
        said = "a plan needs one instance type and a count; groups and preferences have no single price."
        raise SpecError("request_overrides.ResourceConfig", said, "Give InstanceType and InstanceCount.")
    return Rung(
        market="spot" if request.get("EnableManagedSpotTraining") else "on_demand",
        instance_type=compute["InstanceType"],
        instance_count=compute["InstanceCount"],
        max_runtime_seconds=request["StoppingCondition"].get("MaxRuntimeInSeconds", _AWS_MAX_RUNTIME_SECONDS),
        warm_pool_seconds=compute.get("KeepAlivePeriodInSeconds", 0),
    )
