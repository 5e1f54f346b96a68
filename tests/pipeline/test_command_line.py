"""`python -m airflow_finetune`: what it prints, where its faults point, and that it needs no Airflow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from airflow_finetune.cli import main
from airflow_finetune.cli.reference import reference
from airflow_finetune.cli.schema import pipeline_schema
from tests.contracts.source_tree import PLUGINS, PROJECT
from tests.pipeline.conftest import changed

SHIPPED = sorted((PROJECT / "include/pipelines").glob("*.yaml"))


def test_a_file_that_can_work_is_told_task_by_task(write, capsys):
    path = write(form=["model.epochs"], register={"group": "orders"}, schedule="@weekly")
    assert main(["validate", str(path)]) == 0
    said = capsys.readouterr().out
    assert f"{path}: fine" in said
    words = [line.split()[0] for line in said.splitlines()[1:]]
    tasks = "curate plan fine_tune open_scope deploy_baseline deploy_candidate evaluate teardown guard gate register"
    assert words == [*tasks.split(), "request_approval", "schedule", "a"]
    assert "epochs=3" in said, "the form's default, not its Jinja"
    assert "at most $20" in said
    assert main(["validate", "--quiet", str(path)]) == 0
    assert capsys.readouterr().out == ""


def test_each_fault_is_a_line_that_an_editor_can_jump_to(write, tmp_path, capsys):
    path, gone = write(model={"epoch": 3}, gate={"metric": "exakt_match"}), tmp_path / "gone.yaml"
    assert main(["validate", str(path), str(gone)]) == 1
    lines = capsys.readouterr().out.splitlines()
    number = next(n for n, line in enumerate(path.read_text().splitlines(), 1) if "epoch:" in line)
    assert f"{path}:{number}: model.epoch: 'epoch' is no key: did you mean 'epochs'?" in lines
    assert any(line.startswith(f"{path}:") and "exakt_match" in line for line in lines)
    assert any(line.startswith(f"{gone}: cannot be read") for line in lines)
    assert len(lines) == 3


def test_help_says_what_each_verb_is_for(capsys):
    for argv, said in (["--help"], "check pipeline files"), (["validate", "--help"], "FILE:LINE: PLACE"):
        with pytest.raises(SystemExit) as ended:
            main(argv)
        assert ended.value.code == 0
        assert said in capsys.readouterr().out


def test_the_command_runs_without_airflow_and_ends_with_its_status(write):
    program = (
        f"import sys; sys.path.insert(0, {str(PLUGINS)!r}); from airflow_finetune.cli import main;"
        "status = main(sys.argv[1:]); assert 'airflow' not in sys.modules; assert 'boto3' not in sys.modules;"
        "sys.exit(status)"
    )
    for sections, status in ({}, 0), ({"max_usd": 0}, 1):
        done = subprocess.run([sys.executable, "-c", program, "validate", str(write(**sections))], capture_output=True)
        assert done.returncode == status, done.stderr


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    Draft202012Validator.check_schema(pipeline_schema())
    return Draft202012Validator(pipeline_schema())


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_the_schema_knows_every_shipped_pipeline(schema, path: Path):
    assert list(schema.iter_errors(yaml.safe_load(path.read_text()))) == []


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"data": {"golden": {"freeze_holdout": 3}}},
        {"gate": {"policy": "orders", "metric": ..., "at_least": ...}},
        {"model": {"epochs": "{{ var.value.epochs }}"}},
        {"register": None},
        {"form": ["model.epochs", "data.max_characters"]},
    ],
)
def test_the_schema_takes_what_the_reader_takes(schema, sections):
    assert list(schema.iter_errors(changed(**sections))) == []


@pytest.mark.parametrize(
    "sections",
    [
        {"dta": {}},
        {"max_usd": ...},
        {"max_usd": 0},
        {"data": {"promt": "x"}},
        {"data": {"golden": ...}},
        {"model": {"epoch": 3}},
        {"model": {"base": ...}},
        {"model": {"epochs": -1}},
        {"compute": {"instance_typ": "x"}},
        {"gate": {"metric": ...}},
        {"evaluate": {"sampling": {"max_tokens": 1}}},
        {"form": ["aws.role_arn"]},
        {"register": {}},
        {"aws": {"role": "x"}},
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(schema, faults, sections):
    assert faults(**sections)
    assert list(schema.iter_errors(changed(**sections)))


def test_the_schema_is_printed_with_words_for_every_key(capsys):
    assert main(["schema"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == pipeline_schema()
    for name, section in printed["properties"].items():
        for key, value in section.get("properties", {}).items():
            assert value.get("description") or value.get("properties"), f"{name}.{key}"


def test_the_page_about_pipelines_has_every_key_as_it_is_now():
    page = (PROJECT / "docs/pipelines.md").read_text()
    assert page.endswith("\n".join(reference()).rstrip("\n") + "\n"), (
        "paste the output of `python -m airflow_finetune schema --tables` below 'Every key'"
    )
