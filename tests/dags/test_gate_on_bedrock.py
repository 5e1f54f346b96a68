"""On Bedrock a candidate that the gate rejects is deleted with the scope that judged it: a whole run."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest

from demo import orders
from demo.cloud import Cloud
from demo.processes import Processes
from tests.clients.embedded import PROJECT
from tests.dags.test_dags import Airflow
from tests.dags.whole_runs import run_all

pytestmark = pytest.mark.long  # tunes a language model

ITEMS, EXAMPLES = 120, 60  # as many items as the policy asks for at least


def test_a_rejected_custom_model_is_deleted_and_nothing_bills(tmp_path: Path) -> None:
    raw, golden = tmp_path / "orders.jsonl", tmp_path / "golden.jsonl"
    raw.write_text("".join(json.dumps(row) + "\n" for row in orders.records(3, EXAMPLES)))
    golden.write_text("".join((PROJECT / "include/golden/orders.jsonl").read_text().splitlines(keepends=True)[:ITEMS]))
    pipeline = PROJECT / "include/pipelines/bedrock_orders.yaml"
    changes = {"data": {"golden": str(golden)}, "model": {"epochs": 1, "learning_rate": 0.000001}}
    (dags := tmp_path / "dags").mkdir()
    line = f"dag = finetune_dag({str(pipeline)!r}, dag_id='rejected', **{changes!r})"
    (dags / "rejected.py").write_text(f"from airflow_finetune import finetune_dag\n\n{line}\n")
    with Processes() as processes:
        cloud = Cloud(processes, tmp_path / "sandbox.log", 60.0, secrets.token_urlsafe(12))
        cloud.prepare({"raw/orders/": [raw]})
        airflow = Airflow(tmp_path)
        more = {"PYTHONPATH": str(PROJECT / "plugins"), "AIRFLOW__CORE__DAGS_FOLDER": str(dags)}
        airflow.environment |= cloud.airflow_environment | more
        airflow.run("-m", "airflow", "dags", "reserialize")
        run = run_all(airflow, dags, {"rejected": {}})["rejected"]
        bedrock = cloud.client("bedrock")
        assert run.state == "success", run.log[-4000:]
        assert "REJECT: " in run.log
        ended = dict.fromkeys(run.tasks, "success") | {"register": "skipped", "request_approval": "skipped"}
        assert run.tasks == ended
        (job,) = bedrock.list_model_customization_jobs()["modelCustomizationJobSummaries"]
        assert job["status"] == "Completed"
        assert bedrock.list_custom_models()["modelSummaries"] == []
        assert bedrock.list_custom_model_deployments()["modelDeploymentSummaries"] == []
        assert [line for line in cloud.bill() if line["running"]] == []
        bedrock.close()
