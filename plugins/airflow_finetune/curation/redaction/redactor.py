"""Masks e-mail addresses, phone numbers and payment cards, before anything is written.

It knows the look of these three and nothing else: names, addresses and account numbers are not found.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection
from typing import Any, Literal, get_args

from airflow_finetune.curation.redaction.looks import EMAIL, mask_cards, mask_phones

Kind = Literal["email", "phone", "card"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Redactor:
    """Masks personal data and counts what it has masked.

    Args:
        kinds: what to mask.
    """

    def __init__(self, kinds: Collection[Kind] = KINDS) -> None:
        self._kinds = frozenset(kinds)
        self.counts: Counter[str] = Counter()

    def redact(self, text: str) -> str:
        """Return a text with masks like ``[EMAIL]``; what was JSON stays JSON."""
        if not self._could_hold_any(text):
            return text
        masked = self._masked(text)
        if text.lstrip()[:1] in ("{", "[") and (masked != text or "\\u" in text):
            return self._as_json(text, masked)
        self._count(text, masked)
        return masked

    def _could_hold_any(self, text: str) -> bool:
        return "@" in text or "\\u" in text or sum(map(text.count, "0123456789")) >= 7

    def _masked(self, text: str) -> str:
        if "email" in self._kinds and "@" in text:
            text = EMAIL.sub("[EMAIL]", text)
        if "card" in self._kinds:
            text = mask_cards(text)
        return mask_phones(text) if "phone" in self._kinds else text

    def _as_json(self, text: str, masked: str) -> str:
        """Mask inside the values of JSON: a mask for a bare number would break it, an escape hide an address."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            self._count(text, masked)
            return masked
        walked = _walk(value, self._masked)
        if walked == value:
            return text
        rewritten = json.dumps(walked, ensure_ascii=False)
        self._count("", rewritten)
        return rewritten

    def _count(self, text: str, masked: str) -> None:
        for kind in KINDS:
            mask = f"[{kind.upper()}]"
            found = masked.count(mask) - text.count(mask)
            if found > 0:
                self.counts[kind] += found


def _walk(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {change(key): _walk(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_walk(item, change) for item in value]
    if isinstance(value, str):
        return change(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        masked = change(str(value))
        return value if masked == str(value) else masked
    return value
