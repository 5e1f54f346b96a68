"""The operator through Airflow's own task runner, with the user's connection as the only way to AWS."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_finetune.curation.operators import CurateOperator
from airflow_finetune.errors import SpecError
from airflow_finetune.sandbox.server import Sandbox
from airflow_finetune.values import CuratedDataset
from tests.execution_api import TaskRun, in_dag

PAIR = {"prompt": "{text}", "completion": "{label}"}


@pytest.fixture
def s3(sandbox: Sandbox, aws: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    client = aws("s3")
    client.create_bucket(Bucket="acme")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    extra = {"endpoint_url": sandbox.url, "region_name": "us-east-1"}
    connection = {"conn_type": "aws", "login": "AKIAIOSFODNN7EXAMPLE", "password": "example", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    return client


def put(s3: Any, key: str, count: int) -> None:
    lines = "".join(json.dumps({"text": f"{key} {n}", "label": f"{n % 3}"}) + "\n" for n in range(count))
    s3.put_object(Bucket="acme", Key=key, Body=lines.encode())


def run(**arguments: Any) -> TaskRun:
    arguments = {"output_uri": "s3://acme/datasets", **PAIR, **arguments}
    return TaskRun(in_dag(lambda: CurateOperator(task_id="curate", **arguments)))


def test_a_window_becomes_a_dataset(s3: Any) -> None:
    put(s3, "raw/2026-11-20/a.jsonl", 40)
    task = run(source="s3://acme/raw/{{ ds }}/", validation_fraction=0.2)
    assert task.try_once() == "success", task.error
    made = CuratedDataset.load(task.result)
    assert made.records_in == 40
    assert made.source.uri == "s3://acme/raw/2026-11-20/"
    assert s3.head_object(Bucket="acme", Key=f"datasets/{made.dataset_version[:16]}/report.html")


def test_an_empty_window_is_skipped(s3: Any) -> None:
    task = run(source="s3://acme/raw/{{ ds }}/")
    assert task.try_once() == "skipped"


def test_an_address_without_a_window_that_holds_nothing_fails_at_once(s3: Any) -> None:
    task = run(source="s3://acme/rwa/")
    assert task.try_once() == "failed"
    assert "no file" in str(task.error)
    assert run(source="s3://acme/rwa/", on_empty="skip").try_once() == "skipped"


def test_data_that_does_not_fit_fails_at_once_and_is_never_skipped(s3: Any) -> None:
    put(s3, "raw/2026-11-20/a.jsonl", 4)
    task = run(source="s3://acme/raw/{{ ds }}/", prompt="{txt}")
    assert task.try_once() == "failed"
    assert "no column 'txt': did you mean 'text'?" in str(task.error)


def test_a_template_lies_beside_the_dag_and_a_function_may_map(s3: Any, tmp_path: Path) -> None:
    put(s3, "raw/a.jsonl", 4)
    (tmp_path / "answer.jinja").write_text("It is {{ label }}.")
    fields = {"completion": None, "completion_template": "answer.jinja", "templates": str(tmp_path)}
    task = run(source="s3://acme/raw/", **fields)
    assert task.try_once() == "success", task.error
    task = run(
        source="s3://acme/raw/", prompt=None, completion=None, mapping=lambda record: (record["text"], record["label"])
    )
    assert task.try_once() == "success", task.error


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"prompt": "no column"}, "names no column"), ({"validation_fraction": 2}, "less than or equal to 0.5")],
)
def test_a_spec_that_cannot_work_is_refused_when_the_dag_is_parsed(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        run(source="s3://acme/raw/", **fields)
