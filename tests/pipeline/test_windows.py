"""Which slice of the source a run reads: what it was given, else its data interval, else it says what to give."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import jinja2
import pytest

from airflow_finetune.pipeline.windows import is_templated, templated, window_fault

SOURCE = "s3://acme/{window_start}/to/{window_end}/"
OCTOBER = (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
AT_ONCE = (OCTOBER[1], OCTOBER[1])
NONE = (None, None)
GIVEN = {"window_start": "2026-01-01", "window_end": "2026-02-01"}
EMPTY = {"window_start": None, "window_end": None}


def rendered(params: dict[str, Any], interval: tuple[Any, Any]) -> str:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=True)
    environment.filters["ds"] = lambda date: None if date is None else date.strftime("%Y-%m-%d")
    run = {"data_interval_start": interval[0], "data_interval_end": interval[1]}
    return environment.from_string(templated(SOURCE)).render(params=params, dag_run=run)


def test_a_window_is_the_data_interval_as_dates():
    assert rendered(EMPTY, OCTOBER) == "s3://acme/2026-10-01/to/2026-11-01/"
    assert window_fault(EMPTY, OCTOBER) is None


def test_what_a_run_was_given_goes_before_its_data_interval():
    assert rendered(GIVEN, OCTOBER) == rendered(GIVEN, NONE) == "s3://acme/2026-01-01/to/2026-02-01/"
    assert window_fault(GIVEN, NONE) is None


@pytest.mark.parametrize(
    ("params", "interval", "said"),
    [
        (EMPTY, NONE, "this run has none"),
        (EMPTY, AT_ONCE, "from 2026-11-01 to 2026-11-01 holds no whole day"),
        ({**GIVEN, "window_end": None}, OCTOBER, "window_end is not given; the two go together"),
        ({**EMPTY, "window_end": "2026-01-01"}, OCTOBER, "window_start is not given"),
        ({"window_start": "2026-02-01", "window_end": "2026-01-01"}, OCTOBER, "holds no whole day"),
    ],
)
def test_a_run_without_a_window_says_what_to_give(params, interval, said):
    found = window_fault(params, interval)
    assert found is not None
    assert said in found
    assert '{"window_start": "2026-01-01", "window_end": "2026-02-01"}' in found


def test_only_a_source_that_names_its_window_has_one(read):
    assert read().windowed
    assert not read(data={"source": "s3://acme/orders/"}).windowed
    assert not is_templated("s3://acme/{{ ds }}/")
    assert read(data={"source": "s3://acme/{window_end}.csv"}).windowed


def test_a_window_of_a_folder_needs_its_whole_path(faults):
    assert "absolute path" in faults(data={"source": "orders/{window_start}/"})["data.source"]
