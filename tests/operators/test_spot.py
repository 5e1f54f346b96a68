"""Spot takes instances away and has none: the job resumes, falls back, or waits, and the model says which."""

from __future__ import annotations

from typing import Any

import pytest

from tests.operators.conftest import Company

TYPE = "ml.g5.2xlarge"
# Modelled seconds: at 1000 a second these are one to a few real ones.
SHORT: dict[str, Any] = {"max_runtime_seconds": 3000, "max_wait_seconds": 3000}


def test_an_interrupted_job_resumes_and_says_so(company: Company, mode: bool):
    company.fault("spot_interruption", params={"log_pattern": "step=5 "})
    spec = company.spec(hyperparameters={"steps": 20, "pause": 0.1})
    run = company.run(spec, deferrable=mode)
    assert run.try_once() == "success", run.error
    model = run.result
    assert (model["interruptions"], model["attempts"], model["market"]) == (1, 1, "spot")
    starts = [line for line in company.log(model["job_name"]) if line.startswith("starts")]
    assert len(starts) == 2


def test_no_capacity_falls_back_to_on_demand_and_goes_on_from_the_same_checkpoint(company: Company, mode: bool):
    company.fault("capacity", target="*-a1")
    run = company.run(deferrable=mode)
    assert run.try_once() == "success", run.error
    first, second = (company.job(name) for name in company.jobs())
    assert first["FailureReason"].startswith("CapacityError")
    assert (first["EnableManagedSpotTraining"], second["EnableManagedSpotTraining"]) == (True, False)
    assert first["CheckpointConfig"] == second["CheckpointConfig"]
    assert (run.result["market"], run.result["attempts"]) == ("on_demand", 2)


def test_waiting_too_long_for_spot_falls_back_to_on_demand(company: Company, mode: bool):
    company.fault("no_spot", params={"seconds": 10_000_000})
    run = company.run(company.spec(**SHORT), deferrable=mode)
    assert run.try_once() == "success", run.error
    first = company.job(next(iter(company.jobs())))
    assert (first["TrainingJobStatus"], first["SecondaryStatus"]) == ("Stopped", "MaxWaitTimeExceeded")
    assert run.result["market"] == "on_demand"


def test_without_fallback_no_capacity_is_tried_three_times_and_then_said(company: Company, mode: bool):
    company.fault("capacity", count=10)
    run = company.run(company.spec(fallback=None), deferrable=mode)
    assert run.try_once() == "failed"
    assert "CapacityError" in str(run.error)
    assert "fallback: on_demand" in str(run.error)
    assert len(company.jobs()) == 3


def test_a_failure_of_aws_itself_is_tried_again_from_the_checkpoint(company: Company, mode: bool):
    company.fault("internal_error", target="*-a1", params={"log_pattern": "step=5 "})
    run = company.run(company.spec(hyperparameters={"steps": 20, "pause": 0.1}), deferrable=mode)
    assert run.try_once() == "success", run.error
    first, second = (company.job(name) for name in company.jobs())
    assert first["FailureReason"].startswith("InternalServerError")
    assert (first["EnableManagedSpotTraining"], second["EnableManagedSpotTraining"]) == (True, True)
    assert (run.result["market"], run.result["attempts"]) == ("spot", 2)


def test_no_spot_quota_falls_back_to_on_demand(company: Company, mode: bool):
    company.sandbox.world.quotas.set("us-east-1", "spot_training", TYPE, 0)
    run = company.run(deferrable=mode)
    assert run.try_once() == "success", run.error
    assert len(company.jobs()) == 1
    assert run.result["market"] == "on_demand"


def test_no_quota_at_all_fails_at_once_with_the_words_of_aws(company: Company, mode: bool):
    for usage in ("spot_training", "training"):
        company.sandbox.world.quotas.set("us-east-1", usage, TYPE, 0)
    run = company.run(retries=3, deferrable=mode)
    assert run.try_once() == "failed"
    assert "ResourceLimitExceeded" in str(run.error)
    assert "Service Quotas" in str(run.error)
    assert company.jobs() == {}


def test_a_quota_in_use_is_waited_for(company: Company, mode: bool):
    company.sandbox.world.quotas.set("us-east-1", "spot_training", TYPE, 1)
    other = company.run(company.spec(hyperparameters=company.slow()), run_id="other", deferrable=True)
    other.try_number = 1
    assert other.run_part(None) == "deferred"
    run = company.run(deferrable=mode)

    def refused() -> bool:
        return "ResourceLimitExceeded" in [record.outcome for record in company.calls("CreateTrainingJob")]

    (name,) = company.jobs()
    with company.meanwhile(lambda: company.aws("sagemaker").stop_training_job(TrainingJobName=name), when=refused):
        assert run.try_once() == "success", run.error
    assert refused()
    assert run.result["market"] == "spot"
    assert run.result["attempts"] == 1


@pytest.mark.parametrize("spot", [True, False])
def test_the_lease_tags_and_market_are_on_every_job(company: Company, spot: bool):
    run = company.run(company.spec(spot=spot, tags={"team": "nlp"}))
    assert run.try_once() == "success"
    tags = company.tags(run.result["job_name"])
    assert tags["team"] == "nlp"
    assert tags["airflow-finetune:dag"] == "orders"
    assert tags["airflow-finetune:lifecycle"] == "job"
    assert tags["airflow-finetune:expires-at"] > "2026"
    assert tags["airflow-finetune:spec"] == run.result["spec_digest"]
    assert run.result["market"] == ("spot" if spot else "on_demand")
