"""What AWS refuses when a training job is created, in its words where they are known, and what we do not have.

Shapes (required members, patterns, enums, ranges) were checked against botocore's model before; here is the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from ...edge.errors import AwsError

LONGEST_RUN_SECONDS = 28 * 86_400

NOT_HERE = {
    "ModelPackageConfig": "registering the result as a model package",
    "MlflowConfig": "MLflow",
    "ResourceConfig.InstanceGroups": "heterogeneous clusters",
    "ResourceConfig.InstancePreferences": "a choice of instance types",
    "ResourceConfig.InstancePlacementConfig": "placement",
    "ResourceConfig.TrainingPlanArn": "training plans",
    "ResourceConfig.KeepAlivePeriodInSeconds": "warm pools",
    "AlgorithmSpecification.AlgorithmName": "algorithms of the Marketplace",
}
"""Members whose absence would change the result: refused."""

WITHOUT_EFFECT = (
    "VpcConfig",
    "EnableNetworkIsolation",
    "EnableInterContainerTrafficEncryption",
    "ResourceConfig.VolumeKmsKeyId",
    "AlgorithmSpecification.TrainingImageConfig",
    "AlgorithmSpecification.EnableSageMakerMetricsTimeSeries",
    "StoppingCondition.MaxPendingTimeInSeconds",
    "RetryStrategy",
    "DebugHookConfig",
    "DebugRuleConfigurations",
    "TensorBoardOutputConfig",
    "ProfilerConfig",
    "ProfilerRuleConfigurations",
    "ExperimentConfig",
    "RemoteDebugConfig",
    "InfraCheckConfig",
    "SessionChainingConfig",
)
"""Members that are kept and shown, but change nothing here; the job's log says so."""


def at(request: Mapping[str, Any], path: str) -> Any:
    """Return the member at a dotted path, or None."""
    value: Any = request
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def refuse(message: str) -> AwsError:
    """Return AWS's ValidationException."""
    return AwsError("ValidationException", message)


def check(request: Mapping[str, Any]) -> None:
    """Check everything that needs no other part of the sandbox.

    Raises:
        AwsError: as AWS, or NotImplemented for what the sandbox does not have.
    """
    _check_required(request)
    for rule in _RULES:
        message = rule(request)
        if message:
            raise refuse(message)
    for path, what in () if request.get("ServerlessJobConfig") else NOT_HERE.items():
        if at(request, path):
            raise not_here(path, what)
    for path, what in _unsupported_values(request):
        raise not_here(path, what)


def not_here(path: str, what: str) -> AwsError:
    """Return a clear, non-retryable refusal that names the member."""
    return AwsError("NotImplemented", f"The sandbox does not have {what}: leave out {path}.", status=501)


def notes(request: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a line for each member that has no effect here."""
    lines = [f"{path} has no effect here" for path in WITHOUT_EFFECT if at(request, path)]
    default = at(request, "AlgorithmSpecification.TrainingInputMode")
    for channel in request.get("InputDataConfig", []):
        name = channel["ChannelName"]
        if channel.get("InputMode", default) == "FastFile":
            lines.append(f"channel {name}: FastFile is treated as File: everything is downloaded first")
        for member in ("ShuffleConfig", "RecordWrapperType"):
            if channel.get(member) not in (None, "None"):
                lines.append(f"channel {name}: {member} has no effect here")
    return tuple(lines)


def _check_required(request: Mapping[str, Any]) -> None:
    """Refuse what only a serverless job may leave out, all of it in one answer."""
    if request.get("ServerlessJobConfig"):
        return
    wanted = ("AlgorithmSpecification", "ResourceConfig", "StoppingCondition")
    faults = [
        f"Value null at '{name[0].lower()}{name[1:]}' failed to satisfy constraint: Member must not be null"
        for name in wanted
        if request.get(name) is None
    ]
    if faults:
        count = f"{len(faults)} validation error{'s' if len(faults) > 1 else ''} detected"
        raise refuse(f"{count}: {'; '.join(faults)}")


def _check_algorithm(request: Mapping[str, Any]) -> str | None:
    spec = request.get("AlgorithmSpecification", {})
    if bool(spec.get("TrainingImage")) == bool(spec.get("AlgorithmName")) and spec:
        return "You must specify either the TrainingImage or the AlgorithmName in AlgorithmSpecification, and not both."
    for definition in spec.get("MetricDefinitions", []):
        try:
            re.compile(definition["Regex"])
        except re.error as error:
            return f"Invalid regular expression {definition['Regex']!r} for metric {definition['Name']!r}: {error}"
    return None


def _check_resources(request: Mapping[str, Any]) -> str | None:
    resources = request.get("ResourceConfig", {})
    ways = [name for name in ("InstanceType", "InstanceGroups", "InstancePreferences") if resources.get(name)]
    if len(ways) != 1 and resources:
        return "Specify exactly one of InstanceType, InstanceGroups and InstancePreferences in ResourceConfig."
    if request.get("EnableManagedSpotTraining"):
        for name in ("KeepAlivePeriodInSeconds", "InstancePreferences"):
            if resources.get(name):
                return f"{name} is not supported when EnableManagedSpotTraining is set to true."
    return None


def _check_limits(request: Mapping[str, Any]) -> str | None:
    limits = request.get("StoppingCondition", {})
    run, wait = limits.get("MaxRuntimeInSeconds", 86_400), limits.get("MaxWaitTimeInSeconds")
    if run > LONGEST_RUN_SECONDS:
        return f"Invalid MaxRuntimeInSeconds. The maximum value is {LONGEST_RUN_SECONDS} (28 days)"
    if not request.get("EnableManagedSpotTraining"):
        return None if wait is None else _WAIT_WITHOUT_SPOT
    return _WAIT_TOO_SHORT if wait is None or wait < run else None


_WAIT_WITHOUT_SPOT = "Invalid MaxWaitTimeInSeconds. It is only supported when EnableManagedSpotTraining is set to true"
_WAIT_TOO_SHORT = "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds"


def _check_channels(request: Mapping[str, Any]) -> str | None:
    names = [channel["ChannelName"] for channel in request.get("InputDataConfig", [])]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        return f"Duplicate channel name {twice[0]!r} in InputDataConfig: channel names must be unique."
    for channel in request.get("InputDataConfig", []):
        if len(channel["DataSource"]) != 1:
            return f"Channel {channel['ChannelName']!r} must have exactly one data source."
    return None


def _check_uris(request: Mapping[str, Any]) -> str | None:
    uris = {
        "OutputDataConfig.S3OutputPath": at(request, "OutputDataConfig.S3OutputPath"),
        "CheckpointConfig.S3Uri": at(request, "CheckpointConfig.S3Uri"),
    }
    for channel in request.get("InputDataConfig", []):
        name = f"S3Uri of channel {channel['ChannelName']}"
        uris[name] = at(channel, "DataSource.S3DataSource.S3Uri")
    for name, uri in uris.items():
        if uri is not None and not re.match(r"s3://[^/]+", uri):
            return f"Invalid {name} {uri!r}: it must be an s3:// URI."
    return None


def tags_fault(request: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the tags of a request, or None."""
    keys = [tag["Key"] for tag in request.get("Tags", [])]
    if any(key.lower().startswith("aws:") for key in keys):
        return "Tag keys that start with aws: are reserved."
    twice = sorted({key for key in keys if keys.count(key) > 1})
    return f"Duplicate tag key {twice[0]!r}." if twice else None


_RULES: tuple[Callable[[Mapping[str, Any]], str | None], ...] = (
    _check_algorithm,
    _check_resources,
    _check_limits,
    _check_channels,
    _check_uris,
    tags_fault,
)


def _unsupported_values(request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (member, what we do not have) of values that AWS would take."""
    if (at(request, "ResourceConfig.InstanceCount") or 1) > 1:
        yield "ResourceConfig.InstanceCount", "clusters of more than one instance"
    local = at(request, "CheckpointConfig.LocalPath")
    if local and (".." in PurePosixPath(local).parts or not PurePosixPath(local).is_relative_to("/opt/ml")):
        yield "CheckpointConfig.LocalPath", f"checkpoints outside /opt/ml ({local})"
    default = at(request, "AlgorithmSpecification.TrainingInputMode")
    for channel in request.get("InputDataConfig", []):
        where = f"InputDataConfig[{channel['ChannelName']}]"
        if channel.get("InputMode", default) == "Pipe":
            yield f"{where}.InputMode", "Pipe mode"
        yield from _unsupported_sources(where, channel["DataSource"])


def _unsupported_sources(where: str, source: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("FileSystemDataSource", "DatasetSource"):
        if source.get(name):
            yield f"{where}.DataSource.{name}", f"channels of a {name}"
    s3 = source.get("S3DataSource", {})
    if s3.get("S3DataType") in ("AugmentedManifestFile", "Converse"):
        yield f"{where}.S3DataType", f"channels of the type {s3['S3DataType']}"
    if s3.get("InstanceGroupNames"):
        yield f"{where}.InstanceGroupNames", "InstanceGroupNames"
