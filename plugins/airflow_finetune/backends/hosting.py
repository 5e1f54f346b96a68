"""What serves a model of a hub, and whatever is tuned from it, by the hub's word; pure."""

from __future__ import annotations

from airflow_finetune.aws.hubs import HubModel
from airflow_finetune.values import ModelHosting


def hosting_of(model: HubModel, *, accepted: bool) -> ModelHosting | None:
    """Return what serves a model and what is tuned from it; None where the hub does not say it.

    Args:
        model: of the hub.
        accepted: whether its license was.
    """
    kind = model.default_hosting_instance_type
    image = model.hosting_image(kind)
    if not kind or not image:
        return None
    images = {each: model.hosting_image(each) for each in model.hosting_instance_types}
    source = model.hosting_artifact(kind)
    uri = None if source is None else source.uri
    if uri is not None and not uri.endswith((".tar.gz", "/")):
        uri += "/"
    return ModelHosting(
        image_uri=image,
        images={each: other for each, other in images.items() if other != image},
        environment=model.hosting_environment(kind),
        instance_type=kind,
        network_isolation=model.hosting_network_isolation,
        startup_timeout_seconds=model.startup_timeout_seconds,
        base_uri=uri,
        eula_accepted=model.gated and accepted,
        hub_content_arn=model.arn if model.is_reference else None,
    )
