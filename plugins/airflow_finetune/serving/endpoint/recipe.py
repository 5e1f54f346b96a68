"""What a model needs in order to answer at an endpoint: a model, a configuration, an endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_finetune.aws.prices import hourly_usd
from airflow_finetune.lifecycle.failures import NEXT_STEP, Refusal
from airflow_finetune.resources import Resource
from airflow_finetune.serving.endpoint.baseline import with_code
from airflow_finetune.serving.host import Asks, Requests
from airflow_finetune.serving.spec import DeploySpec, requests


class EndpointRecipe:
    """What one model needs, its serving code beside it.

    Args:
        spec: rendered.
        asks: AWS.
    """

    def __init__(self, spec: DeploySpec, asks: Asks) -> None:
        self._spec, self._asks = spec.as_hosted(), asks
        self.requests: Requests = requests(self._with_code())

    def refused(self, resource: Resource, refusal: Refusal) -> str:
        """Return what to do about a refusal."""
        return NEXT_STEP[refusal.meaning]

    def failed(self, name: str) -> str:
        """Return where to look when the endpoint has failed."""
        return f"Read its log in CloudWatch (/aws/sagemaker/Endpoints/{name})."

    def served(self, described: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of ``ServedModel`` that only the host knows."""
        spec, instance_type = self._spec, str(self._spec.instance_type)
        price = hourly_usd(self._asks.client("pricing"), "hosting", instance_type, self._asks.region)
        return {
            "endpoint_name": described["EndpointName"],
            "endpoint_arn": described["EndpointArn"],
            "model": spec.model,
            "instance_type": instance_type,
            "instance_count": spec.instance_count,
            "hourly_usd": None if price is None else price * spec.instance_count,
        }

    def _with_code(self) -> DeploySpec:
        spec = self._spec
        if spec.code_uri is None or not spec.model.uri.endswith("/"):
            return spec  # it is served as it is
        s3 = self._asks.client("s3")
        return spec.with_model(with_code(s3, spec.model.uri, spec.code_uri, spec.code_kms_key_id, self._asks.say))
