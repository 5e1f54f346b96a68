"""A company that serves models on Bedrock: custom models that are there at once, and the tasks of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from airflow_finetune.sandbox.runner.customizing.ledger import MODEL
from airflow_finetune.sandbox.server import Sandbox
from airflow_finetune.values import TunedModel
from tests.execution_api import TaskRun
from tests.sandbox.bedrock.account import ASKED, MICRO, TITAN, Account, until
from tests.serving.conftest import RUN, Hosts

# Fixtures of the folder above are here by pytest's own rule; these words are for the tests.
__all__ = ["ASKED", "MICRO", "RUN", "TITAN", "until"]

TAG = "airflow-finetune:"
ONE_MINUTE = 60.0
JOBS_TAGS = {"owner": "somebody", "deployment": "default", "lifecycle": "job", "expires-at": "2026-11-21T00:00:00Z"}
DEPLOYMENT, THROUGHPUT = "custom model deployment", "provisioned throughput"


@dataclass
class OnBedrock(Hosts):
    """What a test needs to deploy and tear down on Bedrock, besides what ``Hosts`` has."""

    account: Any = field(default=None)

    def spec(self, **changes: Any) -> dict[str, Any]:
        return {"backend": "bedrock_hosting", "model": ASKED, **changes}

    def custom(self, name: str = "model", base: str = MICRO, tags: Mapping[str, str] | None = None) -> str:
        """Plant a custom model that bears a job's tags, or others; returns its ARN."""
        arn = str(self.account.model(name, base))
        pairs = [{"key": f"{TAG}{key}", "value": value} for key, value in (JOBS_TAGS if tags is None else tags).items()]
        self.sandbox.world.store.update(MODEL, "us-east-1", name, lambda each: each.update(_tags=pairs))
        return arn

    def tuned(self, arn: str) -> dict[str, Any]:
        """A dumped model as the job that made it would return it."""
        return TunedModel(
            backend="bedrock",
            job_name="job",
            job_arn="arn:job",
            model_uri=arn,
            model_arn=arn,
            base_model=MICRO,
            dataset={"uri": "s3://acme/d"},
            spec_digest="0" * 16,
            monthly_usd=1.95,
        ).dump()

    def teardown(self, run_id: str = RUN, **arguments: Any) -> TaskRun:
        return super().teardown(run_id, **{"host": "bedrock_hosting", **arguments})

    def left(self) -> dict[str, list[str]]:
        store = self.sandbox.world.store
        found = {
            kind: [row[key] for row in store.list(kind, "us-east-1")]
            for kind, key in (
                ("custom_model_deployment", "modelDeploymentName"),
                ("provisioned_model_throughput", "provisionedModelName"),
            )
        }
        return {kind: names for kind, names in found.items() if names}

    def models(self) -> list[str]:
        return [row["modelName"] for row in self.sandbox.world.store.list(MODEL, "us-east-1")]

    def throughput_bills(self) -> list[Any]:
        return [line for line in self.account.bill("provisioned_throughput") if line.running]

    def never_ready(self, name: str) -> None:
        """Put a deployment back into Creating, for a year."""
        self.ready_in(name, real_seconds=3e4)

    def ready_in(self, name: str, real_seconds: float) -> None:
        """Put a deployment back into Creating, for so long."""
        clock = self.sandbox.world.clock
        at = clock.modelled() + real_seconds * 1000  # the tests' sandbox is as fast as that
        change = {"status": "Creating", "_ready_at": at, "_done": {"status": "Active"}}
        self.sandbox.world.store.update("custom_model_deployment", "us-east-1", name, lambda each: each.update(change))

    def ends_commitment(self, name: str) -> None:
        """Let the term of a throughput be over."""
        world = self.sandbox.world
        over = {"commitmentExpirationTime": world.clock.now(), "_term_ends": 0.0}
        world.store.update("provisioned_model_throughput", "us-east-1", name, lambda each: each.update(over))

    def retag(self, name: str, **tags: str | None) -> None:
        """Change our tags of a deployment or throughput; None removes one."""
        bedrock = self.account.bedrock
        rows = (*bedrock.list_custom_model_deployments()["modelDeploymentSummaries"],)
        arns = [row["customModelDeploymentArn"] for row in rows if row["customModelDeploymentName"] == name]
        rows = (*bedrock.list_provisioned_model_throughputs()["provisionedModelSummaries"],)
        arns += [row["provisionedModelArn"] for row in rows if row["provisionedModelName"] == name]
        assert arns
        for arn in arns:
            for word, value in tags.items():
                key = f"{TAG}{word.replace('_', '-')}"
                if value is None:
                    bedrock.untag_resource(resourceARN=arn, tagKeys=[key])
                else:
                    bedrock.tag_resource(resourceARN=arn, tags=[{"key": key, "value": value}])


@pytest.fixture
def hosts(hosts: Hosts, sandbox: Sandbox, aws: Callable[..., Any]) -> OnBedrock:
    account = Account(sandbox, aws)
    sandbox.world.calls.clear()
    return OnBedrock(sandbox, aws, account)
