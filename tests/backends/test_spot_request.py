"""The request of a spec: each field changes it, and it is checked before it is sent."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_finetune.aws.shapes import faults
from airflow_finetune.backends.backend import Place
from airflow_finetune.backends.overrides import merged
from airflow_finetune.backends.spot_training import SPOT_TRAINING
from airflow_finetune.backends.spot_training.request import training_request
from airflow_finetune.backends.spot_training.spec import SpotTrainingSpec
from airflow_finetune.backends.training_job import RULES
from airflow_finetune.errors import SpecError

PLACE = Place("us-east-1", "0123456789abcdef", 2, "fedcba9876543210")
CODE = "s3://acme/models/code/abc/sourcedir.tar.gz"
BASE: dict[str, Any] = {
    "role_arn": "arn:aws:iam::123456789012:role/trainer",
    "output_uri": "s3://acme/models",
    "base_model": "s3://acme/base/",
    "dataset": "s3://acme/train.jsonl",
    "image_uri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/train:1",
    "source_dir": "s3://acme/code.tar.gz",
}
# Another legal value of every field, with what it needs beside it.
OTHER: dict[str, dict[str, Any]] = {
    "role_arn": {"role_arn": "arn:aws:iam::123456789012:role/other"},
    "output_uri": {"output_uri": "s3://acme/other"},
    "base_model": {"base_model": "s3://acme/other/"},
    "dataset": {"dataset": "s3://acme/other.jsonl"},
    "validation": {"validation": "s3://acme/validation.jsonl"},
    "image_uri": {"image_uri": "other:1"},
    "entry_point": {"entry_point": "other.py"},
    "source_dir": {"source_dir": "s3://acme/other.tar.gz"},
    "method": {"method": "full"},
    "epochs": {"epochs": 2},
    "max_steps": {"max_steps": 7},
    "batch_size": {"batch_size": 3},
    "gradient_accumulation": {"gradient_accumulation": 2},
    "learning_rate": {"learning_rate": 0.1},
    "max_length": {"max_length": 128},
    "lora_rank": {"lora_rank": 4},
    "lora_alpha": {"lora_alpha": 8},
    "lora_dropout": {"lora_dropout": 0.1},
    "seed": {"seed": 1},
    "hyperparameters": {"hyperparameters": {"flag": True}},
    "instance_type": {"instance_type": "ml.g5.xlarge"},
    "instance_count": {"instance_count": 2},
    "volume_gb": {"volume_gb": 50},
    "max_runtime_seconds": {"max_runtime_seconds": 3600},
    "max_wait_seconds": {"max_wait_seconds": 100_000},
    "spot": {"spot": False},
    "checkpoint_uri": {"checkpoint_uri": "s3://acme/checkpoints"},
    "output_kms_key_id": {"output_kms_key_id": "alias/out"},
    "volume_kms_key_id": {"volume_kms_key_id": "alias/disk"},
    "subnets": {"subnets": ["subnet-2"], "security_group_ids": ["sg-1"]},
    "security_group_ids": {"subnets": ["subnet-1"], "security_group_ids": ["sg-2"]},
    "network_isolation": {"network_isolation": True},
    "encrypt_traffic": {"encrypt_traffic": True},
    "environment": {"environment": {"A": "b"}},
    "tags": {"tags": {"team": "nlp"}},
    "metrics": {"metrics": {"loss": "loss=(.*)"}},
    "request_overrides": {"request_overrides": {"RetryStrategy": {"MaximumRetryAttempts": 2}}},
}
# What decides when a job is made, not what is asked of AWS: seen in the number of rungs.
NOT_IN_THE_REQUEST = {"fallback"}


def request(rung: int = 0, **changes: Any) -> dict[str, Any]:
    spec = SpotTrainingSpec(**{**BASE, **changes})
    code = spec.source_dir if spec.source_dir != BASE["source_dir"] else CODE
    return training_request(spec, PLACE, rung, str(code), str(spec.image_uri))


def refusal(**changes: Any) -> str:
    with pytest.raises(SpecError) as caught:
        request(**changes)
    return str(caught.value)


@pytest.mark.parametrize("field", sorted(SpotTrainingSpec.model_fields))
def test_changing_a_field_changes_the_request(field: str):
    if field in NOT_IN_THE_REQUEST:
        rungs = [SPOT_TRAINING.rungs(SpotTrainingSpec(**BASE, fallback=value)) for value in (None, "on_demand")]
        assert rungs == [1, 2]
        return
    changes = OTHER[field]
    before = {"subnets": ["subnet-1"], "security_group_ids": ["sg-1"]} if len(changes) > 1 else {}
    assert request(**changes) != request(**before)


@pytest.mark.parametrize("field", sorted(set(SpotTrainingSpec.model_fields) - {"tags"}))
def test_changing_a_field_changes_the_digest(field: str):
    changes = OTHER.get(field, {"fallback": None})
    before = {"subnets": ["subnet-1"], "security_group_ids": ["sg-1"]} if len(changes) > 1 else {}
    assert SpotTrainingSpec(**{**BASE, **changes}).digest() != SpotTrainingSpec(**{**BASE, **before}).digest()


@pytest.mark.parametrize("changes", [{}, *OTHER.values()], ids=["nothing else", *OTHER])
@pytest.mark.parametrize("rung", [0, 1])
def test_every_request_is_one_that_botocore_accepts(changes: dict[str, Any], rung: int):
    assert faults("sagemaker", "CreateTrainingJob", {"TrainingJobName": "x", **request(rung, **changes)}) == []


def test_the_first_choice_is_spot_and_the_fallback_is_not():
    spot, on_demand = request(0), request(1)
    assert spot["EnableManagedSpotTraining"] is True
    assert spot["StoppingCondition"] == {"MaxRuntimeInSeconds": 86_400, "MaxWaitTimeInSeconds": 172_800}
    assert on_demand["EnableManagedSpotTraining"] is False
    assert on_demand["StoppingCondition"] == {"MaxRuntimeInSeconds": 86_400}
    assert request(0, spot=False)["EnableManagedSpotTraining"] is False


def test_attempts_and_fallbacks_of_one_generation_share_checkpoints_that_nobody_else_has():
    uri = request(0)["CheckpointConfig"]["S3Uri"]
    assert uri == "s3://acme/models/checkpoints/0123456789abcdef/g2/fedcba9876543210/"
    assert request(1)["CheckpointConfig"]["S3Uri"] == uri
    spec = SpotTrainingSpec(**BASE)
    for other in (
        Place("us-east-1", "f" * 16, 2, PLACE.digest),
        Place("us-east-1", PLACE.key, 3, PLACE.digest),
        Place("us-east-1", PLACE.key, 2, "0" * 16),
    ):
        assert training_request(spec, other, 0, CODE, "image:1")["CheckpointConfig"]["S3Uri"] != uri


def test_hyperparameters_are_texts_that_the_toolkit_reads_back():
    values = request(epochs=3, hyperparameters={"flag": True, "name": "a b", "rate": 0.5})["HyperParameters"]
    assert values["epochs"] == "3.0"
    assert (values["flag"], values["name"], values["rate"]) == ("true", "a b", "0.5")
    assert values["sagemaker_program"] == "train.py"
    assert values["sagemaker_submit_directory"] == CODE


def test_a_container_without_network_gets_its_code_through_a_channel():
    isolated = request(network_isolation=True)
    assert isolated["HyperParameters"]["sagemaker_submit_directory"] == "/opt/ml/input/data/code/sourcedir.tar.gz"
    assert [channel["ChannelName"] for channel in isolated["InputDataConfig"]] == ["model", "train", "code"]


def test_overrides_are_merged_and_none_takes_a_member_out():
    overrides = {"ResourceConfig": {"VolumeSizeInGB": 7}, "Environment": {"A": "b"}, "AlgorithmSpecification": None}
    assert merged({"ResourceConfig": {"InstanceCount": 1}, "AlgorithmSpecification": {}}, overrides) == {
        "ResourceConfig": {"InstanceCount": 1, "VolumeSizeInGB": 7},
        "Environment": {"A": "b"},
    }
    assert request(request_overrides=overrides)["ResourceConfig"]["VolumeSizeInGB"] == 7


def test_several_faults_of_a_request_are_named_at_once():
    overrides = {"ResourceConfig": {"InstanceType": "ml.nope"}, "Foo": 1, "RoleArn": 3, "EnableNetworkIsolation": "no"}
    said = refusal(request_overrides=overrides)
    assert all(word in said for word in ("InstanceType", "Foo", "RoleArn", "EnableNetworkIsolation"))


@pytest.mark.parametrize(
    ("rule", "overrides"),
    [
        ("spot_needs_checkpoint", {"CheckpointConfig": None}),
        ("max_wait_at_least_max_runtime", {"StoppingCondition": {"MaxWaitTimeInSeconds": 5}}),
        ("max_wait_needs_spot", {"EnableManagedSpotTraining": False}),
        ("spot_without_warm_pool", {"ResourceConfig": {"KeepAlivePeriodInSeconds": 60}}),
        (
            "spot_without_instance_preferences",
            {"ResourceConfig": {"InstancePreferences": [{"InstanceType": "ml.g5.xlarge", "InstanceCount": 1}]}},
        ),
    ],
)
def test_what_aws_refuses_together_is_refused_before(rule: str, overrides: dict[str, Any]):
    assert RULES[rule]["says"] in refusal(request_overrides=overrides)


def test_every_limit_has_its_source_and_a_test():
    assert all(row["source"].startswith("https://docs.aws.amazon.com/") for row in RULES.values())
    assert len(RULES) == 5


@pytest.mark.parametrize("member", ["TrainingJobName", "Tags"])
def test_overrides_cannot_take_the_claim_away(member: str):
    assert member in refusal(request_overrides={member: "x"})


def test_a_token_cannot_slip_in_through_overrides():
    said = refusal(request_overrides={"Environment": {"X": "hf_" + "a" * 34}})
    assert "Environment.X" in said
    assert "hf_a" not in said
