"""Brings the data of a serverless job in, checks each record, and writes the rows that are trained on."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..transfer import channels, outputs
from . import forms


def bring(s3: Any, request: Mapping[str, Any], ml: Path, task: str, cancelled: threading.Event) -> dict[str, list[str]]:
    """Bring all channels below ``input/``, and return the names of their rows' files by channel.

    Raises:
        TransferError: one cannot be read, or a record is not of the technique's form.
        Cancelled: the job was stopped.
    """
    names: dict[str, list[str]] = {}
    for channel in request.get("InputDataConfig", []):
        name = channel["ChannelName"]
        folder = ml / "input" / "data" / name
        channels.download_channel(s3, channel, folder, cancelled)
        names[name] = [f"input/{name}.jsonl"]
        lay_out(folder, ml / names[name][0], task, cancelled)
    return names


def lay_out(folder: Path, target: Path, task: str, cancelled: threading.Event) -> None:
    """Write the rows of a channel into one file.

    Raises:
        TransferError: a record is not of the technique's form, or there is none.
        Cancelled: the job was stopped.
    """
    count = 0
    with target.open("w", encoding="utf-8") as file:
        for row in _rows(folder, task, cancelled):
            file.write(json.dumps(row) + "\n")
            count += 1
    if not count:
        raise channels.TransferError(f"ClientError: Dataset validation failed:{folder.name} holds no record")


def _rows(folder: Path, task: str, cancelled: threading.Event) -> Iterator[forms.Row]:
    """Yield the rows of all files of a channel.

    Raises:
        TransferError: a record is not of the technique's form.
        Cancelled: the job was stopped.
    """
    for path, name in outputs.files_in(folder):
        with path.open(encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, 1):
                if cancelled.is_set():
                    raise channels.Cancelled
                if not line.strip():
                    continue
                try:
                    yield forms.parse(task, line)
                except forms.BadRecord as error:
                    said = f"ClientError: Dataset validation failed:{name}, line {number}: {error}"
                    raise channels.TransferError(said) from None
