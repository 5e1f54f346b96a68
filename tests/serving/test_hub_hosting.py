"""A model of a hub is served as its hub says, and so is what was tuned from it; what a person says goes before."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_finetune import DeploySpec
from airflow_finetune.aws.shapes import faults
from airflow_finetune.errors import SpecError
from airflow_finetune.registry.spec import RegisterSpec
from airflow_finetune.serving.spec import requests
from airflow_finetune.values import ModelHosting

BASE = "s3://jumpstart-private-cache-prod-us-east-1/tiny/inference/"
HOSTING = ModelHosting(
    image_uri="of-the-hub",
    images={"ml.g6.xlarge": "of-the-hub-on-g6"},
    environment={"OPTION_MAX_MODEL_LEN": "4096", "SM_X": "1"},
    instance_type="ml.g5.2xlarge",
    network_isolation=True,
    startup_timeout_seconds=1200,
    base_uri=BASE,
    eula_accepted=True,
    hub_content_arn="arn:aws:sagemaker:us-east-1:123456789012:hub-content/acme-hub/ModelReference/tiny/1.0.0",
)
TUNED = {"model_uri": "s3://acme/models/job/output/model/", "backend": "jumpstart", "hosting": HOSTING.dump()}


def made(**changes: Any) -> list[dict[str, Any]]:
    """The three requests."""
    fields = {"role_arn": "arn:aws:iam::123456789012:role/x", "model": TUNED, "hosting": HOSTING.dump(), **changes}
    spec = DeploySpec.load(fields, rendered=True, thing="deploy").as_hosted()
    found = [(resource, request("name")) for resource, request in requests(spec)]
    assert [faults(r.service, r.operations.create, {**body, r.key: "name"}) for r, body in found] == [[], [], []]
    return [body for _, body in found]


def test_the_hub_says_image_environment_instance_and_network():
    model, config, _ = made()
    container = model["PrimaryContainer"]
    assert (container["Image"], container["Environment"]) == ("of-the-hub", HOSTING.environment)
    assert model["EnableNetworkIsolation"] is True
    [variant] = config["ProductionVariants"]
    assert variant["InstanceType"] == "ml.g5.2xlarge"
    assert variant["ContainerStartupHealthCheckTimeoutInSeconds"] == 1200


def test_what_was_tuned_is_the_users_own_and_needs_nobodys_leave():
    source = made()[0]["PrimaryContainer"]["ModelDataSource"]["S3DataSource"]
    assert source == {"S3Uri": TUNED["model_uri"], "S3DataType": "S3Prefix", "CompressionType": "None"}


def test_the_untuned_model_is_read_with_the_accepted_license_and_in_the_hubs_name():
    source = made(model=HOSTING.dump())[0]["PrimaryContainer"]["ModelDataSource"]["S3DataSource"]
    assert source == {
        "S3Uri": BASE,
        "S3DataType": "S3Prefix",
        "CompressionType": "None",
        "ModelAccessConfig": {"AcceptEula": True},
        "HubAccessConfig": {"HubContentArn": HOSTING.hub_content_arn},
    }


def test_an_untuned_archive_is_read_with_its_license_too():
    archive = HOSTING.model_copy(update={"base_uri": f"{BASE}model.tar.gz", "hub_content_arn": None}).dump()
    source = made(model=archive, hosting=archive)[0]["PrimaryContainer"]["ModelDataSource"]["S3DataSource"]
    assert (source["CompressionType"], source["S3DataType"]) == ("Gzip", "S3Object")
    assert source["ModelAccessConfig"] == {"AcceptEula": True}


def test_what_a_person_says_goes_before_the_hub():
    model, config, _ = made(image_uri="mine", instance_type="ml.g6.xlarge", environment={"SM_X": "2"})
    assert model["PrimaryContainer"]["Image"] == "mine"
    assert model["PrimaryContainer"]["Environment"] == {"OPTION_MAX_MODEL_LEN": "4096", "SM_X": "2"}
    assert config["ProductionVariants"][0]["InstanceType"] == "ml.g6.xlarge"


def test_another_instance_gets_the_image_that_the_hub_has_for_it():
    assert made(instance_type="ml.g6.xlarge")[0]["PrimaryContainer"]["Image"] == "of-the-hub-on-g6"


def test_without_a_hub_an_image_must_be_given():
    fields = {"role_arn": "arn:aws:iam::123456789012:role/x", "model": "s3://acme/m/"}
    with pytest.raises(SpecError, match="image_uri must be given"):
        DeploySpec.load(fields, rendered=True, thing="deploy")
    plain = DeploySpec.load({**fields, "image_uri": "mine"}, rendered=True, thing="deploy").as_hosted()
    assert (plain.instance_type, dict(plain.environment)) == ("ml.g5.xlarge", {})


def test_a_version_is_registered_with_what_the_hub_says_unless_a_person_says_otherwise():
    spec = RegisterSpec(group="orders", environment={"SM_X": "2"}).as_hosted(HOSTING)
    assert (spec.image_uri, spec.instance_types) == ("of-the-hub", ("ml.g5.2xlarge",))
    assert spec.environment == {"OPTION_MAX_MODEL_LEN": "4096", "SM_X": "2"}
    mine = RegisterSpec(group="orders", image_uri="mine", instance_types=("ml.m5.large",))
    assert (mine.as_hosted(HOSTING).image_uri, mine.as_hosted(HOSTING).instance_types) == ("mine", ("ml.m5.large",))
    assert mine.as_hosted(None) is mine
