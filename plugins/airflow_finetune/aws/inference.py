"""The runtimes of SageMaker and Bedrock: one question to a model, and its answer or why there is none."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # botocore's own, of all that could not be sent
    HTTPClientError,
    IncompleteReadError,
)

from airflow_finetune.lifecycle.failures import FailureClass, refusal

Answer = TypeVar("Answer")

_JSON = "application/json"
_NO_ANSWER = (ConnectionError, HTTPClientError, IncompleteReadError)
_CONTAINER_MAY_RECOVER = (408, 429)
# Bedrock says ValidationException to a prompt that this model does not take, and to a model that nobody can ask.
_OF_THE_MODEL = re.compile(
    r"(?i)model identifier|on-demand throughput|operation not allowed|its status is|cannot be used|end of its life"
    r"|not supported in this region|not available in (this|your)|marked by provider as legacy"
)


class NoAnswer(NamedTuple):
    """A question that brought none.

    Attributes:
        meaning: ``PROGRAM`` when the model itself failed, ``INPUT`` when this very question was refused,
            ``THROTTLED`` when AWS or the network could not answer; else as of a refused call.
        said: what AWS or the server said.
    """

    meaning: FailureClass
    said: str


class Said(NamedTuple):
    """An answer of Converse.

    Attributes:
        text: all of its texts; what a model thought before it answered is not among them.
        stop_reason: AWS's word for why it ended.
        input_tokens: that AWS bills as asked.
        output_tokens: that AWS bills as answered.
    """

    text: str
    stop_reason: str
    input_tokens: int
    output_tokens: int


def invoke(client: Any, endpoint_name: str, body: bytes) -> bytes | NoAnswer:
    """Return the body of an endpoint's answer to one JSON question.

    Args:
        client: boto3 client of ``sagemaker-runtime``.
        endpoint_name: what is asked.
        body: JSON.
    """

    def call() -> bytes:
        answer = client.invoke_endpoint(EndpointName=endpoint_name, ContentType=_JSON, Accept=_JSON, Body=body)
        return bytes(answer["Body"].read())

    return _answered(call, _refused_by_endpoint)


def converse(client: Any, request: Mapping[str, Any]) -> Said | NoAnswer:
    """Return Bedrock's answer to one conversation.

    Args:
        client: boto3 client of ``bedrock-runtime``.
        request: of Converse.
    """

    def call() -> Said:
        answer = client.converse(**request)
        blocks, usage = answer["output"]["message"]["content"], answer["usage"]
        text = "".join(block.get("text", "") for block in blocks)
        return Said(text, answer["stopReason"], usage["inputTokens"], usage["outputTokens"])

    return _answered(call, _refused_by_bedrock)


def _answered(call: Callable[[], Answer], refused: Callable[[ClientError], NoAnswer]) -> Answer | NoAnswer:
    try:
        return call()
    except ClientError as error:
        return refused(error)
    except _NO_ANSWER as error:
        return NoAnswer(FailureClass.THROTTLED, f"AWS gave no answer: {type(error).__name__}: {error}")
    except BotoCoreError as error:
        return NoAnswer(FailureClass.REFUSED, f"boto3 could not ask: {error}")


def _refused_by_endpoint(error: ClientError) -> NoAnswer:
    told = error.response["Error"]
    found = refusal(told.get("Code", ""), told.get("Message", ""))
    status = int(error.response.get("OriginalStatusCode", 500))
    meaning = found.meaning
    if meaning is FailureClass.PROGRAM and 400 <= status < 500 and status not in _CONTAINER_MAY_RECOVER:
        meaning = FailureClass.INPUT
    return NoAnswer(meaning, f"AWS answered {found.code}: {found.message}")


def _refused_by_bedrock(error: ClientError) -> NoAnswer:
    told = error.response["Error"]
    found = refusal(told.get("Code", ""), told.get("Message", ""))
    meaning = found.meaning
    if found.code == "ValidationException" and meaning is FailureClass.REFUSED:
        meaning = FailureClass.REFUSED if _OF_THE_MODEL.search(found.message) else FailureClass.INPUT
    return NoAnswer(meaning, f"AWS answered {found.code}: {found.message}")
