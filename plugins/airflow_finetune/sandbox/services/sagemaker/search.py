"""Search: moto knows nothing of what is ours, so for those resources its empty answer would be false."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...edge.errors import AwsError, PassToMoto

if TYPE_CHECKING:
    from ...edge.call import Call, Handler
    from ...world import World

OURS = ("TrainingJob", "Model", "ModelPackage", "ModelPackageGroup", "Endpoint")


def search(call: Call, world: World) -> Mapping[str, Any]:
    """Refuse resources of ours, and leave the others to moto.

    Raises:
        AwsError: 501, with the operation that finds them here.
        PassToMoto: the resource is moto's.
    """
    resource = call.params["Resource"]
    if resource not in OURS:
        raise PassToMoto
    text = f"The embedded AWS does not search for the resource {resource}: use List{resource}s."
    raise AwsError("NotImplemented", text, status=501)


OPERATIONS: dict[str, Handler] = {"Search": search}
