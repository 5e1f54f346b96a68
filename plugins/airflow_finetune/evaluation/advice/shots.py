"""Chooses the examples of a few-shot prompt: from the training data alone, the same ones every time."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from heapq import nsmallest
from typing import NamedTuple

from airflow_finetune.curation.canonical import Chat, Message, keys, line
from airflow_finetune.curation.mapping import already_canonical
from airflow_finetune.curation.records import Dropped
from airflow_finetune.evaluation.golden import GoldenItem, GoldenSet

POOL = 1024
"""Examples that the choice is made from; which ones is drawn by the seed, so a larger dataset needs no more memory."""


class _Candidate(NamedTuple):
    rank: bytes
    turns: Chat
    prompt: bytes
    completion: bytes
    bytes: int


@dataclass
class Shots:
    """What was chosen, and what was not.

    Attributes:
        chats: each ends with the assistant's turn and has no system text; the shortest first.
        overlapping: examples that ask what a golden item asks.
        too_long: of the others, those that are longer than is taken.
        unusable: lines that are no chat in which user and assistant alternate.
    """

    chats: tuple[Chat, ...] = ()
    overlapping: int = 0
    too_long: int = 0
    unusable: int = 0


def chosen(lines: Iterable[bytes], golden: GoldenSet, count: int, seed: int, most_bytes: int) -> Shots:
    """Return examples of all lengths, with as many different completions as there are.

    A sample that the seed draws is sorted by length and cut into as many parts as examples are wanted; each part gives
    one, whose completion is not among those before it where that can be. Neither the order of the lines nor a repeated
    line changes the choice.

    Args:
        lines: of the training data, JSON Lines.
        golden: what is asked; an example with the prompt of any of its items is left out.
        count: examples that are wanted; fewer where there are not so many.
        seed: of the draw.
        most_bytes: the longest example, in bytes of UTF-8.
    """
    found, asked = Shots(), frozenset(_prompt(item) for item in golden.items)
    drawn = nsmallest(POOL, _candidates(lines, asked, found, seed, most_bytes), key=lambda each: each.rank)
    single = {each.prompt: each for each in reversed(drawn)}
    ordered = sorted(single.values(), key=lambda each: (each.bytes, each.rank))
    parts, taken = min(count, len(ordered)), dict[bytes, Chat]()
    chats = []
    for number in range(parts):
        part = ordered[number * len(ordered) // parts : (number + 1) * len(ordered) // parts]
        part.sort(key=lambda each: (each.completion in taken, each.rank))
        taken[part[0].completion] = part[0].turns
        chats.append(part[0].turns)
    found.chats = tuple(chats)
    return found


def sampled(golden: GoldenSet, most: int | None, seed: int) -> tuple[GoldenItem, ...]:
    """Return the items that are asked, in the order of the file: all, or so many that the seed draws."""
    if most is None or most >= len(golden.items):
        return golden.items
    kept = nsmallest(most, golden.items, key=lambda item: _rank(seed, _prompt(item)))
    return tuple(sorted(kept, key=lambda item: item.line))


def _candidates(
    lines: Iterable[bytes], asked: Collection[bytes], found: Shots, seed: int, most_bytes: int
) -> Iterator[_Candidate]:
    for text in lines:
        turns = _turns(text) if text.strip() else None
        if turns is None:
            found.unusable += bool(text.strip())
            continue
        told = keys(turns, text)
        size = sum(len(turn.content.encode("utf-8", "replace")) for turn in turns)
        if told.prompt in asked:
            found.overlapping += 1
        elif size > most_bytes:
            found.too_long += 1
        else:
            yield _Candidate(_rank(seed, line(turns)), turns, told.prompt, told.completion, size)


def _turns(text: bytes) -> Chat | None:
    """Return a line's turns without system texts; None where it is no chat that a model could be shown."""
    try:
        values = json.loads(text)
        turns = already_canonical(values) if isinstance(values, dict) else None
        line(turns or ())
    except (ValueError, RecursionError, Dropped):  # what is no UTF-8 is a ValueError too
        return None
    turns = tuple(turn for turn in turns or () if turn.role != "system")
    roles = [turn.role for turn in turns]
    return turns if roles and roles == ["user", "assistant"] * (len(roles) // 2) else None


def _prompt(item: GoldenItem) -> bytes:
    return keys((*item.messages, Message("assistant", item.target)), b"").prompt


def _rank(seed: int, what: bytes) -> bytes:
    return blake2b(what, digest_size=16, salt=seed.to_bytes(16, "big", signed=True)).digest()
