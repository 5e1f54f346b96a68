"""The second way to find a model: a manifest in S3, and a specification in other words for each version of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ...state.public_hub import HubModel

MANIFEST, PROPRIETARY = "models_manifest.json", "proprietary-sdk-manifest.json"
ECR_SPECS = {
    "training": {"framework": "huggingface", "framework_version": "2.8.0", "py_version": "py312",
                 "huggingface_transformers_version": "4.56.2"},
    "hosting": {"framework": "djl-lmi", "framework_version": "0.36.0", "py_version": "py312"},
}  # fmt: skip


def documents(models: Iterable[HubModel], region: str) -> Iterator[tuple[str, Any]]:
    """Yield key and content of the manifests and specifications."""
    known = list(models)
    manifest = [_entry(model, f"community_models/{model.name}/specs_v{model.version}.json") for model in known]
    yield MANIFEST, manifest
    other = "proprietary_models/sandbox-proprietary-model/specs_v1.0.0.json"
    yield (
        PROPRIETARY,
        [
            {
                "model_id": "sandbox-proprietary-model",
                "version": "1.0.0",
                "min_version": "2.189.0",
                "spec_key": other,
                "search_keywords": [],
            }
        ],
    )
    yield other, _nothing("sandbox-proprietary-model", "1.0.0")
    for model, entry in zip(known, manifest, strict=True):
        yield entry["spec_key"], specification(model, region)


def specification(model: HubModel, region: str) -> dict[str, Any]:
    """Return the document of a model as the SDK's older readers want it."""
    hub = model.document(region)
    spec = {
        **_nothing(model.name, model.version),
        "url": hub["Url"],
        "min_sdk_version": hub["MinSdkVersion"],
        "training_supported": hub["TrainingSupported"],
        "deprecated": model.support == "Deprecated",
        "gated_bucket": hub.get("GatedBucket", False),
        "hosting_ecr_specs": ECR_SPECS["hosting"],
        "hosting_artifact_key": _key(hub["HostingArtifactUri"]),
        "hosting_prepacked_artifact_key": _key(hub["HostingArtifactUri"]),
        "inference_environment_variables": [
            {_snake(name): value for name, value in row.items()} for row in hub["InferenceEnvironmentVariables"]
        ],
        "default_inference_instance_type": hub["DefaultInferenceInstanceType"],
        "supported_inference_instance_types": hub["SupportedInferenceInstanceTypes"],
        "hosting_instance_type_variants": _variants(hub["HostingInstanceTypeVariants"], region),
    }
    if "HostingEulaUri" in hub:
        spec["hosting_eula_key"] = _key(hub["HostingEulaUri"])
    return {**spec, **_training(hub, region)} if hub["TrainingSupported"] else spec


def _training(hub: Mapping[str, Any], region: str) -> dict[str, Any]:
    return {
        "training_ecr_specs": ECR_SPECS["training"],
        "training_artifact_key": _key(hub["TrainingArtifactUri"]),
        "training_script_key": _key(hub["TrainingScriptUri"]),
        "training_prepacked_script_key": _key(hub["TrainingScriptUri"]),
        "hyperparameters": [{name.lower(): value for name, value in row.items()} for row in hub["Hyperparameters"]],
        "metrics": hub["TrainingMetrics"],
        "default_training_instance_type": hub["DefaultTrainingInstanceType"],
        "supported_training_instance_types": hub["SupportedTrainingInstanceTypes"],
        "default_training_dataset_key": _key(hub["DefaultTrainingDatasetUri"]),
        "training_volume_size": hub["TrainingVolumeSize"],
        "training_enable_network_isolation": hub["TrainingEnableNetworkIsolation"],
        "training_instance_type_variants": _variants(hub["TrainingInstanceTypeVariants"], region),
    }


def _variants(variants: Mapping[str, Any], region: str) -> dict[str, Any]:
    """Return variants as the older form has them: images by an alias of the region."""
    found: dict[str, Any] = {}
    aliases: dict[str, str] = {}
    for instance, variant in variants["Variants"].items():
        aliases["image_uri"] = variant["Properties"]["ImageUri"]  # one image for all of them
        found[instance] = {
            "properties": {"environment_variables": variant["Properties"]["EnvironmentVariables"]},
            "regional_properties": {"image_uri": "$image_uri"},
        }
    return {"regional_aliases": {region: aliases}, "variants": found}


def _nothing(model: str, version: str) -> dict[str, Any]:
    """Return what every specification has."""
    return {
        "model_id": model,
        "url": "",
        "version": version,
        "min_sdk_version": "2.189.0",
        "training_supported": False,
        "incremental_training_supported": False,
        "hyperparameters": [],
        "inference_environment_variables": [],
        "metrics": [],
        "inference_dependencies": [],
        "training_dependencies": [],
    }


def _entry(model: HubModel, key: str) -> dict[str, Any]:
    return {
        "model_id": model.name,
        "version": model.version,
        "min_version": model.template["MinSdkVersion"],
        "spec_key": key,
        "search_keywords": list(model.keywords),
    }


def _key(uri: str) -> str:
    return urlsplit(uri).path.lstrip("/")


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
