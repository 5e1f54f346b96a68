"""What serves a model by the word of the hub that it came from, as it travels with the model."""

from __future__ import annotations

from pydantic import Field

from airflow_finetune.values.value import Value


class ModelHosting(Value):
    """What a hub says of serving one of its models; the same serves what was tuned from it.

    Attributes:
        image_uri: what serves it on ``instance_type``.
        images: instance type -> what serves it there, where that is another image.
        environment: of the server.
        instance_type: what it is served on where nobody says otherwise.
        network_isolation: whether the server gets no network.
        startup_timeout_seconds: until it must answer; None takes AWS's.
        base_uri: the files of the model before anybody tuned it: a folder that ends with ``/``, or an archive; None
            where the hub has none.
        eula_accepted: whether the license of a gated model was accepted; only then AWS gives out ``base_uri``.
        hub_content_arn: of a private hub's reference, in whose name ``base_uri`` is read; None for others.
    """

    image_uri: str
    images: dict[str, str] = Field(default_factory=dict)
    environment: dict[str, str] = Field(default_factory=dict)
    instance_type: str
    network_isolation: bool = False
    startup_timeout_seconds: int | None = None
    base_uri: str | None = None
    eula_accepted: bool = False
    hub_content_arn: str | None = None

    def image_on(self, instance_type: str) -> str:
        """Return what serves it on an instance."""
        return self.images.get(instance_type, self.image_uri)
