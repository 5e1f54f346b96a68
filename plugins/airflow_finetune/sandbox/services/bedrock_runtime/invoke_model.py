"""InvokeModel: a body as each family writes it, and an answer likewise."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...runner.inference import Answer, Sampling
from ..bedrock.answers import refuse
from . import target

if TYPE_CHECKING:
    from ...edge.call import Call, Handler
    from ...world import World

DEFAULT_TOKENS = 256

Body = Mapping[str, Any]
Chat = list[dict[str, str]]


@dataclass(frozen=True)
class Dialect:
    """How a family writes.

    Attributes:
        read: body -> (conversation, sampling); raises KeyError, TypeError or ValueError for a body of another form.
        write: answer -> body.
    """

    read: Callable[[Body], tuple[Chat, Sampling]]
    write: Callable[[Answer], dict[str, Any]]


def invoke_model(call: Call, world: World) -> Mapping[str, Any]:
    """Return the model's answer to a body of its family's form."""
    found = target.find(call, world)
    dialect = DIALECTS[found.model.dialect]
    try:
        body = json.loads(call.params.get("body") or b"")
        chat, sampling = dialect.read(body)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        why = f"required key [{error.args[0]}] not found" if isinstance(error, KeyError) else str(error)
        raise refuse(f"Malformed input request: {why}, please reformat your input and try again.") from None
    answer = found.answer(world, call, chat, sampling)
    return {"body": json.dumps(dialect.write(answer)).encode(), "contentType": "application/json"}


def _user(text: Any) -> Chat:
    if not isinstance(text, str) or not text.strip():
        raise ValueError("the prompt must be a text that is not empty")
    return [{"role": "user", "content": text}]


def _content(content: Any) -> str:
    return content if isinstance(content, str) else "\n".join(str(block["text"]) for block in content)


def _messages(body: Body) -> Chat:
    system = _content(body["system"]) if body.get("system") else ""
    chat = [{"role": str(each["role"]), "content": _content(each["content"])} for each in body["messages"]]
    if not chat or chat[-1]["role"] != "user":
        raise ValueError("the last message must be the user's")
    return ([{"role": "system", "content": system}] if system else []) + chat


def _sampling(given: Body, tokens: str, top_p: str, stop: str) -> Sampling:
    return Sampling(
        max_tokens=int(given.get(tokens, DEFAULT_TOKENS)),
        temperature=float(given.get("temperature", 0.0)),
        top_p=float(given.get(top_p, 1.0)),
        stop=tuple(given.get(stop, ())),
    )


def _usage(answer: Answer, names: tuple[str, str]) -> dict[str, int]:
    return {names[0]: answer.input_tokens, names[1]: answer.output_tokens}


DIALECTS = {
    "nova": Dialect(
        lambda body: (
            _messages(body),
            _sampling(body.get("inferenceConfig", {}), "maxTokens", "topP", "stopSequences"),
        ),
        lambda answer: {
            "output": {"message": {"role": "assistant", "content": [{"text": answer.text}]}},
            "stopReason": {"end": "end_turn", "length": "max_tokens", "stop": "stop_sequence"}[answer.reason],
            "usage": {
                **_usage(answer, ("inputTokens", "outputTokens")),
                "totalTokens": answer.input_tokens + answer.output_tokens,
            },
        },
    ),
    "titan": Dialect(
        lambda body: (
            _user(body["inputText"]),
            _sampling(body.get("textGenerationConfig", {}), "maxTokenCount", "topP", "stopSequences"),
        ),
        lambda answer: {
            "inputTextTokenCount": answer.input_tokens,
            "results": [
                {
                    "tokenCount": answer.output_tokens,
                    "outputText": answer.text,
                    "completionReason": "LENGTH" if answer.reason == "length" else "FINISH",
                }
            ],
        },
    ),
    "llama": Dialect(
        lambda body: (_user(body["prompt"]), _sampling(body, "max_gen_len", "top_p", "stop")),
        lambda answer: {
            "generation": answer.text,
            **_usage(answer, ("prompt_token_count", "generation_token_count")),
            "stop_reason": "length" if answer.reason == "length" else "stop",
        },
    ),
    "claude": Dialect(
        lambda body: (_messages(body), _sampling(body, "max_tokens", "top_p", "stop_sequences")),
        lambda answer: {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "text", "text": answer.text}],
            "stop_reason": {"end": "end_turn", "length": "max_tokens", "stop": "stop_sequence"}[answer.reason],
            "usage": _usage(answer, ("input_tokens", "output_tokens")),
        },
    ),
    "cohere": Dialect(
        lambda body: (_user(body["prompt"]), _sampling(body, "max_tokens", "p", "stop_sequences")),
        lambda answer: {
            "generations": [
                {"text": answer.text, "finish_reason": "MAX_TOKENS" if answer.reason == "length" else "COMPLETE"}
            ]
        },
    ),
}

OPERATIONS: dict[str, Handler] = {"InvokeModel": invoke_model}
