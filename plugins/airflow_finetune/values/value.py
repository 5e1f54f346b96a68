"""What every value has, and those that several stages know: a reference to a dataset, an estimate."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """Base of everything that travels in an XCom or a trigger."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=(), defer_build=True)
    current_version: ClassVar[int] = 1

    version: int = 1

    def dump(self) -> dict[str, Any]:
        """Return plain JSON types, for an XCom."""
        return self.model_dump(mode="json")

    @classmethod
    def load(cls, dumped: Any) -> Self:
        """Return the value that ``dump`` made, in this release or in an older one.

        Args:
            dumped: what ``dump`` returned, or a value of this class.
        """
        return dumped if isinstance(dumped, cls) else cls.model_validate(dumped)


class DatasetReference(Value):
    """Where a dataset lies; the data itself never travels.

    Attributes:
        uri: of the file or folder.
        sha256: of its content; None when nobody has computed it.
        examples: how many there are; None when nobody has counted.
    """

    uri: str
    sha256: str | None = None
    examples: int | None = None


class Estimate(Value):
    """A mean or a difference of means, and what it can be at the confidence that is said beside it."""

    mean: float
    low: float
    high: float
