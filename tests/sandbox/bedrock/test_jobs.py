"""The life of a customization job: phases, failures, names, tokens, stops, quotas, faults, artefacts and bill."""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from airflow_finetune.sandbox.edge.faults import Rule
from tests.sandbox.bedrock.account import MICRO, Account, conversation, order_records, refusal, until

LIST = "modelCustomizationJobSummaries"
LONG = {"epochCount": "5"}
"""Many steps, so that a job still trains when a test comes to stop it."""


def test_a_job_walks_through_its_phases_and_leaves_model_metrics_and_bill(account: Account) -> None:
    validators = {"validators": [{"s3Uri": account.put("val.jsonl", order_records(2, 8))}]}
    arn = account.submit(validationDataConfig=validators, hyperParameters={"epochCount": "1"},
                         customModelTags=[{"key": "owner", "value": "me"}])  # fmt: skip
    job = account.ended()
    assert job["status"] == "Completed", job
    assert account.phases() == ["Completed"] * 3
    assert job["jobArn"] == arn
    assert job["hyperParameters"]["epochCount"] == "1"
    assert job["hyperParameters"]["learningRateWarmupSteps"] == "10", "defaults are shown"

    [step] = account.artefact(job, "training_artifacts/step_wise_training_metrics.csv")
    assert list(step) == ["step_number", "epoch_number", "training_loss", "perplexity"]
    assert float(step["training_loss"]) == pytest.approx(job["trainingMetrics"]["trainingLoss"])
    assert float(step["perplexity"]) == pytest.approx(math.exp(float(step["training_loss"])))
    before, after = account.artefact(job, "validation_artifacts/post_fine_tuning_validation/validation_metrics.csv")
    assert list(before) == ["step_number", "epoch_number", "validation_loss", "validation_perplexity"]
    assert float(after["validation_loss"]) == pytest.approx(job["validationMetrics"][0]["validationLoss"])
    assert float(after["validation_loss"]) < float(before["validation_loss"]), "even one step helps on this task"

    model = account.bedrock.get_custom_model(modelIdentifier="job-model")
    assert model["modelArn"] == job["outputModelArn"]
    assert (model["jobArn"], model["modelStatus"]) == (arn, "Active")
    tags = account.bedrock.list_tags_for_resource(resourceARN=model["modelArn"])["tags"]
    assert tags == [{"key": "owner", "value": "me"}]
    [trained] = account.bill("customization_training")
    assert (trained.arn, trained.unit) == (arn, "tokens")
    assert trained.usd == pytest.approx(trained.quantity / 1000 * 0.001)
    [stored] = account.bill("custom_model_storage")
    assert (stored.arn, stored.unit, stored.running) == (model["modelArn"], "months", True)
    assert list((account.sandbox.settings.state_dir / "bedrock" / "jobs").iterdir()) == []


def test_a_bad_record_fails_the_validation_phase_and_costs_nothing(account: Account) -> None:
    account.submit(records=[*order_records(1, 8), {"prompt": "of another form"}])
    assert account.failure().startswith("Unable to parse Amazon S3 file: train.jsonl. Data files must conform to JSONL")
    assert account.phases() == ["Failed", "NotStarted", "NotStarted"]
    assert account.sandbox.world.billing.lines() == []
    assert account.bedrock.list_custom_models()["modelSummaries"] == []


@pytest.mark.parametrize(
    ("records", "text"),
    [
        (order_records(1, 7), "The number of records in the training data is 7: the minimum is 8."),
        ([*order_records(1, 8), conversation("User: hello", "hi")], "contains the reserved keyword 'User:'"),
        ("\n\n", "Unable to parse Amazon S3 file: train.jsonl."),
        ("\ufeffno", "line 1: not JSON"),
    ],
)
def test_data_that_cannot_be_used_fails_the_job_with_its_reason(account: Account, records: Any, text: str) -> None:
    account.submit(records=records)
    assert text in account.failure()


def test_too_few_validation_records_fail_the_job(account: Account) -> None:
    uri = account.put("val.jsonl", order_records(2, 7))
    account.submit(validationDataConfig={"validators": [{"s3Uri": uri}]})
    assert account.failure() == "The number of records in the validation data is 7: the minimum is 8."


def test_a_name_is_taken_for_ever_and_said_so_in_awss_words(account: Account) -> None:
    account.submit(records="")
    account.failure()
    again = account.request(customModelName="another")
    code, text = refusal(account.bedrock.create_model_customization_job, **again)
    assert (code, text) == ("ValidationException", "The provided job name is currently in use.")


def test_the_name_of_a_model_cannot_be_taken_twice(account: Account) -> None:
    account.model("taken")
    request = account.request(customModelName="taken")
    assert "model name is currently in use" in refusal(account.bedrock.create_model_customization_job, **request)[1]


def test_one_token_makes_one_job(account: Account) -> None:
    request = account.request(records="", clientRequestToken="token-1")
    first = account.bedrock.create_model_customization_job(**request)
    second = account.bedrock.create_model_customization_job(**request)
    assert first["jobArn"] == second["jobArn"]
    assert second["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert len(account.bedrock.list_model_customization_jobs()[LIST]) == 1
    other = {**request, "customModelName": "other"}
    assert refusal(account.bedrock.create_model_customization_job, **other)[0] == "ConflictException"


def test_a_lost_answer_is_found_again_by_its_token(account: Account) -> None:
    from botocore.config import Config

    retrying = account.aws("bedrock", config=Config(retries={"mode": "standard", "total_max_attempts": 3}))
    account.sandbox.world.faults.add(Rule("lost_answer", operation="CreateModelCustomizationJob", count=1))
    arn = retrying.create_model_customization_job(**account.request(records=""))["jobArn"]
    assert [job["jobArn"] for job in account.bedrock.list_model_customization_jobs()[LIST]] == [arn]


def test_a_job_that_trains_is_stopped_and_leaves_no_process(account: Account) -> None:
    account.submit(records=order_records(1, 400), hyperParameters=LONG)
    until(lambda: account.phases()[2] == "InProgress")
    account.bedrock.stop_model_customization_job(jobIdentifier="job")
    ended = account.ended()
    assert ended["status"] == "Stopped"
    assert account.phases() == ["Completed", "Completed", "Stopped"]
    assert account.bedrock.list_custom_models()["modelSummaries"] == []
    until(lambda: list((account.sandbox.settings.state_dir / "bedrock" / "jobs").iterdir()) == [])
    code, text = refusal(account.bedrock.stop_model_customization_job, jobIdentifier="job")
    assert (code, text) == (
        "ConflictException",
        "The model customization job cannot be stopped: its status is Stopped.",
    )


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (Rule("capacity", target="jo*"), "There is not enough capacity"),
        (Rule("internal_error"), "Encountered an unexpected error when processing the request, please try again"),
        (Rule("algorithm_error", params={"message": "as planned"}), "as planned"),
        (Rule("capacity", match={"customizationType": "FINE_TUNING"}), "There is not enough capacity"),
    ],
)
def test_a_planned_fault_fails_the_training_phase(account: Account, rule: Rule, text: str) -> None:
    account.sandbox.world.faults.add(rule)
    account.submit(records=order_records(1, 40))
    assert account.failure().startswith(text)
    assert account.phases() == ["Completed", "Completed", "Failed"]


def test_a_fault_for_another_type_does_not_strike(account: Account) -> None:
    account.sandbox.world.faults.add(Rule("capacity", match={"customizationType": "DISTILLATION"}))
    account.submit(records=order_records(1, 400), hyperParameters=LONG)
    until(lambda: account.phases()[2] == "InProgress")
    account.bedrock.stop_model_customization_job(jobIdentifier="job")
    assert account.ended()["status"] == "Stopped"


def test_more_jobs_than_the_quota_are_refused(account: Account) -> None:
    limit = account.sandbox.world.foundation_models.quota("jobs")
    for number in range(limit):  # a job in progress counts, whatever it does
        held = {"jobName": f"held-{number}", "status": "InProgress", "outputModelName": f"held-{number}"}
        account.sandbox.world.store.put("model_customization_job", "us-east-1", f"held-{number}", held)
    code, text = refusal(account.bedrock.create_model_customization_job, **account.request(records=""))
    assert code == "ServiceQuotaExceededException"
    assert f"(Model customization) Scheduled customization jobs of this account: {limit}" in text
    account.sandbox.world.store.delete("model_customization_job", "us-east-1", "held-0")
    account.submit(records="")


def test_jobs_are_listed_by_status_name_and_page(account: Account) -> None:
    for name in ("a-1", "a-2", "b-1"):
        account.submit(name, records="")
        account.failure(name)
    listed = account.bedrock.list_model_customization_jobs
    assert [job["jobName"] for job in listed(nameContains="a-", sortOrder="Ascending")[LIST]] == ["a-1", "a-2"]
    assert [job["jobName"] for job in listed(statusEquals="Completed")[LIST]] == []
    pages = account.bedrock.get_paginator("list_model_customization_jobs").paginate(PaginationConfig={"PageSize": 1})
    found = [job for page in pages for job in page[LIST]]
    assert [job["jobName"] for job in found] == ["b-1", "a-2", "a-1"]
    assert found[0]["statusDetails"]["validationDetails"]["status"] == "Failed"
    assert refusal(listed, nextToken="made-up")[0] == "ValidationException"


def test_a_job_is_found_by_name_and_arn_and_an_absent_one_is_not(account: Account) -> None:
    arn = account.submit(records="")
    assert account.job(arn)["jobName"] == "job"
    assert refusal(account.bedrock.get_model_customization_job, jobIdentifier="none")[0] == "ResourceNotFoundException"


def test_jobs_of_another_region_are_not_seen(account: Account) -> None:
    account.submit(records="")
    there = account.aws("bedrock", region_name="us-west-2")
    assert there.list_model_customization_jobs()[LIST] == []


def test_eventbridge_hears_of_each_status(account: Account) -> None:
    events, sqs = account.aws("events"), account.aws("sqs")
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    events.put_rule(Name="jobs", EventPattern=json.dumps({"source": ["aws.bedrock"]}))
    target = {"Id": "q", "Arn": "arn:aws:sqs:us-east-1:123456789012:q"}
    events.put_targets(Rule="jobs", Targets=[target])
    account.submit(records="")
    account.failure()
    heard: list[str] = []

    def all_heard() -> bool:
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            heard.append(json.loads(message["Body"])["detail"]["status"])
        return set(heard) == {"InProgress", "Failed"}

    until(all_heard)


def test_a_custom_model_can_be_tuned_further(account: Account) -> None:
    arn = account.model("first")
    account.submit(records="", baseModelIdentifier=arn)
    job = account.ended()
    assert job["baseModelArn"].endswith(MICRO)
    assert "minimum is 8" in job["failureMessage"], "its own base's limits count"


def test_a_reset_ends_what_trains(account: Account) -> None:
    account.submit(records=order_records(1, 400), hyperParameters=LONG)
    until(lambda: account.phases()[2] == "InProgress")
    account.sandbox.reset()
    assert account.bedrock.list_model_customization_jobs()[LIST] == []
    until(lambda: list((account.sandbox.settings.state_dir / "bedrock" / "jobs").iterdir()) == [])


def test_concurrent_requests_with_one_token_make_one_job(account: Account) -> None:
    request = account.request(records="", clientRequestToken="token-2")
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: account.bedrock.create_model_customization_job(**request)["jobArn"], range(8)))
    assert len(set(made)) == 1
    assert [job["jobArn"] for job in account.bedrock.list_model_customization_jobs()[LIST]] == made[:1]


def test_a_refused_request_leaves_its_token_free(account: Account) -> None:
    account.model("taken")
    request = account.request(records="", clientRequestToken="token-3")
    refusal(account.bedrock.create_model_customization_job, **{**request, "customModelName": "taken"})
    account.bedrock.create_model_customization_job(**request)
