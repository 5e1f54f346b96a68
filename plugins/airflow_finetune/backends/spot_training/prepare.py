"""What a training job needs before it can be asked for: its code in S3, and the address of an image."""

from __future__ import annotations

from typing import Any

from airflow_finetune.aws import s3
from airflow_finetune.backends.backend import MakeClient, Place
from airflow_finetune.backends.spot_training.archive import training_code
from airflow_finetune.backends.spot_training.request import training_request
from airflow_finetune.backends.spot_training.spec import SpotTrainingSpec
from airflow_finetune.errors import SpecError

# The versions of AWS's Hugging Face training image that containers/train is meant for.
IMAGE = {"version": "4.56.2", "base_framework_version": "pytorch2.8.0", "py_version": "py312"}


def prepared_request(spec: SpotTrainingSpec, place: Place, rung: int, make_client: MakeClient) -> dict[str, Any]:
    """Return the create request, with the code that it names in its place."""
    return training_request(spec, place, rung, uploaded_code(spec, make_client), image_of(spec, place.region))


def uploaded_code(spec: SpotTrainingSpec, make_client: MakeClient) -> str:
    """Return the address of the code archive in S3; upload it unless the same bytes are there."""
    if spec.source_dir is not None and spec.source_dir.startswith("s3://"):
        return spec.source_dir
    archive = training_code(spec.source_dir, spec.entry_point)
    uri = f"{spec.output_uri.rstrip('/')}/code/{archive.sha256}/sourcedir.tar.gz"
    s3.put_once(make_client("s3"), uri, archive.body, spec.output_kms_key_id)
    return uri


def image_of(spec: SpotTrainingSpec, region: str) -> str:
    """Return the training image: the spec's, or AWS's Hugging Face image for this region.

    Raises:
        SpecError: there is no image in the spec, and nothing installed that could look one up.
    """
    if spec.image_uri is not None:
        return spec.image_uri
    try:
        from sagemaker.core import image_uris
    except ImportError:
        said = "is not set, and the package that could look AWS's image up is not installed."
        hint = "Set image_uri, or install airflow-finetune[sdk] (Python 3.11)."
        raise SpecError("image_uri", said, hint) from None
    try:
        return str(
            image_uris.retrieve(
                "huggingface",
                region,
                version=IMAGE["version"],
                base_framework_version=IMAGE["base_framework_version"],
                py_version=IMAGE["py_version"],
                instance_type=spec.instance_type,
                image_scope="training",
            )
        )
    except ValueError as error:  # the lookup's word for a version or region that it does not know
        raise SpecError("image_uri", f"was not found: {error}", "Set image_uri.") from error
