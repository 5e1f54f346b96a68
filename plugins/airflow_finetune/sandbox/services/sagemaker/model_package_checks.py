"""What AWS refuses when a model package is created, in its words where they are known, and what we do not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .training_job_checks import at, not_here, refuse

NOT_HERE = {
    "ValidationSpecification": "validation of model packages by transform jobs",
    "SourceAlgorithmSpecification": "algorithms of the Marketplace",
    "CertifyForMarketplace": "the Marketplace",
    "ManagedStorageType": "managed storage of models",
}
"""Members whose absence would change the result: refused."""
NO_TAGS = "Tags are not supported in Model Package versions. Please add them to the Model Package Group"
MOST_PROPERTIES = 50


def check(request: Mapping[str, Any]) -> None:
    """Check everything that needs no other part of the sandbox.

    Raises:
        AwsError: as AWS, or NotImplemented for what the sandbox does not have.
    """
    for said in _faults(request):
        raise refuse(said)
    for path, what in NOT_HERE.items():
        if at(request, path):
            raise not_here(path, what)


def check_properties(properties: Mapping[str, str]) -> None:
    """Refuse more metadata than a version can hold."""
    if len(properties) > MOST_PROPERTIES:
        raise refuse(f"CustomerMetadataProperties can have at most {MOST_PROPERTIES} entries.")


def _faults(request: Mapping[str, Any]) -> Iterator[str]:
    name, group = request.get("ModelPackageName"), request.get("ModelPackageGroupName")
    if name and group:
        yield (
            "Both ModelPackageName and ModelPackageGroupName are provided in the input. Cannot determine which one to "
            "use."
        )
    if not name and not group:
        yield "Missing ARN."
    if group and request.get("Tags"):
        yield NO_TAGS
    if not group:
        containers = at(request, "InferenceSpecification.Containers") or []
        if not containers and not request.get("SourceAlgorithmSpecification"):
            yield "Either InferenceSpecification or SourceAlgorithmSpecification must be specified."
        if any(container.get("Environment") for container in containers):
            yield "Environment variable map cannot be specified when using non-versioned ModelPackages"
