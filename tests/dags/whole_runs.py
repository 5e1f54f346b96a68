"""Several whole runs, one after the other in one process, and how each has ended."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.dags.test_dags import Airflow

BEGINS = "BEGINS THE RUN OF "  # as run_dags.py prints it


class Run(NamedTuple):
    """How a run ended: its state, its tasks' states, its log."""

    state: str
    tasks: Mapping[str, str]
    log: str


def run_all(airflow: Airflow, dags: Path, confs: Mapping[str, Any], **variables: str) -> dict[str, Run]:
    """Run DAGs in order; ``confs`` is DAG id -> conf of its run."""
    found = airflow.answer("runs", dags, json.dumps(confs), **variables)
    logs = dict(part.split("\n", 1) for part in "\n".join(found["log"]).split(BEGINS)[1:])
    return {dag_id: Run(run["state"], run["tasks"], logs[dag_id]) for dag_id, run in found["runs"].items()}
