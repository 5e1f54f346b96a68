"""The one table of what can go wrong at AWS, and what each kind means for the job."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple


class FailureClass(StrEnum):
    """What a failure means for whoever waits."""

    EXISTS = "exists"
    ABSENT = "absent"
    THROTTLED = "throttled"
    QUOTA = "quota"
    NO_QUOTA = "no_quota"
    CAPACITY = "capacity"
    WAIT_EXCEEDED = "wait_exceeded"
    RUNTIME_EXCEEDED = "runtime_exceeded"
    INTERNAL = "internal"
    REFUSED = "refused"
    DENIED = "denied"
    PROGRAM = "program"
    INPUT = "input"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


class Row(NamedTuple):
    """One line of the table: where to look, what to find there, what it means."""

    where: str
    pattern: str
    meaning: FailureClass


# The first line that fits wins. `code`: AWS's error code; `message`: its text, where the code alone is ambiguous;
# `reason`: how a job's failure reason begins; `secondary`: its secondary status; `words`: what stands anywhere in the
# reason of a job of a service without secondary statuses, whose reasons begin with no class either: Bedrock's.
TABLE: tuple[Row, ...] = (
    Row("code", r"AccessDenied|AccessDeniedException|UnauthorizedOperation|NotAuthorized", FailureClass.DENIED),
    Row(
        "code",
        r"UnrecognizedClientException|InvalidClientTokenId|ExpiredToken\w*|SignatureDoesNotMatch|InvalidSignature\w*",
        FailureClass.DENIED,
    ),
    # A job's name is our claim, a model's may be the user's: somebody else has it, and no job of ours was made.
    Row("message", r"(?i)custom model name is (currently|already) in use", FailureClass.REFUSED),
    Row("message", r"(?i)already exists?\b|already in use|currently in use|already existing", FailureClass.EXISTS),
    Row("message", r"(?i)requested resource not found|could not find|does not exist", FailureClass.ABSENT),
    Row("message", r"Endpoint \S+ of account \d+ not found", FailureClass.ABSENT),
    Row("message", r"(?i)service limit .* is 0 |quota .* is 0 ", FailureClass.NO_QUOTA),
    Row("code", r"ResourceInUse|ResourceInUseException|ConflictException", FailureClass.EXISTS),
    Row("code", r"ResourceNotFound|ResourceNotFoundException|NoSuchEntity|NoSuchKey|404", FailureClass.ABSENT),
    Row("code", r"Throttling|ThrottlingException|ThrottledException|TooManyRequestsException", FailureClass.THROTTLED),
    Row("code", r"RequestLimitExceeded|SlowDown|RequestThrottled|PriorRequestNotComplete", FailureClass.THROTTLED),
    Row("code", r"InternalServerException|InternalFailure|InternalError|InternalServerError", FailureClass.THROTTLED),
    Row("code", r"ServiceUnavailable|ServiceUnavailableException|RequestTimeout|5\d\d", FailureClass.THROTTLED),
    Row("code", r"ModelNotReadyException|InternalDependencyException", FailureClass.THROTTLED),
    Row("code", r"ModelError|ModelErrorException|ModelTimeoutException", FailureClass.PROGRAM),
    Row("code", r"ResourceLimitExceeded|ServiceQuotaExceededException|LimitExceededException", FailureClass.QUOTA),
    Row(
        "code",
        r"ValidationException|ValidationError|ParamValidation\w*|InvalidParameter\w*|TooManyTagsException",
        FailureClass.REFUSED,
    ),
    Row("secondary", r"MaxWaitTimeExceeded", FailureClass.WAIT_EXCEEDED),
    Row("secondary", r"MaxRuntimeExceeded", FailureClass.RUNTIME_EXCEEDED),
    Row("reason", r"CapacityError", FailureClass.CAPACITY),
    Row("reason", r"InternalServerError", FailureClass.INTERNAL),
    Row("reason", r"AlgorithmError", FailureClass.PROGRAM),
    Row("reason", r"ClientError", FailureClass.INPUT),
    Row("secondary", r"Stopped|Stopping", FailureClass.STOPPED),
    # Texts of Bedrock's troubleshooting page; of capacity and of the grader general knowledge.
    Row("words", r"(?i)reward Lambda function|\bgrader\b", FailureClass.PROGRAM),
    Row(
        "words",
        r"(?i)unable to parse|jsonl format|could not validate \w+ permissions|perms missing",
        FailureClass.INPUT,
    ),
    Row("words", r"(?i)size exceeded|exceeds (the |total )?limit|number of records", FailureClass.INPUT),
    Row("words", r"(?i)reserved keyword|validation (data|dataset)|training (data|dataset)", FailureClass.INPUT),
    Row("words", r"(?i)not enough capacity|insufficient capacity", FailureClass.CAPACITY),
    Row("words", r"(?i)unexpected error when processing|internal (server )?error", FailureClass.INTERNAL),
)

NEXT_STEP: dict[FailureClass, str] = {
    FailureClass.EXISTS: "Another resource has this name: rename the task, or set [airflow_finetune] deployment.",
    FailureClass.ABSENT: "Check the name, the region of the connection and the account.",
    FailureClass.THROTTLED: "Airflow's retry asks again.",
    FailureClass.QUOTA: "Wait for other jobs to end, or ask for more in Service Quotas.",
    FailureClass.NO_QUOTA: "Ask for this quota in Service Quotas, or choose another instance type.",
    FailureClass.CAPACITY: "Choose another instance type, allow fallback: on_demand, or clear the task later.",
    FailureClass.WAIT_EXCEEDED: "Raise max_wait_seconds, choose another instance type, or allow fallback: on_demand.",
    FailureClass.RUNTIME_EXCEEDED: "Raise max_runtime_seconds or train less, then clear the task.",
    FailureClass.INTERNAL: "AWS had a fault; clear the task to try again.",
    FailureClass.REFUSED: "Correct the field that AWS names; a retry would be refused again.",
    FailureClass.DENIED: "Give the role of the Airflow connection this permission; a retry would be refused again.",
    FailureClass.PROGRAM: "Read the log's last lines above, correct the training code or its settings, clear the task.",
    FailureClass.INPUT: "Check the data, the image and the role that the job was given, then clear the task.",
    FailureClass.STOPPED: "Somebody stopped it outside of Airflow; clear the task to train again.",
    FailureClass.UNKNOWN: "Look at the job in the console (link on the task); clear the task to try again.",
}

# Failures of a finished job after which another attempt can end otherwise.
NEXT_ATTEMPT_HELPS = frozenset({FailureClass.CAPACITY, FailureClass.INTERNAL, FailureClass.WAIT_EXCEEDED})
# Failures of a finished job for which another market is the better answer than the same one again.
FALLBACK_HELPS = frozenset({FailureClass.CAPACITY, FailureClass.WAIT_EXCEEDED})
# Refusals of a create call that pass by themselves.
WAITING_HELPS = frozenset({FailureClass.THROTTLED, FailureClass.QUOTA})


class Refusal(NamedTuple):
    """An answer of AWS that was not the wanted one."""

    meaning: FailureClass
    code: str
    message: str


def refusal(code: str, message: str) -> Refusal:
    """Classify an error of an API call by its code and text."""
    return Refusal(_first({"code": code, "message": message}, whole=("code",)), code, message)


def job_failure(secondary: str, reason: str) -> FailureClass:
    """Classify a job that ended without a model by its secondary status and failure reason.

    Args:
        secondary: empty for a service that has none: then its reason is read for words.
        reason: AWS's.
    """
    words = {} if secondary else {"words": reason}
    return _first({"secondary": secondary, "reason": reason.strip(), **words}, whole=("secondary",))


def _first(texts: dict[str, str], whole: tuple[str, ...]) -> FailureClass:
    for row in TABLE:
        if row.where not in texts:
            continue
        look = re.fullmatch if row.where in whole else (re.match if row.where == "reason" else re.search)
        if look(row.pattern, texts[row.where]):
            return row.meaning
    return FailureClass.UNKNOWN
