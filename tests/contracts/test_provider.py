"""What Airflow is told about the package: in the form it asks for, and the same with and without an install."""

from __future__ import annotations

import json
from importlib.resources import files
from types import SimpleNamespace

import jsonschema
import pytest
from airflow.sdk._shared.module_loading import import_string

from airflow_finetune.lifecycle.operator import claim_of
from airflow_finetune.provider import get_provider_info

SCHEMA = json.loads(files("airflow").joinpath("provider_info.schema.json").read_text())
TASK = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1, max_tries=0)


def test_the_provider_info_has_the_form_that_airflow_asks_for() -> None:
    jsonschema.validate(get_provider_info(), SCHEMA)


def test_the_form_is_really_checked() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**get_provider_info(), "config": {"airflow_finetune": {"option": {}}}}, SCHEMA)


def test_every_named_link_exists_and_is_on_the_operators() -> None:
    from airflow_finetune.lifecycle.operator import JobOperator

    named = {import_string(path) for path in get_provider_info()["extra-links"]}
    assert named == {type(link) for link in JobOperator.operator_extra_links}


def test_a_job_has_the_same_name_whether_the_package_is_installed_or_lies_in_the_plugins_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    documented = get_provider_info()["config"]["airflow_finetune"]["options"]["deployment"]["default"]
    without_an_install = claim_of(TASK)
    monkeypatch.setenv("AIRFLOW__AIRFLOW_FINETUNE__DEPLOYMENT", documented)
    assert claim_of(TASK) == without_an_install
    monkeypatch.setenv("AIRFLOW__AIRFLOW_FINETUNE__DEPLOYMENT", "another")
    assert claim_of(TASK) != without_an_install
