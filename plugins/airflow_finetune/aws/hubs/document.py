"""A model of a hub as a value, read from what DescribeHubContent answers; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from airflow_finetune.aws.hubs.hyperparameters import Hyperparameter, hyperparameters_of
from airflow_finetune.aws.hubs.recipes import Recipe, recipes_of
from airflow_finetune.aws.hubs.variants import Variants
from airflow_finetune.errors import RequestRefused

REFERENCE = "ModelReference"
"""A private hub's content that points to a model of the public one."""


class Source(NamedTuple):
    """Files of a hub, as a channel of a job or as the files of a model.

    Attributes:
        uri: where they lie.
        data_type: ``S3Prefix`` or ``S3Object``.
        compression: ``None`` or ``Gzip``.
    """

    uri: str
    data_type: str
    compression: str


@dataclass(frozen=True)
class HubModel:
    """One version of a model of a hub.

    Attributes:
        id: its name in the hub.
        version: of this content.
        hub: that it was read from.
        arn: of this content.
        is_reference: whether the hub only points to a public model: then its files are read in the hub's name.
        retired: why it can be used no more, in the hub's words; empty where it can.
        document: everything that the hub says of it.
    """

    id: str
    version: str
    hub: str
    arn: str
    is_reference: bool
    retired: str
    document: Mapping[str, Any]

    @property
    def trains(self) -> bool:
        """Whether JumpStart trains it."""
        return bool(self._get("TrainingSupported"))

    @property
    def gated(self) -> bool:
        """Whether its files are given only to who accepts its license."""
        return bool(self._get("GatedBucket"))

    @property
    def eula_uri(self) -> str:
        """Where its license lies; empty without."""
        return str(self._get("HostingEulaUri") or "")

    @property
    def eula_url(self) -> str:
        """The address under which a person reads the license; empty without."""
        bucket, _, key = self.eula_uri.removeprefix("s3://").partition("/")
        if not key:
            return self.eula_uri
        region = self.region
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        return f"https://{bucket}.s3.{region}.{domain}/{key}"

    @property
    def region(self) -> str:
        """Where it was read."""
        return self.arn.split(":")[3]

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """The ways to tune it that AWS has written down; empty where it has none."""
        return recipes_of(self._get("RecipeCollection") or ())

    @property
    def metrics(self) -> tuple[tuple[str, str], ...]:
        """Name and regular expression of each metric that the script prints."""
        return tuple((str(row["Name"]), str(row["Regex"])) for row in self._get("TrainingMetrics") or ())

    @property
    def script_uri(self) -> str:
        """The archive of the training script; empty without."""
        return str(self._get("TrainingScriptUri") or "")

    @property
    def default_dataset_uri(self) -> str:
        """What AWS shows the script with; empty without."""
        return str(self._get("DefaultTrainingDatasetUri") or "")

    @property
    def default_instance_type(self) -> str:
        """What it is trained on where nothing is said; empty without."""
        return str(self._get("DefaultTrainingInstanceType") or "")

    @property
    def instance_types(self) -> tuple[str, ...]:
        """What it can be trained on."""
        return tuple(self._get("SupportedTrainingInstanceTypes") or ())

    @property
    def volume_gb(self) -> int | None:
        """The disk that training needs; None where the hub says nothing."""
        return None if self._get("TrainingVolumeSize") is None else int(self._get("TrainingVolumeSize"))

    @property
    def max_runtime_seconds(self) -> int | None:
        """For how long the hub would let it train; None where it says nothing."""
        return None if self._get("MaxRuntimeInSeconds") is None else int(self._get("MaxRuntimeInSeconds"))

    @property
    def network_isolation(self) -> bool:
        """Whether its training gets no network."""
        return bool(self._get("TrainingEnableNetworkIsolation"))

    @property
    def encrypts_traffic(self) -> bool:
        """Whether what its instances say to each other is encrypted."""
        return bool(self._get("EncryptInterContainerTraffic"))

    @property
    def compresses_output(self) -> bool:
        """Whether the tuned model is one archive, instead of a folder."""
        return not self._get("DisableOutputCompression")

    @property
    def takes_validation(self) -> bool:
        """Whether the script takes a channel of validation data."""
        return self._get("ValidationSupported") is not False

    def hyperparameters(self, instance_type: str) -> tuple[Hyperparameter, ...]:
        """Return what the script takes on an instance."""
        found = {each.name: each for each in hyperparameters_of(self._get("Hyperparameters") or ())}
        own = hyperparameters_of(self._training.of(instance_type, "Hyperparameters") or ())
        return tuple((found | {each.name: each for each in own}).values())

    def training_image(self, instance_type: str) -> str:
        """Return what runs the script on an instance; empty where the hub says nothing."""
        return str(self._training.of(instance_type, "ImageUri") or self._get("TrainingEcrUri") or "")

    def training_environment(self, instance_type: str) -> dict[str, str]:
        """Return the environment of the script on an instance."""
        return self._training.merged(instance_type, "EnvironmentVariables")

    def gated_env_uri(self, instance_type: str) -> str | None:
        """Return the weights that a script of the older kind is told by its environment; None for a channel."""
        found = self._training.of(instance_type, "GatedModelEnvVarUri")
        return None if found is None else str(found)

    def training_artifact(self, instance_type: str) -> Source | None:
        """Return the weights that the script begins with; None without."""
        uri = self._training.of(instance_type, "TrainingArtifactUri") or self._get("TrainingArtifactUri")
        return self._source("Training", uri)

    @property
    def default_hosting_instance_type(self) -> str:
        """What it is served on where nothing is said; empty without."""
        return str(self._get("DefaultInferenceInstanceType") or "")

    @property
    def hosting_instance_types(self) -> tuple[str, ...]:
        """What it can be served on; empty where the hub says nothing."""
        return tuple(self._get("SupportedInferenceInstanceTypes") or ())

    def hosting_image(self, instance_type: str) -> str:
        """Return what serves it on an instance; empty where the hub says nothing."""
        return str(self._hosting.of(instance_type, "ImageUri") or self._get("HostingEcrUri") or "")

    def hosting_environment(self, instance_type: str) -> dict[str, str]:
        """Return the environment of the server on an instance."""
        rows = [{str(k).lower(): v for k, v in row.items()} for row in self._get("InferenceEnvironmentVariables") or ()]
        said = {str(row["name"]): str(row["default"]) for row in rows if row.get("default") is not None}
        return said | self._hosting.merged(instance_type, "EnvironmentVariables")

    def hosting_artifact(self, instance_type: str) -> Source | None:
        """Return the files of the model as it is served, before anybody has tuned it; None without."""
        uri = self._hosting.of(instance_type, "HostingArtifactUri") or self._get("HostingArtifactUri")
        return self._source("Hosting", uri)

    @property
    def hosting_network_isolation(self) -> bool:
        """Whether its server gets no network."""
        return bool(self._get("InferenceEnableNetworkIsolation"))

    @property
    def startup_timeout_seconds(self) -> int | None:
        """For how long its server may start; None where the hub says nothing."""
        found = self._get("ContainerStartupHealthCheckTimeout")
        return None if found is None else int(found)

    @property
    def _training(self) -> Variants:
        return Variants(self._get("TrainingInstanceTypeVariants"))

    @property
    def _hosting(self) -> Variants:
        return Variants(self._get("HostingInstanceTypeVariants"))

    def _source(self, kind: str, uri: Any) -> Source | None:
        if not uri:
            return None
        is_archive = str(uri).endswith((".tar.gz", ".tgz"))
        data_type = self._get(f"{kind}ArtifactS3DataType") or ("S3Object" if is_archive else "S3Prefix")
        compression = self._get(f"{kind}ArtifactCompressionType") or ("Gzip" if is_archive else "None")
        return Source(str(uri), str(data_type), str(compression))

    def _get(self, key: str) -> Any:
        return self.document.get(key)


def model_of(described: Mapping[str, Any], hub: str) -> HubModel:
    """Return the model that DescribeHubContent describes.

    Raises:
        RequestRefused: its document is none.
    """
    thing = f"model {described['HubContentName']} of hub {hub}"
    try:
        document = json.loads(described["HubContentDocument"])
    except ValueError as error:
        raise RequestRefused(thing, f"its document is no JSON ({error}).", "Tell the owner of the hub.") from None
    if not isinstance(document, Mapping):
        raise RequestRefused(thing, "its document is no JSON object.", "Tell the owner of the hub.")
    return HubModel(
        id=str(described["HubContentName"]),
        version=str(described["HubContentVersion"]),
        hub=hub,
        arn=str(described["HubContentArn"]),
        is_reference=described.get("HubContentType") == REFERENCE,
        retired=_retired(described, document),
        document=document,
    )


def _retired(described: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    if described.get("SupportStatus") == "Deprecated" or document.get("Deprecated"):
        return str(document.get("DeprecatedMessage") or "its support status is Deprecated.")
    return ""
