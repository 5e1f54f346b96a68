"""The base mixture, version 3: small text tasks with keys and values drawn at random, so that a tuned task is new.

Row ``i`` of seed ``s`` is a pure function of ``(s, i)``. No row asks for the fields of the project's own task (orders),
and no row has its form: there the keys are never named in the prompt, here they always are.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

from . import words

Row = tuple[str, str]
Value = str | int | bool | None

KEYS = words.listed(
    """
    name person guest who author code ref label ticket number count people size price weight date day start end time
    hour place city from to room colour topic status kind type title note first_name last_name start_time file page
    open paid team model brand reason unit phone
    """
)
FORBIDDEN = ("customer", "sku", "qty", "due", "express")
"""Keys of the project's own task: the base must not have seen them."""


def key(rng: Random) -> str:
    """Returns a key: invented, everyday, or two words with an underscore; never one of the project's own task."""
    draw = rng.random()
    if draw < 0.45:
        return rng.choice(KEYS)
    first = words.any_word(rng)
    made = f"{first}_{words.any_word(rng)}" if draw < 0.55 else first
    return "item" if made in FORBIDDEN else made


def value(rng: Random, *, plain: bool = False) -> Value:
    """Returns a value: text of some kind, or (unless ``plain``) sometimes a number."""
    draw = rng.random()
    if draw < 0.2 and not plain:
        return int(words.number(rng))
    makers: tuple[Callable[[Random], str], ...] = (
        words.person, words.code, words.phrase, words.any_word, words.clock, lambda r: words.date(r)[0],
    )  # fmt: skip
    return rng.choices(makers, (5, 4, 4, 3, 1, 2))[0](rng)


def distinct_keys(rng: Random, count: int) -> list[str]:
    """Returns ``count`` different keys."""
    found: list[str] = []
    while len(found) < count:
        made = key(rng)
        if made not in found:
            found.append(made)
    return found


def shown(item: Value) -> str:
    """Returns a value as it stands in running text."""
    return {True: "true", False: "false", None: "null"}[item] if isinstance(item, bool) or item is None else str(item)


def filler(rng: Random, longest: int) -> str:
    """Returns up to ``longest`` everyday words."""
    pool = (words.FILLER, words.FILLER, words.NOUNS, words.VERBS, words.ADJECTIVES)
    return " ".join(rng.choice(rng.choice(pool)) for _ in range(rng.randint(0, longest)))


def clause(rng: Random, name: str, item: Value) -> str:
    """Returns a piece of text that says that ``name`` is ``item``."""
    spoken, text = name.replace("_", " ") if rng.random() < 0.5 else name, shown(item)
    forms = (
        f"{spoken}: {text}", f"{spoken} = {text}", f"the {spoken} is {text}", f"{spoken} {text}",
        f"with {spoken} {text}", f"{text} as {spoken}", f"my {spoken} will be {text}", f"{text} ({spoken})",
        f"{spoken} should be {text}",
    )  # fmt: skip
    return rng.choice(forms)


def ask(rng: Random, keys: list[str], text: str) -> str:
    """Returns a prompt that names the keys and gives the text, in one of a few forms."""
    wanted = ", ".join(keys)
    forms = (f"{wanted}\n{text}", f"find {wanted}: {text}", f"{text}\n{wanted}?", f"json {wanted} | {text}")
    return rng.choice(forms)


def sentence(rng: Random, pieces: list[str], *, loose: bool = False) -> str:
    """Returns the pieces in one running text with filler between them.

    Args:
        rng: the source of chance.
        pieces: what must stand in the text, in order.
        loose: pieces may follow each other with a space only; else a mark shows where each value ends.
    """
    marks = (", ", ", ", ". ", "; ", " - ", "\n")
    joints = (" ", " ", " and ", *marks) if loose else marks
    out = filler(rng, 4)
    for piece in pieces:
        extra = filler(rng, 3) if rng.random() < 0.4 else ""
        extra = extra + (" " if loose else rng.choice(marks)) if extra else ""
        out = (out + rng.choice(joints) if out else "") + extra + piece
    tail = filler(rng, 4) if rng.random() < 0.3 else ""
    out = out + (rng.choice(joints) + tail if tail else "") + rng.choice(("", "", ".", "!", "?"))
    return out[:1].upper() + out[1:] if rng.random() < 0.3 else out


def extract_named(rng: Random, most: int) -> Row:
    """Keys stand beside their values in the text; some are asked for, one may be missing (null)."""
    keys = distinct_keys(rng, rng.randint(1, most) + 1)
    facts: dict[str, Value] = {name: value(rng) for name in keys[:-1]}
    if rng.random() < 0.2:
        facts[keys[0]] = rng.random() < 0.5
    text = sentence(rng, rng.sample([clause(rng, *fact) for fact in facts.items()], len(facts)))
    asked = rng.sample(list(facts), rng.randint(1, len(facts)))
    if rng.random() < 0.15:
        asked.insert(rng.randint(0, len(asked)), keys[-1])
    return ask(rng, asked, text), json.dumps({name: facts.get(name) for name in asked}, ensure_ascii=False)


def _person_fact(rng: Random) -> tuple[str, Value]:
    who = words.person(rng).title()
    return rng.choice((f"for {who}", f"by {who}", f"I am {who}", f"this is {who}", f"{who} asks", f"says {who}")), who


def _code_fact(rng: Random) -> tuple[str, Value]:
    made = words.code(rng)
    return rng.choice((f"about {made}", f"see {made}", f"marked {made}", f"no. {made}", made)), made


def _number_fact(rng: Random) -> tuple[str, Value]:
    if rng.random() < 0.3:
        index = rng.randint(1, 12)
        return f"{words.NUMBER_WORDS[index]} {rng.choice(words.NOUNS)}s", index
    count = int(words.number(rng))
    return rng.choice(
        (f"{count} {rng.choice(words.NOUNS)}s", f"we are {count}", f"{count} of them", f"{count} x")
    ), count


def _date_fact(rng: Random) -> tuple[str, Value]:
    written, iso = words.date(rng)
    return rng.choice((f"on {written}", f"until {written}", f"from {written}", f"not after {written}")), iso


def _time_fact(rng: Random) -> tuple[str, Value]:
    at = words.clock(rng)
    return rng.choice((f"at {at}", f"around {at}", f"{at} sharp")), at


def _day_fact(rng: Random) -> tuple[str, Value]:
    day = rng.choice(words.WEEKDAYS)
    day = day.lower() if rng.random() < 0.5 else day
    return rng.choice((f"on {day}", f"this {day}", f"next {day}", day)), day


def _place_fact(rng: Random) -> tuple[str, Value]:
    place = words.pseudo_word(rng).title()
    return rng.choice((f"in {place}", f"to {place}", f"near {place}")), place


def _flag_fact(rng: Random) -> tuple[str, Value]:
    yes = rng.random() < 0.5
    return (rng.choice(("it is paid", "already paid")) if yes else rng.choice(("not paid", "unpaid so far"))), yes


KINDS: dict[str, tuple[tuple[str, ...], Callable[[Random], tuple[str, Value]]]] = {
    "person": (("name", "who", "person", "guest"), _person_fact),
    "code": (("code", "ref", "label"), _code_fact),
    "number": (("number", "count", "people"), _number_fact),
    "date": (("date", "start", "end"), _date_fact),
    "time": (("time", "hour"), _time_fact),
    "day": (("day", "weekday"), _day_fact),
    "place": (("place", "city"), _place_fact),
    "flag": (("paid",), _flag_fact),
}
"""Kind of value -> the keys that ask for it, and what writes it into a text without its key."""


def extract_typed(rng: Random, most: int) -> Row:
    """Keys say the kind of value; the text does not name them. Dates are asked for as year-month-day."""
    kinds = rng.sample(sorted(KINDS), rng.randint(1, min(most + 1, 5)))
    names = [rng.choice(KINDS[kind][0]) for kind in kinds]
    facts = [KINDS[kind][1](rng) for kind in kinds]
    text = sentence(rng, [fact[0] for fact in facts], loose=True)
    order = rng.sample(range(len(kinds)), rng.randint(1, len(kinds)))
    answer = {names[i]: facts[i][1] for i in order}
    if rng.random() < 0.15 and (missing := [kind for kind in sorted(KINDS) if kind not in kinds]):
        answer[KINDS[rng.choice(missing)][0][0]] = None
    return ask(rng, list(answer), text), json.dumps(answer, ensure_ascii=False)


def look_up(rng: Random, most: int) -> Row:
    """One key of a JSON object is asked for."""
    facts = {name: value(rng) for name in distinct_keys(rng, rng.randint(1, most))}
    name = rng.choice(list(facts))
    return f"{json.dumps(facts, ensure_ascii=False)}\n{name}?", shown(facts[name])


def copy(rng: Random, most: int) -> Row:
    """The text, or the words after or before a given one, come back letter for letter."""
    draw, items = rng.random(), [words.any_word(rng) for _ in range(rng.randint(2, 3 + most * 2))]
    if draw < 0.4:
        text = " ".join(shown(value(rng)) for _ in range(rng.randint(1, 1 + most)))
        return f"{rng.choice(('copy', 'repeat', 'say'))}: {text}", text
    at = rng.randrange(len(items) - 1)
    if items.count(items[at]) > 1 or items.count(items[at + 1]) > 1:
        return f"copy: {items[at]}", items[at]
    text = " ".join(items)
    if draw < 0.8:
        return f"after {items[at]}: {text}", " ".join(items[at + 1 : at + 1 + rng.choice((1, 1))])
    return f"before {items[at + 1]}: {text}", items[at]


def quote(rng: Random, most: int) -> Row:
    """The words between two marks, or between two given words, come back letter for letter."""
    left, inside, right = filler(rng, 6), words.phrase(rng, 2 + most), filler(rng, 6)
    open_, close = rng.choice((('"', '"'), ("(", ")"), ("[", "]"), ("<", ">"), ("*", "*")))
    return f"inside {open_}{close}: {left} {open_}{inside}{close} {right}".strip(), inside


def transform(rng: Random, most: int) -> Row:
    """Upper, lower, first letters, the first or last word, join, reverse, snake case."""
    items = [words.any_word(rng) for _ in range(rng.randint(2, 2 + most))]
    text, joint = " ".join(items), rng.choice("-_/+,")
    forms: tuple[Row, ...] = (
        (f"upper: {items[0]} {items[1]}", f"{items[0]} {items[1]}".upper()),
        (f"lower: {text.title()}", text),
        (f"title: {items[0]} {items[1]}", f"{items[0]} {items[1]}".title()),
        (f"cut to one: {text}", items[0]),
        (f"last: {text}", items[-1]),
        (f"join with {joint}: {text}", joint.join(items)),
        (f"snake: {text}", "_".join(items)),
        (f"reverse: {text}", " ".join(reversed(items))),
    )
    return rng.choice(forms)


def normalise(rng: Random, most: int) -> Row:
    """A date as year-month-day, or a number word as digits."""
    del most
    if rng.random() < 0.25:
        index = rng.randrange(len(words.NUMBER_WORDS))
        return f"digits: {words.NUMBER_WORDS[index]}", str(index)
    written, iso = words.date(rng)
    return f"iso: {written}", iso


def has(rng: Random, most: int) -> Row:
    """Whether a word or value stands in the text."""
    items = [shown(value(rng, plain=True)) for _ in range(rng.randint(2, 2 + most))]
    wanted = rng.choice(items) if rng.random() < 0.5 else shown(value(rng, plain=True))
    text = sentence(rng, items)
    return f"has {wanted}? {text}", "true" if wanted in text else "false"


def label(rng: Random, most: int) -> Row:
    """The one label out of a few whose word stands in the text."""
    labels = rng.sample(words.NOUNS, rng.randint(2, 2 + most))
    right = rng.choice(labels)
    name = {item: f"{item}_{rng.choice(words.VERBS)}" if rng.random() < 0.5 else item for item in labels}
    return f"{' / '.join(name[item] for item in labels)} | {sentence(rng, [right], loose=True)}", name[right]


TASKS: tuple[tuple[Callable[[Random, int], Row], int], ...] = (
    (extract_named, 34), (extract_typed, 26), (look_up, 6), (copy, 10), (quote, 5), (transform, 8), (normalise, 4),
    (has, 3), (label, 4),
)  # fmt: skip
"""Each task with its share in percent."""


def row(seed: int, index: int, most: int = 4) -> Row:
    """Returns row ``index`` of the mixture: prompt and completion.

    Args:
        seed: of the whole mixture.
        index: place in the mixture, from 0.
        most: how many facts a text has at most (the first rows of a training run have fewer).
    """
    rng = Random(f"base-v3:{seed}:{index}")
    task = rng.choices([task for task, _ in TASKS], [share for _, share in TASKS])[0]
    return task(rng, most)
