"""Jinja files as mappings, in a sandbox: a template sees the record and nothing else, and cannot change it."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from airflow_finetune.curation.mapping.columns import Text, Values, drop
from airflow_finetune.curation.records import MAPPING_FAILED, Dropped
from airflow_finetune.errors import SpecError

_LONGEST_REPEAT = 100_000


def template(path: Path, field: str) -> Text:
    """Return what fills a Jinja file with a record.

    The columns are variables; ``record`` is all of them. A column that is missing is an error unless the template says
    ``default``. ``tojson`` writes JSON without HTML's escapes; ``drop('reason')`` drops the record.

    Args:
        path: the file.
        field: the field that names it, for the message.

    Raises:
        SpecError: there is no such file, or it is no Jinja.
    """
    try:
        text = path.read_text("utf-8-sig")
        compiled = _environment().from_string(text)
    except (OSError, UnicodeError) as error:
        raise SpecError(field, f"{path} cannot be read: {error}.", "Correct the address of the file.") from error
    except TemplateSyntaxError as error:
        raise SpecError(field, f"{path}, line {error.lineno}: {error.message}.", "Correct the template.") from error

    def filled(values: Values) -> str:
        try:
            return compiled.render({**values, "record": values})
        except Dropped:
            raise
        except TemplateError as error:
            raise Dropped(MAPPING_FAILED, f"{path.name}: {error}") from error
        except Exception as error:
            raise Dropped(MAPPING_FAILED, f"{path.name}: {type(error).__name__}: {error}") from error

    return filled


class _Sandbox(ImmutableSandboxedEnvironment):
    """Refuses also what would eat the memory of the worker."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "**":
            raise SecurityError("** is not allowed in a mapping.")
        for text, times in ((left, right), (right, left)):
            if isinstance(text, str | bytes | list | tuple) and len(text) * int(times) > _LONGEST_REPEAT:
                raise SecurityError(f"a text is repeated to more than {_LONGEST_REPEAT} characters.")
        return super().call_binop(context, operator, left, right)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = _Sandbox(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False, cache_size=0
    )
    environment.filters["tojson"] = _tojson
    environment.globals = {
        "drop": drop,
        "dict": dict,
        "namespace": environment.globals["namespace"],
        "range": _short_range,
    }
    return environment


def _tojson(value: Any, indent: int | None = None, sort_keys: bool = False) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent, sort_keys=sort_keys, default=_plain, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _short_range(*bounds: int) -> range:
    numbers = range(*bounds)
    if len(numbers) > _LONGEST_REPEAT:
        raise SecurityError(f"a range of more than {_LONGEST_REPEAT}.")
    return numbers
