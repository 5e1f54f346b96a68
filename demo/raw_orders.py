"""Orders as a shop really has them: two systems' exports with everything that curation is for. All of it is invented.

``python -m demo.raw_orders`` writes ``include/datasets/orders/`` again, byte for byte.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from random import Random

from demo import orders

FOLDER = orders.ROOT / "include/datasets/orders"
SHOP, NOTES = "shop.jsonl", "phone_notes.csv"  # what came by e-mail and chat; what somebody wrote down at the phone
SEED = 11
TOLD = {"email": 45, "phone": 35, "card": 12}  # records whose text gives away somebody's data
SPOILT = {
    "broken_line": 6,
    "empty_prompt": 5,
    "empty_completion": 3,
    "missing_value": 8,
    "too_long": 1,
    "in_golden_exact": 7,
    "in_golden_normalised": 4,
    "duplicate": 38,
    "contradiction": 16,
}
"""Reason -> how many records curation must drop for it; a contradiction is two records, and both go."""

_CONTACTS = {
    "email": ("Confirm to {name}@mail.example.com.", "Questions: {name}@post.example.org."),
    "phone": ("Call me on +44 20 7946 0{n} if it is late.", "My number is (020) 7946 0{n}."),
    "card": ("Charge 4111 1111 1111 1111.", "Card 5555 5555 5555 4444 as before."),
}
_THREAD = "> Below is what we agreed on last time, and the time before that.\n"

Row = dict[str, str | None]


def rows() -> list[Row]:
    """Return all records but the broken lines, in the order of their arrival."""
    rng = Random(f"raw orders:{SEED}")
    clean: list[Row] = [dict(row) for row in orders.records(orders.TRAIN_SEED, orders.TRAIN_ROWS)]
    again, telling = rng.sample(clean, SPOILT["duplicate"]), sum(TOLD.values())
    once = rng.sample([row for row in clean if row not in again], telling)
    spoilt = [*(dict(row) for row in again), *_contradictory(rng), *_of_the_golden_set(rng), *_unusable(rng)]
    for kind, row in zip([kind for kind, count in TOLD.items() for _ in range(count)], once, strict=True):
        row["text"] = f"{row['text']} {_contact(rng, kind, row)}"
    for row in spoilt:
        after = rng.randrange(len(clean))
        clean.insert(after + 1, {**row, "received": clean[after]["received"]})
    return [{**row, "id": f"order-{number:06d}"} for number, row in enumerate(clean, 1)]


def shop(of: list[Row]) -> str:
    """Return the shop's export: JSON Lines, some of them cut off."""
    rng = Random(f"broken:{SEED}")
    lines = [json.dumps(row) for row in of if row["channel"] != "phone note"]
    for _ in range(SPOILT["broken_line"]):
        at = rng.randrange(len(lines))
        lines.insert(at, lines[at][: rng.randint(40, 90)])
    return "".join(f"{line}\n" for line in lines)


def notes(of: list[Row]) -> str:
    """Return the notes' export: CSV, without the channel and with whoever was at the desk."""
    out = io.StringIO()
    writer = csv.DictWriter(out, ["id", "received", "desk", "text", "json"], lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for row in of:
        if row["channel"] == "phone note":
            writer.writerow({**row, "desk": f"desk {int(str(row['id'])[-1]) % 4 + 1}"})
    return out.getvalue()


def _contact(rng: Random, kind: str, row: Row) -> str:
    name = json.loads(row["json"] or "")["customer"].split()[0].lower()
    return rng.choice(_CONTACTS[kind]).format(name=name, n=rng.randint(100, 999))


def _row(rng: Random, text: str, said: str | None, channels: tuple[str, ...] = ("email", "chat", "phone note")) -> Row:
    return {"id": "", "received": "", "channel": rng.choice(channels), "text": text, "json": said}


def _contradictory(rng: Random) -> Iterator[Row]:
    """Yield pairs: one text that two people filled in differently."""
    for _ in range(SPOILT["contradiction"] // 2):
        text, fields = orders.order(rng)
        for quantity in (fields["qty"], fields["qty"] + 1):
            yield _row(rng, text, json.dumps({**fields, "qty": quantity}))


def _of_the_golden_set(rng: Random) -> Iterator[Row]:
    """Yield what models are judged on, and must not have seen: to the letter, and all but."""
    exact, leaked = SPOILT["in_golden_exact"], SPOILT["in_golden_exact"] + SPOILT["in_golden_normalised"]
    for number, row in enumerate(rng.sample(orders.read(orders.GOLDEN_FILE), leaked)):
        text = row["prompt"]
        yield _row(rng, text if number < exact else text.upper().replace(" ", "  "), row["completion"])


def _unusable(rng: Random) -> Iterator[Row]:
    """Yield what nobody can learn from."""
    for _ in range(SPOILT["empty_prompt"]):
        yield _row(rng, rng.choice(("", "   ")), json.dumps(orders.order(rng)[1]))
    for _ in range(SPOILT["empty_completion"]):
        yield _row(rng, orders.order(rng)[0], "", ("phone note",))
    for _ in range(SPOILT["missing_value"]):  # nobody has filled it in yet; CSV cannot say that
        yield _row(rng, orders.order(rng)[0], None, ("email", "chat"))
    for _ in range(SPOILT["too_long"]):
        text, fields = orders.order(rng)
        yield _row(rng, f"{text}\n{_THREAD * 500}", json.dumps(fields), ("email",))


def main() -> None:
    """Write both files."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    made = rows()
    (FOLDER / SHOP).write_text(shop(made))
    (FOLDER / NOTES).write_text(notes(made))


if __name__ == "__main__":
    main()
