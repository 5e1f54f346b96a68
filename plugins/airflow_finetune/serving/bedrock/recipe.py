"""What a model needs in order to answer on Bedrock: nothing, a deployment, or provisioned throughput."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NoReturn

from airflow_finetune.aws.foundation_models import FoundationModel, found_model, is_profile
from airflow_finetune.aws.prices import bedrock_usd
from airflow_finetune.errors import RequestRefused
from airflow_finetune.lifecycle.failures import NEXT_STEP, FailureClass, Refusal
from airflow_finetune.resources import CUSTOM_MODEL_DEPLOYMENT, PROVISIONED_THROUGHPUT, Resource
from airflow_finetune.serving.bedrock.spec import BedrockDeploySpec
from airflow_finetune.serving.host import Asks, Requests

_APPLICATION = re.compile(r"arn:aws[^:]*:bedrock:[^:]*:\d*:application-inference-profile/.+")
_SUFFIX = re.compile(r"(.+):\d+k")
_VERSION = re.compile(r":\d+$")


class BedrockRecipe:
    """What one model needs.

    Args:
        spec: rendered.
        asks: AWS.

    Raises:
        RequestRefused: AWS does not know the model, or nobody can ask it in this way.
        Unavailable: AWS cannot answer now.
    """

    def __init__(self, spec: BedrockDeploySpec, asks: Asks) -> None:
        self._spec, self._asks = spec, asks
        self._uri = self._asked = spec.model.uri
        if self._is_made and spec.hosting == "provisioned_throughput":
            self.requests: Requests = ((PROVISIONED_THROUGHPUT, self._throughput),)
        elif self._is_made:
            self.requests = ((CUSTOM_MODEL_DEPLOYMENT, self._deployment),)
        else:
            self.requests = ()
            self._check_on_demand()

    def refused(self, resource: Resource, refusal: Refusal) -> str:
        """Return what to do about a refusal; for a deployment, what the other way of hosting costs."""
        if resource is not CUSTOM_MODEL_DEPLOYMENT or refusal.meaning is not FailureClass.REFUSED:
            return NEXT_STEP[refusal.meaning]
        return f"If AWS does not deploy this model on demand, set hosting: provisioned_throughput: {self._unit_price()}"

    def failed(self, name: str) -> str:
        """Return nothing: AWS has said all in its description."""
        return ""

    def served(self, described: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of ``ServedModel`` that only the host knows."""
        arn = next((str(described[each.arn]) for each, _ in self.requests), "")
        fields = {
            "service": "bedrock",
            "endpoint_name": arn or self._asked,
            "endpoint_arn": arn,
            "model": self._spec.model,
        }
        if self._spec.hosting == "provisioned_throughput":
            unit = self._usd("model_unit")
            units = int(described["modelUnits"])
            return {**fields, "instance_count": units, "hourly_usd": None if unit is None else unit * units}
        tokens = {f"{way}_usd": self._usd(f"{way}_tokens") for way in ("input", "output")}
        return {**fields, "hourly_usd": 0.0, **tokens}

    @property
    def _is_made(self) -> bool:
        return self._spec.is_custom or self._spec.hosting == "provisioned_throughput"

    def _deployment(self, name: str) -> dict[str, Any]:
        return {"modelArn": self._uri, **self._common(name)}

    def _throughput(self, name: str) -> dict[str, Any]:
        term = self._spec.commitment
        request = {"modelId": self._uri, "modelUnits": self._spec.model_units, **self._common(name)}
        return request if term is None else {**request, "commitmentDuration": term}

    def _common(self, name: str) -> dict[str, Any]:
        # The name is the claim, AWS gives it once. The token only joins the repetitions of one call: AWS remembers it
        # longer than the resource, and would answer a later call with one that has been deleted.
        token = f"{name}-{self._asks.now:%Y%m%d%H%M%S%f}"
        tags = [{"key": key, "value": value} for key, value in self._spec.tags.items()]
        return {"clientRequestToken": token, "tags": tags}

    @cached_property
    def _base(self) -> FoundationModel:
        """The base model that answers, or that is below what answers."""
        found = found_model(self._asks.client("bedrock"), self._uri)
        if isinstance(found, Refusal):
            said = f"AWS answered {found.code}: {found.message}"
            raise RequestRefused(f"model {self._uri}", said, NEXT_STEP[found.meaning])
        return found

    def _usd(self, usage: str) -> float | None:
        prices: Mapping[str, float] = self._spec.prices  # type: ignore[assignment]  # its keys are usages
        if usage in prices:
            return prices[usage]
        if _APPLICATION.fullmatch(self._uri):
            return None
        return bedrock_usd(self._asks.client("pricing"), usage, self._base.name, self._asks.region)

    def _check_on_demand(self) -> None:
        if _APPLICATION.fullmatch(self._uri) or is_profile(self._uri):
            return  # its owner, or AWS, has chosen what is behind it
        if "ON_DEMAND" in self._base.inference_types:
            return
        shorter = self._without_context()
        if shorter is None:
            self._refuse_on_demand()
        self._asked = shorter
        self._asks.say(f"{self._uri} can be customized and is not there on demand: asks {shorter}, the same model.")

    def _without_context(self) -> str | None:
        """Return the id under which the same model answers on demand; None where AWS has none.

        AWS has a model that can be customized under an id with the length of its context, as ``...-v1:0:128k``, and
        answers under the id before it.
        """
        suffixed = _SUFFIX.fullmatch(self._base.id)
        for identifier in () if suffixed is None else (suffixed[1], _VERSION.sub("", suffixed[1])):
            found = found_model(self._asks.client("bedrock"), identifier)
            if isinstance(found, FoundationModel) and "ON_DEMAND" in found.inference_types:
                return found.id
        return None

    def _refuse_on_demand(self) -> NoReturn:
        said = f"its inference types are {', '.join(self._base.inference_types) or 'not said'}: not ON_DEMAND."
        ways = ["Give the id of an inference profile, if AWS has one for this model.", *self._bought(self._base)]
        raise RequestRefused(f"model {self._uri}", said, " ".join(ways))

    def _bought(self, base: FoundationModel) -> list[str]:
        if "PROVISIONED" not in base.inference_types:
            return []
        return [f"Or set hosting: provisioned_throughput: {self._unit_price()}"]

    def _unit_price(self) -> str:
        usd, name = self._usd("model_unit"), self._base.name
        if usd is None:
            return f"what a model unit of {name} costs an hour, AWS's price list does not say; give prices: model_unit."
        return f"a model unit of {name} costs ${usd:.2f} an hour until it is deleted."
