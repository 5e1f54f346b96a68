"""The trigger form is no admin console: a run changes what the file lists, and nothing that costs, moves or unlocks."""

from __future__ import annotations

import re
from typing import Any

import pytest

from airflow_finetune.backends import BACKENDS
from airflow_finetune.curation.spec import CurateSpec
from airflow_finetune.pipeline.form import allowed, conf_fault, schema_of
from airflow_finetune.pipeline.sections import Aws, Evaluate, Register, Serving

NEVER = {
    *("uri", "arn", "image", "instance", "kms", "key", "subnet", "security", "environment"),
    *("source", "base", "redact", "usd"),
}


def test_a_field_of_the_form_has_title_section_words_limits_and_the_files_value(read):
    pipeline = read(form=["model.epochs", "model.method", "model.seed", "data.max_characters"])
    form = {field.name: field for field in pipeline.form}
    epochs = form["model.epochs"]
    assert (epochs.default, epochs.title, epochs.section) == (3, "Epochs", "Model")
    assert epochs.description == "Passes over the data."
    assert epochs.schema == {"type": ["number", "null"], "exclusiveMinimum": 0}
    assert form["model.method"].schema == {"type": ["string", "null"], "enum": ["full", "lora", None]}
    assert form["model.seed"].default is None, "the file says nothing"
    assert form["data.max_characters"].default == 32_000, "as without the form"


def test_a_field_of_the_form_reaches_its_task_as_jinja_and_all_else_stays(read):
    plain, pipeline = read(), read(form=["model.epochs", "data.max_characters"])
    assert pipeline.tuning == {**plain.tuning, "epochs": "{{ params['model.epochs'] }}"}
    assert pipeline.data == {**plain.data, "max_characters": "{{ params['data.max_characters'] }}"}


def test_every_run_may_ask_to_train_again_and_a_windowed_one_for_its_window(read):
    assert read().conf_names == ("window_start", "window_end", "retrain")
    assert read(data={"source": "s3://acme/orders/"}, form=["model.epochs"]).conf_names == ("model.epochs", "retrain")


@pytest.mark.parametrize(
    "name",
    [
        *(f"aws.{key}" for key in Aws.model_fields),
        *(f"serving.{key}" for key in Serving.model_fields),
        *(f"register.{key}" for key in Register.model_fields),
        *(f"evaluate.{key}" for key in Evaluate.model_fields),
        *(f"compute.{key}" for key in BACKENDS[0].keys.compute),
        *("gate.at_least", "gate.metric", "gate.on_reject", "max_usd", "schedule", "backend", "form"),
        *("data.source", "data.golden", "data.redact", "data.prompt_template", "data.completion", "data.files"),
        *("model.base", "model.image_uri", "model.source_dir", "model.entry_point", "model.environment"),
        *("model.hyperparameters", "model.metrics"),
    ],
)
def test_what_costs_moves_or_unlocks_can_never_stand_in_a_form(faults, name):
    assert "can only be changed in the file" in faults(form=[name])["form.0"]


@pytest.mark.parametrize("backend", BACKENDS, ids=[backend.name for backend in BACKENDS])
def test_no_allowed_field_of_any_backend_is_an_address_a_key_an_instance_or_money(backend):
    names = allowed(backend)
    assert "model.epochs" in names, "the control"
    assert [name for name in names if NEVER & set(re.split(r"[._]", name))] == []
    for spec, field in names.values():
        types = schema_of(spec, field)["type"]
        texts = "string" in types and "enum" not in schema_of(spec, field)
        assert not texts, f"{field}: a free text could be anything"


@pytest.mark.parametrize(
    ("sections", "place", "said"),
    [
        ({"form": ["model.epoch"]}, "form.0", "did you mean 'model.epochs'?"),
        ({"form": ["epochs"]}, "form.0", "did you mean 'model.epochs'?"),
        ({"form": ["model.epochs", "model.epochs"]}, "form.1", "stands twice"),
        ({"form": ["model.epochs"], "model": {"epochs": "{{ var.value.epochs }}"}}, "form.0", "give a constant"),
        ({"form": [7]}, "form.0", "is no field that a run may change"),
    ],
)
def test_a_form_that_cannot_work_is_refused(faults, sections, place, said):
    assert said in faults(**sections)[place]


def test_conf_keys_that_nothing_reads_are_refused_with_what_was_meant():
    names = ("retrain", "model.epochs")
    assert conf_fault(None, names) is None
    assert conf_fault({}, names) is None
    assert conf_fault({"model.epochs": 2, "retrain": True}, names) is None
    said = conf_fault({"model.epoch": 2, "role_arn": "x"}, names)
    assert said is not None
    assert "'model.epoch' is no key that this run may set: did you mean 'model.epochs'?" in said
    assert "'role_arn' is no key that this run may set" in said
    assert "known are model.epochs, retrain" in said


@pytest.mark.parametrize("field", ["epochs", "max_steps", "lora_dropout", "method", "seed"])
def test_the_form_refuses_what_the_spec_refuses(field: str):
    from jsonschema import Draft202012Validator

    spec = BACKENDS[0].spec
    schema = Draft202012Validator(schema_of(spec, field))
    wrong: dict[str, Any] = {"epochs": 0, "max_steps": 1.5, "lora_dropout": 1, "method": "loRA", "seed": -1}
    assert not schema.is_valid(wrong[field])
    assert schema.is_valid(None)


def test_the_schema_of_a_field_keeps_every_limit_of_its_type():
    assert schema_of(CurateSpec, "validation_fraction") == {"type": "number", "minimum": 0.0, "maximum": 0.5}
    assert schema_of(CurateSpec, "on_contradiction") == {
        "type": "string",
        "enum": ["keep_first", "drop_all", "report"],
    }
