"""Bad input is refused before it costs, with the thing, the words of AWS or of the rule, and the next step."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_finetune import FineTuneOperator, SpecError
from tests.operators.bedrock.conftest import MICRO, ROLE, Studio, chat, order_chats

FIELDS: dict[str, Any] = {
    "role_arn": ROLE,
    "output_uri": "s3://acme/models/",
    "base_model": MICRO,
    "dataset": "s3://a/b",
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"epochs": 9}, "epochCount is 9 and must be from 1 to 5"),
        ({"epoch": 1}, "did you mean 'epochs'"),
        ({"hyperparameters": {"learnRate": 1}}, "learnRate is no hyperparameter of this model: known are"),
        ({"customization": "tuning"}, "Input should be 'fine_tuning'"),
    ],
    ids=str,
)
def test_constants_are_refused_when_the_dag_is_parsed(changes: dict[str, Any], said: str):
    with pytest.raises(SpecError, match=said):
        FineTuneOperator(task_id="fine_tune", spec={"backend": "bedrock", **FIELDS, **changes})


def refused(studio: Studio, deferrable: bool = False, region_name: str | None = None, **changes: Any) -> str:
    """What a task says that fails without a retry and without a job."""
    run = studio.run(studio.spec(**changes), retries=2, deferrable=deferrable, region_name=region_name)
    assert run.try_once() == "failed", "no retry: it could not help"
    assert studio.jobs() == {}
    return str(run.error)


def test_a_model_of_another_region(studio: Studio, mode: bool):
    said = refused(studio, mode, region_name="eu-west-1")
    assert "region eu-west-1" in said
    assert "can be customized in us-east-1" in said
    assert studio.calls("CreateModelCustomizationJob") == []


def test_a_model_that_cannot_be_customized(studio: Studio, mode: bool):
    said = refused(studio, mode, base_model="amazon.nova-micro-v1:0")
    assert "AWS lists nothing as what can be done with amazon.nova-micro-v1:0" in said
    assert "list-foundation-models --by-customization-type FINE_TUNING --region us-east-1" in said
    assert (studio.calls("CreateModelCustomizationJob"), studio.uploads()) == ([], [])


def test_a_hyperparameter_that_is_only_known_after_rendering(studio: Studio, mode: bool):
    assert "epochCount is 9 and must be from 1 to 5" in refused(studio, mode, epochs="{{ 3 * 3 }}")


@pytest.mark.parametrize(
    ("train", "said"),
    [
        (order_chats(1, 7), "7 records for training, and 8 to 20000 are allowed"),
        ([*order_chats(1, 8), chat("a" * 200_000, "b")], "train.jsonl, line 9: it holds 200001 characters"),
        ([*order_chats(1, 8), chat("User: a", "b")], "train.jsonl, line 9: the text 'User:' is reserved"),
    ],
    ids=["too few", "too long", "reserved"],
)
def test_data_that_the_model_does_not_take(studio: Studio, mode: bool, train: list[Any], said: str):
    studio.put("train.jsonl", train)
    assert said in refused(studio, mode)
    assert (studio.calls("CreateModelCustomizationJob"), studio.uploads()) == ([], [])


def test_validation_data_for_a_model_that_takes_none(studio: Studio, mode: bool):
    more = {"customization": "distillation", "teacher_model": "amazon.nova-premier-v1:0", "epochs": ...}
    said = refused(studio, mode, validation="s3://acme/train.jsonl", base_model="{{ '" + MICRO + "' }}", **more)
    assert "validation data is not taken by distillation" in said


def test_a_bucket_of_another_region(studio: Studio, mode: bool):
    place = {"LocationConstraint": "eu-west-1"}
    studio.aws("s3").create_bucket(Bucket="far-away", CreateBucketConfiguration=place)
    said = refused(studio, mode, output_uri="s3://far-away/models/")
    assert "AWS answered ValidationException" in said
    assert "far-away" in said
    assert "Correct the field that AWS names" in said


def test_a_role_that_cannot_read_the_data(studio: Studio, mode: bool):
    studio.fault("access_denied", service="bedrock", operation="GetObject", match={"roleArn": ROLE})
    said = refused(studio, mode)
    assert "Could not validate GetObject permissions to access Amazon S3 bucket: acme" in said


def test_a_model_name_in_use(studio: Studio, mode: bool):
    taken = studio.run({**studio.slow(), "model_name": "orders"}, run_id="other", deferrable=True)
    taken.try_number = 1
    assert taken.run_part(None) == "deferred"
    run = studio.run(studio.spec(model_name="orders"), retries=2, deferrable=mode)
    assert run.try_once() == "failed", "no retry: it could not help"
    assert "The provided custom model name is currently in use." in str(run.error)
    assert len(studio.jobs()) == 1
