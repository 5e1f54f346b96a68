"""What AWS refuses when a processing job is created, in its words where they are known, and what we do not have.

Shapes (required members, patterns, enums, ranges) were checked against botocore's model before; here is the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from ...runner.processing.order import ROOT
from .training_job_checks import at, not_here, refuse, tags_fault

CLUSTER = "ProcessingResources.ClusterConfig"
WITHOUT_EFFECT = (
    "NetworkConfig",
    "ExperimentConfig",
    f"{CLUSTER}.VolumeKmsKeyId",
)
"""Members that are kept and shown, but change nothing here; the job's log says so."""

Request = Mapping[str, Any]


def check(request: Request) -> None:
    """Check everything that needs no other part of the sandbox.

    Raises:
        AwsError: as AWS, or NotImplemented for what the sandbox does not have.
    """
    for rule in (_check_names, _check_cluster, _check_sources, _check_paths, tags_fault):
        message = rule(request)
        if message:
            raise refuse(message)
    for path, what in _unsupported(request):
        raise not_here(path, what)


def notes(request: Request) -> tuple[str, ...]:
    """Return a line for each member that has no effect here."""
    lines = [f"{path} has no effect here" for path in WITHOUT_EFFECT if at(request, path)]
    names = [each["InputName"] for each in _inputs(request) if each.get("AppManaged")]
    lines += [f"input {name}: AppManaged, so the application brings it" for name in names]
    return tuple(lines)


def _inputs(request: Request) -> list[dict[str, Any]]:
    return list(request.get("ProcessingInputs", []))


def _outputs(request: Request) -> list[dict[str, Any]]:
    return list(request.get("ProcessingOutputConfig", {}).get("Outputs", []))


def _check_names(request: Request) -> str | None:
    for member, found in (("InputName", _inputs(request)), ("OutputName", _outputs(request))):
        names = [each[member] for each in found]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            return f"Duplicate {member} {twice[0]!r}: the names must be unique."
    return None


def _check_cluster(request: Request) -> str | None:
    cluster = at(request, CLUSTER)
    if bool(cluster.get("InstanceType")) == bool(cluster.get("InstancePreferences")):
        return "Specify exactly one of InstanceType and InstancePreferences in ClusterConfig."
    if cluster.get("InstanceType") and not cluster.get("InstanceCount"):
        return "InstanceCount is required in ClusterConfig when InstanceType is given."
    return None


def _check_sources(request: Request) -> str | None:
    for each in _inputs(request):
        if bool(each.get("S3Input")) == bool(each.get("DatasetDefinition")):
            return f"Input {each['InputName']!r} must have exactly one of S3Input and DatasetDefinition."
    for each in _outputs(request):
        if bool(each.get("S3Output")) == bool(each.get("FeatureStoreOutput")):
            return f"Output {each['OutputName']!r} must have exactly one of S3Output and FeatureStoreOutput."
    return None


def _check_paths(request: Request) -> str | None:
    seen: dict[str, str] = {}
    for what, name, place in _places(request):
        if not re.match(r"s3://[^/]+", place["S3Uri"]):
            return f"Invalid S3Uri {place['S3Uri']!r} of {what} {name!r}: it must be an s3:// URI."
        path = place.get("LocalPath", "")
        parts = PurePosixPath(path).parts
        if not path.startswith(ROOT) or len(parts) < len(PurePosixPath(ROOT).parts) + 1 or ".." in parts:
            return f"Invalid LocalPath {path!r} of {what} {name!r}: it must begin with {ROOT}."
        if path in seen:
            return f"LocalPath {path!r} is used by {seen[path]} and by {what} {name!r}: the paths must be unique."
        seen[path] = f"{what} {name!r}"
    return None


def _places(request: Request) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield (input or output, its name, its S3Input or S3Output) of what AWS brings or takes away."""
    for what, found in (("input", _inputs(request)), ("output", _outputs(request))):
        for each in found:
            place = each.get(f"S3{what.capitalize()}")
            if place and not each.get("AppManaged"):
                yield what, each[f"{what.capitalize()}Name"], place


def _unsupported(request: Request) -> Iterator[tuple[str, str]]:
    """Yield (member, what we do not have) of values that AWS would take."""
    cluster = at(request, CLUSTER)
    if cluster.get("InstancePreferences"):
        yield f"{CLUSTER}.InstancePreferences", "a choice of instance types"
    if cluster.get("InstanceCount", 1) > 1:
        yield f"{CLUSTER}.InstanceCount", "clusters of more than one instance"
    for each in _inputs(request):
        where = f"ProcessingInputs[{each['InputName']}]"
        if each.get("DatasetDefinition"):
            yield f"{where}.DatasetDefinition", "inputs from Athena and Redshift"
        if at(each, "S3Input.S3InputMode") == "Pipe":
            yield f"{where}.S3Input.S3InputMode", "Pipe mode"
    for each in _outputs(request):
        if each.get("FeatureStoreOutput"):
            yield f"ProcessingOutputConfig.Outputs[{each['OutputName']}].FeatureStoreOutput", "a feature store"
