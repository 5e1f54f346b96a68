"""A real Airflow and an embedded AWS for tests of what only a scheduler and a triggerer do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo.airflow_stack import AirflowStack
from demo.processes import Processes
from tests.clients.embedded import PROJECT, Endpoint, serving
from tests.demo.left_behind import eventually

BUCKET = "stack-bucket"


@dataclass(frozen=True)
class Both:
    """The Airflow and the AWS that its DAGs use."""

    stack: AirflowStack
    aws: Endpoint

    def start(self, dag_id: str, run_id: str) -> None:
        """Trigger a run once the DAG is known."""
        api = self.stack.api
        assert eventually(lambda: api.dag_is_known(dag_id))
        api.unpause(dag_id)
        api.trigger(dag_id, run_id)

    def task_state(self, dag_id: str, run_id: str) -> str | None:
        state: str | None = self.stack.api.task(dag_id, run_id, "fine_tune")["state"]
        return state

    def jobs(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the training jobs of a run, by their owner tags."""
        sagemaker, found = self.aws.client("sagemaker"), []
        for job in sagemaker.list_training_jobs()["TrainingJobSummaries"]:
            tags = sagemaker.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"]
            if {dag_id, run_id} <= {tag["Value"] for tag in tags}:
                found.append(sagemaker.describe_training_job(TrainingJobName=job["TrainingJobName"]))
        sagemaker.close()
        return found

    def log(self, dag_id: str, run_id: str, try_number: int) -> str:
        return "\n".join(self.stack.api.log(dag_id, run_id, "fine_tune", try_number))


@pytest.fixture(scope="session")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    logs = tmp_path_factory.mktemp("stack")
    dags = Path(__file__).with_name("dags")
    with serving(logs / "sandbox.log") as aws, Processes() as processes:
        s3 = aws.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key="data/train.jsonl", Body=b'{"prompt": "a", "completion": "b"}\n')
        s3.put_object(Bucket=BUCKET, Key="model/config.json", Body=b"{}")
        s3.close()
        with AirflowStack(
            processes, logs, dags=dags, plugins=PROJECT / "plugins", environment=aws.airflow_environment
        ) as stack:
            yield Both(stack, aws)
