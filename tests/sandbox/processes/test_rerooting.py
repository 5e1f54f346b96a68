"""Each program finds its own folder at /opt/ml, and nothing of the host's secrets."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_finetune.sandbox.runner.images import Images
from airflow_finetune.sandbox.runner.isolation import rewrite
from airflow_finetune.sandbox.runner.processes import Processes, Program
from airflow_finetune.sandbox.settings import Settings
from tests.sandbox.processes.programs import PYTHON

from .conftest import Workshop

READ_WRITE = """
import pathlib, time
here = pathlib.Path("/opt/ml")
print("word", (here / "word").read_text())
(here / "model").mkdir()
(here / "model" / "weights").write_text("of " + (here / "word").read_text())
"""

LOOK = """
import json, os, sys
seen = {}
for path in sys.argv[1:]:
    try:
        seen[path] = os.listdir(path) if os.path.isdir(path) else open(path).read()
    except OSError as error:
        seen[path] = type(error).__name__
print(json.dumps({"environment": dict(os.environ), "seen": seen}))
"""


def test_two_programs_at_once_each_find_their_own_opt_ml(workshop: Workshop) -> None:
    before = sorted(os.listdir("/opt"))
    running = []
    for name in ("first", "second"):
        (workshop.ml(name) / "word").write_text(name)
        running.append(workshop.run(name, READ_WRITE))
    ends = [process.wait(30) for process in running]
    assert [end and end.code for end in ends] == [0, 0], workshop.log("first") + workshop.log("second")
    for name in ("first", "second"):
        assert (workshop.ml(name) / "model" / "weights").read_text() == f"of {name}"
    assert sorted(os.listdir("/opt")) == before


def test_what_lies_beside_opt_ml_stays_visible(workshop: Workshop, mode: str) -> None:
    process = workshop.run("look", LOOK, "/opt")
    assert process.wait(30)
    seen = json.loads(workshop.log("look").splitlines()[-1])["seen"]["/opt"]
    extra = {"ml"} if mode != "rewrite" else set()
    assert set(seen) == set(os.listdir("/opt")) | extra


def test_the_environment_starts_empty(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_DB_PASSWORD", "planted")
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "planted")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/planted")
    assert workshop.run("look", LOOK).wait(30)
    environment = json.loads(workshop.log("look").splitlines()[-1])["environment"]
    assert "planted" not in str(environment)
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert not Path(environment["HOME"]).is_relative_to(Path.home())


def test_credentials_and_other_jobs_are_hidden_in_namespaces(
    workshop: Workshop, mode: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    (home / ".aws" / "credentials").write_text("planted")
    (home / ".netrc").write_text("planted")
    (home / "project").write_text("harmless")
    monkeypatch.setenv("HOME", str(home))
    (workshop.folder / "token").write_text("planted")
    (workshop.ml("other") / "data").write_text("planted")
    looked = [
        home / ".aws",
        home / ".netrc",
        home / "project",
        workshop.folder / "token",
        workshop.ml("other") / "data",
    ]
    assert workshop.run("look", LOOK, *map(str, looked)).wait(30)
    seen = json.loads(workshop.log("look").splitlines()[-1])["seen"]
    assert seen[str(home / "project")] == "harmless"
    if mode == "rewrite":  # says so in its warning: without a namespace a program reads what its user reads
        assert seen[str(home / ".netrc")] == "planted"
    else:
        assert "planted" not in str(seen)
        assert seen[str(home / ".aws")] == []


def test_a_log_of_a_rewritten_job_starts_with_a_warning(make_workshop: Callable[..., Workshop]) -> None:
    workshop = make_workshop("rewrite")
    assert workshop.run("a", "print('/opt/ml')").wait(30)
    first, second = workshop.log("a").splitlines()
    assert first.startswith("WARNING sandbox: no namespaces here")
    assert second == str(workshop.ml("a"))


def test_rewriting_changes_code_and_leaves_everything_else(tmp_path: Path) -> None:
    files = {
        "code/a.py": "open('/opt/ml/x'); '/opt/mlflow'; '/opt/ml-cache'; \"/opt/ml\"",
        "code/run": "#!/bin/sh\ncd /opt/ml/code",
        "code/table.csv": "/opt/ml",
        "model/a.py": "/opt/ml",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert rewrite([tmp_path / "code", tmp_path / "absent"], Path("/jobs/1/ml")) == 2
    assert (tmp_path / "code/a.py").read_text() == (
        "open('/jobs/1/ml/x'); '/opt/mlflow'; '/opt/ml-cache'; \"/jobs/1/ml\""
    )
    assert (tmp_path / "code/run").read_text().endswith("cd /jobs/1/ml/code")
    assert (tmp_path / "code/table.csv").read_text() == "/opt/ml"
    assert (tmp_path / "model/a.py").read_text() == "/opt/ml"


def test_a_program_of_an_image_finds_opt_ml(make_workshop: Callable[..., Workshop], mode: str, tmp_path: Path) -> None:
    folder = tmp_path / "knn"
    folder.mkdir()
    train = folder / "train"
    train.write_text(f"#!{PYTHON}\nprint(open('/opt/ml/word').read())\n")
    train.chmod(0o755)
    images = (("*.dkr.ecr.*/knn:*", folder),)
    workshop = make_workshop(mode, images)
    program = Images(images).program("174872318107.dkr.ecr.us-west-2.amazonaws.com/knn:1", "train")
    assert program == train
    ml = workshop.ml("image")
    (ml / "word").write_text("found")
    log = ml.parent / "log"
    end = workshop.processes.start(Program("image", [str(program)], {}, ml, "/", log)).wait(30)
    assert log.read_text().splitlines()[-1] == "found", end
    assert train.read_text().count("/opt/ml") == 1


def test_images_without_a_folder_or_without_the_program_give_none(tmp_path: Path) -> None:
    images = Images((("one", tmp_path),))
    assert images.program("one", "train") is None
    assert images.folder("two") is None


def test_a_mode_that_does_not_work_is_refused_with_the_kernels_words(tmp_path: Path) -> None:
    processes = Processes(Settings(state_dir=tmp_path, isolation="teleport"))
    with pytest.raises(RuntimeError, match=r"'teleport' does not work here.*doctor"):
        processes.isolation()


def test_the_modes_are_probed_once_and_the_best_is_taken(tmp_path: Path, works_here: dict[str, str]) -> None:
    processes = Processes(Settings(state_dir=tmp_path))
    assert processes.isolation().mode == next(iter(works_here))
    assert processes.isolation() is processes.isolation()
    assert [probe.mode for probe in processes.probes()] == ["mount", "userns", "rewrite"]
