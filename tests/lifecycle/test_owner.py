"""Everything that is created says whose it is and until when."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from airflow_finetune.lifecycle.claim import Claim
from airflow_finetune.lifecycle.owner import PREFIX, Owner, all_tags, owner_tags, spec_digest, tag_value

CLAIM = Claim("prod", "orders", "scheduled__2026-11-20T00:00:00+00:00", "fine_tune", -1, 0)
OWNER = Owner(CLAIM, "abc", "job", datetime(2026, 11, 20, 12, tzinfo=UTC))


def test_the_tags_say_owner_lifecycle_lease_and_spec():
    assert owner_tags(OWNER) == {
        f"{PREFIX}owner": CLAIM.key,
        f"{PREFIX}deployment": "prod",
        f"{PREFIX}dag": "orders",
        f"{PREFIX}run": "scheduled__2026-11-20T00:00:00+00:00",
        f"{PREFIX}task": "fine_tune",
        f"{PREFIX}map-index": "-1",
        f"{PREFIX}lifecycle": "job",
        f"{PREFIX}expires-at": "2026-11-20T12:00:00Z",
        f"{PREFIX}spec": "abc",
        f"{PREFIX}rung": "0",
    }


def test_a_lease_is_written_in_utc():
    there = datetime(2026, 11, 20, 12, tzinfo=timezone(timedelta(hours=2)))
    assert owner_tags(Owner(CLAIM, "abc", "job", there))[f"{PREFIX}expires-at"] == "2026-11-20T10:00:00Z"


def test_a_user_cannot_take_our_tags_away():
    tags = all_tags(OWNER, {"team": "nlp", f"{PREFIX}owner": "me"})
    assert tags["team"] == "nlp"
    assert tags[f"{PREFIX}owner"] == CLAIM.key


@given(st.text(max_size=400))
def test_every_id_fits_the_value_of_a_tag(text: str):
    value = tag_value(text)
    assert 0 < len(value) <= 256
    assert re.fullmatch(r"[\w\s.:/=+\-@]*", value)


def test_the_digest_is_of_the_content_not_of_its_order():
    assert spec_digest({"a": 1, "b": {"c": 2, "d": 3}}) == spec_digest({"b": {"d": 3, "c": 2}, "a": 1})
    assert spec_digest({"a": 1}) != spec_digest({"a": 2})
    assert spec_digest({"a": 1}) != spec_digest({"a": "1"})
    assert spec_digest({"a": 1}) == "f9d86028c6e0d64e", "frozen: running jobs bear it"
