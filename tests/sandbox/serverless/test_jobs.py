"""A serverless job through boto3: what it shows while it runs, what it leaves, what it is billed."""

from __future__ import annotations

import pytest

from tests.sandbox.bedrock.account import until
from tests.sandbox.serverless.account import GROUP, QWEN, Serverless, chats
from tests.sandbox.training.account import channel, transitions


def test_a_job_trains_registers_its_model_and_is_billed_by_the_token(jobs: Serverless) -> None:
    jobs.put_lines("validation.jsonl", chats(2, 4))
    data = [channel("train", "job/train.jsonl"), channel("validation", "validation.jsonl")]
    arn = jobs.submit("job", InputDataConfig=data, HyperParameters={"max_epochs": "2"})
    job = jobs.ended("job")
    assert (job["TrainingJobStatus"], job.get("FailureReason")) == ("Completed", None)
    assert transitions(job) == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert job["ProgressInfo"] == {"CurrentEpoch": 2, "MaxEpoch": 2, "CurrentStep": 2, "TotalStepCountPerEpoch": 2}
    assert {"BillableTimeInSeconds", "AlgorithmSpecification", "ResourceConfig"} & set(job) == set()
    metrics = {each["MetricName"]: each["Value"] for each in job["FinalMetricDataList"]}
    assert metrics["train_loss"] > 0
    assert metrics["validation_loss"] > 0

    assert job["ModelArtifacts"]["S3ModelArtifacts"] == "s3://bucket/out/job/output/model"
    weights = set(jobs.objects("out/job/output/model/checkpoints/hf_merged/"))
    assert {
        f"out/job/output/model/checkpoints/hf_merged/{name}" for name in ("config.json", "tokenizer.json")
    } < weights
    package = jobs.sagemaker.describe_model_package(ModelPackageName=job["OutputModelPackageArn"])
    assert package["ModelPackageGroupName"] == GROUP.rsplit("/", 1)[-1]
    assert (package["ModelPackageVersion"], package["ModelApprovalStatus"]) == (1, "PendingManualApproval")
    [container] = package["InferenceSpecification"]["Containers"]
    assert container["ModelDataSource"]["S3DataSource"]["S3Uri"] == "s3://bucket/out/job/output/model/"
    assert container["BaseModel"]["HubContentName"] == QWEN

    [line] = jobs.bill()
    assert (line.arn, line.quantity, line.unit) == (arn, job["BillableTokenCount"], "tokens")
    assert line.usd == pytest.approx(line.quantity / 1000 * 0.0012)
    assert len(jobs.sandbox.world.billing.lines()) == 1, "nothing is billed by the hour"
    assert any("step=0" in line for line in jobs.printed("job"))


def test_progress_moves_while_a_job_trains_and_a_stop_bills_what_was_trained(jobs: Serverless) -> None:
    jobs.submit("job", chats(3, 800), HyperParameters={"max_epochs": "40"})

    def step() -> int:
        shown = jobs.describe("job").get("ProgressInfo", {})
        return int(shown.get("CurrentEpoch", 0)) * 10_000 + int(shown.get("CurrentStep", 0))

    first = until(step)
    until(lambda: step() > first)
    assert "BillableTokenCount" not in jobs.describe("job")
    jobs.sagemaker.stop_training_job(TrainingJobName="job")
    job = jobs.ended("job")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert {"ModelArtifacts", "OutputModelPackageArn"} & set(job) == set()
    assert jobs.sagemaker.list_model_packages(ModelPackageGroupName="orders")["ModelPackageSummaryList"] == []
    [line] = jobs.bill()
    assert line.quantity == job["BillableTokenCount"] > 0
    with pytest.raises(jobs.sagemaker.exceptions.ClientError, match="is in status Stopped"):
        jobs.sagemaker.stop_training_job(TrainingJobName="job")


def test_a_job_that_waits_for_room_can_be_stopped_and_costs_nothing(jobs: Serverless) -> None:
    jobs.sandbox.world.training._slots.free = 0
    jobs.submit("job")
    until(lambda: "slots" in jobs.describe("job")["SecondaryStatusTransitions"][-1]["StatusMessage"])
    jobs.sagemaker.stop_training_job(TrainingJobName="job")
    assert jobs.ended("job")["TrainingJobStatus"] == "Stopped"
    assert jobs.bill() == []


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("capacity", "CapacityError: "),
        ("internal_error", "InternalServerError: We encountered an internal error. Please try again."),
        ("algorithm_error", "AlgorithmError: "),
    ],
)
def test_planned_faults_strike(jobs: Serverless, kind: str, said: str) -> None:
    jobs.fault(kind, "job")
    jobs.submit("job", HyperParameters={"max_epochs": "40"})
    assert jobs.failure("job").startswith(said)


def test_a_name_is_taken_once_and_free_again_after_a_delete(jobs: Serverless) -> None:
    jobs.fault("capacity", "job")
    jobs.submit("job")
    with pytest.raises(jobs.sagemaker.exceptions.ResourceInUse):
        jobs.submit("job")
    jobs.ended("job")
    listed = jobs.sagemaker.list_training_jobs()["TrainingJobSummaries"]
    assert [(each["TrainingJobName"], each["TrainingJobStatus"]) for each in listed] == [("job", "Failed")]
    jobs.sagemaker.delete_training_job(TrainingJobName="job")
    jobs.fault("capacity", "job")
    jobs.submit("job")
    jobs.ended("job")


def pairs(count: int) -> list[dict[str, object]]:
    return [
        {
            "chosen": chat["messages"],
            "rejected": [*chat["messages"][:-1], {"role": "assistant", "content": "I do not know."}],
        }
        for chat in chats(4, count)
    ]


@pytest.mark.long
def test_preferences_are_really_trained(jobs: Serverless) -> None:
    jobs.submit("job", pairs(16), {"CustomizationTechnique": "DPO"}, HyperParameters={"max_epochs": "3"})
    job = jobs.ended("job")
    assert (job["TrainingJobStatus"], job.get("FailureReason")) == ("Completed", None)
    losses = [float(line.rpartition("loss=")[2]) for line in jobs.printed("job") if line.startswith("step=")]
    assert losses[0] == pytest.approx(0.693, abs=0.001), "before the first step nothing is preferred"
    assert losses[-1] < losses[0]
    assert job["OutputModelPackageArn"]


@pytest.mark.parametrize("technique", ["RLVR", "RLAIF"])
def test_what_is_not_trained_here_says_so_and_makes_nothing(jobs: Serverless, technique: str) -> None:
    records = [
        {"prompt": [{"role": "user", "content": "2 + 2"}], "reward_model": {"ground_truth": "4", "style": "rule"}}
    ]
    config = {
        "CustomizationTechnique": technique,
        "EvaluatorArn": "arn:aws:sagemaker:us-east-1:123456789012:hub-content/h/JsonDoc/e/1.0.0",
    }
    jobs.submit("job", records, config)
    job = jobs.ended("job")
    assert transitions(job) == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert {"ModelArtifacts", "OutputModelPackageArn", "BillableTokenCount"} & set(job) == set()
    assert jobs.bill() == []
    assert any(f"{technique} is accepted" in line and "nothing is trained" in line for line in jobs.printed("job"))


def test_an_evaluation_runs_through_its_states_and_judges_nothing(jobs: Serverless) -> None:
    config = {"JobType": "Evaluation", "EvaluationType": "BenchmarkEvaluation", "CustomizationTechnique": None}
    jobs.submit("job", None, {**config, "Peft": None}, InputDataConfig=None, ModelPackageConfig=None)
    assert jobs.ended("job")["TrainingJobStatus"] == "Completed"
    assert any("Evaluation is accepted" in line for line in jobs.printed("job"))
