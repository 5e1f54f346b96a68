"""What must not be shown: secrets by the name of their key or by their look, before any log line, XCom or link."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

HIDDEN = "***"
REFERENCE_HINT = (
    "Put it into Secrets Manager or the SSM Parameter Store and give the reference instead, for example "
    "'arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME' or 'arn:aws:ssm:REGION:ACCOUNT:parameter/NAME': "
    "the program in the container reads it with the job's role."
)

_SECRET_WORDS = frozenset(
    {"secret", "password", "passwd", "passphrase", "credential", "credentials", "apikey", "token", "auth"}
)
_SECRET_PAIRS = frozenset({("api", "key"), ("access", "key"), ("private", "key"), ("secret", "key")})
# Words that make a "token" a piece of text and no key to a door: max_tokens is a number, eos_token is '</s>'.
_TEXT_TOKENS = frozenset({"eos", "bos", "pad", "unk", "sep", "cls", "mask", "special", "stop", "image", "chat", "per"})
_REFERENCE = re.compile(r"^(arn:[\w-]+:(secretsmanager|ssm):.+|(secretsmanager|ssm):.+)$")
_TOKEN_LOOKS = (
    ("a Hugging Face token", re.compile(r"\bhf_[A-Za-z0-9]{16,}")),
    ("an AWS access key", re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b")),
    ("a GitHub token", re.compile(r"\b(gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})")),
    ("an API key", re.compile(r"\bsk-[A-Za-z0-9_-]{16,}")),
    ("a Slack token", re.compile(r"\bxox[abposr]-[A-Za-z0-9-]{10,}")),
    ("a JSON Web Token", re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+")),
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("a password in an address", re.compile(r"\b[a-z][a-z0-9+.-]*://[^/\s:@]+:[^/\s:@]+@")),
)


def names_a_secret(key: str) -> bool:
    """Say whether a key's name says that its value is a secret."""
    words = [word for word in re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower()) if word]
    if not _TEXT_TOKENS.isdisjoint(words):
        return False
    return not _SECRET_WORDS.isdisjoint(words) or any(pair in _SECRET_PAIRS for pair in itertools.pairwise(words))


def redacted(value: Any) -> Any:
    """Return a copy in which every secret, by key or by look, reads ``***``."""
    if isinstance(value, Mapping):
        return {key: HIDDEN if _hides(str(key), item) else redacted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(item) for item in value]
    return redacted_text(value) if isinstance(value, str) else value


def redacted_text(text: str) -> str:
    """Return a text in which everything that looks like a token reads ``***``."""
    for _, look in _TOKEN_LOOKS:
        text = look.sub(HIDDEN, text)
    return text


def secrets_in(value: Any, key: str = "") -> Iterator[str]:
    """Yield every text in a value that is a secret by its look or by the name of its key; references are none.

    Args:
        value: mappings, lists and texts, nested.
        key: the name that the value stands under.
    """
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from secrets_in(item, str(name))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from secrets_in(item, key)
    elif isinstance(value, str) and not _REFERENCE.match(value):
        for _, look in _TOKEN_LOOKS:
            yield from (found[0] for found in look.finditer(value))
        if names_a_secret(key) and _could_open_a_door(value):
            yield value


def literal_secrets(values: Mapping[str, Any], prefix: str) -> Iterator[str]:
    """Yield one message for each value that is a secret itself instead of a reference to one.

    Args:
        values: hyperparameters or environment variables.
        prefix: the field that holds them, for the message.
    """
    for key, value in values.items():
        text = str(value)
        if _REFERENCE.match(text):
            continue
        look = next((what for what, pattern in _TOKEN_LOOKS if pattern.search(text)), None)
        if look is None and names_a_secret(key) and _could_open_a_door(text):
            look = "a secret, by the name of its key"
        if look is not None:
            yield f"{prefix}.{key} holds what looks like {look}; anybody who may describe the job could read it."


def _hides(key: str, value: Any) -> bool:
    return names_a_secret(key) and not isinstance(value, Mapping | list | tuple | bool | None)


def _could_open_a_door(text: str) -> bool:
    return len(text) >= 8 and not re.fullmatch(r"[\d.]+|true|false|none|null", text.lower()) and "{" not in text
