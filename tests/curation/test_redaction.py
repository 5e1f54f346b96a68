"""What has the look of an e-mail address, a phone number or a card is masked, and little else."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_finetune.curation.redaction import KINDS, Redactor
from airflow_finetune.curation.redaction.looks import is_card, passes_luhn


def masked(text: str) -> str:
    return Redactor().redact(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to ann.lee+x@mail.example.com.", "write to [EMAIL]."),
        ("<a@b.de>,c@d.org", "<[EMAIL]>,[EMAIL]"),
        ("jos\u00e9@ex\u00e4mple.es", "[EMAIL]"),
        ("4111 1111 1111 1111", "[CARD]"),
        ("4111-1111-1111-1111 12/27 123", "[CARD] 12/27 123"),
        ("4111 1111 1111 1111 123", "[CARD] 123"),
        ("card:378282246310005.", "card:[CARD]."),
        ("pay with 6011111111111117,5555555555554444", "pay with [CARD],[CARD]"),
        ("call +1 (555) 123-4567 ext. 22 now", "call [PHONE] now"),
        ("555-123-4567 or 555.123.4567", "[PHONE] or [PHONE]"),
        ("(020) 7946 0958", "[PHONE]"),
        ("+33 6 12 34 56 78", "[PHONE]"),
        ("my number is 123 4567", "my number is [PHONE]"),
        ("tel:+15551234567", "tel:[PHONE]"),
        ("5551234567x12 is my office", "[PHONE] is my office"),
        ("555-123-4567 2 people", "[PHONE] 2 people"),
    ],
)
def test_personal_data_is_masked(text: str, expected: str) -> None:
    assert masked(text) == expected
    assert masked(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("2026-08-23 10:30", "23/08/2026 at 19:30", "2018/05/11", "1999-2004", "from 2024 - 2026"),
        *("4111 1111 1111 1112", "order 1234567812345678", "0.4539578763621486", "pi is 3.141592653589793"),
        *("2400 - 1800 = 600", "$1,000,000.50", "<<6400/1600=4>>", "1700000000000", "a table for 4 at 7 30 pm"),
        *("me@home", "@handle", "a @ b.c", "1.2.3.4", "192.168.100.200", "10 20 30 40 50", "ISBN 978-3-16-148410-0"),
        *("https://example.com/orders/12345678901", "", "1 000 000 records", "the number of stars is 3000 3000"),
    ],
)
def test_other_numbers_are_left_alone(text: str) -> None:
    assert masked(text) == text


def test_json_stays_json() -> None:
    completion = json.dumps({"card": 4111111111111111, "mail": "a@b.de", "n": 12, "ok": True, "list": [None, 1.5]})
    told = json.loads(masked(completion))
    assert told == {"card": "[CARD]", "mail": "[EMAIL]", "n": 12, "ok": True, "list": [None, 1.5]}
    assert masked('{"mail": "a\\u0040b.de"}') == '{"mail": "[EMAIL]"}'
    assert masked('{"a@b.de": 1}') == '{"[EMAIL]": 1}'
    assert masked('{"text": "\\u00e9 is kept as it was"}') == '{"text": "\\u00e9 is kept as it was"}'
    assert masked("{broken a@b.de") == "{broken [EMAIL]"


def test_what_is_masked_is_counted_once_and_kinds_can_be_chosen() -> None:
    redactor = Redactor(["email"])
    assert redactor.redact("a@b.de 4111111111111111 [EMAIL]") == "[EMAIL] 4111111111111111 [EMAIL]"
    assert redactor.redact('{"x": "c@d.org"}') == '{"x": "[EMAIL]"}'
    assert redactor.counts == Counter(email=2)
    assert Redactor([]).redact("a@b.de +15551234567") == "a@b.de +15551234567"


def test_the_check_digit_is_luhns() -> None:
    assert passes_luhn("79927398713")
    assert not any(passes_luhn(f"7992739871{digit}") for digit in "012456789")
    assert is_card("30569309025904")
    assert not is_card("9999999999999995")  # passes Luhn, but no issuer begins with 9


@given(st.text(alphabet="0123456789 -+()x@.a/,:\u20ac{}[]\"'\\u\n", max_size=200))
def test_masking_ends_and_masking_twice_changes_nothing(text: str) -> None:
    once = masked(text)
    assert masked(once) == once


@given(
    st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,5})?@[a-z]{1,10}\.(com|org|de)", fullmatch=True),
    st.text(" ,;:\n()", max_size=3),
)
def test_no_address_survives_between_marks(address: str, mark: str) -> None:
    assert address not in masked(f"say{mark or ' '}{address}{mark}")


@pytest.mark.parametrize(
    "piece", ["a.", "1 ", "4 ", "a@", "b.", "(", "0-", "call ", "1-2 ", "99 ", "+", "{", "[1,", "4111 1111 1111 1112 "]
)
def test_the_time_grows_with_the_length_and_not_with_its_square(piece: str) -> None:
    """Eight times the text takes about eight times the calls; a square would take 64 times."""
    import sys

    def steps(size: int) -> int:
        count = 0

        def count_line(*_: object) -> None:
            nonlocal count
            count += 1

        sys.setprofile(count_line)
        try:
            masked("x@y " + piece * size + "1234567 @")
        finally:
            sys.setprofile(None)
        return count

    assert steps(1600) <= 20 * max(steps(200), 10)


ENTITIES = {"email": "EMAIL_ADDRESS", "card": "CREDIT_CARD", "phone": "PHONE_NUMBER"}


def test_recall_on_labelled_data_is_as_documented(real: Callable[[str], Path]) -> None:
    texts = json.loads(real("pii/synth_dataset_v2.json").read_text())
    found, present, false_alarms = Counter[str](), Counter[str](), Counter[str]()
    for text in texts:
        redactor = Redactor()
        shown = redactor.redact(text["full_text"])
        for kind in KINDS:
            labelled = [span["entity_value"] for span in text["spans"] if span["entity_type"] == ENTITIES[kind]]
            present[kind] += len(labelled)
            found[kind] += sum(value not in shown for value in labelled)
            false_alarms[kind] += max(0, redactor.counts[kind] - len(labelled))
    assert present == {"email": 49, "card": 136, "phone": 92}
    assert found["email"] == 49
    assert found["card"] == 136
    assert found["phone"] >= 91
    # An IBAN and a driving licence whose digits pass as a card.
    assert false_alarms == {"email": 0, "phone": 0, "card": 2}


def test_texts_without_personal_data_raise_no_alarm(real: Callable[[str], Path]) -> None:
    with real("banking77/train.csv").open(newline="") as stream:
        texts = [row["text"] for row in csv.DictReader(stream)]
    texts += [record["userInput"]["text"] for record in json.loads(real("restaurant8k/train.json").read_text())]
    texts += [json.loads(line)["answer"] for line in real("gsm8k/train.jsonl").read_text().splitlines()]
    redactor = Redactor()
    for text in texts:
        redactor.redact(text)
    assert len(texts) > 25_000
    assert not redactor.counts
