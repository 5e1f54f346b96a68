"""What the demo shows of a customization job is what Bedrock and the job's own files say."""

from __future__ import annotations

import io
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.cloud import BUCKET, ROLE, Cloud
from demo.jobs import Jobs, jobs_of
from demo.processes import Processes
from demo.progress import Progress
from demo.trouble import BEDROCK, SERVERLESS, planned
from tests.sandbox.bedrock.account import TITAN, lines
from tests.sandbox.serverless.account import GROUP, QWEN, chats, model_arn

PATIENCE_SECONDS = 240.0


class Shown:
    """A cloud, the demo's view of its jobs, and what that has said."""

    def __init__(self, cloud: Cloud, out: Path) -> None:
        self.cloud, self.out, self._said = cloud, out, io.StringIO()
        self.jobs: Jobs = jobs_of(BEDROCK, cloud, Progress(self._said), planned(BEDROCK, "none", None), out)

    @property
    def said(self) -> str:
        return self._said.getvalue()

    def tune(self, name: str, records: list[dict[str, Any]]) -> dict[str, Any]:
        """Run a job to its end, looked at all the time; returns the facts."""
        s3 = self.cloud.s3
        for place in ("train", "validation"):
            s3.put_object(Bucket=BUCKET, Key=f"{name}/{place}.jsonl", Body=lines(records).encode())
        self.cloud.bedrock.create_model_customization_job(
            jobName=name,
            customModelName=name,
            roleArn=ROLE,
            baseModelIdentifier=TITAN,
            customizationType="CONTINUED_PRE_TRAINING",
            hyperParameters={"epochCount": "2"},
            trainingDataConfig={"s3Uri": f"s3://{BUCKET}/{name}/train.jsonl"},
            validationDataConfig={"validators": [{"s3Uri": f"s3://{BUCKET}/{name}/validation.jsonl"}]},
            outputDataConfig={"s3Uri": f"s3://{BUCKET}/out"},
        )
        until, seen = time.monotonic() + PATIENCE_SECONDS, None
        while seen not in (("Completed", ""), ("Failed", "")):
            assert time.monotonic() < until, seen
            seen = self.jobs.look()
            time.sleep(0.02)
        found = self.jobs.facts({})
        assert found is not None
        return found


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Shown]:
    with Processes() as processes:
        cloud = Cloud(processes, tmp_path / "log", 1000.0, secrets.token_urlsafe(8))
        cloud.s3.create_bucket(Bucket=BUCKET)
        assert cloud.left_billing() == []
        yield Shown(cloud, tmp_path)


@pytest.mark.long
def test_a_job_shows_its_phases_its_losses_and_what_its_model_costs(shown: Shown) -> None:
    facts = shown.tune("domain", [{"input": f"The tarn rotor of deck {n} weeps."} for n in range(16)])
    assert (facts["job_name"], facts["jobs"], facts["create_calls"]) == ("domain", 1, 1)
    assert (facts["status"], facts["interruptions"], facts["billed_tokens"]) == ("Completed", 0, None)
    assert facts["steps"] == 4
    assert facts["last_loss"] < facts["first_loss"]
    assert facts["last_perplexity"] < facts["first_perplexity"]
    for words in (
        "submitted domain (continued pre-training of",
        "validation is done, 1 of 3 phases",
        "training is done",
    ):
        assert words in shown.said
    assert shown.said.count("submitted domain") == 1
    assert (shown.out / "steps.csv").read_text().startswith("step_number,")
    model = facts["custom_model"]
    assert shown.cloud.left_billing() == [model], "its storage bills"
    tuned = {"model_arn": model, "monthly_usd": 1.95}
    for decision, kept in (("pass", {model: 1.95}), ("inconclusive", {model: 1.95}), ("reject", {})):
        assert shown.jobs.kept({"fine_tune": tuned, "gate": {"decision": decision}}) == kept
    assert shown.jobs.kept({"fine_tune": tuned}) == {}, "nobody has judged it"
    shown.cloud.bedrock.delete_custom_model(modelIdentifier=model)
    assert shown.cloud.left_billing() == []


def test_a_job_that_failed_says_why_and_has_no_losses(shown: Shown) -> None:
    assert shown.jobs.look() is None
    assert shown.jobs.facts({}) is None
    facts = shown.tune("bad", [{"prompt": "of another form"}])
    assert (facts["status"], facts["steps"], facts["first_loss"], facts["custom_model"]) == ("Failed", 0, None, None)
    assert "bad/train.jsonl" in facts["failure_reason"] or "line" in facts["failure_reason"]
    assert not (shown.out / "steps.csv").exists()


@pytest.mark.long
def test_a_serverless_job_shows_epoch_step_and_tokens(tmp_path: Path) -> None:
    said = io.StringIO()
    with Processes() as processes:
        cloud = Cloud(processes, tmp_path / "log", 1000.0, secrets.token_urlsafe(8))
        cloud.s3.create_bucket(Bucket=BUCKET)
        jobs = jobs_of(SERVERLESS, cloud, Progress(said), planned(SERVERLESS, None, None), tmp_path)
        assert (jobs.look(), jobs.facts({})) == (None, None)
        cloud.s3.put_object(Bucket=BUCKET, Key="train.jsonl", Body=lines(chats(1, 64)).encode())
        cloud.sagemaker.create_model_package_group(ModelPackageGroupName="orders")
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/train.jsonl"}
        cloud.sagemaker.create_training_job(
            TrainingJobName="job",
            RoleArn=ROLE,
            InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
            OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out"},
            ServerlessJobConfig={
                "BaseModelArn": model_arn(QWEN),
                "JobType": "FineTuning",
                "CustomizationTechnique": "SFT",
                "Peft": "LORA",
            },
            ModelPackageConfig={"ModelPackageGroupArn": GROUP},
        )
        until, seen = time.monotonic() + PATIENCE_SECONDS, set[str]()
        while (now := jobs.look()) is None or now[0] not in ("Completed", "Failed"):
            assert time.monotonic() < until, now
            seen.add(now[1] if now else "")
            time.sleep(0.02)
        facts = jobs.facts({}) or {}
    assert "submitted job (serverless, SFT with LORA)" in said.getvalue()
    assert any(text.startswith("epoch 1 of 3, step ") for text in seen), seen
    assert (facts["status"], facts["technique"], facts["method"], facts["epochs"]) == ("Completed", "SFT", "LORA", 3)
    assert facts["billed_tokens"] > 0
    assert facts["model_package"].endswith(":model-package/orders/1")
