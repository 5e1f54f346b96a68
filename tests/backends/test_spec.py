"""What people write: faults are named when the DAG is parsed, what is only known later is checked after rendering."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from airflow_finetune.backends import backend_of
from airflow_finetune.backends.spot_training import SPOT_TRAINING
from airflow_finetune.backends.spot_training.spec import SpotTrainingSpec
from airflow_finetune.errors import SpecError
from airflow_finetune.spec import is_later

BASE: dict[str, Any] = {
    "role_arn": "arn:aws:iam::123456789012:role/trainer",
    "output_uri": "s3://acme/models",
    "base_model": "s3://acme/base/",
    "dataset": "s3://acme/train.jsonl",
}
HF = "hf_" + "a" * 34


class Output:
    """Stands for another task's output, as Airflow's XComArg does."""

    def resolve(self, context: Any) -> Any:
        return context


def load(rendered: bool = False, **changes: Any) -> SpotTrainingSpec:
    return SpotTrainingSpec.load({**BASE, **changes}, rendered=rendered, thing="fine_tune")


def fault(rendered: bool = False, **changes: Any) -> str:
    with pytest.raises(SpecError) as caught:
        load(rendered, **changes)
    return str(caught.value)


def test_a_misspelt_field_is_refused_with_what_was_meant():
    assert "'epoch' is no field: did you mean 'epochs'?" in fault(epoch=3)
    assert "'instancetype' is no field: did you mean 'instance_type'?" in fault(instancetype="x")


def test_a_field_that_is_like_no_other_is_refused_with_what_there_is():
    assert "known are" in fault(zzz=1)


def test_all_faults_are_named_at_once():
    said = fault(epochs=-1, method="loRA", role_arn="me", instance_type="g5")
    assert all(field in said for field in ("epochs", "method", "role_arn", "instance_type"))


def test_a_missing_field_is_named():
    with pytest.raises(SpecError, match="base_model"):
        SpotTrainingSpec.load({k: v for k, v in BASE.items() if k != "base_model"}, rendered=False, thing="t")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"max_wait_seconds": 10}, "max_wait_seconds must be at least"),
        ({"subnets": ["subnet-1"]}, "together"),
        ({"tags": {"airflow-finetune:owner": "me"}}, "must not begin with"),
        ({"tags": {"aws:x": "me"}}, "must not begin with"),
        ({"tags": {f"k{n}": "v" for n in range(40)}}, "50 tags"),
        ({"entry_point": "mine.py"}, "source_dir"),
        ({"epochs": 2, "hyperparameters": {"epochs": 3}}, "one place"),
        ({"hyperparameters": {"sagemaker_program": "x"}}, "sagemaker_"),
    ],
)
def test_fields_that_do_not_go_together_are_refused(changes: dict[str, Any], words: str):
    assert words in fault(**changes)


def test_a_rule_about_a_value_that_is_not_known_yet_waits_for_it():
    load(max_wait_seconds="{{ params.wait }}")
    assert "at least" in fault(rendered=True, max_wait_seconds="10")


@pytest.mark.parametrize("later", ["{{ params.x }}", "{% if a %}1{% endif %}", Output()], ids=["text", "block", "xcom"])
def test_what_is_known_later_passes_until_it_is_rendered(later: Any):
    for field in SpotTrainingSpec.model_fields:
        changes = {field: later}
        if field == "entry_point":
            changes["source_dir"] = "/code"
        assert getattr(load(**changes), field) is later


def test_constants_beside_what_is_known_later_are_still_checked():
    assert "batch_size" in fault(epochs="{{ params.epochs }}", batch_size="many")


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        ("epochs", "3", 3.0),
        ("max_steps", "100", 100),
        ("spot", "False", False),
        ("spot", "true", True),
        ("epochs", "None", None),
        ("validation", "", None),
        ("fallback", "None", None),
        ("subnets", "", ()),
        ("hyperparameters", '{"a": 1}', {"a": 1}),
        ("hyperparameters", "{'a': 'x', 'b': True}", {"a": "x", "b": True}),
    ],
)
def test_rendered_text_becomes_the_type_of_its_field(field: str, text: str, value: Any):
    assert getattr(load(rendered=True, **{field: text}), field) == value


@pytest.mark.parametrize(("field", "text"), [("epochs", "three"), ("max_steps", "1.5"), ("spot", "perhaps")])
def test_rendered_text_of_the_wrong_type_is_refused(field: str, text: str):
    assert field in fault(rendered=True, **{field: text})


def test_a_dataset_is_an_address_or_a_dumped_reference_also_as_text():
    dumped = {"uri": "s3://acme/x", "sha256": "ab", "examples": 3, "version": 1}
    for given in (dumped, str(dumped)):
        assert load(rendered=True, dataset=given).dataset.sha256 == "ab"
    assert load(dataset="s3://acme/x").dataset.uri == "s3://acme/x"


@pytest.mark.parametrize("field", ["hyperparameters", "environment"])
def test_a_literal_token_is_refused_with_the_form_to_use_and_not_repeated(field: str):
    for rendered in (False, True):
        said = fault(rendered, **{field: {"HF_TOKEN": HF}})
        assert f"{field}.HF_TOKEN" in said
        assert "arn:aws:secretsmanager:" in said
        assert HF not in said


def test_a_reference_to_a_secret_is_allowed():
    load(environment={"HF_TOKEN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:hf"})


def test_no_error_repeats_a_value():
    with pytest.raises(ValidationError) as caught:
        SpotTrainingSpec(**{**BASE, "epochs": HF})
    assert HF not in str(caught.value)


def test_a_spec_object_holds_what_is_known_later_and_gives_it_to_the_template_engine():
    output = Output()
    raw = SpotTrainingSpec(**{**BASE, "epochs": "{{ params.e }}", "base_model": output}).raw()
    assert raw["backend"] == "spot_training"
    assert raw["epochs"] == "{{ params.e }}"
    assert raw["base_model"] is output
    assert raw["dataset"] == {"uri": "s3://acme/train.jsonl"}
    assert "spot" not in raw, "what was not set stays unset"


def test_ordinary_values_are_not_known_later():
    assert not any(map(is_later, [1, "x", None, {"a": [1]}, ("b",), SpotTrainingSpec(**BASE)]))


def test_the_digest_is_of_what_was_asked_for():
    assert load().digest() == load(spot=True, tags={"team": "nlp"}, hyperparameters={}).digest()
    assert load(rendered=True, epochs="3").digest() == load(epochs=3).digest()
    assert load(epochs=3).digest() != load(epochs=4).digest()
    assert load().digest() == "72a7cf7522bfbac0", "frozen: running jobs bear it"


def test_the_digest_counts_code_and_not_where_it_lies(tmp_path: Any):
    digests = []
    for folder, text in (("a", "1"), ("b", "1"), ("c", "2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "train.py").write_text(text)
        digests.append(SPOT_TRAINING.digest(load(source_dir=str(tmp_path / folder))))
    assert digests[0] == digests[1]
    assert digests[1] != digests[2]


def test_an_unknown_backend_is_refused_with_those_that_there_are():
    with pytest.raises(SpecError, match="spot_training"):
        backend_of({"backend": "spot"}, "t")
