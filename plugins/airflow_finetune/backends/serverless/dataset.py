"""The dataset in the form of the technique: read as a stream, checked record by record, written once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, NamedTuple

from airflow_finetune.aws.objects import upload
from airflow_finetune.aws.s3 import exists
from airflow_finetune.backends.records import (
    BadRecord,
    Faults,
    Source,
    Turn,
    beside_messages,
    lines_of,
    parsed,
    source_of,
    turns_of,
)
from airflow_finetune.backends.serverless.spec import ServerlessSpec, Technique

FORMS_VERSION = 1  # grows when the same example is rendered to other bytes
TRAIN, VALIDATION = "train.jsonl", "validation.jsonl"
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
REJECTED = "rejected"
"""Beside ``messages``, for ``dpo``: the worse answer."""
_Form = Callable[[Sequence[Turn], dict[str, Any]], dict[str, Any]]


class Account(NamedTuple):
    """What a rendered dataset holds.

    Attributes:
        records: how many.
        bytes: of all of them; a token is at least one byte.
        longest_bytes: of the longest record.
    """

    records: int = 0
    bytes: int = 0
    longest_bytes: int = 0


class Sources(NamedTuple):
    """Where the data of a spec lies now, and where its rendered form belongs.

    Attributes:
        train: canonical.
        validation: likewise; None without.
        folder_uri: of the rendered files.
    """

    train: Source
    validation: Source | None
    folder_uri: str

    @property
    def train_uri(self) -> str:
        """Where the rendered training data belongs."""
        return self.folder_uri + TRAIN

    @property
    def validation_uri(self) -> str | None:
        """Where the rendered validation data belongs; None without."""
        return self.folder_uri + VALIDATION if self.validation else None


def sources_of(client: Any, spec: ServerlessSpec) -> Sources:
    """Return the sources of a spec; the folder is named by all that decides about its bytes.

    Raises:
        DataError: nothing is there.
        RequestRefused: we may not list it.
        Unavailable: AWS cannot answer now.
    """
    train, validation = source_of(client, spec.dataset), source_of(client, spec.validation)
    assert train is not None  # noqa: S101 - a rendered spec has a dataset; for the type checker
    both = (train.objects, validation.objects if validation else ())
    objects = [[[each.etag, each.bytes] for each in source] for source in both]
    told = json.dumps([FORMS_VERSION, spec.technique, objects], sort_keys=True)
    digest = hashlib.sha256(told.encode()).hexdigest()[:32]
    return Sources(train, validation, f"{spec.output_uri.rstrip('/')}/serverless-data/{digest}/")


def counted(client: Any, source: Source, technique: Technique, sink: IO[bytes] | None = None) -> Account:
    """Render a dataset and count it.

    Args:
        client: boto3 client of ``s3``.
        source: canonical.
        technique: that it is rendered for.
        sink: takes the lines; None only counts.

    Raises:
        DataError: names the first faults with file, line and rule; or there is no record.
        RequestRefused: we may not read it.
        Unavailable: AWS cannot answer now.
    """
    account, faults = Account(), Faults(source.uri)
    for place, line in lines_of(client, source):
        try:
            body = _ENCODE(record_of(parsed(line), technique)).encode() + b"\n"
        except (BadRecord, UnicodeEncodeError) as error:
            faults.add(f"{place}: {error}.")
            continue
        account = Account(account.records + 1, account.bytes + len(body), max(account.longest_bytes, len(body)))
        if sink is not None and not faults.said:
            sink.write(body)
    if not account.records and not faults.said:
        faults.add("it holds no record.")
    faults.tell()
    return account


def uploaded(client: Any, spec: ServerlessSpec, sources: Sources) -> int | None:
    """Render and upload what is not there yet; return the records for training, None where all was there.

    Raises:
        DataError: as of ``counted``; then nothing is uploaded.
        RequestRefused: we may not read or write it.
        Unavailable: AWS cannot answer now.
    """
    if exists(client, sources.train_uri):  # it is written last, so the rest is there too, and all of it was checked
        return None
    with TemporaryDirectory(prefix="serverless-data-") as folder:
        train, validation = Path(folder, TRAIN), Path(folder, VALIDATION)
        with train.open("wb") as sink:
            account = counted(client, sources.train, spec.technique, sink)
        if sources.validation is not None and sources.validation_uri is not None:
            with validation.open("wb") as sink:
                counted(client, sources.validation, spec.technique, sink)
            upload(client, validation, sources.validation_uri, spec.output_kms_key_id)
        upload(client, train, sources.train_uri, spec.output_kms_key_id)
    return account.records


def record_of(example: Any, technique: Technique) -> dict[str, Any]:
    """Return the record of a canonical example.

    Raises:
        BadRecord: says the rule that it breaks.
    """
    turns = turns_of(example)
    asked = turns[1:] if turns[0].role == "system" else turns
    wanted = [("user", "assistant")[number % 2] for number in range(len(asked))]
    if not asked or [turn.role for turn in asked] != wanted:
        raise BadRecord("after one system message at most, user and assistant must alternate, and the user begins")
    if asked[-1].role != "assistant":
        raise BadRecord("the last message must be the assistant's: it is what the model is held against")
    return _FORMS[technique](turns, beside_messages(example))


def _messages(turns: Sequence[Turn]) -> list[dict[str, str]]:
    return [turn._asdict() for turn in turns]


def _supervised(turns: Sequence[Turn], more: dict[str, Any]) -> dict[str, Any]:
    _nothing(more)
    return {"messages": _messages(turns)}


def _preference(turns: Sequence[Turn], more: dict[str, Any]) -> dict[str, Any]:
    worse = more.pop(REJECTED, None)
    _nothing(more)
    if not isinstance(worse, str) or not worse.strip():
        raise BadRecord(f"{REJECTED} must stand beside messages: the worse answer, a text that is not empty")
    if worse == turns[-1].content:
        raise BadRecord(f"{REJECTED} is the same as the answer, so that there is nothing to prefer")
    return {"chosen": _messages(turns), "rejected": _messages([*turns[:-1], Turn("assistant", worse)])}


def _rewarded(turns: Sequence[Turn], more: dict[str, Any]) -> dict[str, Any]:
    return _with_truth(turns, more, "rule")


def _judged(turns: Sequence[Turn], more: dict[str, Any]) -> dict[str, Any]:
    return _with_truth(turns, more, "llmj")


def _with_truth(turns: Sequence[Turn], more: Mapping[str, Any], style: str) -> dict[str, Any]:
    """Return the prompt, and what is right for whoever says how good an answer is, with what stands beside it."""
    if taken := sorted({"prompt", "reward_model"} & set(more)):
        raise BadRecord(f"beside messages it holds {', '.join(taken)}, which are made from the messages")
    truth = {"style": style, "ground_truth": turns[-1].content}
    return {"prompt": _messages(turns[:-1]), "reward_model": truth, **more}


def _nothing(more: Mapping[str, Any]) -> None:
    if more:
        raise BadRecord(f"beside messages it holds {', '.join(sorted(more))}, for which this technique has no place")


_FORMS: Mapping[Technique, _Form] = {"sft": _supervised, "dpo": _preference, "rlvr": _rewarded, "rlaif": _judged}
