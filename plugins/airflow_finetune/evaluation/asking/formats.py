"""How chats become the body of a request, and what its answer says: one entry for each kind of server."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from airflow_finetune.curation.canonical import Chat
from airflow_finetune.evaluation.sampling import SamplingSpec

_SHOWN = 200


class Format(NamedTuple):
    """What one kind of server takes and gives.

    Attributes:
        body: the request for some chats.
        answers: the texts in a decoded answer to so many chats; raises for any other shape.
        several: whether a request may hold more than one chat.
        templated: whether the server puts a chat through the model's chat template.
    """

    body: Callable[[Sequence[Chat], SamplingSpec], dict[str, Any]]
    answers: Callable[[Any, int], list[str]]
    several: bool
    templated: bool


def asked(chats: Sequence[Chat], sampling: SamplingSpec) -> bytes:
    """Return the body of a request."""
    body = FORMATS[sampling.format].body(chats, sampling)
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def answered(body: bytes, count: int, sampling: SamplingSpec) -> list[str]:
    """Return the texts that answer so many chats.

    Raises:
        ValueError: the body is of another shape; quotes its beginning.
    """
    try:
        texts = FORMATS[sampling.format].answers(json.loads(body), count)
        if len(texts) == count and all(isinstance(text, str) for text in texts):
            return texts
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        pass  # said below, whatever is wrong with it
    shown = body[:_SHOWN].decode("utf-8", "replace")
    said = f"its answer is none of {count} items in the format {sampling.format!r}; it begins: {shown!r}"
    raise ValueError(said)


def _inputs(chats: Sequence[Chat], sampling: SamplingSpec) -> dict[str, Any]:
    parameters: dict[str, Any] = {"max_new_tokens": sampling.max_new_tokens, "temperature": sampling.temperature}
    inputs = [chat[0].content if _single(chat) else _messages(chat) for chat in chats]
    return {"inputs": inputs, "parameters": {**parameters, **_common(sampling)}}


def _chat_completion(chats: Sequence[Chat], sampling: SamplingSpec) -> dict[str, Any]:
    body = {"messages": _messages(chats[0]), "max_tokens": sampling.max_new_tokens, "temperature": sampling.temperature}
    return {**body, **_common(sampling)}


def _raw(chats: Sequence[Chat], sampling: SamplingSpec) -> dict[str, Any]:
    parameters: dict[str, Any] = {"max_new_tokens": sampling.max_new_tokens, "return_full_text": False}
    parameters["do_sample"] = not sampling.deterministic
    if not sampling.deterministic:
        parameters["temperature"] = sampling.temperature  # these servers refuse 0 instead of taking it as greedy
    return {"inputs": chats[0][0].content, "parameters": {**parameters, **_common(sampling)}}


def _common(sampling: SamplingSpec) -> dict[str, Any]:
    top_p = {"top_p": sampling.top_p} if sampling.top_p < 1 else {}
    return {**top_p, **({"stop": list(sampling.stop)} if sampling.stop else {}), **sampling.parameters}


def _single(chat: Chat) -> bool:
    return len(chat) == 1 and chat[0].role == "user" and bool(chat[0].content)


def _messages(chat: Chat) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in chat]


def _generated(answer: Any, count: int) -> list[str]:
    return [(each[0] if isinstance(each, list) else each)["generated_text"] for each in answer]


def _completed(answer: Any, count: int) -> list[str]:
    content = answer["choices"][0]["message"]["content"]
    return ["" if content is None else content]


def _one(answer: Any, count: int) -> list[str]:
    return [(answer[0] if isinstance(answer, list) else answer)["generated_text"]]


FORMATS: dict[str, Format] = {
    "inputs": Format(_inputs, _generated, several=True, templated=True),
    "messages": Format(_chat_completion, _completed, several=False, templated=True),
    "text": Format(_raw, _one, several=False, templated=False),
}
