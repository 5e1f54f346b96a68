"""One table says what each failure means; AWS's own examples are the test."""

from __future__ import annotations

import re

import pytest

from airflow_finetune.lifecycle.failures import (
    FALLBACK_HELPS,
    NEXT_ATTEMPT_HELPS,
    NEXT_STEP,
    TABLE,
    WAITING_HELPS,
    FailureClass,
    job_failure,
    refusal,
)

ZERO = (
    "The account-level service limit 'ml.g5.2xlarge for spot training job usage' is 0 Instances, with"
    " current utilization of 0 Instances and a request delta of 1 Instances. Please use AWS Service Quotas to request"
    " an increase."
)


@pytest.mark.parametrize(
    ("code", "message", "meaning"),
    [
        ("ResourceInUse", "Training job names must be unique within an AWS account and region", "exists"),
        ("ValidationException", "Training job already exists", "exists"),
        ("ConflictException", "The provided job name is currently in use.", "exists"),
        ("ValidationException", "The provided job name is currently in use.", "exists"),
        ("ValidationException", "The provided custom model name is currently in use.", "refused"),
        ("ConflictException", "", "exists"),
        ("ResourceNotFoundException", "Could not find model customization job orders-a1.", "absent"),
        ("ServiceQuotaExceededException", "You have reached the quota of this account: 10.", "quota"),
        ("ValidationException", "Requested resource not found.", "absent"),
        ("ResourceNotFound", "Could not find it", "absent"),
        ("ThrottlingException", "Rate exceeded", "throttled"),
        ("TooManyRequestsException", "", "throttled"),
        ("InternalFailure", "", "throttled"),
        ("503", "", "throttled"),
        ("ServiceUnavailable", "", "throttled"),
        ("ValidationError", "Endpoint one of account 123456789012 not found.", "absent"),
        ("ValidationError", "Variant b not found for endpoint one.", "refused"),
        ("ModelNotReadyException", "", "throttled"),
        ("ModelError", 'Received client error (400) from primary with message "too long"', "program"),
        ("ResourceLimitExceeded", ZERO, "no_quota"),
        ("ResourceLimitExceeded", ZERO.replace("is 0 ", "is 4 "), "quota"),
        ("ServiceQuotaExceededException", "", "quota"),
        ("AccessDeniedException", "User is not authorized; the role does not exist", "denied"),
        ("ExpiredTokenException", "", "denied"),
        ("ValidationException", "1 validation error detected", "refused"),
        ("SomethingNew", "", "unknown"),
    ],
)
def test_an_answer_of_the_api_has_its_meaning(code: str, message: str, meaning: str):
    assert refusal(code, message).meaning == meaning


@pytest.mark.parametrize(
    ("secondary", "reason", "meaning"),
    [
        ("Failed", "CapacityError: Unable to provision requested ML compute capacity.", "capacity"),
        ("Failed", "AlgorithmError: ExecuteUserScriptError: ExitCode 1", "program"),
        ("Failed", "ClientError: Data download failed", "input"),
        ("Failed", "InternalServerError: We encountered an internal error. Please try again.", "internal"),
        ("Failed", "They said: CapacityError", "unknown"),
        ("MaxWaitTimeExceeded", "", "wait_exceeded"),
        ("MaxRuntimeExceeded", "", "runtime_exceeded"),
        ("Stopped", "", "stopped"),
        ("", "", "unknown"),
    ],
)
def test_the_end_of_a_job_has_its_meaning(secondary: str, reason: str, meaning: str):
    assert job_failure(secondary, reason) == meaning


BEDROCKS = [
    ("Unable to parse Amazon S3 file: train.jsonl. Data files must conform to JSONL format.", "input"),
    ("Input size exceeded in file train.jsonl for record starting with {", "input"),
    ("Maximum input token count 4097 exceeds limit of 4096 for train data", "input"),
    ("Max sum of input and output token length 4097 exceeds total limit of 4096", "input"),
    ("Could not validate GetObject permissions to access Amazon S3 bucket: b at key train.jsonl", "input"),
    ("Amazon S3 perms missing (PutObject): Could not validate PutObject permissions", "input"),
    ("The number of records in the training data is 7: the minimum is 8.", "input"),
    ("Encountered an unexpected error when processing the request, please try again", "internal"),
    ("There is not enough capacity to train the model at this time. Please try again later.", "capacity"),
    ("The reward Lambda function raised KeyError: 'no'", "program"),
    ("Something new.", "unknown"),
]


@pytest.mark.parametrize(("reason", "meaning"), BEDROCKS)
def test_words_count_where_a_service_has_no_secondary_status_and_nowhere_else(reason: str, meaning: str):
    assert job_failure("", reason) == meaning
    assert job_failure("Failed", reason) == "unknown"


def test_every_class_is_used_and_has_a_next_step():
    assert set(NEXT_STEP) == set(FailureClass)
    assert {row.meaning for row in TABLE} == set(FailureClass) - {FailureClass.UNKNOWN}
    assert FALLBACK_HELPS < NEXT_ATTEMPT_HELPS
    assert not WAITING_HELPS & NEXT_ATTEMPT_HELPS


def test_every_pattern_is_one():
    for row in TABLE:
        re.compile(row.pattern)
        assert row.where in ("code", "message", "reason", "secondary", "words")
