"""A registered version on the embedded AWS, as the registry's DAGs take one."""

from __future__ import annotations

import io
import json
import tarfile

from airflow_finetune.lifecycle.claim import Claim
from airflow_finetune.lifecycle.owner import Owner, owner_tags
from tests.clients.embedded import IMAGE, Endpoint

SMALL = {"AIRFLOW_VAR_FINETUNE_SERVING_INSTANCE_TYPE": "ml.m5.large"}
GROUP = "orders"
OWNER = owner_tags(Owner(Claim("default", "orders", "earlier", "register", -1, 0), "0" * 16, "promoted", None))


def version_of(endpoint: Endpoint, bucket: str, status: str) -> dict[str, str]:
    """Register a model of a few lines, as an earlier run would have; returns the conf that names it."""
    s3, sagemaker = endpoint.client("s3"), endpoint.client("sagemaker")
    s3.put_object(Bucket=bucket, Key="registered/model.tar.gz", Body=_archive(json.dumps({"answer": 42}).encode()))
    if not sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]:
        tags = [{"Key": key, "Value": value} for key, value in OWNER.items()]
        sagemaker.create_model_package_group(ModelPackageGroupName=GROUP, Tags=tags)
    containers = [{"Image": IMAGE, "ModelDataUrl": f"s3://{bucket}/registered/model.tar.gz"}]
    arn = sagemaker.create_model_package(
        ModelPackageGroupName=GROUP,
        InferenceSpecification={"Containers": containers},
        ModelApprovalStatus=status,
        CustomerMetadataProperties=OWNER,
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
