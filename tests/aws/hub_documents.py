"""Documents of hub models as AWS's hubs give them, with only what a test is about."""

from __future__ import annotations

import json
from typing import Any

from airflow_finetune.aws.hubs import HubModel, model_of

REGION = "us-east-1"
BUCKET = f"s3://jumpstart-cache-prod-{REGION}"
REGISTRY = f"763104351884.dkr.ecr.{REGION}.amazonaws.com"
TRAINING_IMAGE = f"{REGISTRY}/huggingface-pytorch-training:2.8.0-transformers4.56.2-gpu-py312-cu129-ubuntu22.04"
HOSTING_IMAGE = f"{REGISTRY}/djl-inference:0.36.0-lmi18.0.0-cu128"
PROGRAM = {"Name": "sagemaker_program", "Type": "text", "Default": "transfer_learning.py", "Scope": "container"}
SUBMITTED = {
    "Name": "sagemaker_submit_directory",
    "Type": "text",
    "Default": "/opt/ml/input/data/code/sourcedir.tar.gz",
    "Scope": "container",
}


def document(**changes: Any) -> dict[str, Any]:
    """A document of an open model that is tuned by instructions; ``...`` takes a key away."""
    found = {
        "Url": "https://huggingface.co/tiny",
        "ModelTypes": ["OPEN_WEIGHTS"],
        "TrainingSupported": True,
        "IncrementalTrainingSupported": False,
        "TrainingEcrUri": f"{REGISTRY}/huggingface-pytorch-training:cpu",
        "TrainingScriptUri": f"{BUCKET}/source-directory-tarballs/tiny/transfer_learning/v1.0.0/sourcedir.tar.gz",
        "TrainingArtifactUri": f"{BUCKET}/tiny/artifacts/",
        "TrainingArtifactS3DataType": "S3Prefix",
        "TrainingArtifactCompressionType": "None",
        "DefaultTrainingInstanceType": "ml.g5.2xlarge",
        "SupportedTrainingInstanceTypes": ["ml.g5.2xlarge", "ml.p4d.24xlarge"],
        "TrainingVolumeSize": 256,
        "TrainingEnableNetworkIsolation": True,
        "MaxRuntimeInSeconds": 360000,
        "DisableOutputCompression": True,
        "Hyperparameters": [
            {"Name": "epoch", "Type": "int", "Default": 5, "Min": 1, "Max": 1000, "Scope": "algorithm"},
            {"Name": "learning_rate", "Type": "float", "Default": 0.0001, "Min": 1e-08, "Max": 1, "Scope": "algorithm"},
            {"Name": "instruction_tuned", "Type": "text", "Default": "False", "Options": ["True", "False"]},
            {"Name": "chat_dataset", "Type": "text", "Default": "True", "Options": ["True", "False"]},
            {"Name": "save_steps", "Type": "int", "Default": 40, "Min": 1},
            {"Name": "lora_r", "Type": "int", "Default": 8, "Min": 1},
            PROGRAM,
            SUBMITTED,
        ],
        "TrainingMetrics": [{"Name": "eval-loss", "Regex": "'eval_loss': ([0-9]+\\.[0-9]+)"}],
        "TrainingInstanceTypeVariants": {
            "Aliases": {},
            "Variants": {
                "g5": {"Properties": {"ImageUri": TRAINING_IMAGE, "EnvironmentVariables": {"FLASH": "1"}}},
                "p4d": {"Properties": {"EnvironmentVariables": {"WIDE": "1"}}},
            },
        },
        "HostingEcrUri": HOSTING_IMAGE,
        "HostingArtifactUri": f"{BUCKET}/tiny/inference/",
        "HostingArtifactS3DataType": "S3Prefix",
        "HostingArtifactCompressionType": "None",
        "DefaultInferenceInstanceType": "ml.g5.xlarge",
        "SupportedInferenceInstanceTypes": ["ml.g5.xlarge", "ml.g5.2xlarge"],
        "InferenceEnvironmentVariables": [
            {"Name": "OPTION_MAX_MODEL_LEN", "Type": "text", "Default": "4096", "Scope": "container"},
        ],
        **changes,
    }
    return {key: value for key, value in found.items() if value is not ...}


def described(model_id: str = "tiny-instruct", version: str = "1.0.0", **changes: Any) -> dict[str, Any]:
    """What DescribeHubContent answers; ``changes`` are of the document."""
    return {
        "HubContentName": model_id,
        "HubContentVersion": version,
        "HubContentType": "Model",
        "HubContentArn": f"arn:aws:sagemaker:{REGION}:aws:hub-content/SageMakerPublicHub/Model/{model_id}/{version}",
        "HubContentDocument": json.dumps(document(**changes)),
        "HubContentStatus": "Available",
        "DocumentSchemaVersion": "2.3.0",
    }


def model(**changes: Any) -> HubModel:
    """That model as a value; ``changes`` are of the document."""
    return model_of(described(**changes), "SageMakerPublicHub")


def gated(**changes: Any) -> HubModel:
    """A model whose license must be accepted."""
    eula = {"HostingEulaUri": f"{BUCKET}/fmhMetadata/eula/tiny.txt", "GatedBucket": True}
    return model(**{**eula, "TrainingArtifactUri": "s3://jumpstart-private-cache-prod-us-east-1/tiny/", **changes})
