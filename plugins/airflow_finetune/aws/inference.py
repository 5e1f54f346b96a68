"""SageMaker's runtime: one question to an endpoint, and its answer or why there is none."""

from __future__ import annotations

from typing import Any, NamedTuple

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # botocore's own, of all that could not be sent
    HTTPClientError,
    IncompleteReadError,
)

from airflow_finetune.lifecycle.failures import FailureClass, refusal

_JSON = "application/json"
_NO_ANSWER = (ConnectionError, HTTPClientError, IncompleteReadError)
_CONTAINER_MAY_RECOVER = (408, 429)


class NoAnswer(NamedTuple):
    """An invocation that brought none.

    Attributes:
        meaning: ``PROGRAM`` when the model's own server failed, ``INPUT`` when it refused this very question,
            ``THROTTLED`` when AWS or the network could not answer; else as of a refused call.
        said: what AWS or the server said.
    """

    meaning: FailureClass
    said: str


def invoke(client: Any, endpoint_name: str, body: bytes) -> bytes | NoAnswer:
    """Return the body of the answer to one JSON question.

    Args:
        client: boto3 client of ``sagemaker-runtime``.
        endpoint_name: what is asked.
        body: JSON.
    """
    try:
        answer = client.invoke_endpoint(EndpointName=endpoint_name, ContentType=_JSON, Accept=_JSON, Body=body)
        return bytes(answer["Body"].read())
    except ClientError as error:
        return _refused(error)
    except _NO_ANSWER as error:
        return NoAnswer(FailureClass.THROTTLED, f"AWS gave no answer: {type(error).__name__}: {error}")
    except BotoCoreError as error:
        return NoAnswer(FailureClass.REFUSED, f"boto3 could not ask: {error}")


def _refused(error: ClientError) -> NoAnswer:
    told = error.response["Error"]
    found = refusal(told.get("Code", ""), told.get("Message", ""))
    status = int(error.response.get("OriginalStatusCode", 500))
    meaning = found.meaning
    if meaning is FailureClass.PROGRAM and 400 <= status < 500 and status not in _CONTAINER_MAY_RECOVER:
        meaning = FailureClass.INPUT
    return NoAnswer(meaning, f"AWS answered {found.code}: {found.message}")
