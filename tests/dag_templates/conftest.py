"""A user's project: a folder of DAGs, pipeline files beside it, and the graph of what they make."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.sdk import DAG

from tests.pipeline.conftest import changed

Make = Callable[..., DAG]

DAG_FILE = """
from airflow_finetune import finetune_dag

dag = finetune_dag("orders.yaml"{arguments})
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("dags", "include/pipelines", "include/policies"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


@pytest.fixture
def make(project: Path) -> Make:
    """Write the smallest pipeline with changes and a DAG file for it, and run that as Airflow does."""

    def make(arguments: str = "", **sections: Any) -> DAG:
        (project / "include/pipelines/orders.yaml").write_text(yaml.safe_dump(changed(**sections)))
        path = project / "dags" / "orders_of_ours.py"
        path.write_text(DAG_FILE.format(arguments=arguments))
        found: dict[str, Any] = {}
        exec(compile(path.read_text(), str(path), "exec"), found)
        dag: DAG = found["dag"]
        return dag

    return make


@pytest.fixture
def nobodys_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials: a task that asked AWS would fail with another error than the one that is looked for."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "AIRFLOW_CONN_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def graph(dag: DAG) -> dict[str, set[str]]:
    """Return task id -> ids of the tasks directly before it."""
    return {task.task_id: set(task.upstream_task_ids) for task in dag.tasks}
