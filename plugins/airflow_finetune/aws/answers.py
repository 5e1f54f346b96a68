"""Calls that only look: an answer, or AWS's refusal as a value, so that all of them can be weighed together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from airflow_finetune.errors import Unavailable
from airflow_finetune.lifecycle.failures import NEXT_STEP, FailureClass, Refusal, refusal

Answer = TypeVar("Answer")


def asked(thing: str, call: Callable[[], Answer]) -> Answer | Refusal:
    """Return what a call returns, or AWS's refusal of it.

    Args:
        thing: what it is about, for the error.
        call: one or more calls of a boto3 client.

    Raises:
        Unavailable: AWS cannot answer now, so that nothing is known.
    """
    try:
        return call()
    except ClientError as error:
        found = refusal(str(error.response["Error"]["Code"]), error.response["Error"].get("Message", ""))
        if found.meaning is FailureClass.THROTTLED:
            said = f"AWS answered {found.code}: {found.message}"
            raise Unavailable(thing, said, NEXT_STEP[found.meaning]) from error
        return found
    except BotoCoreError as error:
        raise Unavailable(thing, f"{type(error).__name__}: {error}", "Try again.") from error
