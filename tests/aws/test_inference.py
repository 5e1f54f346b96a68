"""One question to an endpoint or to Bedrock: its answer, or why there is none, in AWS's words and in our classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.config import Config

from airflow_finetune.aws.inference import NoAnswer, Said, converse, invoke
from airflow_finetune.lifecycle.failures import FailureClass
from airflow_finetune.sandbox.edge.faults import Rule
from airflow_finetune.sandbox.server import Sandbox
from tests.sandbox.hosting.account import Account, until

# Answers with the question, fails or dies, as it is told.
TOLD = """
import os

def model_fn(model_dir):
    return None

def predict_fn(data, model):
    if data == "die":
        os._exit(3)
    if data == "fail":
        raise RuntimeError("CUDA out of memory")
    return data
"""


@pytest.fixture
def runtime(sandbox: Sandbox, aws: Callable[..., Any]) -> Any:
    account = Account(sandbox, aws)
    account.model(script=TOLD)
    account.endpoint()
    return account.runtime


def refused(answer: bytes | NoAnswer) -> NoAnswer:
    assert isinstance(answer, NoAnswer), answer
    return answer


def test_an_answer_is_its_body(runtime: Any) -> None:
    assert invoke(runtime, "e", b'{"a": "\xc3\xa4"}') == b'{"a": "\\u00e4"}'


def test_an_endpoint_that_is_not_there_is_absent(runtime: Any) -> None:
    told = refused(invoke(runtime, "nobody", b"{}"))
    assert told.meaning is FailureClass.ABSENT
    assert told.said.startswith("AWS answered ValidationError: Endpoint nobody of account")


def test_a_server_that_refuses_is_the_questions_fault_and_one_that_fails_the_programs(runtime: Any) -> None:
    failed = refused(invoke(runtime, "e", b'"fail"'))
    assert failed.meaning is FailureClass.PROGRAM
    assert "CUDA out of memory" in failed.said
    broken = refused(invoke(runtime, "e", b'{"a": '))
    assert broken.meaning is FailureClass.INPUT
    assert "client error (400)" in broken.said


def test_a_server_that_dies_may_be_asked_again_until_it_answers(runtime: Any) -> None:
    assert refused(invoke(runtime, "e", b'"die"')).meaning is FailureClass.PROGRAM
    between: list[bytes | NoAnswer] = []

    def answers() -> bool:
        between.append(invoke(runtime, "e", b"{}"))
        return isinstance(between[-1], bytes)

    until(answers)
    assert {refused(each).meaning for each in between[:-1]} <= {FailureClass.PROGRAM, FailureClass.THROTTLED}


@pytest.mark.parametrize(
    ("kind", "meaning"),
    [
        ("throttle", FailureClass.THROTTLED),
        ("server_error", FailureClass.THROTTLED),
        ("reset", FailureClass.THROTTLED),
        ("lost_answer", FailureClass.THROTTLED),
        ("access_denied", FailureClass.DENIED),
        ("expired_token", FailureClass.DENIED),
    ],
)
def test_what_aws_itself_says_has_its_class(sandbox: Sandbox, runtime: Any, kind: str, meaning: FailureClass) -> None:
    sandbox.world.faults.add(Rule(kind, operation="InvokeEndpoint", count=1))
    told = refused(invoke(runtime, "e", b"{}"))
    assert told.meaning is meaning
    assert "AWS" in told.said
    assert invoke(runtime, "e", b"{}") == b"{}", "the control"


def test_an_answer_that_takes_too_long_is_none(sandbox: Sandbox, runtime: Any, aws: Callable[..., Any]) -> None:
    hasty = aws("sagemaker-runtime", config=Config(read_timeout=0.2, retries={"total_max_attempts": 1}))
    sandbox.world.faults.add(Rule("delay", operation="InvokeEndpoint", params={"seconds": 5.0}, count=1))
    assert refused(invoke(hasty, "e", b"{}")).meaning is FailureClass.THROTTLED


def test_what_boto3_itself_cannot_send_is_refused(runtime: Any) -> None:
    nothing: Any = None
    told = refused(invoke(runtime, nothing, b"{}"))
    assert told.meaning is FailureClass.REFUSED
    assert told.said.startswith("boto3 could not ask: Parameter validation failed")


# Bedrock's Converse: the texts are AWS's, from its documentation and forums; which prompt draws which is AWS's matter.
SAYINGS = {
    ("ThrottlingException", "Too many requests, please wait before trying again."): FailureClass.THROTTLED,
    ("ModelNotReadyException", "Model is not ready for inference."): FailureClass.THROTTLED,
    ("ServiceUnavailableException", "The service is unavailable."): FailureClass.THROTTLED,
    ("InternalServerException", "The system encountered an unexpected error."): FailureClass.THROTTLED,
    ("ModelTimeoutException", "Model has timed out in processing the request."): FailureClass.PROGRAM,
    ("ModelErrorException", "The system encountered an unexpected error during processing."): FailureClass.PROGRAM,
    ("AccessDeniedException", "You don't have access to the model with the specified model ID."): FailureClass.DENIED,
    ("ResourceNotFoundException", "The model arn was not found."): FailureClass.ABSENT,
    ("ValidationException", "Input is too long for requested model."): FailureClass.INPUT,
    ("ValidationException", "Malformed input request: #/topK: is not permitted."): FailureClass.INPUT,
    ("ValidationException", "The provided model identifier is invalid."): FailureClass.REFUSED,
    (
        "ValidationException",
        "Model ID x with on-demand throughput isn't supported.",
    ): FailureClass.REFUSED,
    ("ValidationException", "Operation not allowed"): FailureClass.REFUSED,
}


@pytest.mark.parametrize("said", SAYINGS, ids=lambda said: f"{said[0]}: {said[1]}")
def test_what_bedrock_says_has_its_class(sandbox: Sandbox, aws: Callable[..., Any], said: tuple[str, str]) -> None:
    code, message = said
    params = {"code": code, "message": message, "status": 400}
    sandbox.world.faults.add(Rule("server_error", operation="Converse", params=params))
    turn = {"role": "user", "content": [{"text": "a"}]}
    told = converse(aws("bedrock-runtime"), {"modelId": "amazon.nova-micro-v1:0", "messages": [turn]})
    assert told == NoAnswer(SAYINGS[said], f"AWS answered {code}: {message}")


def test_a_model_of_bedrock_answers_with_its_tokens_and_a_wrong_request_is_not_sent(aws: Callable[..., Any]) -> None:
    turn, config = {"role": "user", "content": [{"text": "a"}]}, {"maxTokens": 2, "temperature": 0.0}
    request = {"modelId": "amazon.nova-micro-v1:0", "messages": [turn], "inferenceConfig": config}
    told = converse(aws("bedrock-runtime"), request)
    assert isinstance(told, Said)
    assert told.stop_reason in ("end_turn", "max_tokens")
    assert told.input_tokens > 0
    assert 0 <= told.output_tokens <= 2
    wrong = converse(aws("bedrock-runtime"), {**request, "messages": "a"})
    assert isinstance(wrong, NoAnswer)
    assert wrong.meaning is FailureClass.REFUSED
    assert wrong.said.startswith("boto3 could not ask: Parameter validation failed")
