"""The canonical form of an example: chat JSON Lines with equal bytes for equal content, and keys to compare by."""

from __future__ import annotations

import contextlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from airflow_finetune.curation.records import (
    BAD_ENCODING,
    EMPTY_COMPLETION,
    EMPTY_PROMPT,
    MAPPING_FAILED,
    Dropped,
)

ROLES = ("system", "user", "assistant")
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
# Some readers of JSON Lines split at these too; as escapes they mean the same and split nothing.
_LINE_BREAKS = tuple((c, f"\\u{ord(c):04x}") for c in "\x85\u2028\u2029")


class Message(NamedTuple):
    """One turn of a chat."""

    role: str
    content: str


Chat = tuple[Message, ...]
"""Turns; the last is the assistant's and is what the model learns to say."""


class Keys(NamedTuple):
    """What two examples are compared by.

    Attributes:
        prompt: 16 bytes; equal for prompts that differ only in case, width or white space. Without system messages.
        prompt_exact: 16 bytes; equal for prompts that are equal to the letter.
        system: 4 bytes of the system messages, normalised.
        completion: 8 bytes of the completion, normalised.
        line: 16 bytes of the canonical line.
    """

    prompt: bytes
    prompt_exact: bytes
    system: bytes
    completion: bytes
    line: bytes


def chat(prompt: str, completion: str, system: str = "") -> Chat:
    """Return a single-turn example; an empty system text makes no message."""
    turns = (Message("user", prompt), Message("assistant", completion))
    return (Message("system", system), *turns) if system.strip() else turns


def chat_of(messages: Any) -> Chat:
    """Return the example that a list of messages holds.

    Raises:
        Dropped: it is no list of messages, or the last one is not the assistant's.
    """
    if not isinstance(messages, Sequence) or isinstance(messages, str) or not messages:
        raise Dropped(MAPPING_FAILED, "messages must be a list of {role, content}.")
    turns = tuple(_message(number, message) for number, message in enumerate(messages, 1))
    if turns[-1].role != "assistant":
        raise Dropped(MAPPING_FAILED, f"the last message is the {turns[-1].role}'s; it must be the assistant's.")
    if not any(turn.role == "user" for turn in turns):
        raise Dropped(EMPTY_PROMPT, "no message is the user's.")
    return turns


def stripped(turns: Chat) -> Chat:
    """Return an example without white space around its texts.

    Raises:
        Dropped: nothing is left of a text.
    """
    bare = tuple(Message(role, content.strip()) for role, content in turns)
    if not bare[-1].content:
        raise Dropped(EMPTY_COMPLETION, "the completion is empty.")
    if not all(content for _, content in bare):
        raise Dropped(EMPTY_PROMPT, "the prompt is empty.")
    return bare


def line(turns: Chat) -> bytes:
    """Return the line of the canonical dataset, with its line break.

    Raises:
        Dropped: it holds half of a surrogate pair, which no encoding can hold.
    """
    text = _ENCODE({"messages": [{"role": role, "content": content} for role, content in turns]})
    for character, escape in () if text.isascii() else _LINE_BREAKS:
        text = text.replace(character, escape)
    try:
        return text.encode() + b"\n"
    except UnicodeEncodeError as error:
        raise Dropped(BAD_ENCODING, "half of a surrogate pair (\\ud800 to \\udfff) is no character.") from error


def keys(turns: Chat, encoded: bytes) -> Keys:
    """Return what an example is compared by."""
    asked = [turn for turn in turns[:-1] if turn.role != "system"]
    system = "\x1e".join(normalised(turn.content) for turn in turns[:-1] if turn.role == "system")
    return Keys(
        _digest("\x1e".join(f"{turn.role}\x1f{normalised(turn.content)}" for turn in asked), 16),
        _digest("\x1e".join(f"{turn.role}\x1f{turn.content}" for turn in asked), 16),
        _digest(system, 4),
        _digest(normalised(_comparable(turns[-1].content)), 8),
        blake2b(encoded, digest_size=16).digest(),
    )


def normalised(text: str) -> str:
    """Return a text without what should not tell two prompts apart: case, width, compatibility forms, white space."""
    if text.isascii():
        return " ".join(text.lower().split())
    return " ".join(_composed(_composed(text).casefold()).split())


def _comparable(completion: str) -> str:
    """Return a completion so that JSON objects with the same members are equal, whatever their order."""
    if completion[:1] == "{":
        with contextlib.suppress(ValueError, RecursionError):
            return json.dumps(json.loads(completion), ensure_ascii=False, sort_keys=True)
    return completion


def _message(number: int, message: Any) -> Message:
    role, content = (message.get("role"), message.get("content")) if isinstance(message, Mapping) else (None, None)
    if role not in ROLES or not isinstance(content, str):
        said = f"message {number} must be a role of {', '.join(ROLES)} and a text as content."
        raise Dropped(MAPPING_FAILED, said)
    return Message(str(role), content)


def _composed(text: str) -> str:
    return text if unicodedata.is_normalized("NFKC", text) else unicodedata.normalize("NFKC", text)


def _digest(text: str, size: int) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()
