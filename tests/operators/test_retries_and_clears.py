"""Nothing is paid for twice: what a retry, a clear, an edited DAG and a killed worker find."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.execution_api import TaskRun
from tests.operators.conftest import Company

PROJECT = Path(__file__).resolve().parents[2]


def abandoned(run: TaskRun) -> TaskRun:
    """Submit a job, and lose whoever waited for it."""
    run.try_number += 1
    assert run.run_part(None) == "deferred"
    return run


def later_try(run: TaskRun, company: Company, spec: dict[str, Any], **arguments: Any) -> TaskRun:
    """The same task instance after somebody has edited the DAG."""
    edited = company.run(spec, **arguments)
    edited.try_number, edited.max_tries = run.try_number, run.max_tries
    return edited


def test_a_retry_finds_the_job_that_the_try_before_has_started(company: Company, deferrable: bool):
    abandoned(first := company.run(retries=1, deferrable=True))
    run = later_try(first, company, company.spec(), retries=1, deferrable=deferrable)
    assert run.try_once() == "success", run.error
    assert len(company.jobs()) == 1
    assert len(company.calls("CreateTrainingJob")) == 1
    assert run.result["attempts"] == 1


def test_a_retry_that_renders_differently_fails_and_shows_both_digests(company: Company, mode: bool):
    abandoned(first := company.run(retries=1, deferrable=True))
    (name,) = company.jobs()
    edited = company.spec(hyperparameters={"steps": 4, "pause": 0.01})
    run = later_try(first, company, edited, retries=1, deferrable=mode)
    assert run.try_once() == "failed"
    assert company.tags(name)["airflow-finetune:spec"] in str(run.error)
    assert str(run.error).count("spec ") >= 2
    assert len(company.calls("CreateTrainingJob")) == 1


def test_a_cleared_task_takes_over_the_model_of_an_equal_spec(company: Company, mode: bool):
    run = company.run(deferrable=mode)
    assert run.try_once() == "success"
    before = run.result
    run.clear()
    assert run.try_once() == "success"
    assert run.result["job_name"] == before["job_name"]
    assert run.result["attempts"] == 0, "this generation has made none"
    assert len(company.jobs()) == 1


@pytest.mark.parametrize("how", ["on_clear", "conf"])
def test_a_cleared_task_trains_again_when_told_to(company: Company, mode: bool, how: str):
    arguments = {"on_clear": "retrain"} if how == "on_clear" else {"conf": {"retrain": True}}
    run = company.run(deferrable=mode, **arguments)
    assert run.try_once() == "success"
    run.clear()
    assert run.try_once() == "success"
    assert [name.rsplit("-", 2)[-2:] for name in company.jobs()] == [["g0", "a1"], ["g1", "a1"]]


def test_a_cleared_task_with_a_changed_spec_trains_the_new_one_from_the_start(company: Company, mode: bool):
    run = company.run(deferrable=mode)
    assert run.try_once() == "success"
    run.clear()
    changed = later_try(run, company, company.spec(hyperparameters={"steps": 5, "pause": 0.01}), deferrable=mode)
    assert changed.try_once() == "success", changed.error
    assert len(company.jobs()) == 2
    assert "starts at step=0" in company.log(changed.result["job_name"])


def test_clearing_a_failed_task_makes_a_new_job(company: Company, mode: bool):
    run = company.run(company.spec(hyperparameters={"crash": 1}), deferrable=mode)
    assert run.try_once() == "failed"
    run.clear()
    assert run.try_once() == "failed"
    assert len(company.jobs()) == 2


def test_a_cleared_task_stops_the_job_that_nobody_waits_for(company: Company):
    first = abandoned(company.run(company.spec(hyperparameters=company.slow()), deferrable=True))
    (old,) = company.jobs()
    first.clear()
    run = later_try(first, company, company.spec(), deferrable=False)
    assert run.try_once() == "success", run.error
    assert company.wait(old, "Stopped")
    assert company.tags(old)["airflow-finetune:stopped-by"] == "superseded"


def test_a_cleared_task_leaves_that_job_running_where_nothing_is_stopped(company: Company):
    spec = company.spec(hyperparameters=company.slow())
    first = abandoned(company.run(spec, deferrable=True, cancel_on_kill=False))
    (old,) = company.jobs()
    first.clear()
    run = later_try(first, company, company.spec(), deferrable=False, cancel_on_kill=False)
    assert run.try_once() == "success", run.error
    assert company.jobs() == {old: "InProgress", run.result["job_name"]: "Completed"}
    assert company.calls("StopTrainingJob") == []


def test_other_runs_tasks_and_deployments_have_jobs_of_their_own(company: Company, monkeypatch: pytest.MonkeyPatch):
    assert company.run().try_once() == "success"
    assert company.run(run_id="manual__2026-11-21").try_once() == "success"
    monkeypatch.setenv("AIRFLOW__AIRFLOW_FINETUNE__DEPLOYMENT", "staging")
    assert company.run().try_once() == "success"
    assert len(company.jobs()) == 3


def test_a_job_of_an_airflow_without_a_name_is_submitted_with_one_warning(
    company: Company, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    warning = "[airflow_finetune] deployment is 'default'"
    company.fault("capacity", target="*-a1")
    assert company.run().try_once() == "success"
    assert len(company.jobs()) == 2, "the fallback too was submitted"
    assert capsys.readouterr().out.count(warning) == 1
    monkeypatch.setenv("AIRFLOW__AIRFLOW_FINETUNE__DEPLOYMENT", "staging")
    assert company.run().try_once() == "success"
    assert warning not in capsys.readouterr().out


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_name_of_an_airflow_is_none(monkeypatch: pytest.MonkeyPatch, empty: str):
    from airflow_finetune.lifecycle.operator import claim_of

    class Instance:
        dag_id, run_id, task_id, map_index, max_tries = "orders", "run", "fine_tune", -1, 0

    unset = claim_of(Instance)
    monkeypatch.setenv("AIRFLOW__AIRFLOW_FINETUNE__DEPLOYMENT", empty)
    assert claim_of(Instance) == unset


def test_a_worker_that_is_killed_with_sigkill_leaves_a_job_that_the_retry_finds(company: Company):
    """The worst moment: AWS has the job, and the worker dies before it can tell anybody."""
    spec = company.spec(hyperparameters={"steps": 40, "pause": 0.05})
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PROJECT / "plugins"), str(PROJECT)])}
    worker = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("worker.py")), json.dumps(spec)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 120
        while not company.jobs():
            assert worker.poll() is None, "the worker has ended by itself"
            assert time.monotonic() < end
            time.sleep(0.02)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    run = company.run(spec, retries=1)
    run.try_number = 1
    assert run.try_once() == "success", run.error
    assert len(company.jobs()) == 1
    assert [record.outcome for record in company.calls("CreateTrainingJob")] == ["ok"]
