"""How a chat becomes a request of Bedrock's Converse, and which answers count as the model's own. Pure."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from airflow_finetune.curation.canonical import Chat
from airflow_finetune.evaluation.sampling import SamplingSpec

HIGHEST_TEMPERATURE = 1.0
KEPT_BACK = frozenset({"guardrail_intervened", "content_filtered"})
"""Stop reasons of answers in which a filter of AWS's speaks, or has cut: they are not what the model answers."""


def conversation(model_id: str, chat: Chat, sampling: SamplingSpec) -> dict[str, Any]:
    """Return the request for one chat.

    Converse wants system texts apart from the turns, and users and assistants to alternate: texts of the same role in a
    row become blocks of one turn.

    Args:
        model_id: id of a base model, or the ARN of what serves one.
        chat: to be answered.
        sampling: how; its format and batch size are for endpoints.
    """
    system = [_block(text) for role, text in chat if role == "system" and text.strip()]
    turns = [turn for turn in chat if turn.role != "system"]
    messages = [
        {"role": role, "content": [_block(turn.content) for turn in same]}
        for role, same in groupby(turns, key=lambda turn: turn.role)
    ]
    config: dict[str, Any] = {"maxTokens": sampling.max_new_tokens, "temperature": sampling.temperature}
    if sampling.top_p < 1:
        config["topP"] = sampling.top_p
    if sampling.stop:
        config["stopSequences"] = list(sampling.stop)
    return {
        "modelId": model_id,
        "messages": messages,
        "inferenceConfig": config,
        **({"system": system} if system else {}),
        **({"additionalModelRequestFields": dict(sampling.parameters)} if sampling.parameters else {}),
    }


def unaskable(chat: Chat) -> str | None:
    """Return in words why Converse would refuse a chat; None where nothing is known against it."""
    turns = [turn for turn in chat if turn.role != "system"]
    if not turns or turns[0].role != "user" or turns[-1].role != "user":
        return "a conversation must begin and end with a user's turn"
    return None if all(turn.content.strip() for turn in turns) else "a turn's text is blank"


def _block(text: str) -> dict[str, str]:
    return {"text": text.encode("utf-8", "replace").decode()}  # half of a surrogate pair is no UTF-8
