"""A person's answer as AWS's registry keeps it: written once, and never over somebody else's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from airflow_finetune.aws.objects import read_object
from airflow_finetune.errors import RequestRefused, Unavailable
from airflow_finetune.lifecycle.failures import NEXT_STEP, WAITING_HELPS, FailureClass
from airflow_finetune.redact import redacted_text
from airflow_finetune.registry.evidence import Evidence, sha256_of
from airflow_finetune.registry.request import version_of
from airflow_finetune.values import ModelVersion

if TYPE_CHECKING:
    from airflow_finetune.lifecycle.client import ResourceClient

PENDING = "PendingManualApproval"
_MAX_DESCRIPTION_LENGTH = 1024


class Answer(NamedTuple):
    """What was answered, and by whom.

    Attributes:
        status: AWS's word for it.
        description: who, when, in which run and why, in one line.
    """

    status: Literal["Approved", "Rejected"]
    description: str


def answer_of(response: Mapping[str, Any], run: str) -> Answer:
    """Return what a response of Airflow's approval task says.

    Args:
        response: its XCom: ``chosen_options``, ``params_input``, ``responded_at``, ``responded_by_user``.
        run: the DAG run, in words.

    Raises:
        RequestRefused: it is no such response.
    """
    chosen = response.get("chosen_options") if isinstance(response, Mapping) else None
    if chosen not in (["Approve"], ["Reject"]):
        said = f"{redacted_text(str(response))[:200]!r} is no response of an approval."
        raise RequestRefused("response", said, "Give the output of an ApproveModelOperator.")
    status: Literal["Approved", "Rejected"] = "Approved" if chosen == ["Approve"] else "Rejected"
    user, at = response.get("responded_by_user") or {}, response.get("responded_at")
    who = f"by {user['name']} ({user['id']})" if user else "by default: nobody answered in time"
    if "decided_at_aws" in response:
        who = f"at AWS ({response['decided_at_aws']})"
    when = f" on {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if isinstance(at, datetime) else ""
    reason = str((response.get("params_input") or {}).get("reason") or "").strip()
    text = f"{status} {who}{when}, in Airflow's run {run}." + (f" Reason: {reason}" if reason else "")
    return Answer(status, redacted_text(" ".join(text.split()))[:_MAX_DESCRIPTION_LENGTH])


def look(client: ResourceClient, arn: str) -> ModelVersion:
    """Return a version as AWS describes it now.

    Raises:
        RequestRefused: there is none.
        Unavailable: AWS could not answer.
    """
    described = client.describe(arn)
    if described is None:
        raise RequestRefused(f"model package {arn}", "AWS does not know it.", NEXT_STEP[FailureClass.ABSENT])
    return version_of(described)


def record(client: ResourceClient, arn: str, answer: Answer, say: Callable[[str], None]) -> ModelVersion:
    """Write an answer unless the version is decided already; return the version as it is then.

    Args:
        client: of model packages.
        arn: of the version.
        answer: to be written.
        say: takes one line for the task's log.

    Raises:
        RequestRefused: somebody has decided otherwise, or AWS refused it.
        Unavailable: AWS could not answer.
    """
    before = look(client, arn)
    if before.approval_status != PENDING:
        return _compared(before, answer, say)
    request = {
        "ModelPackageArn": before.model_package_arn,
        "ModelApprovalStatus": answer.status,
        "ApprovalDescription": answer.description,
    }
    refused = client.update(request)
    if refused is not None:
        error = Unavailable if refused.meaning in WAITING_HELPS else RequestRefused
        said = f"AWS answered {refused.code}: {refused.message}"
        raise error(f"model package {arn}", said, NEXT_STEP[refused.meaning])
    say(f"{arn}: {answer.description}")
    return before.model_copy(update={"approval_status": answer.status, "approval_description": answer.description})


def stored_evidence(s3: Any, version: ModelVersion) -> Evidence | None:
    """Return what a version was registered on; None if it names none, so if somebody else has registered it.

    Raises:
        RequestRefused: the file is gone, not ours to read, or not the one that was registered.
        Unavailable: AWS could not answer.
    """
    if version.evidence_uri is None or version.evidence_sha256 is None:
        return None
    next_step = "Nobody can decide without it: restore the file, or reject the version at AWS."
    body = read_object(s3, version.evidence_uri)
    if body is None:
        raise RequestRefused(version.evidence_uri, "the evidence of this version is not there.", next_step)
    if sha256_of(body) != version.evidence_sha256:
        said = f"its SHA-256 is {sha256_of(body)}; registered was {version.evidence_sha256}."
        raise RequestRefused(version.evidence_uri, said, next_step)
    try:
        return Evidence.read(body)
    except (ValueError, KeyError) as error:
        said = f"it is no evidence of this package: {type(error).__name__}."
        raise RequestRefused(version.evidence_uri, said, next_step) from error


def _compared(version: ModelVersion, answer: Answer, say: Callable[[str], None]) -> ModelVersion:
    told = f"{version.approval_status} ({version.approval_description or 'AWS holds no word on who decided'})"
    if version.approval_status == answer.status:
        say(f"{version.model_package_arn} is already {told}; nothing was changed.")
        return version
    said = f"is already {told}; this answer is: {answer.description}"
    next_step = "Agree on one, and set it at AWS (UpdateModelPackage); nothing was changed."
    raise RequestRefused(f"model package {version.model_package_arn}", said, next_step)
