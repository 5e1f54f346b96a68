"""What of a document depends on the instance: by its type, else by its family, else the document's own; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Variants:
    """``TrainingInstanceTypeVariants`` or ``HostingInstanceTypeVariants`` of a document.

    Args:
        found: the member; empty without.
    """

    def __init__(self, found: Mapping[str, Any] | None) -> None:
        self._aliases = dict((found or {}).get("Aliases") or {})
        self._rows = dict((found or {}).get("Variants") or {})

    def of(self, instance_type: str, name: str) -> Any:
        """Return a property of an instance; None where neither its type nor its family says it."""
        for key in (instance_type, family_of(instance_type)):
            row = self._rows.get(key) or {}
            value = (row.get("Properties") or row.get("RegionalProperties") or {}).get(name)
            if value is not None:
                return self._meant(value)
        return None

    def merged(self, instance_type: str, name: str) -> dict[str, str]:
        """Return a property that is a mapping; what the type says goes before what the family says."""
        found: dict[str, str] = {}
        for key in (family_of(instance_type), instance_type):
            row = self._rows.get(key) or {}
            found |= {str(k): str(v) for k, v in ((row.get("Properties") or {}).get(name) or {}).items()}
        return found

    def _meant(self, value: Any) -> Any:
        if isinstance(value, str) and value.startswith("$"):
            return self._aliases.get(value[1:], self._aliases.get(value))
        return value


def family_of(instance_type: str) -> str:
    """Return the family of an instance type: ``g5`` of ``ml.g5.2xlarge``."""
    return instance_type.removeprefix("ml.").partition(".")[0]
