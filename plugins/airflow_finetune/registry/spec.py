"""What a person writes to have a model registered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from airflow_finetune.redact import REFERENCE_HINT, literal_secrets
from airflow_finetune.spec import RULES_OF_TAGS, Rule, Spec, is_later
from airflow_finetune.values import ModelHosting

InstanceType = Annotated[str, Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$")]


class RegisterSpec(Spec):
    """A version of a model in a group of AWS's registry.

    Every field may be a Jinja text.

    Attributes:
        group: name of the model package group; made if it is missing, shared by all runs that name it.
        image_uri: what serves a model that lies in S3, which needs one. Bedrock serves its own models: of them nothing
            about a server is registered.
        instance_types: what it may be served on.
        environment: of the server. Secrets are references (ARNs) that the program reads.
        content_types: what it reads.
        response_types: what it answers.
        output_uri: an ``s3://`` prefix for the evidence; None takes the folder of the report.
        kms_key_id: encrypts the evidence; None takes the bucket's own way.
        tags: of the group, beside ours, if this task makes it. AWS allows no tags on versions.
    """

    backend: ClassVar[str] = "registry"

    group: Annotated[str, Field(pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$")]
    image_uri: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    instance_types: Annotated[tuple[InstanceType, ...], Field(min_length=1)] = ("ml.g5.xlarge",)
    environment: Mapping[str, str] = Field(default_factory=dict)
    content_types: tuple[str, ...] = ("application/json",)
    response_types: tuple[str, ...] = ("application/json",)
    output_uri: Annotated[str, Field(pattern=r"^s3://[^/]+")] | None = None
    kms_key_id: str | None = None
    tags: Mapping[str, str] = Field(default_factory=dict)

    def as_hosted(self, hosting: ModelHosting | None) -> RegisterSpec:
        """Return this spec with everything that a hub says of serving the model and nobody else has said."""
        if hosting is None:
            return self
        update: dict[str, Any] = {"environment": {**hosting.environment, **self.environment}}
        if self.image_uri is None:
            update["image_uri"] = hosting.image_uri
        if "instance_types" not in self.model_fields_set:
            update["instance_types"] = (hosting.instance_type,)
        return self.model_copy(update=update)

    not_in_digest: ClassVar[frozenset[str]] = frozenset({"tags", "output_uri", "kms_key_id"})
    rules: ClassVar[tuple[Rule, ...]] = RULES_OF_TAGS

    @model_validator(mode="after")
    def _no_literal_secrets(self) -> RegisterSpec:
        values = self.environment if isinstance(self.environment, Mapping) else {}
        found = list(literal_secrets({k: v for k, v in values.items() if not is_later(v)}, "environment"))
        if found:
            raise PydanticCustomError("literal_secret", "{said}", {"said": f"{' '.join(found)} {REFERENCE_HINT}"})
        return self
