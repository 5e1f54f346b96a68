"""What a model knows: served on an endpoint of the demo's cloud, asked golden orders, and deleted again."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from demo import orders
from demo.cloud import BASE, BUCKET, IMAGE, ROLE, SERVING_CODE, Cloud

INSTANCE = "ml.m5.large"
BATCH = 20  # questions of one request: the server answers them together
MAX_NEW_TOKENS = 100
PATIENCE = {"Delay": 1, "MaxAttempts": 180}


def base_archive(cloud: Cloud) -> str:
    """Upload the base model as an archive with the serving code, and return its address."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path in sorted(BASE.iterdir()):
            tar.add(path, path.name)
        for path in sorted(SERVING_CODE.rglob("*.py")):
            if path != SERVING_CODE / "__init__.py":  # code/ is a path, no package
                tar.add(path, f"code/{path.relative_to(SERVING_CODE)}")
    cloud.s3.put_object(Bucket=BUCKET, Key="models/base/model.tar.gz", Body=packed.getvalue())
    return f"s3://{BUCKET}/models/base/model.tar.gz"


@contextmanager
def endpoint(cloud: Cloud, name: str, model_uri: str) -> Iterator[None]:
    """Serve a model; however the block ends, nothing of it stays."""
    sagemaker = cloud.sagemaker
    container = {"Image": IMAGE, "ModelDataUrl": model_uri}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {"VariantName": "AllTraffic", "ModelName": name, "InstanceType": INSTANCE, "InitialInstanceCount": 1}
    try:
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        try:
            sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=name, WaiterConfig=PATIENCE)
            yield
        finally:
            sagemaker.delete_endpoint(EndpointName=name)
            sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=name, WaiterConfig=PATIENCE)
            sagemaker.delete_endpoint_config(EndpointConfigName=name)
    finally:
        sagemaker.delete_model(ModelName=name)


def exact_match(cloud: Cloud, name: str, model_uri: str, golden: list[dict[str, str]]) -> float:
    """Return the share of golden orders that a model turns into exactly the wanted JSON."""
    said: list[str] = []
    with endpoint(cloud, name, model_uri):
        for start in range(0, len(golden), BATCH):
            prompts = [row["prompt"] for row in golden[start : start + BATCH]]
            body = {"inputs": prompts, "parameters": {"max_new_tokens": MAX_NEW_TOKENS}}
            answer = cloud.runtime.invoke_endpoint(
                EndpointName=name, ContentType="application/json", Body=json.dumps(body).encode()
            )
            answers: list[Any] = json.loads(answer["Body"].read())
            said += [each[0]["generated_text"] for each in answers]
    return orders.exact_match(said, [row["completion"] for row in golden])
