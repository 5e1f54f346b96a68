"""What a request may hold, and what an answer looks like: every refusal says what to send instead."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

MOST_NEW_TOKENS = 4096
MOST_INPUTS = 256
PARAMETERS = ("max_new_tokens", "temperature", "top_p", "stop", "do_sample", "return_full_text")
CHAT_OPTIONS = {"max_tokens": "max_new_tokens", "temperature": "temperature", "top_p": "top_p", "stop": "stop"}
IGNORED_CHAT_OPTIONS = ("model", "n", "stream", "user")
ROLES = ("system", "user", "assistant")


class BadRequest(ValueError):
    """The request cannot be answered as it is; the text is for the caller."""


@dataclasses.dataclass(frozen=True)
class Options:
    """How to generate.

    Attributes:
        max_new_tokens: most tokens of an answer.
        temperature: 0 is greedy.
        top_p: share of the probability that is sampled from.
        stop: texts at which an answer ends (they are cut off).
        return_full_text: put the prompt before the answer.
    """

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    return_full_text: bool = False


@dataclasses.dataclass(frozen=True)
class Request:
    """A checked request.

    Attributes:
        chats: one list of messages for each answer that is wanted.
        options: the same for all of them.
        form: ``one`` and ``list`` are the forms of ``inputs``; ``chat`` is that of ``messages``.
    """

    chats: tuple[tuple[Mapping[str, str], ...], ...]
    options: Options
    form: str


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the model said, and how it came to an end: ``stop`` or ``length``."""

    text: str
    prompt: str
    finish_reason: str
    prompt_tokens: int
    new_tokens: int


def _number(name: str, value: Any, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise BadRequest(f"{name}: {value!r} is not a number from {low:g} to {high:g}.")
    return float(value)


def _stop(value: Any) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) and text for text in texts) or len(texts) > 16:
        raise BadRequest("stop: give a text, or a list of at most 16 texts that are not empty.")
    return tuple(texts)


def options_of(given: Any, known: tuple[str, ...] = PARAMETERS) -> Options:
    """Returns the checked options.

    Raises:
        BadRequest: a name is unknown or a value is out of range.
    """
    if not isinstance(given, dict):
        raise BadRequest("parameters: not an object.")
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise BadRequest(f"parameters: {', '.join(unknown)} not known. Known: {', '.join(known)}.")
    tokens = _number("max_new_tokens", given.get("max_new_tokens", 256), 1, MOST_NEW_TOKENS)
    if tokens != int(tokens):
        raise BadRequest(f"max_new_tokens: {tokens} is not a whole number.")
    temperature = _number("temperature", given.get("temperature", 0), 0, 100)
    sample = given.get("do_sample", temperature > 0)
    if not isinstance(sample, bool) or not isinstance(given.get("return_full_text", False), bool):
        raise BadRequest("do_sample and return_full_text: give true or false.")
    return Options(
        max_new_tokens=int(tokens),
        temperature=(temperature or 1.0) if sample else 0.0,
        top_p=_number("top_p", given.get("top_p", 1), 0.001, 1),
        stop=_stop(given["stop"]) if given.get("stop") is not None else (),
        return_full_text=given.get("return_full_text", False),
    )


def _chat(messages: Any) -> tuple[Mapping[str, str], ...]:
    if not isinstance(messages, list) or not messages:
        raise BadRequest("messages: give a list of messages, not an empty one.")
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in ROLES:
            raise BadRequest(f"messages: each needs a role ({', '.join(ROLES)}).")
        if not isinstance(message.get("content"), str):
            raise BadRequest("messages: each needs a text as content.")
    if messages[-1]["role"] != "user":
        raise BadRequest("messages: the last one must be the user's.")
    return tuple({"role": message["role"], "content": message["content"]} for message in messages)


def _chat_request(body: dict[str, Any]) -> Request:
    if body.get("stream"):
        raise BadRequest("stream: answers are not streamed here. Leave it out.")
    if body.get("n", 1) != 1:
        raise BadRequest("n: one answer a request. Leave it out.")
    rest = {k: v for k, v in body.items() if k != "messages" and k not in IGNORED_CHAT_OPTIONS and v is not None}
    unknown = sorted(set(rest) - set(CHAT_OPTIONS))
    if unknown:
        raise BadRequest(f"{', '.join(unknown)}: not known beside messages. Known: {', '.join(CHAT_OPTIONS)}.")
    return Request((_chat(body["messages"]),), options_of({CHAT_OPTIONS[k]: v for k, v in rest.items()}), "chat")


def _inputs_request(body: dict[str, Any]) -> Request:
    unknown = sorted(set(body) - {"inputs", "parameters"})
    if unknown:
        raise BadRequest(f"{', '.join(unknown)}: not known beside inputs. Known: parameters.")
    inputs, options = body["inputs"], options_of(body.get("parameters") or {})
    one = isinstance(inputs, str) or (isinstance(inputs, list) and bool(inputs) and isinstance(inputs[0], dict))
    asked = [inputs] if one else inputs
    if not isinstance(asked, list) or not asked or not all(each and isinstance(each, str | list) for each in asked):
        raise BadRequest("inputs: give a text, a chat (a list of messages), or a list of these, none of them empty.")
    if len(asked) > MOST_INPUTS:
        raise BadRequest(f"inputs: {len(asked)} texts are too many. Send at most {MOST_INPUTS} in one request.")
    chats = tuple(({"role": "user", "content": each},) if isinstance(each, str) else _chat(each) for each in asked)
    return Request(chats, options, "one" if one else "list")


def parse(body: Any, content_type: str = "application/json") -> Request:
    """Returns the checked request.

    ``{"inputs": text or chat, or a list of these, "parameters": {...}}``: a text is one user's message, a chat a list
    of messages; both are rendered by the model's chat template, as prompts were in training.
    ``{"messages": [...], "max_tokens": ...}``: one chat.

    Raises:
        BadRequest: it is neither.
    """
    if content_type.split(";")[0].strip().lower() not in ("application/json", ""):
        raise BadRequest(f"content type {content_type}: not known. Send application/json.")
    try:
        text = bytes(body).decode("utf-8") if isinstance(body, bytes | bytearray | memoryview) else body
        given = json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"body: no JSON in UTF-8 ({error}).") from None
    if isinstance(given, dict) and "messages" in given and "inputs" not in given:
        return _chat_request(given)
    if isinstance(given, dict) and "inputs" in given and "messages" not in given:
        return _inputs_request(given)
    raise BadRequest('body: give either {"inputs": text, "parameters": {...}} or {"messages": [...]}.')


def shape(request: Request, answers: list[Answer]) -> Any:
    """Returns the answers in the form that belongs to the request's."""
    if request.form == "chat":
        answer = answers[0]
        total = answer.prompt_tokens + answer.new_tokens
        return {
            "object": "chat.completion",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": answer.text},
                    "finish_reason": answer.finish_reason,
                }
            ],
            "usage": {
                "prompt_tokens": answer.prompt_tokens,
                "completion_tokens": answer.new_tokens,
                "total_tokens": total,
            },
        }
    full = request.options.return_full_text
    texts = [{"generated_text": (answer.prompt if full else "") + answer.text} for answer in answers]
    return texts if request.form == "one" else [[text] for text in texts]


def render(prediction: Any, accept: str = "application/json") -> str:
    """Returns the answer as JSON text.

    Raises:
        BadRequest: the caller accepts no JSON.
    """
    kinds = [kind.split(";")[0].strip().lower() for kind in accept.split(",")]
    if not set(kinds) & {"application/json", "*/*", "application/*", ""}:
        raise BadRequest(f"accept {accept}: answers are application/json.")
    return json.dumps(prediction, ensure_ascii=False)
