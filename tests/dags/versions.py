"""A registered version on the embedded AWS, as the registry's DAGs take one."""

from __future__ import annotations

import io
import json
import tarfile

from tests.clients.embedded import IMAGE, Endpoint

SMALL = {"AIRFLOW_VAR_FINETUNE_SERVING_INSTANCE_TYPE": "ml.m5.large"}
GROUP = "orders"


def version_of(endpoint: Endpoint, bucket: str, status: str) -> dict[str, str]:
    """Register a model of a few lines by plain boto3; returns the conf that names it."""
    s3, sagemaker = endpoint.client("s3"), endpoint.client("sagemaker")
    s3.put_object(Bucket=bucket, Key="registered/model.tar.gz", Body=_archive(json.dumps({"answer": 42}).encode()))
    if not sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]:
        sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
    containers = [{"Image": IMAGE, "ModelDataUrl": f"s3://{bucket}/registered/model.tar.gz"}]
    arn = sagemaker.create_model_package(
        ModelPackageGroupName=GROUP, InferenceSpecification={"Containers": containers}, ModelApprovalStatus=status
    )["ModelPackageArn"]
    s3.close()
    sagemaker.close()
    return {"model_package_arn": arn}


def _archive(content: bytes) -> bytes:
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w:gz") as tar:
        info = tarfile.TarInfo("model.json")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return memory.getvalue()
