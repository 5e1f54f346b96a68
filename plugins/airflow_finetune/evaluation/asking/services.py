"""Who is asked: one entry for each service whose models this package serves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from airflow_finetune.aws.inference import NoAnswer, converse, invoke
from airflow_finetune.curation.canonical import Chat
from airflow_finetune.evaluation.asking.conversing import KEPT_BACK, conversation
from airflow_finetune.evaluation.asking.formats import FORMATS, answered, asked
from airflow_finetune.evaluation.sampling import SamplingSpec
from airflow_finetune.lifecycle.failures import FailureClass


class Reply(NamedTuple):
    """What one request has brought.

    Attributes:
        texts: one for each chat, in order; None where what came is not the model's answer.
        said: why there is a None; empty without.
        input_tokens: that AWS has counted; 0 where it bills by the hour and counts none.
        output_tokens: likewise.
    """

    texts: Sequence[str | None]
    said: str = ""
    input_tokens: int = 0
    output_tokens: int = 0


class Service(NamedTuple):
    """One of AWS's ways to ask a model.

    Attributes:
        client: boto3's name of it.
        noun: what is asked.
        denied: what to do where AWS does not let us.
        unanswered: what to do where too many items have no answer.
        batch_size: chats of one request.
        ask: (client, name of what is asked, chats, sampling) -> what came.
    """

    client: str
    noun: str
    denied: str
    unanswered: str
    batch_size: Callable[[SamplingSpec], int]
    ask: Callable[[Any, str, Sequence[Chat], SamplingSpec], Reply | NoAnswer]


def _invoked(client: Any, name: str, chats: Sequence[Chat], sampling: SamplingSpec) -> Reply | NoAnswer:
    answer = invoke(client, name, asked(chats, sampling))
    if isinstance(answer, NoAnswer):
        return answer
    try:
        return Reply(answered(answer, len(chats), sampling))
    except ValueError as error:
        return NoAnswer(FailureClass.INPUT, str(error))


def _conversed(client: Any, name: str, chats: Sequence[Chat], sampling: SamplingSpec) -> Reply | NoAnswer:
    [chat] = chats
    answer = converse(client, conversation(name, chat, sampling))
    if isinstance(answer, NoAnswer):
        return answer
    text, reason, *tokens = answer
    if reason in KEPT_BACK:
        return Reply([None], f"AWS stopped the answer ({reason}): {text[:200]!r}", *tokens)
    return Reply([text], "", *tokens)


SERVICES: dict[str, Service] = {
    "sagemaker": Service(
        client="sagemaker-runtime",
        noun="endpoint",
        denied="Give the role of the Airflow connection sagemaker:InvokeEndpoint on it.",
        unanswered="Read the endpoint's log in CloudWatch; check sampling and its format.",
        batch_size=lambda sampling: sampling.batch_size if FORMATS[sampling.format].several else 1,
        ask=_invoked,
    ),
    "bedrock": Service(
        client="bedrock-runtime",
        noun="model",
        denied="Give the role of the Airflow connection bedrock:InvokeModel, and the account access to the model.",
        unanswered="Check the golden set's prompts and sampling: Bedrock refuses what this model does not take.",
        batch_size=lambda _: 1,
        ask=_conversed,
    ),
}
