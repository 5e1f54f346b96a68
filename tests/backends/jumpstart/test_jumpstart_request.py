"""From a spec and a hub's document to the request: every member that the document decides about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_finetune import JumpStartSpec
from airflow_finetune.aws.hubs import HubModel
from airflow_finetune.aws.shapes import faults
from airflow_finetune.backends.backend import Place
from airflow_finetune.backends.jumpstart.lookup import unfit
from airflow_finetune.backends.jumpstart.request import Data, training_request
from airflow_finetune.backends.jumpstart.result import hosting_of
from airflow_finetune.errors import SpecError
from tests.aws.hub_documents import BUCKET, HOSTING_IMAGE, TRAINING_IMAGE, document, gated, model

PLACE = Place("us-east-1", "abcd", 1, "0123")
DATA = Data("s3://acme/models/jumpstart-data/1/training/", "s3://acme/models/jumpstart-data/1/validation/")
NO_CHECKPOINTS = [row for row in document()["Hyperparameters"] if row["Name"] != "save_steps"]


def spec(**changes: Any) -> JumpStartSpec:
    fields = {
        "role_arn": "arn:aws:iam::123456789012:role/trainer",
        "output_uri": "s3://acme/models/",
        "model_id": "tiny-instruct",
        "dataset": "s3://acme/train.jsonl",
    }
    return JumpStartSpec.load({**fields, **changes}, rendered=True, thing="fine_tune")


def request(found: HubModel | None = None, rung: int = 0, **changes: Any) -> dict[str, Any]:
    return training_request(spec(**changes), found or model(), PLACE, rung, DATA)


def channels(made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["ChannelName"]: each for each in made["InputDataConfig"]}


def source(made: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = channels(made)[name]["DataSource"]["S3DataSource"]
    return found


def said(found: HubModel, **changes: Any) -> str:
    return " ".join(" ".join(each) for each in unfit(spec(**changes), found))


def test_the_document_decides_where_the_spec_says_nothing():
    made = request()
    assert made["AlgorithmSpecification"]["TrainingImage"] == TRAINING_IMAGE
    assert made["AlgorithmSpecification"]["MetricDefinitions"][0]["Name"] == "eval-loss"
    assert made["ResourceConfig"] == {"InstanceType": "ml.g5.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 256}
    assert made["EnableNetworkIsolation"] is True
    assert made["Environment"] == {"FLASH": "1"}
    assert made["OutputDataConfig"] == {"S3OutputPath": "s3://acme/models/", "CompressionType": "NONE"}
    assert made["EnableManagedSpotTraining"] is False
    assert {tag["Key"]: tag["Value"] for tag in made["Tags"]} == {
        "sagemaker-sdk:jumpstart-model-id": "tiny-instruct",
        "sagemaker-sdk:jumpstart-model-version": "1.0.0",
    }
    assert "ContainerEntrypoint" not in made["AlgorithmSpecification"], "the image's own toolkit unpacks the script"
    assert faults("sagemaker", "CreateTrainingJob", {"TrainingJobName": "x", **made}) == []


def test_hyperparameters_are_every_default_and_over_them_the_method_and_the_user():
    made = request(epochs=2, hyperparameters={"lora_r": 32}, method="chat")["HyperParameters"]
    assert made == {
        "epoch": "2",
        "learning_rate": "0.0001",
        "instruction_tuned": "False",
        "chat_dataset": "True",
        "save_steps": "40",
        "lora_r": "32",
        "sagemaker_program": "transfer_learning.py",
        "sagemaker_submit_directory": "/opt/ml/input/data/code/sourcedir.tar.gz",
    }


def test_the_channels_are_data_weights_and_script():
    made = request()
    assert list(channels(made)) == ["training", "validation", "model", "code"]
    assert source(made, "training")["S3Uri"] == DATA.training_uri
    assert source(made, "model")["S3Uri"] == f"{BUCKET}/tiny/artifacts/"
    assert source(made, "code")["S3Uri"].endswith("/sourcedir.tar.gz")
    assert "ModelAccessConfig" not in source(made, "model")


def test_what_the_spec_says_goes_before_the_document():
    made = request(instance_type="ml.p4d.24xlarge", volume_gb=500, network_isolation=False, environment={"WIDE": "2"})
    assert made["ResourceConfig"]["InstanceType"] == "ml.p4d.24xlarge"
    assert made["ResourceConfig"]["VolumeSizeInGB"] == 500
    assert made["AlgorithmSpecification"]["TrainingImage"] == document()["TrainingEcrUri"]
    assert made["EnableNetworkIsolation"] is False
    assert made["Environment"] == {"WIDE": "2"}


def test_a_gated_model_is_asked_for_with_the_accepted_license_and_in_a_reference_with_its_arn():
    made = request(replace(gated(), is_reference=True, arn="arn:of:the-reference"), accept_eula=True)
    told = {name: source(made, name) for name in ("model", "code", "training")}
    assert told["model"]["ModelAccessConfig"] == {"AcceptEula": True}
    assert told["model"]["HubAccessConfig"] == {"HubContentArn": "arn:of:the-reference"}
    assert told["code"]["HubAccessConfig"] == {"HubContentArn": "arn:of:the-reference"}
    assert "HubAccessConfig" not in told["training"]


def test_a_gated_script_of_the_older_kind_is_told_by_its_environment():
    uri = "s3://jumpstart-private-cache-prod-us-east-1/old/train.tar.gz"
    old = gated(TrainingInstanceTypeVariants={"Variants": {"g5": {"Properties": {"GatedModelEnvVarUri": uri}}}})
    made = request(old, accept_eula=True)
    assert made["Environment"] == {"SageMakerGatedModelS3Uri": uri, "accept_eula": "true"}
    assert "model" not in channels(made)


def test_spot_keeps_checkpoints_where_fallback_and_other_attempts_find_them():
    made, fallback = request(spot=True), request(rung=1, spot=True)
    assert made["EnableManagedSpotTraining"] is True
    assert made["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400, "MaxWaitTimeInSeconds": 172800}
    assert fallback["EnableManagedSpotTraining"] is False
    assert made["CheckpointConfig"] == fallback["CheckpointConfig"]
    assert made["CheckpointConfig"]["S3Uri"] == "s3://acme/models/checkpoints/abcd/g1/0123/"


def test_a_script_without_checkpoints_gets_no_place_for_them():
    assert "CheckpointConfig" not in request(model(Hyperparameters=NO_CHECKPOINTS))


def test_an_override_that_aws_would_refuse_is_refused_first():
    with pytest.raises(SpecError, match="Warm pools"):
        request(spot=True, request_overrides={"ResourceConfig": {"KeepAlivePeriodInSeconds": 60}})
    with pytest.raises(SpecError, match="use the field tags"):
        request(request_overrides={"Tags": []})


def test_what_fits_has_nothing_said_against_it():
    assert said(model()) == ""
    assert said(gated(), accept_eula=True) == ""
    assert said(model(), spot=True) == ""


def test_a_license_that_nobody_accepted_is_refused_with_its_address():
    found = said(gated())
    assert "https://jumpstart-cache-prod-us-east-1.s3.us-east-1.amazonaws.com/fmhMetadata/eula/tiny.txt" in found
    assert "accept_eula: true" in found


@pytest.mark.parametrize(
    ("found", "fields", "words"),
    [
        (model(), {"instance_type": "ml.m5.large"}, "Choose one of ml.g5.2xlarge, ml.p4d.24xlarge."),
        (model(), {"epochs": 5000}, "epoch is 5000 and must be from 1 to 1000."),
        (model(), {"epochs": 1.5}, "epoch is '1.5' and must be of type int."),
        (model(), {"batch_size": 4}, "'batch_size' is no hyperparameter of this model"),
        (model(), {"hyperparameters": {"lora_r": 0}}, "lora_r is 0 and must be at least 1."),
        (model(Hyperparameters=NO_CHECKPOINTS), {"spot": True}, "every interruption would begin again"),
        (model(), {"spot": True, "hyperparameters": {"save_strategy": "no"}}, "every interruption would begin again"),
        (model(TrainingSupported=False), {}, "TrainingSupported: false"),
        (replace(model(), retired="use its successor."), {}, "it is retired: use its successor."),
        (model(Hyperparameters=[]), {"method": "chat"}, "has no chat_dataset"),
        (model(TrainingScriptUri=...), {}, "its document has no training script"),
        (model(DefaultTrainingInstanceType=...), {}, "Give instance_type."),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(found: HubModel, fields: dict[str, Any], words: str):
    assert words in said(found, **fields)


def test_a_user_who_knows_better_may_say_that_a_script_keeps_checkpoints():
    plain = model(Hyperparameters=NO_CHECKPOINTS)
    assert said(plain, spot=True, keeps_checkpoints=True) == ""
    assert "CheckpointConfig" in request(plain, spot=True, keeps_checkpoints=True)


def test_everything_that_is_wrong_is_said_at_once():
    found = said(gated(), instance_type="ml.m5.large", epochs=5000, spot=True)
    assert all(word in found for word in ("accept_eula", "ml.m5.large", "5000"))


def test_the_hub_says_what_serves_the_model_and_what_is_made_of_it():
    found = hosting_of(replace(gated(), is_reference=True, arn="arn:of:the-reference"), accepted=True)
    assert found is not None
    assert (found.image_uri, found.instance_type) == (HOSTING_IMAGE, "ml.g5.xlarge")
    assert found.environment == {"OPTION_MAX_MODEL_LEN": "4096"}
    assert found.base_uri == f"{BUCKET}/tiny/inference/"
    assert (found.eula_accepted, found.hub_content_arn) == (True, "arn:of:the-reference")


def test_another_instance_may_have_another_image():
    variants = {"Variants": {"ml.g5.2xlarge": {"Properties": {"ImageUri": "other"}}}}
    found = hosting_of(model(HostingInstanceTypeVariants=variants), accepted=False)
    assert found is not None
    assert [found.image_on(each) for each in ("ml.g5.2xlarge", "ml.g5.xlarge")] == ["other", HOSTING_IMAGE]
    assert hosting_of(model(HostingEcrUri=...), accepted=False) is None
