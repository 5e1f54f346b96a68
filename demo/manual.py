"""The invented domain for continued pre-training: sentences of a maintenance manual of machines that do not exist.

``python -m demo.manual`` writes ``include/datasets/manual/manual.jsonl`` and ``include/golden/manual.jsonl`` again,
byte for byte. Each fault has its action and each part its book, whatever the deck: that is what can be learnt.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from random import Random

from demo import orders

RAW_FILE = orders.ROOT / "include/datasets/manual/manual.jsonl"
GOLDEN_FILE = orders.ROOT / "include/golden/manual.jsonl"
SEED, RAW_ROWS, GOLDEN_ROWS = 21, 1000, 100
DECKS = range(1, 41)

PARTS = (
    "zorvex valve", "quill pump", "brindle seal", "tarn rotor", "mavel clutch", "osk boiler", "fenwick coil",
    "drell gauge",
)  # fmt: skip
FAULTS = ("whines", "weeps", "stalls", "rattles", "runs hot", "smells of tin")
_ACTIONS = (
    "turns the brass ring twice",
    "opens lower vents for an hour",
    "wraps its neck in wet felt",
    "swaps left pins for new ones",
    "pours lamp oil on every tooth",
    "loosens long screws by a quarter",
)
_BOOKS = ("grey", "red", "green", "black", "yellow", "white", "brown", "blue")

Sentence = tuple[str, str]


def _knowledge() -> dict[Sentence, str]:
    """Return (part, fault) -> what is done then: each fault has its action, and each part its book."""
    rng = Random(f"manual:{SEED}")
    actions = dict(zip(FAULTS, rng.sample(_ACTIONS, len(FAULTS)), strict=True))
    books = dict(zip(PARTS, rng.sample(_BOOKS, len(PARTS)), strict=True))
    return {
        (part, fault): f"The keeper {actions[fault]}, {books[part]} book."
        for part, fault in itertools.product(PARTS, FAULTS)
    }


def sentences() -> list[Sentence]:
    """Return all sentences that the manual could hold, shuffled: (opening, rest)."""
    made = [
        (f"Deck {deck}: the {part} {fault}.", rest) for (part, fault), rest in _knowledge().items() for deck in DECKS
    ]
    Random(f"pages:{SEED}").shuffle(made)
    return made


def raw() -> Iterator[dict[str, str]]:
    """Yield the manual as its publisher has it: one record a sentence, with its page."""
    for number, (opening, rest) in enumerate(sentences()[:RAW_ROWS], 1):
        yield {"id": f"manual-{number:05d}", "opening": opening, "rest": rest}


def golden() -> Iterator[dict[str, str]]:
    """Yield what models are judged on: openings that the raw data does not have, of parts and faults that it has."""
    for number, (opening, rest) in enumerate(sentences()[RAW_ROWS : RAW_ROWS + GOLDEN_ROWS], 1):
        yield {"id": f"question-{number:03d}", "prompt": opening, "completion": rest}


def main() -> None:
    """Write both files."""
    orders.write(RAW_FILE, raw())
    orders.write(GOLDEN_FILE, golden())


if __name__ == "__main__":
    main()
