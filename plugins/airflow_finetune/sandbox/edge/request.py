"""An HTTP request with what AWS reads from it: who signed it, for which service and region, and its whole body."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

from .errors import AwsError

MAX_INFLATED_BYTES = 256 * 1024 * 1024

_ORIGIN = re.compile(r"^https?://[^/]*")  # a client that takes us for a proxy sends the whole address
_CREDENTIAL = re.compile(r"Credential=([^,\s]+)")


@dataclass(frozen=True)
class Scope:
    """The credential scope of a signature.

    Attributes:
        access_key: the access key id.
        region: for example ``us-east-1``.
        signing_name: the service that the request was signed for.
    """

    access_key: str
    region: str
    signing_name: str


class Request:
    """One request over its WSGI environment; the body is read once and can be put back for moto."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = environ
        self.method: str = environ["REQUEST_METHOD"]
        self.raw_path: str = _ORIGIN.sub("", environ["RAW_URI"].partition("?")[0])
        self.path: str = environ["PATH_INFO"]
        self.query: str = environ.get("QUERY_STRING", "")

    @cached_property
    def headers(self) -> Mapping[str, str]:
        """Header values by lower-case name."""
        found = {name[5:].lower().replace("_", "-"): v for name, v in self.environ.items() if name.startswith("HTTP_")}
        for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if name in self.environ:
                found[name.lower().replace("_", "-")] = self.environ[name]
        return found

    @cached_property
    def body(self) -> bytes:
        """The whole body, as it was sent; what reads ``wsgi.input`` afterwards finds it again.

        Raises:
            AwsError: the body is shorter than its header says, or came too slowly.
        """
        content: bytes = self.environ["wsgi.input"].read()
        self.environ["wsgi.input"] = io.BytesIO(content)
        self.environ["CONTENT_LENGTH"] = str(len(content))
        self.environ.pop("wsgi.input_terminated", None)
        self.environ.pop("HTTP_TRANSFER_ENCODING", None)
        return content

    def inflate(self) -> None:
        """Undo a gzip encoding of the body, for us and for moto. Not for S3: there it belongs to the object.

        Raises:
            AwsError: what calls itself gzip is not, or inflates beyond reason.
        """
        if self.headers.get("content-encoding", "").strip().lower() != "gzip":
            return
        plain = _gunzip(self.body)
        self.environ.pop("HTTP_CONTENT_ENCODING")
        self.environ.update({"wsgi.input": io.BytesIO(plain), "CONTENT_LENGTH": str(len(plain))})
        for name in ("headers", "body"):
            self.__dict__.pop(name)

    @cached_property
    def scope(self) -> Scope | None:
        """Who signed, for what; None for a request without a version 4 signature.

        Raises:
            AwsError: IncompleteSignatureException for a signature that cannot be read.
        """
        header = self.headers.get("authorization", "")
        if header.startswith("AWS4-"):
            found = _CREDENTIAL.search(header)
            return _scope(found.group(1) if found else "")
        if "X-Amz-Credential=" in self.query:
            return _scope(parse_qs(self.query)["X-Amz-Credential"][0])
        return None


def _scope(credential: str) -> Scope:
    parts = credential.rsplit("/", 4)
    if len(parts) != 5 or not all(parts) or parts[-1] != "aws4_request":
        raise AwsError(
            "IncompleteSignatureException",
            "Credential must have exactly 5 slash-delimited elements, e.g. "
            f"keyid/date/region/service/term, got '{credential}'",
            status=403,
        )
    access_key, _, region, signing_name, _ = parts
    return Scope(access_key, region, signing_name.lower())


def _gunzip(content: bytes) -> bytes:
    inflate = zlib.decompressobj(wbits=31)
    try:
        plain = inflate.decompress(content, MAX_INFLATED_BYTES)
    except zlib.error as error:
        raise AwsError("SerializationException", f"The request body is not valid gzip: {error}") from error
    if inflate.unconsumed_tail or not inflate.eof:
        raise AwsError("SerializationException", "The request body is not valid gzip: it is cut off or too large")
    return plain
