"""A run asks first whether prompting suffices: it ends before anything is tuned, or goes on, and nothing bills."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from tests.clients.embedded import PROJECT, Endpoint, serving
from tests.dags.call_rules import check_calls
from tests.dags.test_dags import Airflow
from tests.dags.tickets import IMAGE, day_of_tickets, pipeline, prepare, write_dag
from tests.dags.versions import SMALL
from tests.dags.whole_runs import Run, run_all

pytestmark = pytest.mark.long  # five whole runs

BUCKET = "advice"
ITEMS = 40  # of the golden orders
KNOWING = {"base": f"s3://{BUCKET}/models/knowing/"}
ADVISE = {"require_advice": True, "instruction": "Name the topic.", "shots": 4}
FILES = {
    "stops": {"advise": ADVISE, "model": KNOWING},
    "goes_on_by_conf": {"advise": ADVISE, "model": KNOWING, "form": ["advise.require_advice"]},
    "knows_nothing": {"advise": ADVISE},
}
BEDROCK = {
    "backend": "bedrock",
    "data": {
        "source": f"s3://{BUCKET}/raw/orders/",
        "prompt": "{text}",
        "completion": "{json}",
        "golden": f"s3://{BUCKET}/orders.jsonl",
    },
    "advise": {"require_advice": True, "instruction": "Answer with JSON.", "shots": 0, "items": ITEMS},
    "model": {"base": "amazon.nova-micro-v1:0:128k", "epochs": 1},
    "serving": {"hosting": "provisioned_throughput"},
    "evaluate": {"sampling": {"max_new_tokens": 100}},
    "gate": {"metric": "json_validity", "at_least": 0.3},  # which the base model reaches without any prompt
    "max_usd": 1000,
    "aws": {"poll_seconds": 0.5},
}
SHIPPED = "advised_orders"
BEFORE = ("curate", "plan", "advice_open_scope", "advice_deploy_baseline", "advise", "advice_teardown", "advice_guard")
AFTER = ("fine_tune", "open_scope", "deploy_baseline", "deploy_candidate", "evaluate", "gate", "teardown", "guard")


@dataclass(frozen=True)
class World:
    """All runs, and what AWS knows of them afterwards."""

    runs: Mapping[str, Run]
    jobs: list[str]
    endpoints: list[str]

    def made_by(self, dag_id: str) -> tuple[int, int]:
        """Return how many jobs and endpoints a DAG's run has made."""
        begin = f"{dag_id.replace('_', '-')}-"
        jobs, endpoints = (sum(name.startswith(begin) for name in names) for names in (self.jobs, self.endpoints))
        return jobs, endpoints


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("advice")
    (dags := folder / "dags").mkdir()
    for dag_id, sections in FILES.items():
        data = {"source": f"s3://{BUCKET}/raw/2026-01-01/"}
        write_dag(dags, dag_id, pipeline(BUCKET, **{**sections, "data": data}))
    write_dag(dags, "stops_on_bedrock", BEDROCK)
    line = f"dag = finetune_dag({str(PROJECT / f'include/pipelines/{SHIPPED}.yaml')!r})"
    (dags / f"{SHIPPED}.py").write_text(f"from airflow_finetune import finetune_dag\n\n{line}\n")
    with serving(folder / "sandbox.log", image=IMAGE) as aws:
        prepare(aws, BUCKET, date(2026, 1, 1), 1)
        fill(aws)
        airflow = Airflow(folder)
        variables = aws.airflow_environment | {"PYTHONPATH": str(PROJECT / "plugins"), **SMALL}
        more = {"AIRFLOW_VAR_FINETUNE_BUCKET": BUCKET, "AIRFLOW__CORE__DAGS_FOLDER": str(dags)}
        confs: dict[str, Any] = {dag_id: {} for dag_id in (*FILES, "stops_on_bedrock", SHIPPED)}
        confs["goes_on_by_conf"] = {"advise.require_advice": False}
        runs = run_all(airflow, dags, confs, **variables, **more)
        calls = {
            name: [call["params"] for call in aws.admin("GET", f"calls?operation={name}")["calls"]]
            for name in ("CreateTrainingJob", "CreateEndpoint")
        }
        check_calls(aws)
        bill = aws.admin("GET", "bill")["lines"]
        assert bill, "the control: some of it was billed"
        assert [each for each in bill if each["running"]] == []
        sagemaker = aws.client("sagemaker")
        bedrock = aws.client("bedrock")
        assert bedrock.list_model_customization_jobs()["modelCustomizationJobSummaries"] == []
        assert bedrock.list_provisioned_model_throughputs()["provisionedModelSummaries"] == []
        bedrock.close()
        assert sagemaker.list_endpoints()["Endpoints"] == sagemaker.list_models()["Models"] == []
        sagemaker.close()
        yield World(
            runs,
            [call["TrainingJobName"] for call in calls["CreateTrainingJob"]],
            [call["EndpointName"] for call in calls["CreateEndpoint"]],
        )


def fill(aws: Endpoint) -> None:
    """Put a base model that has learned the tickets already, and what the shipped pipeline reads."""
    rows = [json.loads(line) for line in day_of_tickets(date(2025, 1, 1), 400).splitlines()]
    model = {"pairs": {row["text"]: row["topic"] for row in rows}, "behaves": "well"}
    s3 = aws.client("s3")
    s3.put_object(Bucket=BUCKET, Key="models/knowing/model.json", Body=json.dumps(model).encode())
    nothing = json.dumps({"pairs": {}, "behaves": "well"}).encode()
    s3.put_object(Bucket=BUCKET, Key="models/tiny-llama/model.json", Body=nothing)
    golden = (PROJECT / "include/golden/orders.jsonl").read_bytes().splitlines(keepends=True)[: 2 * ITEMS]
    s3.put_object(Bucket=BUCKET, Key="orders.jsonl", Body=b"".join(golden))
    for path in (PROJECT / "include/datasets/orders").iterdir():
        s3.upload_file(str(path), BUCKET, f"raw/orders/{path.name}")
    s3.close()


def test_where_prompting_reaches_the_target_the_run_succeeds_and_nothing_is_tuned(world: World) -> None:
    run = world.runs["stops"]
    assert run.state == "success", run.log[-4000:]
    assert run.tasks == dict.fromkeys(BEFORE, "success") | dict.fromkeys(AFTER, "skipped")
    assert world.made_by("stops") == (0, 1), "no job was submitted; the base model answered, and was deleted"
    for words in (
        "Prompting already reaches the target. exact_match of at least 0.6 is shown: with the prompt plain",
        "Stops before fine_tune. Nothing was tuned. To tune all the same, set require_advice: false",
        'start a run with the conf {"advise.require_advice": false}',
    ):
        assert words in run.log


def test_on_bedrock_the_run_ends_before_anything_is_made(world: World) -> None:
    run = world.runs["stops_on_bedrock"]
    assert run.state == "success", run.log[-4000:]
    assert run.tasks == dict.fromkeys(BEFORE, "success") | dict.fromkeys(AFTER, "skipped")
    assert world.made_by("stops_on_bedrock") == (0, 0)
    assert "Prompting already reaches the target. json_validity of at least 0.3 is shown" in run.log
    assert "advice: questions to Nova Micro" in run.log, "the plan has counted them"


def test_a_run_can_go_on_anyway_where_the_form_lets_it(world: World) -> None:
    run = world.runs["goes_on_by_conf"]
    assert run.state == "success", run.log[-4000:]
    assert "Prompting already reaches the target." in run.log
    assert run.tasks == dict.fromkeys((*BEFORE, *AFTER), "success")
    assert world.made_by("goes_on_by_conf") == (1, 3)


def test_a_base_model_that_knows_nothing_is_tuned(world: World) -> None:
    run = world.runs["knows_nothing"]
    assert run.state == "success", run.log[-4000:]
    assert run.tasks == dict.fromkeys((*BEFORE, *AFTER), "success")
    assert "Prompting does not help. No prompt is shown to be better than the plain one" in run.log
    assert "PASS: " in run.log
    assert world.made_by("knows_nothing") == (1, 3)


def test_the_shipped_example_runs(world: World) -> None:
    run = world.runs[SHIPPED]
    assert run.state == "success", run.log[-4000:]
    asked = dict.fromkeys(("register", "request_approval"), "skipped")  # the model of the tests learns no orders
    assert run.tasks == dict.fromkeys((*BEFORE, *AFTER), "success") | asked
    for words in ("plain: exact_match 0.000", "instruction: exact_match 0.000", "few_shot: exact_match 0.000"):
        assert words in run.log
    assert world.made_by(SHIPPED) == (1, 3)
