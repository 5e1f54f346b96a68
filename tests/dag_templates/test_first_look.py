"""What a run was given is looked at before its first task reads, creates or pays anything."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import ParamValidationError

from tests.dag_templates.conftest import Make
from tests.execution_api import TaskRun

pytestmark = pytest.mark.usefixtures("nobodys_aws")

Start = Callable[..., TaskRun]
FOLDER = {"prompt": "{text}", "completion": "{json}", "golden": {"freeze_holdout": 2}}


@pytest.fixture
def start(make: Make, tmp_path: Path) -> Start:
    """Run `curate` of a DAG that reads a folder of this machine, by day, in a run with this conf."""

    def start(conf: dict[str, Any], **sections: Any) -> TaskRun:
        for day in ("2026-01-01", "2026-01-02"):
            (tmp_path / "raw" / day).mkdir(parents=True, exist_ok=True)
        rows = [{"text": f"{number} mugs", "json": f'{{"mugs": {number}}}'} for number in range(20)]
        (tmp_path / "raw/2026-01-01/orders.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        data = {"source": f"{tmp_path}/raw/{{window_start}}/", **FOLDER}
        dag = make(**{"data": data, "form": ["data.max_characters"], **sections})
        curate = dag.get_task("curate")
        curate.output_uri = str(tmp_path / "out")
        run = TaskRun(curate, conf=conf)
        run.try_once()
        return run

    return start


WINDOW = {"window_start": "2026-01-01", "window_end": "2026-01-02"}


def test_a_run_reads_the_window_that_it_was_given(start: Start, tmp_path: Path) -> None:
    run = start(WINDOW)
    assert run.state == "success", run.error
    assert run.result["source"]["uri"] == f"{tmp_path}/raw/2026-01-01/"
    assert run.result["train"]["examples"] == 18
    assert json.loads(json.dumps(run.xcoms["golden"])), "every field is an output of its own"


def test_a_value_of_the_form_is_a_number_again_when_it_is_used(start: Start) -> None:
    run = start({**WINDOW, "data.max_characters": 18})
    assert run.state == "success", run.error
    assert run.result["dropped"] == {"too_long": 10}, "two digits make a text too long"


def test_an_empty_window_is_skipped_before_anything_is_paid(start: Start) -> None:
    run = start({"window_start": "2026-01-02", "window_end": "2026-01-03"})
    assert run.state == "skipped"


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        ({**WINDOW, "data.max_character": 21}, "did you mean 'data.max_characters'?"),
        (
            {**WINDOW, "aws.role_arn": "arn:aws:iam::123456789012:role/admin"},
            "'aws.role_arn' is no key that this run may set",
        ),
        ({**WINDOW, "max_usd": 1e6}, "'max_usd' is no key that this run may set"),
        ({}, "holds no whole day. Give window_start and window_end"),  # its data interval has no length
        ({"window_start": "2026-01-01"}, "window_end is not given"),
    ],
)
def test_a_run_that_was_given_something_else_reads_nothing(
    start: Start, tmp_path: Path, conf: dict[str, Any], said: str
) -> None:
    run = start(conf)
    assert run.state == "failed"
    assert said in str(run.error)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        ({"data.max_characters": 0}, "data.max_characters"),
        ({"data.max_characters": "many"}, "data.max_characters"),
        ({"window_start": "soon", "window_end": "later"}, "window_start"),
        ({"retrain": "yes"}, "retrain"),
    ],
)
def test_values_are_held_to_the_types_of_the_form_by_airflow_itself(
    start: Start, conf: dict[str, Any], said: str
) -> None:
    with pytest.raises(ParamValidationError, match=f"Invalid input for param {said}"):
        start({**WINDOW, **conf})
