"""What the document of a hub model says: every fact is the document's, none is a table of ours."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_finetune.aws.hubs import Source, model_of
from airflow_finetune.aws.hubs.calls import near_matches
from airflow_finetune.aws.hubs.hyperparameters import faults_of
from airflow_finetune.errors import RequestRefused
from tests.aws.hub_documents import BUCKET, HOSTING_IMAGE, TRAINING_IMAGE, described, document, gated, model


def test_everything_that_a_job_needs_is_read_from_the_document():
    found = model()
    assert (found.id, found.version, found.region) == ("tiny-instruct", "1.0.0", "us-east-1")
    assert found.trains
    assert not found.gated
    assert found.volume_gb == 256
    assert found.max_runtime_seconds == 360000
    assert found.network_isolation
    assert not found.compresses_output
    assert found.instance_types == ("ml.g5.2xlarge", "ml.p4d.24xlarge")
    assert found.metrics == (("eval-loss", "'eval_loss': ([0-9]+\\.[0-9]+)"),)
    assert found.training_artifact("ml.g5.2xlarge") == Source(f"{BUCKET}/tiny/artifacts/", "S3Prefix", "None")


def test_everything_that_serves_it_is_read_from_the_document():
    found = model()
    kind = found.default_hosting_instance_type
    assert (kind, found.hosting_image(kind)) == ("ml.g5.xlarge", HOSTING_IMAGE)
    assert found.hosting_environment(kind) == {"OPTION_MAX_MODEL_LEN": "4096"}
    assert found.hosting_artifact(kind) == Source(f"{BUCKET}/tiny/inference/", "S3Prefix", "None")


@pytest.mark.parametrize(
    ("instance_type", "image"),
    [
        ("ml.g5.2xlarge", TRAINING_IMAGE),  # of its family
        ("ml.p4d.24xlarge", document()["TrainingEcrUri"]),  # a variant without an image takes the document's
        ("ml.c5.xlarge", document()["TrainingEcrUri"]),
    ],
)
def test_the_training_image_is_the_variants_else_the_documents(instance_type: str, image: str):
    assert model().training_image(instance_type) == image


def test_a_variant_of_the_very_type_goes_before_its_family_and_aliases_are_followed():
    variants = {
        "Aliases": {"own": "the-image-of-the-type"},
        "Variants": {
            "g5": {"Properties": {"ImageUri": "of-the-family", "EnvironmentVariables": {"A": "1", "B": "1"}}},
            "ml.g5.2xlarge": {"Properties": {"ImageUri": "$own", "EnvironmentVariables": {"B": "2"}}},
        },
    }
    found = model(TrainingInstanceTypeVariants=variants)
    assert found.training_image("ml.g5.2xlarge") == "the-image-of-the-type"
    assert found.training_image("ml.g5.xlarge") == "of-the-family"
    assert found.training_environment("ml.g5.2xlarge") == {"A": "1", "B": "2"}


def test_a_variant_changes_hyperparameters_whose_keys_are_small_there():
    changed = [{"name": "epoch", "type": "int", "default": 2, "min": 1, "max": 3}]
    variants = {"Variants": {"g5": {"Properties": {"Hyperparameters": changed}}}}
    found = model(TrainingInstanceTypeVariants=variants)
    epoch = {each.name: each for each in found.hyperparameters("ml.g5.2xlarge")}["epoch"]
    assert (epoch.default, epoch.range) == (2, "1 to 3")
    assert {each.name: each for each in found.hyperparameters("ml.c5.xlarge")}["epoch"].default == 5


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"epoch": 2, "learning_rate": "0.5", "lora_r": 64, "instruction_tuned": True}, []),
        ({"epoch": 0}, ["epoch is 0 and must be from 1 to 1000."]),
        ({"epoch": 2.5}, ["epoch is '2.5' and must be of type int."]),
        ({"learning_rate": "fast"}, ["learning_rate is 'fast' and must be of type float."]),
        ({"learning_rate": 2}, ["learning_rate is 2 and must be from 1e-08 to 1."]),
        ({"lora_r": 0}, ["lora_r is 0 and must be at least 1."]),
        ({"instruction_tuned": "yes"}, ["instruction_tuned is 'yes' and must be one of True, False."]),
        ({"epochs": 1}, ["'epochs' is no hyperparameter of this model; known are epoch, learning_rate,"]),
    ],
)
def test_hyperparameters_are_held_against_type_range_and_options(given: dict[str, Any], said: list[str]):
    found = list(faults_of(model().hyperparameters("ml.g5.2xlarge"), given))
    assert len(found) == len(said)
    assert all(one.startswith(other) for one, other in zip(found, said, strict=True))


def test_the_license_of_a_gated_model_has_an_address_that_a_person_can_open():
    found = gated()
    assert found.gated
    assert (
        found.eula_url == "https://jumpstart-cache-prod-us-east-1.s3.us-east-1.amazonaws.com/fmhMetadata/eula/tiny.txt"
    )


def test_weights_of_the_older_kind_are_told_by_the_environment():
    uri = "s3://jumpstart-private-cache-prod-us-east-1/old/train.tar.gz"
    found = gated(TrainingInstanceTypeVariants={"Variants": {"g5": {"Properties": {"GatedModelEnvVarUri": uri}}}})
    assert found.gated_env_uri("ml.g5.2xlarge") == uri
    assert found.gated_env_uri("ml.c5.xlarge") is None


def test_recipes_are_read_with_their_files():
    row = {"Name": "sft-lora", "CustomizationTechnique": "SFT", "Peft": "LORA", "SequenceLength": "4K"}
    row["SmtjOverrideParamsS3Uri"] = f"{BUCKET}/recipes/params.json"
    [found] = model(RecipeCollection=[row]).recipes
    assert (found.technique, found.peft, found.parameters_uri) == ("SFT", "LORA", f"{BUCKET}/recipes/params.json")
    assert model().recipes == ()


def test_a_retired_model_says_so():
    assert model_of({**described(), "SupportStatus": "Deprecated"}, "SageMakerPublicHub").retired
    assert model_of({**described(), "SupportStatus": "Supported"}, "SageMakerPublicHub").retired == ""


def test_a_reference_of_a_private_hub_is_known_as_one():
    found = model_of({**described(), "HubContentType": "ModelReference"}, "acme-hub")
    assert (found.is_reference, found.hub) == (True, "acme-hub")


@pytest.mark.parametrize("text", ["no json", "[]"])
def test_a_document_that_is_none_is_refused_with_the_models_name(text: str):
    with pytest.raises(RequestRefused, match="tiny-instruct"):
        model_of({**described(), "HubContentDocument": text}, "SageMakerPublicHub")


def test_names_that_are_like_one_are_found_the_likeliest_first():
    known = ["huggingface-llm-qwen2-5-7b-instruct", "meta-textgeneration-llama-3-2-1b-instruct", "tiny"]
    assert near_matches("huggingface-llm-qwen-7b-instruct", known) == [known[0]]
    assert near_matches("llama-3-2", known) == [known[1]]
    assert near_matches("zzz", known) == []
