"""Where the tags of each kind of resource of ours are kept: the part of the ARN -> the store's kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from . import endpoint, endpoint_config, hub, hub_content, model, model_package, model_package_group
from .tagged_jobs import JOBS

if TYPE_CHECKING:
    from ...edge.errors import AwsError

KINDS: dict[str, tuple[str, Callable[[str], AwsError]]] = {
    **JOBS,
    "model": (model.KIND, model.not_found),
    "endpoint": (endpoint.KIND, endpoint.not_found),
    "endpoint-config": (endpoint_config.KIND, endpoint_config.not_found),
    "hub": (hub.KIND, hub.not_found),
    "hub-content": (hub.CONTENT_KIND, hub_content.not_found),
    "model-package": (model_package.KIND, model_package.not_found),
    "model-package-group": (model_package_group.KIND, model_package_group.not_found),
}
"""The store's kind of a resource type of ours, and AWS's error when there is none of the name."""
