"""What lies in AWS's buckets, who may read it, and what has to be accepted first."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.jumpstart.account import LLAMA, MISTRAL, QWEN, ROLE, Client, document, instructions, request

ROWS = [{"prompt": "a", "completion": "b"}] * 4


def content(s3: Any, uri: str) -> bytes:
    parts = urlsplit(uri)
    return bytes(s3.get_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"))["Body"].read())


def listed(s3: Any, uri: str) -> list[str]:
    parts = urlsplit(uri)
    found = s3.list_objects_v2(Bucket=parts.netloc, Prefix=parts.path.lstrip("/")).get("Contents", [])
    return [each["Key"].rsplit("/", 1)[-1] for each in found]


def code_of(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


def test_what_a_document_names_is_there(aws: Client) -> None:
    sagemaker, s3 = aws("sagemaker", region_name="eu-west-1"), aws("s3", region_name="eu-west-1")
    hub = document(sagemaker, QWEN)
    assert s3.list_buckets()["Buckets"] == []
    for name in ("TrainingArtifactUri", "HostingArtifactUri"):
        assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(listed(s3, hub[name]))
    assert "template.json" in listed(s3, hub["DefaultTrainingDatasetUri"])
    with tarfile.open(fileobj=io.BytesIO(content(s3, hub["TrainingScriptUri"]))) as packed:
        assert "transfer_learning.py" in packed.getnames()
    for recipe in hub["RecipeCollection"]:
        parameters = json.loads(content(s3, recipe["SmtjOverrideParamsS3Uri"]))
        template = content(s3, recipe["SmtjRecipeTemplateS3Uri"]).decode()
        assert parameters["learning_rate"]["type"] == "float"
        assert all(f"{{{{{name}}}}}" in template for name in parameters)
    assert b"LICENCE" in content(s3, document(sagemaker, LLAMA)["HostingEulaUri"])
    assert s3.list_buckets()["Buckets"] == []


def test_the_manifest_leads_to_every_specification(aws: Client) -> None:
    s3, bucket = aws("s3"), "s3://jumpstart-cache-prod-us-east-1/"
    manifest = json.loads(content(s3, bucket + "models_manifest.json"))
    assert {each["model_id"] for each in manifest} >= {QWEN, LLAMA, MISTRAL}
    assert json.loads(content(s3, bucket + "proprietary-sdk-manifest.json"))
    for entry in manifest:
        spec = json.loads(content(s3, bucket + entry["spec_key"]))
        assert (spec["model_id"], spec["version"]) == (entry["model_id"], entry["version"])
        if spec["training_supported"]:
            assert listed(s3, bucket + spec["training_script_key"]) == ["sourcedir.tar.gz"]
            [alias] = spec["training_instance_type_variants"]["regional_aliases"]["us-east-1"]
            variants = spec["training_instance_type_variants"]["variants"]
            assert variants["g5"]["regional_properties"]["image_uri"] == f"${alias}"


def test_nobody_writes_there_or_reads_what_is_gated(aws: Client) -> None:
    s3 = aws("s3")
    assert code_of(s3.put_object, Bucket="jumpstart-cache-prod-us-east-1", Key="x", Body=b"") == "AccessDenied"
    assert code_of(s3.create_bucket, Bucket="jumpstart-cache-prod-us-east-1") == "AccessDenied"
    gated = "jumpstart-private-cache-prod-us-east-1"
    assert code_of(s3.get_object, Bucket=gated, Key="x") == "AccessDenied"
    assert code_of(s3.list_objects_v2, Bucket=gated) == "AccessDenied"
    s3.create_bucket(Bucket="jumpstart-cache-prod-of-mine")


def test_a_gated_model_is_trained_only_after_its_licence_is_accepted(aws: Client) -> None:
    sagemaker, s3 = aws("sagemaker"), aws("s3")
    s3.create_bucket(Bucket="bucket")
    hub, data = document(sagemaker, LLAMA), instructions(s3, "data", ROWS)
    with pytest.raises(ClientError, match=r"Channel model: .* gated.* AcceptEula to true"):
        sagemaker.create_training_job(**request("job", hub, data))
    assert sagemaker.create_training_job(**request("job", hub, data, accept=True))["TrainingJobArn"]
    sagemaker.stop_training_job(TrainingJobName="job")


def test_a_gated_model_is_hosted_only_after_its_licence_is_accepted(aws: Client) -> None:
    sagemaker = aws("sagemaker")
    hub = document(sagemaker, LLAMA)
    source = {"S3Uri": hub["HostingArtifactUri"], "S3DataType": "S3Prefix", "CompressionType": "None"}

    def create(name: str, **further: Any) -> None:
        container = {"Image": hub["HostingEcrUri"], "ModelDataSource": {"S3DataSource": {**source, **further}}}
        sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)

    with pytest.raises(ClientError, match="gated"):
        create("m")
    with pytest.raises(ClientError, match="gated"):
        create("m", ModelAccessConfig={"AcceptEula": False})
    create("m", ModelAccessConfig={"AcceptEula": True})
    past = {"Image": hub["HostingEcrUri"], "ModelDataUrl": hub["HostingArtifactUri"] + "model.safetensors"}
    with pytest.raises(ClientError, match="gated"):
        sagemaker.create_model(ModelName="past", PrimaryContainer=past, ExecutionRoleArn=ROLE)


def test_a_private_hub_gives_access_by_the_arn_of_its_content(aws: Client) -> None:
    sagemaker, s3 = aws("sagemaker"), aws("s3")
    s3.create_bucket(Bucket="bucket")
    sagemaker.create_hub(HubName="ours", HubDescription="d")
    public = f"arn:aws:sagemaker:us-east-1:aws:hub-content/SageMakerPublicHub/Model/{MISTRAL}"
    made = sagemaker.create_hub_content_reference(HubName="ours", SageMakerPublicHubContentArn=public)
    asked = request("job", document(sagemaker, MISTRAL), instructions(s3, "data", ROWS))
    source = asked["InputDataConfig"][1]["DataSource"]["S3DataSource"]
    source["HubAccessConfig"] = {"HubContentArn": made["HubContentArn"].replace("ours", "theirs")}
    assert code_of(sagemaker.create_training_job, **asked) == "ResourceNotFound"
    source["HubAccessConfig"] = {"HubContentArn": made["HubContentArn"]}
    assert sagemaker.create_training_job(**asked)["TrainingJobArn"]
    sagemaker.stop_training_job(TrainingJobName="job")


def test_buckets_are_filled_again_after_a_reset(aws: Client, sandbox: Any) -> None:
    sagemaker, s3 = aws("sagemaker"), aws("s3")
    uri = document(sagemaker, MISTRAL)["TrainingScriptUri"]
    before = content(s3, uri)
    sandbox.reset()
    assert content(s3, uri) == before
