"""What answers a modelId: a base model, a deployment or a provisioned throughput; with its limits and its bill."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...edge.errors import AwsError
from ...runner.inference import Answer, NotAnswering, Refused, Sampling
from ...state import FoundationModel
from ...state.foundation_models import arn_of
from ..bedrock.answers import not_found, refuse
from ..bedrock.lookup import DEPLOYMENT, THROUGHPUT, by_name_or_arn, custom_model

if TYPE_CHECKING:
    from ...edge.call import Call
    from ...world import World

INVALID = "The provided model identifier is invalid."
NOT_ON_DEMAND = (
    "Invocation of model ID {model} with on-demand throughput isn\u2019t supported. Retry your request with the ID or "
    "ARN of an inference profile that contains this model."
)
NOT_READY = "Model is not ready for inference. Please wait and try again."
THROTTLED = "Too many requests, please wait before trying again."
USAGE = "bedrock_requests_per_minute"
_RESOURCE = re.compile(r"arn:aws[^:]*:bedrock:[^:]*:\d{12}:(custom-model-deployment|provisioned-model|custom-model)/.+")
_KINDS = {
    "custom-model-deployment": (DEPLOYMENT, "modelDeploymentName", "customModelDeploymentArn", "Active"),
    "provisioned-model": (THROUGHPUT, "provisionedModelName", "provisionedModelArn", "InService"),
}


@dataclass(frozen=True)
class Target:
    """What answers one call.

    Attributes:
        model: the base model, below a custom one too.
        folder: of the weights.
        arn: what its tokens are billed on; empty where hours are billed instead.
        limited: whose requests a minute are counted together; empty where model units are the limit.
    """

    model: FoundationModel
    folder: str
    arn: str
    limited: str

    def answer(self, world: World, call: Call, chat: Sequence[Mapping[str, str]], sampling: Sampling) -> Answer:
        """Return the model's answer, after a look at the limits, and bill it.

        Raises:
            AwsError: too many requests, a prompt that does not fit, or nothing that answers.
        """
        self._admit(world, call)
        try:
            [answer] = world.bedrock.inference.ask(self.folder, [chat], sampling)
        except Refused as error:
            raise refuse(str(error)) from None
        except NotAnswering as error:
            raise AwsError("ServiceUnavailableException", f"The model does not answer: {error}", 503) from error
        if self.arn:
            for kind, tokens in (("input", answer.input_tokens), ("output", answer.output_tokens)):
                usd = tokens / 1000 * self.model.usd[f"{kind}_1k_tokens"]
                world.billing.add(self.arn, f"{kind}_tokens", tokens, "tokens", usd)
        return answer

    def _admit(self, world: World, call: Call) -> None:
        if not self.limited:
            return
        changed = world.quotas.changed(call.region, USAGE, self.model.id)
        limit = world.foundation_models.quota("requests_per_minute") if changed is None else changed
        if not world.bedrock.inference.requests.admit(f"{call.region}/{self.limited}", limit, time.monotonic()):
            raise AwsError("ThrottlingException", THROTTLED, 429)


def find(call: Call, world: World) -> Target:
    """Return what answers.

    Raises:
        AwsError: the identifier is none, what it names is not there or not ready, or cannot be asked in this way.
    """
    identifier: str = call.params["modelId"]
    resource = _RESOURCE.fullmatch(identifier)
    if resource is None:
        return _base(call, world, identifier)
    if resource.group(1) == "custom-model":
        raise refuse(NOT_ON_DEMAND.format(model=identifier))
    kind, name, arn, ready = _KINDS[resource.group(1)]
    document = by_name_or_arn(world, kind, call.region, identifier, name, arn)
    if document is None:
        raise not_found(f"The model {identifier} was not found.")
    if document["status"] == "Failed":
        raise refuse(f"The model {identifier} cannot be used: its status is Failed.")
    if document["status"] not in (ready, "Updating"):
        raise AwsError("ModelNotReadyException", NOT_READY, 429)
    return _hosted(call, world, document["modelArn"], document[arn], by_token=kind == DEPLOYMENT)


def _hosted(call: Call, world: World, model_arn: str, arn: str, *, by_token: bool) -> Target:
    base = world.foundation_models.find(model_arn)
    if base is not None:
        folder = world.bedrock.inference.folder_of(base)
    else:
        model = custom_model(call, world, model_arn)
        base, folder = world.foundation_models.all[model["_base"]], model["_weights"]
    return Target(base, folder, arn if by_token else "", arn if by_token else "")


def _base(call: Call, world: World, identifier: str) -> Target:
    models = world.foundation_models
    model = models.find(identifier) or models.behind_profile(identifier)
    if model is None:
        raise refuse(INVALID)
    if "ON_DEMAND" not in model.inference:
        raise refuse(NOT_ON_DEMAND.format(model=identifier))
    return Target(model, world.bedrock.inference.folder_of(model), arn_of(model, call.region), model.id)
