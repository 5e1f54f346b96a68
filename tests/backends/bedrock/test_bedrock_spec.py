"""What people write for Bedrock: faults are named when the DAG is parsed, if they can be known then."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from airflow_finetune.aws.prices import BEDROCK_USAGES
from airflow_finetune.aws.shapes import service_model
from airflow_finetune.backends import loaded_spec
from airflow_finetune.backends.bedrock import BEDROCK
from airflow_finetune.backends.bedrock.families import TABLE, Limits, deploys_on_demand, family_of, model_id
from airflow_finetune.backends.bedrock.spec import REINFORCEMENT, BedrockSpec, Usage
from airflow_finetune.errors import SpecError

MICRO = "amazon.nova-micro-v1:0:128k"
HAIKU = "anthropic.claude-3-haiku-20240307-v1:0:200k"
GRADER = "arn:aws:lambda:us-east-1:123456789012:function:grade"
BASE: dict[str, Any] = {
    "role_arn": "arn:aws:iam::123456789012:role/bedrock",
    "output_uri": "s3://acme/models",
    "base_model": MICRO,
    "dataset": "s3://acme/train.jsonl",
}
DISTILLATION = {"customization": "distillation", "teacher_model": "amazon.nova-premier-v1:0"}
LOGS = {"invocation_logs": {"uri": "s3://acme/logs/"}, "dataset": ...}
REINFORCED = {"customization": "reinforcement_fine_tuning", "grader_arn": GRADER}


def given(**changes: Any) -> dict[str, Any]:
    return {key: value for key, value in {**BASE, **changes}.items() if value is not ...}


def load(rendered: bool = True, **changes: Any) -> BedrockSpec:
    return BedrockSpec.load(given(**changes), rendered=rendered, thing="fine_tune")


def fault(rendered: bool = True, **changes: Any) -> str:
    with pytest.raises(SpecError) as caught:
        load(rendered, **changes)
    return str(caught.value)


@pytest.mark.parametrize("changes", [{}, DISTILLATION, {**DISTILLATION, **LOGS}, REINFORCED], ids=str)
def test_each_way_to_customize_has_a_smallest_spec(changes: dict[str, Any]):
    assert load(**changes).base_model == MICRO


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"epoch": 2}, "'epoch' is no field: did you mean 'epochs'?"),
        ({"epochs": 6}, "epochCount is 6 and must be from 1 to 5"),
        ({"learning_rate": 0.01}, "learningRate is 0.01 and must be from 1e-06 to 0.0001"),
        ({"hyperparameters": {"epocCount": 2}}, "epocCount is no hyperparameter of this model: known are epochCount"),
        ({"hyperparameters": {"learningRate": "fast"}}, "learningRate is 'fast' and must be of type float"),
        ({"hyperparameters": {"learningRateWarmupSteps": 1.5}}, "must be of type integer"),
        ({"base_model": HAIKU, "epochs": 2, "learning_rate": 0.1}, "learningRate is no hyperparameter of this model"),
        ({**DISTILLATION, "epochs": 2}, "epochCount is no hyperparameter of this model: it takes none"),
        ({"epochs": 2, "hyperparameters": {"epochCount": 2}}, "given in one place only"),
        ({"epochs": 0}, "epochs: Input should be greater than or equal to 1"),
        ({"teacher_model": "x"}, "teacher_model is given for a distillation, and only there"),
        ({"customization": "distillation"}, "teacher_model is given for a distillation, and only there"),
        ({"max_response_length": 5}, "max_response_length, keep_answers and invocation_logs belong to a distillation"),
        ({**DISTILLATION, **LOGS, "dataset": "s3://a/b"}, "dataset and invocation_logs exclude each other"),
        ({"grader_arn": GRADER}, "grader_arn is given for a reinforcement fine-tuning, and only there"),
        ({"customization": "reinforcement_fine_tuning"}, "grader_arn is given for a reinforcement fine-tuning"),
        ({"samples_per_prompt": 4}, "belong to a reinforcement fine-tuning"),
        ({**REINFORCED, "evaluation_percentage": 5}, "a reinforcement fine-tuning takes none of"),
        ({**REINFORCED, "samples_per_prompt": 17}, "samples_per_prompt: Input should be less than or equal to 16"),
        ({**DISTILLATION, "validation": "s3://a/v"}, "validation data is not taken by distillation"),
        ({"validation": "s3://a/v", "curated_validation": "s3://a/v"}, "exclude each other"),
        ({"subnets": ["a"]}, "subnets and security_group_ids are given together"),
        ({"tags": {"airflow-finetune:owner": "me"}}, "tags must not begin with"),
        ({"model_name": "-x"}, "model_name: String should match pattern"),
        ({"model_name": "x" * 64}, "model_name: String should have at most 63 characters"),
        ({"dataset": ...}, "dataset: Field required"),
        ({"limits": {"record": [1, 2]}}, "limits.record: Extra inputs are not permitted"),
        ({"prices": {"training": 1}}, "prices.training"),
        ({"prices": {"customization": -1}}, "greater than or equal to 0"),
        ({"invocation_logs": {"uri": "s3://a/", "prompt": 1}, **DISTILLATION}, "invocation_logs.prompt"),
    ],
    ids=str,
)
def test_what_cannot_work_is_named_before_anything_is_made(changes: dict[str, Any], said: str):
    text = fault(**changes)
    assert said in text
    assert text.endswith("Correct the spec; nothing was created.")


def test_a_limit_names_its_source_and_a_spec_can_correct_it():
    assert "(hyperparameters; general (batchSize))" in fault(epochs=6)
    wider = {"hyperparameters": {"epochCount": {"max": 9}}}
    assert load(epochs=6, limits=wider).epochs == 6
    assert "must be from 1 to 9 (the spec's limits)" in fault(epochs=10, limits=wider)
    assert load(**DISTILLATION, validation="s3://a/v", limits={"validation_records": [1, 9]}).validation is not None


def test_what_is_only_known_later_is_judged_later():
    later = {"base_model": "{{ params.base }}", "epochs": 6}
    assert load(rendered=False, **later).epochs == 6
    assert "must be from 1 to 5" in fault(base_model=MICRO, epochs=6)
    assert load(rendered=False, epochs="{{ params.epochs }}", hyperparameters={"batchSize": 1}).epochs is not None
    rendered = load(epochs="3", tags='{"a": "b"}', validation="None", learning_rate="1e-5")
    assert (rendered.epochs, rendered.tags, rendered.validation) == (3, {"a": "b"}, None)


def test_a_spec_may_be_made_without_what_others_fill():
    assert BedrockSpec(base_model=MICRO).customization == "fine_tuning"
    with pytest.raises(ValidationError, match="epochCount is 6"):
        BedrockSpec(base_model=MICRO, epochs=6)
    assert loaded_spec({"backend": "bedrock", **given(dataset=...)}, "s3://a/b", rendered=True, thing="t").backend


@pytest.mark.parametrize(
    "identifier",
    [
        MICRO,
        f"arn:aws:bedrock:us-east-1::foundation-model/{MICRO}",
        f"arn:aws:bedrock:us-east-1:123456789012:custom-model/{MICRO}/abcdef123456",
    ],
)
def test_a_model_is_known_by_its_id_its_arn_and_from_a_custom_model_made_of_it(identifier: str):
    assert model_id(identifier) == MICRO
    assert family_of(identifier, "fine_tuning", {}).name == "Amazon Nova"
    assert "must be from 1 to 5" in fault(base_model=identifier, epochs=6)


def test_nothing_is_refused_of_a_model_that_the_table_does_not_know():
    family = family_of("acme.future-v1:0", "fine_tuning", {})
    assert (family.name, family.is_known, family.limits.form) == (None, False, "conversation")
    assert load(base_model="acme.future-v1:0", epochs=1000, hyperparameters={"x": 1}, validation="s3://a/v").epochs
    assert family_of("acme.future-v1:0", "fine_tuning", {"form": "claude", "records": [3, 4]}).limits.records == (3, 4)
    assert not family_of(MICRO, "continued_pre_training", {}).is_known


def test_prices_and_tags_do_not_make_another_job():
    plain = load()
    assert load(prices={"model_storage": 2}, tags={"a": "b"}).digest() == plain.digest()
    assert load(epochs=2).digest() != plain.digest()


def test_every_number_of_the_table_has_a_source_of_the_list():
    for family in TABLE["families"]:
        rows = [*family["customizations"].values(), *family["models"]]
        for row in rows:
            numbers = set(row) - {"sources", "pattern"}
            assert set(row["sources"]) == numbers, family["name"]
            for source in row["sources"].values():
                named = [part.split("(")[0].strip() for part in source.split(";")]
                assert set(named) <= {*TABLE["sources"], "not checked"}, source


def test_every_row_of_the_table_can_be_read_and_its_defaults_are_in_range():
    for family in TABLE["families"]:
        for row in family["customizations"].values():
            for name, limit in (Limits.model_validate(row).hyperparameters or {}).items():
                assert limit.min <= limit.max, name
                assert limit.default is None or limit.min <= limit.default <= limit.max, name


def test_the_table_says_which_custom_models_are_deployed_on_demand():
    asked = (MICRO, HAIKU, "amazon.nova-premier-v1:0:1m", "acme.x-v1:0")
    assert [deploys_on_demand(model) for model in asked] == [True, False, None, None]


def test_the_ranges_of_reinforcement_are_those_of_botocore():
    shape = service_model("bedrock").shape_for("RFTHyperParameters")
    assert set(REINFORCEMENT.values()) == set(shape.members)
    at_the_end = {
        "samples_per_prompt": "trainingSamplePerPrompt",
        "evaluation_interval": "evalInterval",
    }
    for field, member in at_the_end.items():
        limits = shape.members[member].metadata
        for value in (limits["min"], limits["max"]):
            assert load(**REINFORCED, **{field: value})
        for value in (limits["min"] - 1, limits["max"] + 1):
            assert field in fault(**REINFORCED, **{field: value})


def test_every_usage_of_a_price_can_be_given():
    assert set(get_args(Usage)) == set(BEDROCK_USAGES)


def test_the_backend_says_what_a_pipeline_needs_to_know():
    assert (BEDROCK.name, BEDROCK.served_by, BEDROCK.keys.validation) == ("bedrock", "bedrock", "curated_validation")
    assert BEDROCK.rungs(load()) == 1
    assert BEDROCK.longest(load()).days == 7
