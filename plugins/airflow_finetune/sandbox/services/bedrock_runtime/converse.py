"""Converse: one conversation, one answer, the same words for every model."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ...edge.errors import AwsError
from ...runner.inference import Sampling
from ..bedrock.answers import refuse
from . import target

if TYPE_CHECKING:
    from ...edge.call import Call, Handler
    from ...world import World

NOT_HERE = ("toolConfig", "guardrailConfig", "additionalModelRequestFields", "promptVariables", "outputConfig")
DEFAULT_TOKENS = 256
STOP_REASONS = {"end": "end_turn", "length": "max_tokens", "stop": "stop_sequence"}
ROLES = ("user", "assistant")
BEGINS_WRONG = (
    "A conversation must start with a user message. Try again with a conversation that starts with a user message."
)
ALTERNATES_WRONG = (
    "A conversation must alternate between user and assistant roles. Make sure the conversation alternates between "
    "user and assistant roles and try again."
)


def converse(call: Call, world: World) -> Mapping[str, Any]:
    """Return the model's answer to a conversation."""
    asked = call.params
    for member in NOT_HERE:
        if asked.get(member):
            raise AwsError("NotImplemented", f"The sandbox does not have {member} of Converse: leave it out.", 501)
    found = target.find(call, world)
    started = time.monotonic()
    answer = found.answer(world, call, _chat(asked), _sampling(asked.get("inferenceConfig", {})))
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": answer.text}]}},
        "stopReason": STOP_REASONS[answer.reason],
        "usage": {
            "inputTokens": answer.input_tokens,
            "outputTokens": answer.output_tokens,
            "totalTokens": answer.input_tokens + answer.output_tokens,
        },
        "metrics": {"latencyMs": round((time.monotonic() - started) * 1000)},
    }


def _sampling(config: Mapping[str, Any]) -> Sampling:
    return Sampling(
        max_tokens=config.get("maxTokens", DEFAULT_TOKENS),
        temperature=config.get("temperature", 0.0),
        top_p=config.get("topP", 1.0),
        stop=tuple(config.get("stopSequences", ())),
    )


def _chat(asked: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the messages as the tiny model takes them.

    Raises:
        AwsError: what AWS refuses, and content that is no text.
    """
    messages = asked.get("messages") or []
    if not messages or messages[0]["role"] != "user":
        raise refuse(BEGINS_WRONG)
    if [each["role"] for each in messages] != [ROLES[number % 2] for number in range(len(messages))]:
        raise refuse(ALTERNATES_WRONG)
    if messages[-1]["role"] != "user":
        raise refuse("The sandbox's models answer a user: the last message must be the user's.")
    system = _text(asked["system"]) if asked.get("system") else ""
    chat = [{"role": each["role"], "content": _text(each["content"])} for each in messages]
    return ([{"role": "system", "content": system}] if system else []) + chat


def _text(blocks: Sequence[Mapping[str, Any]]) -> str:
    if any("text" not in block for block in blocks):
        raise AwsError("NotImplemented", "The sandbox's models read text only: leave other content blocks out.", 501)
    text = "\n".join(block["text"] for block in blocks)
    if not text.strip():
        raise refuse("The text field in the ContentBlock object is blank. Add text to the text field, and try again.")
    return text


OPERATIONS: dict[str, Handler] = {"Converse": converse}
