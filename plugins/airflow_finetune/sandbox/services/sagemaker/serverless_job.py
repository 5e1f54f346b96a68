"""What CreateTrainingJob does with a ServerlessJobConfig; such a job is a training job in everything else.

AWS's words on what it refuses are not published; the codes are those that the operation has.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ...edge.errors import AwsError
from ...runner.jobs.record import KIND
from ...runner.serverless import recipe as recipes
from ...runner.serverless.order import MEMBER, Customization
from ...state.quotas import SERVERLESS
from . import model_package_group, training_job_checks
from .training_job_checks import at, not_here, refuse

if TYPE_CHECKING:
    from ...edge.call import Call
    from ...world import World

FINE_TUNING = "FineTuning"
HIDDEN = ("BillableTimeInSeconds",)
"""Members that a job has here and AWS does not show: it is billed by the token."""
CHANNELS = ("train", "validation")
ENDED = ("Completed", "Failed", "Stopped")
NEEDS_REWARD = ("RLVR", "RLAIF")
PRESET = "preset_reward_function"
METRICS = (("train_loss", r"\sloss=([0-9.eE+-]+)"), ("validation_loss", r"\seval_loss=([0-9.eE+-]+)"))
_NOT_TAKEN = (
    "AlgorithmSpecification",
    "ResourceConfig",
    "CheckpointConfig",
    "EnableManagedSpotTraining",
    "RetryStrategy",
    "Environment",
)
_WITHOUT_EFFECT = ("MlflowConfig", "ServerlessJobConfig.SequenceLength")


def customization_of(call: Call, world: World) -> dict[str, Any]:
    """Return what the runner has to know of a request beside its own members.

    Raises:
        AwsError: AWS would refuse it, or the sandbox has no such thing.
    """
    request, config = call.params, call.params["ServerlessJobConfig"]
    for said in _faults(request):
        raise refuse(said)
    if at(request, "ModelPackageConfig.SourceModelPackageArn"):
        raise not_here("ModelPackageConfig.SourceModelPackageArn", "customization that goes on from a model package")
    if request.get("ModelPackageConfig"):
        model_package_group.get(call, world, request["ModelPackageConfig"]["ModelPackageGroupArn"])
    content = _content(call, world, config["BaseModelArn"])
    document = json.loads(content["HubContentDocument"])
    if document.get("GatedBucket") and not config.get("AcceptEula"):
        eula = document.get("HostingEulaUri", "its page")
        raise refuse(
            f"The model {content['HubContentName']} requires you to accept its end-user license agreement: read {eula} "
            "and set ServerlessJobConfig.AcceptEula to true."
        )
    recipe = None
    if config["JobType"] == FINE_TUNING:
        recipe = _recipe(call, world, document, content["HubContentName"])
        for said in recipe.faults(request.get("HyperParameters", {})):
            raise refuse(said)
    what = Customization(
        model=content["HubContentName"],
        version=content["HubContentVersion"],
        job_type=config["JobType"],
        recipe=recipe,
        hyperparameters=dict(request.get("HyperParameters", {})),
        usd_per_1k_tokens=_usd(world, content["HubContentName"], recipe, call.region),
    )
    metrics = [{"Name": name, "Regex": pattern} for name, pattern in METRICS]
    return {MEMBER: what, "AlgorithmSpecification": {"MetricDefinitions": metrics}}


def notes(request: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a line for each member that has no effect here."""
    more = tuple(f"{path} has no effect here" for path in _WITHOUT_EFFECT if at(request, path))
    return (*training_job_checks.notes(request), *more)


def check_quota(request: Mapping[str, Any], region: str, world: World) -> None:
    """Refuse one job too many."""
    limit = world.quotas.limit(region, "serverless", SERVERLESS)
    jobs = world.store.list(KIND, region)
    running = sum(1 for job in jobs if "ServerlessJobConfig" in job and job["TrainingJobStatus"] not in ENDED)
    if running + 1 > limit:
        raise AwsError(
            "ResourceLimitExceeded",
            f"The account-level service limit '{SERVERLESS} for concurrent jobs' is {limit} Jobs, with current "
            f"utilization of {running} Jobs and a request delta of 1 Jobs. Please use AWS Service Quotas to request an "
            "increase for this quota. If AWS Service Quotas is not available, contact AWS support to request an "
            "increase for this quota.",
        )


def _faults(request: Mapping[str, Any]) -> Iterator[str]:
    config = request["ServerlessJobConfig"]
    for member in _NOT_TAKEN:
        if request.get(member):
            yield f"{member} is not supported when ServerlessJobConfig is specified."
    names = [channel["ChannelName"] for channel in request.get("InputDataConfig", [])]
    for name in names:
        if name not in CHANNELS:
            yield f"Channel {name!r} is not supported: a serverless job has {' and '.join(CHANNELS)}."
    if config["JobType"] == FINE_TUNING:
        yield from _faults_of_tuning(request, names)
    elif not config.get("EvaluationType"):
        yield "EvaluationType is required when JobType is Evaluation."
    elif config["EvaluationType"] == "CustomScorerEvaluation" and not config.get("EvaluatorArn"):
        yield "EvaluatorArn is required when EvaluationType is CustomScorerEvaluation."


def _faults_of_tuning(request: Mapping[str, Any], names: list[str]) -> Iterator[str]:
    config = request["ServerlessJobConfig"]
    if not config.get("CustomizationTechnique"):
        yield "CustomizationTechnique is required when JobType is FineTuning."
    if "train" not in names:
        yield "InputDataConfig must have a channel 'train' when JobType is FineTuning."
    if not request.get("ModelPackageConfig"):
        yield "ModelPackageConfig is required when JobType is FineTuning."
    rewarded = config.get("EvaluatorArn") or PRESET in request.get("HyperParameters", {})
    if config.get("CustomizationTechnique") in NEEDS_REWARD and not rewarded:
        yield f"EvaluatorArn is required when CustomizationTechnique is {config['CustomizationTechnique']}."


def _content(call: Call, world: World, arn: str) -> dict[str, Any]:
    """Return the model that an ARN of a hub names."""
    address = recipes.address_of(arn)
    missing = AwsError("ResourceNotFound", f"Hub content {arn} does not exist.")
    if address is None or address.region != call.region:
        raise missing
    version = {"HubContentVersion": address.version} if address.version else {}
    try:
        found: dict[str, Any] = world.clients.client("sagemaker", call.region).describe_hub_content(
            HubName=address.hub, HubContentType="Model", HubContentName=address.name, **version
        )
    except ClientError:
        raise missing from None
    return found


def _recipe(call: Call, world: World, document: Mapping[str, Any], model: str) -> recipes.Recipe:
    """Return the recipe that a request asks for, with its table of hyperparameters."""
    config, found = call.params["ServerlessJobConfig"], recipes.recipes_of(document)
    technique, peft = config["CustomizationTechnique"], config.get("Peft")
    fit = [each for each in found if (each.technique, each.peft) == (technique, peft)]
    length = config.get("SequenceLength")
    if length and fit:
        known = ", ".join(sorted({each.sequence_length for each in fit if each.sequence_length})) or "none"
        fit = [each for each in fit if each.sequence_length == length]
        if not fit:
            raise refuse(f"SequenceLength {length} is not supported for {technique} of {model}: it has {known}.")
    if not fit:
        ways = ", ".join(sorted({f"{each.technique} ({each.peft or 'full'})" for each in found})) or "none"
        raise refuse(f"{technique} ({peft or 'full'}) is not supported for model {model}: it has {ways}.")
    s3 = world.clients.client("s3", call.region)
    return replace(fit[0], overrides=recipes.overrides_at(s3, fit[0].overrides_uri))


def _usd(world: World, model: str, recipe: recipes.Recipe | None, region: str) -> float:
    return 0.0 if recipe is None else world.prices.serverless_usd(model, recipe.technique, recipe.peft, region)
