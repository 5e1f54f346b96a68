"""What a service of the embedded AWS raises: an error as AWS words it, or "this one is not ours"."""

from __future__ import annotations

from typing import Any


class AwsError(Exception):
    """An error that the client shall see, with AWS's code and text.

    Args:
        code: AWS's error code, for example ``ValidationException``.
        message: AWS's text.
        status: the HTTP status.
        members: further members of the modelled error shape, for example ``OriginalStatusCode``.
    """

    def __init__(self, code: str, message: str, status: int = 400, **members: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status, self.members = code, message, status, members


class PassToMoto(Exception):
    """Raised by a handler that finds that the resource is moto's, so that moto shall answer."""
