"""The project's own task: an order as somebody typed it -> JSON with its five fields. All names are invented.

``python -m demo.orders`` writes ``include/golden/orders.jsonl`` again, byte for byte; ``demo.raw_orders`` writes what
the shop has.
"""

from __future__ import annotations

import argparse
import datetime
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from typing import Any

FIELDS = ("customer", "sku", "qty", "due", "express")
TRAIN_SEED, TRAIN_ROWS = 1, 1000
GOLDEN_SEED, GOLDEN_ROWS = 7, 300
ROOT = Path(__file__).resolve().parents[1]
GOLDEN_FILE = ROOT / "include/golden/orders.jsonl"

_FIRST = (
    "Al", "Be", "Cor", "Da", "El", "Fen", "Gri", "Hol", "In", "Jar", "Kel", "Lo", "Mar", "Ner", "Os", "Pel", "Qua",
    "Ros", "Sel", "Tor", "Ul", "Ver", "Wil", "Yar", "Zan",
)  # fmt: skip
_MIDDLE = ("ba", "den", "fi", "ga", "lo", "mi", "no", "ra", "so", "ti", "va", "")
_LAST = ("dan", "gard", "kin", "lund", "mer", "nik", "ris", "son", "tor", "vik", "wen", "zel")
_FIRMS = ("Trading", "Works", "Supply", "Foods", "Tools", "Labs", "Motors", "Papers", "Glass", "Farms")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_WORDS = {
    2: "two",
    3: "three",
    4: "four",
    5: "five",
    6: "six",
    7: "seven",
    8: "eight",
    9: "nine",
    10: "ten",
    12: "twelve",
}
_THINGS = ("pieces", "units", "boxes", "pcs", "items", "cartons")
_URGENT = ("express please", "this is urgent", "rush delivery", "send it fast", "top priority")
_CALM = ("no rush", "standard delivery is fine", "normal shipping", "not urgent", *[""] * 6)
_ASIDES = ("Our ref is {n}.", "Phone {n}.", "Invoice as usual.", "Same address.")


def _customer(rng: Random) -> str:
    name = rng.choice(_FIRST) + rng.choice(_MIDDLE) + rng.choice(_LAST)
    if rng.random() < 0.6:
        return f"{name} {rng.choice(_FIRMS)}"
    return f"{rng.choice(_FIRST)}{rng.choice(_LAST)} {name}"


def _sku(rng: Random) -> str:
    letters = "".join(rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(2))
    return f"{letters}-{rng.randint(100, 999)}"


def _quantity(rng: Random) -> tuple[str, int]:
    if rng.random() < 0.15:
        count = rng.choice(sorted(_WORDS))
        return _WORDS[count], count
    count = rng.choice((rng.randint(1, 20), rng.randint(1, 200), rng.randint(1, 999)))
    return str(count), count


def _due(rng: Random) -> tuple[str, str]:
    day = datetime.date(2026, 1, 1) + datetime.timedelta(days=rng.randrange(730))
    month = _MONTHS[day.month - 1]
    forms = (day.isoformat(), f"{day.day} {month} {day.year}", f"{month} {day.day}, {day.year}")
    return rng.choice(forms), day.isoformat()


def _body(rng: Random, customer: str, sku: str, count: str, due: str) -> str:
    thing = rng.choice(_THINGS)
    forms = (
        f"{customer} would like {count} {thing} of {sku} by {due}",
        f"Please send {count} {thing} of {sku} to {customer} before {due}",
        f"Hello, {customer} here. We need {count} x {sku}, delivery {due}",
        f"Order for {customer}: {sku}, {count} {thing}, due {due}",
        f"New order - item {sku}, quantity {count}, customer {customer}, date {due}",
        f"Can you ship {sku} ({count} {thing}) to {customer} for {due}?",
        f"By {due} we want {count} of {sku}. {customer}",
        f"This is {customer}. Another {count} {thing} of {sku} please, latest {due}",
        f"{count} {sku} for {customer}, needed on {due}",
        f"{customer} asks for {sku}. Amount: {count}. Deliver on {due}",
        f"Put {customer} down for {count} {thing}, article {sku}, to arrive {due}",
        f"We are out of {sku}! {count} {thing} to {customer} until {due}",
    )
    return rng.choice(forms)


def order(rng: Random) -> tuple[str, dict[str, Any]]:
    """Returns one order: its text and its fields."""
    customer, sku, (count, qty), (written, due) = _customer(rng), _sku(rng), _quantity(rng), _due(rng)
    express = rng.random() < 0.4
    speed = rng.choice(_URGENT if express else _CALM)
    parts = [_body(rng, customer, sku, count, written)]
    if speed:
        parts.insert(rng.choice((0, 1, 1)), speed[0].upper() + speed[1:])
    if rng.random() < 0.15:
        parts.insert(rng.choice((0, len(parts))), rng.choice(_ASIDES).format(n=rng.randint(100, 9999)))
    text = " ".join(part if part[-1] in ".?!" else part + rng.choice((".", ".", "!")) for part in parts)
    return text, {"customer": customer, "sku": sku, "qty": qty, "due": due, "express": express}


def records(seed: int, rows: int) -> Iterator[dict[str, str]]:
    """Yields raw records as a shop has them: id, when and how received, the text, and its fields as JSON text."""
    rng, seen = Random(f"orders:{seed}"), set[str]()
    received = datetime.datetime(2026, 9, 1, 8, 0, tzinfo=datetime.UTC)
    while len(seen) < rows:
        text, fields = order(rng)
        if text in seen:
            continue
        seen.add(text)
        received += datetime.timedelta(minutes=rng.randint(1, 60))
        yield {
            "id": f"order-{seed}-{len(seen):06d}",
            "received": received.isoformat(),
            "channel": rng.choice(("email", "chat", "phone note")),
            "text": text,
            "json": json.dumps(fields),
        }


def chat_lines(raw: Iterable[dict[str, str]]) -> Iterator[dict[str, str]]:
    """Yields what a trainer reads: prompt and completion."""
    for record in raw:
        yield {"id": record["id"], "prompt": record["text"], "completion": record["json"]}


def exact_match(answers: Iterable[str], wanted: Iterable[str]) -> float:
    """Returns the share of answers that are JSON with exactly the wanted fields and values."""
    pairs = list(zip(answers, wanted, strict=True))
    right = sum(bool(_parsed(answer) == json.loads(want)) for answer, want in pairs)
    return right / len(pairs)


def _parsed(answer: str) -> object:
    try:
        return json.loads(answer)
    except ValueError:
        return None


def write(path: Path, rows: Iterable[dict[str, str]]) -> None:
    """Writes JSON Lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def read(path: Path) -> list[dict[str, str]]:
    """Returns the rows of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def main() -> None:
    """Writes the project's golden set, or training data of any seed and size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="write clean training data there instead, prompt and completion")
    parser.add_argument("--rows", type=int, default=TRAIN_ROWS)
    parser.add_argument("--seed", type=int, default=TRAIN_SEED)
    options = parser.parse_args()
    if options.out:
        write(options.out, chat_lines(records(options.seed, options.rows)))
        return
    write(GOLDEN_FILE, chat_lines(records(GOLDEN_SEED, GOLDEN_ROWS)))


if __name__ == "__main__":
    main()
