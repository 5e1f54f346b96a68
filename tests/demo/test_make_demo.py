"""`make demo` does what it says, and leaves nothing however it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from demo.airflow_api import AirflowApi
from tests.demo.left_behind import eventually, processes_with
from tests.demo.started import demo

long = pytest.mark.long  # starts a whole Airflow
STAGES = (
    "curate",
    "plan",
    "fine_tune",
    "deploy_baseline",
    "deploy_candidate",
    "evaluate",
    "gate",
    "register",
    "teardown",
)


def read_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            break
    else:
        raise AssertionError(f"{text!r} never came:\n{''.join(lines)}")
    return "".join(lines)


def folder_of(process: subprocess.Popen[str]) -> str:
    """Return the demo's temporary folder: the last argument of its keeper."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    commands = [Path(f"/proc/{pid}/cmdline").read_text().split("\0") for pid in children]
    return next(command[-2] for command in commands if any("keeper.py" in word for word in command))


def folder_of_when_there(process: subprocess.Popen[str]) -> str:
    read_until(process, "the embedded AWS is ready")
    return folder_of(process)


@long
def test_the_demo_goes_from_raw_data_to_a_registered_model_and_leaves_nothing(tmp_path):
    with demo(tmp_path) as process:
        printed, _ = process.communicate()
        assert process.returncode == 0, printed
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["dag_id"], summary["run_id"], summary["state"]) == ("finetune_spot_training", "demo", "success")
    dataset, training, evaluation = summary["dataset"], summary["training"], summary["evaluation"]
    assert dataset["records_in"] == dataset["records_out"] + sum(dataset["dropped"].values())
    assert len(dataset["dropped"]) >= 5
    assert (training["jobs"], training["create_calls"], training["status"]) == (1, 1, "Completed")
    assert training["interruptions"] == 1
    assert training["transitions"].count("Training") == 2
    assert 0 < training["resumed_at_step"] <= training["interrupted_at_step"] < training["steps"]
    assert training["last_loss"] < training["first_loss"] / 10
    assert 0 < training["cost_usd"] < training["on_demand_usd"]
    assert training["billable_seconds"] < training["training_seconds"]
    assert evaluation["items"] >= 100
    assert evaluation["baseline"]["exact_match"] <= 0.10 < 0.80 <= evaluation["candidate"]["exact_match"]
    assert summary["verdict"]["decision"] == "pass"
    assert summary["verdict"]["interval"]["low"] > 0
    assert summary["model_package"].startswith("arn:aws:sagemaker:")
    assert summary["plan"]["worst_case_usd"] <= summary["plan"]["max_usd"]
    assert 0 < training["cost_usd"] < summary["cost_usd"] < summary["plan"]["worst_case_usd"]
    assert [row.split(" finetune-")[0] for row in summary["deleted"]] == [
        *["endpoint"] * 2,
        *["endpoint configuration"] * 2,
        *["model"] * 2,
    ]
    assert summary["left_billing"] == summary["left_running"] == []
    assert summary["peak_memory_mib"] > 500
    for words in (*(f"{stage}: " for stage in STAGES), "submitted once", "Verdict: pass", "Left running: nothing"):
        assert words in printed
    assert f"step={training['steps']}" in (tmp_path / "job.log").read_text()
    for page in ("report.html", "curation.html"):
        assert "<!doctype html>" in (tmp_path / page).read_text().lower()


@long
def test_a_demo_whose_job_fails_says_why_and_leaves_nothing(tmp_path):
    with demo(tmp_path, "--fault", "algorithm_error") as process:
        printed, _ = process.communicate()
        assert process.returncode == 1, printed
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["state"], summary["failed"][0]) == ("failed", "fine_tune")
    assert summary["training"]["status"] == "Failed"
    assert summary["verdict"] is None
    assert summary["left_billing"] == summary["left_running"] == []
    assert "No verdict" in printed
    assert "AlgorithmError" in printed


@long
def test_airflow_stays_open_for_a_person_who_logs_in_until_ctrl_c(tmp_path):
    with demo(tmp_path, "--stay") as process:
        folder = folder_of_when_there(process)
        said = read_until(process, "log in: user")
        url, user, password = re.search(
            r"open (http://127\.0\.0\.1:\d+)\S* .*user (\S+), password (\S+)", said
        ).groups()
        api = AirflowApi(url, user, password)
        assert "finetune_spot_training" in api.dag_ids()
        assert api.call("GET", "/dags/finetune_spot_training")["is_paused"] is False
        process.send_signal(signal.SIGINT)
        printed, _ = process.communicate()
        assert process.returncode == 0, printed
        assert "Left running: nothing" in printed
    assert not processes_with(folder)


@long
@pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=["kill -9", "Ctrl-C", "SIGTERM"]
)
def test_a_demo_that_is_ended_while_a_job_trains_leaves_nothing(tmp_path, number):
    with demo(tmp_path) as process:
        folder = folder_of_when_there(process)
        read_until(process, "fine_tune: Training")
        running = processes_with(folder)
        assert any("postgres" in command for _, command in running), "the negative control"
        assert any("scheduler" in command for _, command in running)
        assert any("sandbox" in command for _, command in running)
        os.kill(process.pid, number)
        process.communicate()
        assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    assert eventually(lambda: not processes_with(folder))
    assert eventually(lambda: not Path(folder).exists())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--data", "nowhere"], "DATA=nowhere: there is no such file or folder."),
        (["--pipeline", "nowhere.yaml"], "nowhere.yaml"),
        (["--pipeline", "pyproject.toml"], "pyproject.toml"),
        (["--data", "README.md"], "README.md: its format cannot be told"),
        (["--data", "include/golden"], "no column"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_starts(tmp_path, options, said):
    with demo(tmp_path, *options) as process:
        printed, _ = process.communicate()
    assert process.returncode == 2
    assert said in printed
    assert "Nothing was started." in printed
    assert "Traceback" not in printed
    assert not (tmp_path / "summary.json").exists()
