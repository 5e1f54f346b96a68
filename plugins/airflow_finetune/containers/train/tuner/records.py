"""From JSON Lines to tokens and labels: chat records in either form, labels on what the assistant says only."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import DataError, ModelError

Messages = list[dict[str, str]]
IGNORED = -100
"""Label of a token that is not trained on (PyTorch's cross entropy leaves it out)."""
ROLES = ("system", "user", "assistant")
PLAIN_TEMPLATE = (
    "{% if bos_token %}{{ bos_token }}{% endif %}"
    "{% for message in messages %}{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
)
"""For a tokenizer without a chat template: prompt, completion, end token; saved with the model: serving agrees."""


@dataclasses.dataclass(frozen=True)
class Example:
    """One record as tokens: ``labels`` are the ids where the assistant speaks and ``IGNORED`` elsewhere."""

    ids: list[int]
    labels: list[int]


@dataclasses.dataclass
class Report:
    """What became of the records of a channel; every record that is not used is counted under its reason."""

    records: int = 0
    used: int = 0
    dropped_overlong: int = 0
    dropped_without_label: int = 0
    truncated: int = 0
    longest: int = 0
    tokens: int = 0
    label_tokens: int = 0

    def line(self, channel: str) -> str:
        """Returns the report as one log line."""
        return f"channel={channel} " + " ".join(f"{name}={value}" for name, value in dataclasses.asdict(self).items())


def files(folder: Path) -> list[Path]:
    """Returns the data files of a channel in a fixed order.

    Raises:
        DataError: there is none.
    """
    found = sorted(path for path in folder.rglob("*.jsonl") if path.is_file())
    if not found:
        raise DataError(f"channel folder {folder}: it holds no .jsonl file. Point the channel at JSON Lines.")
    return found


def digest(folder: Path) -> str:
    """Returns the sha256 of the contents of a channel, in the order in which they are read."""
    total = hashlib.sha256()
    for path in files(folder):
        with path.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()


def _message(item: Any, where: str) -> dict[str, str]:
    if not isinstance(item, dict) or item.get("role") not in ROLES or not isinstance(item.get("content"), str):
        raise DataError(f"{where}: a message needs a role ({', '.join(ROLES)}) and a text as content. Mend the record.")
    return {"role": item["role"], "content": item["content"]}


def messages_of(record: Any, where: str) -> Messages:
    """Returns the chat of a record: ``{"prompt", "completion"}`` or ``{"messages": [...]}``; further keys are left out.

    Raises:
        DataError: it is neither, or it does not end with the assistant's words.
    """
    if isinstance(record, dict) and isinstance(record.get("messages"), list):
        chat = [_message(item, where) for item in record["messages"]]
        if not chat or chat[-1]["role"] != "assistant":
            raise DataError(
                f"{where}: the last message is not the assistant's. End the chat with what is to be learnt."
            )
        return chat
    if isinstance(record, dict) and isinstance(record.get("prompt"), str) and isinstance(record.get("completion"), str):
        pair = (("user", record["prompt"]), ("assistant", record["completion"]))
        return [{"role": role, "content": text} for role, text in pair]
    raise DataError(
        f'{where}: neither {{"prompt": text, "completion": text}} nor {{"messages": [...]}}. Write one of the two.'
    )


def read(folder: Path) -> Iterator[Messages]:
    """Yields the chats of a channel.

    Raises:
        DataError: a line is no JSON or no chat; the message names file and line.
    """
    for path in files(folder):
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                where = f"{path.name} line {number}"
                try:
                    record = json.loads(line)
                except ValueError as error:
                    raise DataError(f"{where}: no JSON ({error}). Write one JSON object a line.") from None
                yield messages_of(record, where)


def with_template(tokenizer: Any) -> Any:
    """Returns the tokenizer, with a plain chat template where it has none of its own."""
    if not getattr(tokenizer, "chat_template", None):
        tokenizer.chat_template = PLAIN_TEMPLATE
    return tokenizer


def _spans(tokenizer: Any, chat: Messages) -> tuple[str, list[tuple[int, int]]]:
    """Returns the chat as text and where in it the assistant speaks (its end mark included).

    A template that rewrites earlier turns (thinking models do) leaves those without labels; the last one has them.
    """
    render = tokenizer.apply_chat_template
    text, spans = str(render(chat, tokenize=False)), []
    for index, message in enumerate(chat):
        if message["role"] != "assistant":
            continue
        before = str(render(chat[:index], tokenize=False, add_generation_prompt=True))
        after = text if index + 1 == len(chat) else str(render(chat[: index + 1], tokenize=False))
        if text.startswith(before) and text.startswith(after):
            spans.append((len(before), len(after)))
    return text, spans


def encode(tokenizer: Any, chat: Messages) -> Example:
    """Returns tokens and labels of a chat, rendered by the tokenizer's own chat template.

    Raises:
        ModelError: the template or the tokenizer does not say where the assistant speaks.
    """
    text, spans = _spans(tokenizer, chat)
    if not spans:
        raise ModelError(
            "chat template: the text of a chat does not begin with the text of its prompt, so labels cannot be placed. "
            "Give the tokenizer a template with add_generation_prompt."
        )
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = list(encoded["input_ids"]), encoded["offset_mapping"]
    spoken = [any(start <= first < end for start, end in spans) for first, _ in offsets]
    labels = [token if said else IGNORED for token, said in zip(ids, spoken, strict=True)]
    return Example(ids, labels)


def encode_channel(
    tokenizer: Any, folder: Path, max_length: int, *, overlong: str = "drop"
) -> tuple[list[Example], Report]:
    """Returns the examples of a channel and what became of its records.

    Args:
        tokenizer: a fast tokenizer with a chat template.
        folder: of the channel.
        max_length: most tokens of an example.
        overlong: ``drop`` or ``truncate`` (cut at the end) what is longer.

    Raises:
        DataError: no record can be used.
    """
    examples, report = [], Report()
    for chat in read(folder):
        example = encode(tokenizer, chat)
        report.records += 1
        report.longest = max(report.longest, len(example.ids))
        if len(example.ids) > max_length:
            if overlong == "drop":
                report.dropped_overlong += 1
                continue
            report.truncated += 1
            example = Example(example.ids[:max_length], example.labels[:max_length])
        if all(label == IGNORED for label in example.labels[1:]):
            report.dropped_without_label += 1
            continue
        report.tokens += len(example.ids)
        report.label_tokens += sum(label != IGNORED for label in example.labels)
        examples.append(example)
    report.used = len(examples)
    if not examples:
        raise DataError(f"channel {folder.name}: no record can be used ({report.line(folder.name)}). Raise max_length.")
    return examples, report
