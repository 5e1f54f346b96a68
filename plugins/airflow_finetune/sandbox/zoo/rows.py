"""Turns records into token ids and labels, and puts them into batches; for models of any folder, not ours alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch

IGNORED = -100
BUCKET_BATCHES = 16
"""Batches that are filled together, sorted by length: little padding, and still a random order."""


@dataclass(frozen=True)
class Row:
    """One record as the model sees it.

    Attributes:
        ids: token ids.
        labels: the same, with ``IGNORED`` where nothing is learnt: what the user and the system say.
    """

    ids: list[int]
    labels: list[int]


def load(folder: str) -> tuple[Any, Any]:
    """Returns model and tokenizer of a folder: safetensors only, no code of its own, fp32."""
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as transformers_log

    transformers_log.disable_progress_bar()  # a bar is noise in a log that is read by lines
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, trust_remote_code=False, use_safetensors=True, local_files_only=True
    )
    return model, tokenizer


def context_of(model: Any) -> int:
    """Returns how many tokens the model can look at."""
    return int(getattr(model.config, "max_position_embeddings", 2048))


def prompt_ids(tokenizer: Any, messages: Sequence[Mapping[str, str]]) -> list[int]:
    """Returns the ids of a conversation that the assistant shall go on with."""
    text = tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
    return list(tokenizer(str(text), add_special_tokens=False)["input_ids"])


def chat_row(tokenizer: Any, messages: Sequence[Mapping[str, str]], context: int) -> Row:
    """Returns a conversation whose assistant's turns are learnt; what is too long loses its beginning."""
    ids, labels = list[int](), list[int]()
    done = ""
    for number, message in enumerate(messages, start=1):
        text = str(tokenizer.apply_chat_template(list(messages[:number]), tokenize=False))
        piece = list(tokenizer(text[len(done) :], add_special_tokens=False)["input_ids"])
        ids += piece
        labels += piece if message["role"] == "assistant" else [IGNORED] * len(piece)
        done = text
    return Row(ids[-context:], labels[-context:])


def text_rows(tokenizer: Any, text: str, context: int) -> Iterator[Row]:
    """Yields raw text in pieces that fit; every token is learnt."""
    ends = [tokenizer.bos_token_id], [tokenizer.eos_token_id]
    ids = [*ends[0], *tokenizer(text, add_special_tokens=False)["input_ids"], *ends[1]]
    ids = [token for token in ids if token is not None]
    for start in range(0, len(ids), context):
        yield Row(ids[start : start + context], ids[start : start + context])


def read(path: Path, tokenizer: Any, context: int) -> list[Row]:
    """Returns the rows of a file of ``{"messages": [...]}`` or ``{"text": ...}``."""
    rows: list[Row] = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            if "text" in record:
                rows += text_rows(tokenizer, record["text"], context)
            else:
                rows.append(chat_row(tokenizer, record["messages"], context))
    return rows


def pad(rows: Sequence[Row], token: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Returns ids, mask and labels of shape (rows, longest), padded on the right."""
    longest = max(len(row.ids) for row in rows)
    ids = torch.tensor([row.ids + [token] * (longest - len(row.ids)) for row in rows])
    mask = torch.tensor([[1] * len(row.ids) + [0] * (longest - len(row.ids)) for row in rows])
    labels = torch.tensor([row.labels + [IGNORED] * (longest - len(row.labels)) for row in rows])
    return ids, mask, labels


def batches(rows: Sequence[Row], size: int, seed: int) -> Iterator[tuple[int, list[Row]]]:
    """Yields (epoch, batch) without end; an epoch holds each row once."""
    epoch = 0
    while True:
        rng = Random(f"order:{seed}:{epoch}")
        order = list(range(len(rows)))
        rng.shuffle(order)
        made = []
        for start in range(0, len(order), size * BUCKET_BATCHES):
            bucket = sorted(order[start : start + size * BUCKET_BATCHES], key=lambda index: len(rows[index].ids))
            made += [bucket[at : at + size] for at in range(0, len(bucket), size)]
        rng.shuffle(made)
        for batch in made:
            yield epoch, [rows[index] for index in batch]
        epoch += 1
