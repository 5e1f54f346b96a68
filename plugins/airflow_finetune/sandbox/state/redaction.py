"""Takes secrets out of what is written down: by the name of a key, and by what a text looks like."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

REDACTED = "[redacted]"
LONGEST_TEXT = 2_000

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SECRET_WORDS = frozenset(
    {"secret", "secrets", "password", "passwd", "passphrase", "token", "apikey", "credential", "credentials",
     "authorization", "plaintext", "pat", "pwd", "signature"}
)  # fmt: skip
_SECRET_ENDS = ("token", "password", "passwd", "secret", "apikey")  # HFTOKEN, dbpassword: nothing parts the words
_SECRET_PAIRS = frozenset(
    {(first, "key") for first in ("api", "private", "access", "secret", "signing", "encryption", "ssh")}
)
_AWS_TOKENS = frozenset(
    {"nexttoken", "clienttoken", "clientrequesttoken", "idempotencytoken", "clientidempotencytoken", "starttoken",
     "continuationtoken", "paginationtoken", "nextpagetoken", "requesttoken"}
)  # fmt: skip
_NAMES_ONLY = frozenset({"id", "arn", "name", "list", "type", "count"})
_NAMES = ("Key", "Name", "key", "ParameterKey")
_ASSIGNMENT = re.compile(r"\b([A-Za-z_]\w*)=([^\s&;'\"]+)")
_ARGUMENT = re.compile(r"--?([A-Za-z][\w.-]*)(=.*)?", re.DOTALL)

_LOOKS = (  # pattern, what stays of it
    (re.compile(r"(?<![A-Za-z0-9])hf_[A-Za-z0-9]{20,}"), REDACTED),
    (re.compile(r"(?<![\w-])sk-[\w-]{20,}"), REDACTED),
    (re.compile(r"(?<![A-Za-z0-9])(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-)[\w-]{10,}"), REDACTED),
    (re.compile(r"eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+"), REDACTED),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL), REDACTED),
    (re.compile(r"(://[^/\s:@]*:)[^/\s@]+@"), rf"\1{REDACTED}@"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {REDACTED}"),
)


def is_secret(key: str) -> bool:
    """Whether a key's name says that its value is a secret; ``NextToken``, ``max_tokens``, ``SecretId`` are not."""
    words = [word.lower() for word in _WORDS.findall(key)]
    if not words or words[-1] in _NAMES_ONLY or ("_" not in key and key.lower() in _AWS_TOKENS):
        return False
    return bool(
        _SECRET_WORDS & set(words)
        or _SECRET_PAIRS & set(pairwise(words))
        or any(word.endswith(_SECRET_ENDS) for word in words)
    )


def redact(value: Any, key: str = "") -> Any:
    """A copy without secrets that can be written as JSON: bytes become their size, times text, long texts end."""
    if key and is_secret(key) and not isinstance(value, bool):
        return REDACTED
    if isinstance(value, Mapping):
        return _without_secrets(value)
    if isinstance(value, list | tuple):
        return list(_arguments(value))
    if isinstance(value, bytes | bytearray):
        return f"[{len(value)} bytes]"
    if isinstance(value, str):
        return _cut(_text(value))
    return value.isoformat() if isinstance(value, datetime) else value


def _without_secrets(value: Mapping[Any, Any]) -> dict[str, Any]:
    """Also ``{"Key": "API_TOKEN", "Value": ...}``, SSM's ``SecureString``, and both as flat fields of a form."""
    hidden = {
        path.rpartition(".")[0]
        for path, text in value.items()
        if str(path).rpartition(".")[2] in _NAMES and isinstance(text, str) and is_secret(text)
    }
    if value.get("Type") == "SecureString":
        hidden.add("")
    return {
        str(path): REDACTED
        if str(path).rpartition(".")[0] in hidden and str(path).rpartition(".")[2] not in (*_NAMES, "Type")
        else redact(content, str(path))
        for path, content in value.items()
    }


def _arguments(items: Sequence[Any]) -> Iterator[Any]:
    """Items of a list; in a command line ``--hf-token VALUE`` and ``--hf-token=VALUE`` lose their value."""
    hide_next = False
    for item in items:
        option = _ARGUMENT.fullmatch(item) if isinstance(item, str) else None
        if option is None:
            yield REDACTED if hide_next else redact(item)
            hide_next = False
        elif option[2] and is_secret(option[1]):
            yield f"{item[: -len(option[2])]}={REDACTED}"
            hide_next = False
        else:
            yield redact(item)
            hide_next = not option[2] and is_secret(option[1])


def _text(text: str) -> str:
    """A text without what looks like a secret; a JSON document in it without what its keys say is one."""
    if text[:1] in ("{", "["):
        with contextlib.suppress(ValueError, RecursionError):
            document = json.loads(text)
            clean = redact(document)
            return text if clean == document else json.dumps(clean)
    for pattern, rest in _LOOKS:
        text = pattern.sub(rest, text)
    return _ASSIGNMENT.sub(lambda found: f"{found[1]}={REDACTED}" if is_secret(found[1]) else found[0], text)


def _cut(text: str) -> str:
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[:LONGEST_TEXT]} [and {len(text) - LONGEST_TEXT} more]"
