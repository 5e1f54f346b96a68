"""A version as AWS's registry holds it: the requests that make it, and what a description says. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, get_args

from airflow_finetune.lifecycle.claim import Claim
from airflow_finetune.lifecycle.owner import PREFIX, spec_digest
from airflow_finetune.registry.evidence import Evidence
from airflow_finetune.registry.spec import RegisterSpec
from airflow_finetune.resources.custom_model import is_custom_model
from airflow_finetune.values import DatasetReference, Decision, ModelVersion

_MAX_VALUE_LENGTH = 256
_MAX_DESCRIPTION_LENGTH = 1024
_TAKEN_AS_IT_IS = re.compile(r"[\w .:/=+\-@]+")  # of what AWS takes for metadata, the part that needs no thought
# ModelVersion's field -> key of the version's metadata; addresses that AWS does not take as they are are left out.
_FIELDS = {
    "model_uri": "model-uri",
    "base_model": "base-model",
    "backend": "backend",
    "job_name": "job",
    "spec_digest": "model-spec",
    "cost_usd": "cost-usd",
    "verdict_decision": "verdict",
    "report_uri": "report",
}
_SETS = ("dataset", "golden")


class Identity(NamedTuple):
    """What makes two registrations the same one.

    Attributes:
        claim: of the task instance, whatever its try and generation.
        digest: of what is registered.
    """

    claim: Claim
    digest: str

    @property
    def token(self) -> str:
        """AWS's idempotency token, and the mark by which a list finds the version; 33 characters."""
        return f"{self.claim.key}-{self.digest}"


class Stored(NamedTuple):
    """Where the evidence lies."""

    uri: str
    sha256: str


def identity_of(claim: Claim, evidence: Evidence, spec: RegisterSpec) -> Identity:
    """Return what makes two registrations the same: the task, the weights, what they were judged on, how they serve."""
    model, report, verdict = evidence
    told = {
        "model": [model.model_uri, model.job_name, model.spec_digest],
        "golden": report.golden.sha256 or report.golden.uri,
        "candidate": report.candidate.sha256 or report.candidate.uri,
        "baseline": report.baseline.sha256 or report.baseline.uri,
        "verdict": [verdict.decision, verdict.policy_digest],
        "spec": spec.asked(),
    }
    return Identity(claim, spec_digest(told))


def group_request(spec: RegisterSpec) -> dict[str, Any]:
    """Return the request that makes the group."""
    return {
        "ModelPackageGroupName": spec.group,
        "ModelPackageGroupDescription": "Versions that passed the gate of airflow-finetune.",
        "Tags": [{"Key": key, "Value": value} for key, value in spec.tags.items()],
    }


def version_request(spec: RegisterSpec, evidence: Evidence, identity: Identity, stored: Stored) -> dict[str, Any]:
    """Return the request that makes the version, without its owner."""
    model, claim = evidence.model, identity.claim
    words = re.sub(r"[^\w .:/=+\-@]", "_", f"{model.base_model} tuned by {claim.dag_id}.{claim.task_id}")
    mark = f" [{identity.token}]"
    metric = {
        "ContentType": "application/json",
        "ContentDigest": f"sha256:{stored.sha256}",
        "S3Uri": stored.uri,
    }
    return {
        "ModelPackageGroupName": spec.group,
        "ModelPackageDescription": words[: _MAX_DESCRIPTION_LENGTH - len(mark)] + mark,
        "ModelApprovalStatus": "PendingManualApproval",
        "ClientToken": identity.token,
        **(_source(model.model_uri) if is_custom_model(model.model_uri) else _inference(spec, model.model_uri)),
        "ModelMetrics": {"ModelQuality": {"Statistics": metric}},
        "MetadataProperties": {"GeneratedBy": model.job_arn},
        "CustomerMetadataProperties": _metadata(evidence),
    }


def is_of(row: Mapping[str, Any], identity: Identity) -> bool:
    """Say whether a row of AWS's list is this registration."""
    return f"[{identity.token}]" in str(row.get("ModelPackageDescription", ""))


def version_of(described: Mapping[str, Any]) -> ModelVersion:
    """Return what AWS's description of a version says, whoever has registered it."""
    metadata = dict(described.get("CustomerMetadataProperties", {}))
    found: dict[str, Any] = {
        field: metadata[PREFIX + key] for field, key in _FIELDS.items() if metadata.get(PREFIX + key)
    }
    if found.get("verdict_decision") not in (None, *get_args(Decision)):
        del found["verdict_decision"]
    found |= {name: reference for name in _SETS if (reference := _set_of(metadata, name)) is not None}
    metric = described.get("ModelMetrics", {}).get("ModelQuality", {}).get("Statistics", {})
    containers = described.get("InferenceSpecification", {}).get("Containers") or [{}]
    return ModelVersion(
        **{"model_uri": _uri_of(containers[0]) or described.get("SourceUri", ""), **found},
        model_package_arn=described["ModelPackageArn"],
        group=described.get("ModelPackageGroupName", ""),
        model_version=described.get("ModelPackageVersion", 0),
        approval_status=described.get("ModelApprovalStatus", "PendingManualApproval"),
        approval_description=described.get("ApprovalDescription", ""),
        image_uri=containers[0].get("Image", ""),
        evidence_uri=metric.get("S3Uri"),
        evidence_sha256=str(metric.get("ContentDigest", "")).lower().removeprefix("sha256:") or None,
    )


def _source(arn: str) -> dict[str, Any]:
    """Return what a version says of a model that AWS serves without a container of ours."""
    return {"SourceUri": arn}


def _inference(spec: RegisterSpec, uri: str) -> dict[str, Any]:
    specification = {
        "Containers": [_container(spec, uri)],
        "SupportedRealtimeInferenceInstanceTypes": list(spec.instance_types),
        "SupportedContentTypes": list(spec.content_types),
        "SupportedResponseMIMETypes": list(spec.response_types),
    }
    return {"InferenceSpecification": specification}


def _container(spec: RegisterSpec, uri: str) -> dict[str, Any]:
    source = {"S3Uri": uri, "S3DataType": "S3Prefix", "CompressionType": "None"}
    data = {"ModelDataSource": {"S3DataSource": source}} if uri.endswith("/") else {"ModelDataUrl": uri}
    environment = {"Environment": dict(spec.environment)} if spec.environment else {}
    return {"Image": spec.image_uri, **data, **environment}


def _uri_of(container: Mapping[str, Any]) -> str:
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    return str(container.get("ModelDataUrl") or source.get("S3Uri") or "")


def _metadata(evidence: Evidence) -> dict[str, str]:
    model, report, verdict = evidence
    told: dict[str, Any] = {
        "model-uri": model.model_uri,
        "base-model": model.base_model,
        "backend": model.backend,
        "job": model.job_name,
        "model-spec": model.spec_digest,
        "cost-usd": None if model.cost_usd is None else f"{model.cost_usd:.6f}",
        "verdict": verdict.decision,
        "policy": verdict.policy_digest,
        "candidate": report.candidate.sha256,
        "report": report.report_uri,
    }
    for name, reference in (("dataset", model.dataset), ("golden", report.golden)):
        told |= {
            name: reference.sha256,
            f"{name}-uri": reference.uri,
            f"{name}-examples": None if reference.examples is None else str(reference.examples),
        }
    return {PREFIX + key: value for key, value in told.items() if value and _is_taken(value)}


def _is_taken(value: str) -> bool:
    return len(value) <= _MAX_VALUE_LENGTH and _TAKEN_AS_IT_IS.fullmatch(value) is not None


def _set_of(metadata: Mapping[str, str], name: str) -> DatasetReference | None:
    uri, sha256 = metadata.get(f"{PREFIX}{name}-uri"), metadata.get(PREFIX + name)
    examples = metadata.get(f"{PREFIX}{name}-examples", "")
    if uri is None and sha256 is None:
        return None
    return DatasetReference(uri=uri or "", sha256=sha256, examples=int(examples) if examples.isdigit() else None)
