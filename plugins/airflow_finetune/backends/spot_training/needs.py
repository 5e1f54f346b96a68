"""What a training job needs, read from the request that would make it: overrides count as AWS would count them."""

from __future__ import annotations

from airflow_finetune.backends.backend import Needs, Place
from airflow_finetune.backends.spot_training.prepare import image_of
from airflow_finetune.backends.spot_training.request import training_request
from airflow_finetune.backends.spot_training.spec import SpotTrainingSpec
from airflow_finetune.backends.training_job import inputs_of, rung_of
from airflow_finetune.errors import SpecError
from airflow_finetune.values import DatasetReference


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
    read = list(dict.fromkeys([*inputs_of(first), code_uri]))
    written = (first["OutputDataConfig"]["S3OutputPath"], spec.checkpoint_uri or spec.output_uri)
    return Needs(
        role_arn=first["RoleArn"],
        image_uri=first["AlgorithmSpecification"].get("TrainingImage", image_uri),
        dataset=DatasetReference.load(spec.dataset),
        inputs=tuple(uri for uri in read if given or uri != code_uri),
        outputs=tuple(dict.fromkeys(written)),
        rungs=tuple(rung_of(request) for request in requests),
    )
