"""What is said against a JumpStart spec before anybody asks AWS."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_finetune import JumpStartFineTuneOperator, JumpStartSpec
from airflow_finetune.backends import BACKENDS, backend_of
from airflow_finetune.errors import SpecError


def refused(**fields: Any) -> str:
    whole = {
        "role_arn": "arn:aws:iam::123456789012:role/trainer",
        "output_uri": "s3://acme/models/",
        "model_id": "tiny-instruct",
        "dataset": "s3://acme/train.jsonl",
        **fields,
    }
    with pytest.raises(SpecError) as error:
        JumpStartSpec.load(whole, rendered=True, thing="fine_tune")
    return error.value.said


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"template": {"prompt": "Question:", "completion": "{completion}"}}, "template.prompt: has no field"),
        ({"template": {"prompt": "{prompt", "completion": "{completion}"}}, "template.prompt: is no template"),
        ({"template": {"prompt": "{prompt}"}}, "template.completion: Field required"),
        ({"template": {"prompt": "{a}", "completion": "{b}"}, "method": "chat"}, "template belongs to"),
        ({"hyperparameters": {"chat_dataset": "True"}}, "said by method"),
        ({"hyperparameters": {"sagemaker_program": "mine.py"}}, "sagemaker_"),
        ({"hyperparameters": {"epoch": 2}, "epochs": 2}, "in one place only"),
        ({"spot": True, "keeps_checkpoints": False}, "spot needs a script that keeps checkpoints"),
        ({"spot": True, "max_wait_seconds": 60}, "max_wait_seconds must be at least"),
        ({"version": "newest"}, "version"),
        ({"model_id": "s3://acme/llama/"}, "model_id"),
        ({"hyperparameters": {"token": "hf_" + "a" * 34}}, "secret"),
        ({"acept_eula": True}, "did you mean 'accept_eula'?"),
    ],
)
def test_what_cannot_work_is_refused_at_once(fields: dict[str, Any], said: str):
    assert said in refused(**fields)


def test_the_backend_is_known_by_its_word():
    assert backend_of({"backend": "jumpstart"}, "spec").spec is JumpStartSpec
    assert [backend.name for backend in BACKENDS if backend.brings_server] != []


def test_spot_has_a_second_rung_on_demand_unless_nobody_wants_it():
    backend = backend_of({"backend": "jumpstart"}, "spec")
    rungs = [backend.rungs(JumpStartSpec(model_id="tiny", **more)) for more in ({}, {"spot": True})]
    assert rungs == [1, 2]
    assert backend.rungs(JumpStartSpec(model_id="tiny", spot=True, fallback=None)) == 1


def test_the_license_is_no_business_of_a_run():
    form = backend_of({"backend": "jumpstart"}, "spec").keys.form
    assert set(form) == {"epochs", "batch_size", "learning_rate", "seed"}


def test_the_operator_takes_the_fields_as_arguments():
    given = {"model_id": "tiny-instruct", "version": "{{ params.version }}", "epochs": 2, "output_uri": "s3://acme/m/"}
    given |= {"role_arn": "arn:aws:iam::123456789012:role/trainer", "dataset": "s3://acme/train.jsonl"}
    made = JumpStartFineTuneOperator(task_id="t", **given)
    assert made.spec == {"backend": "jumpstart", **given}
    assert made.resource.kind == "training job"
