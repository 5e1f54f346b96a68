"""Checks members against botocore's model and words every fault as AWS does, all in one answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from ..errors import AwsError

_VALIDATION_CODES = {"sagemaker-runtime": "ValidationError"}
_LONGEST_TEXT_FOR_A_PATTERN = 10_000
_REPEATED_END = re.compile(r"(?<!\\)\$\{\d+,\d+\}")  # Java takes an end that is said several times, Python does not
_SURROGATES = re.compile(r"\\u(D[89AB][0-9A-F]{2})\\u(D[C-F][0-9A-F]{2})")
_UNICODE_CLASSES = {
    "L": "a-zA-Z\u00aa\u00b5\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02c1\u0370-\u1fff\u2c00-\ud7ff\uf900-\uffdc",
    "M": "\u0300-\u036f\u1dc0-\u1dff\u20d0-\u20ff",
    "N": "0-9\u00b2\u00b3\u00b9\u00bc-\u00be\u0660-\u0669\u2070-\u2089\u2150-\u2189",
    "P": "!-#%-*,-/:;?@\\[-\\]_{}\u00a1\u00a7\u00ab\u00b6\u00b7\u00bb\u00bf\u2010-\u2027",
    "S": "$+<->^`|~\u00a2-\u00a9\u00ac\u00ae-\u00b1\u00b4\u00d7\u00f7\u2044\u20a0-\u20cf\u2100-\u214f\u2190-\u23ff",
    "Z": "\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000",
    "C": "\\x00-\\x1f\\x7f-\\x9f",
    "Alnum": "a-zA-Z0-9",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Lower": "a-z",
    "Upper": "A-Z",
    "Space": " \\t\\n\\x0b\\f\\r",
    "Print": "\\x20-\\x7e",
    "ASCII": "\\x00-\\x7f",
}


def check(operation: Any, params: Mapping[str, Any]) -> None:
    """Refuse parameters that AWS would refuse from the model alone.

    Raises:
        AwsError: a ValidationException that lists every fault.
    """
    shape = operation.input_shape
    faults = list(_structure(params, shape, "")) if shape is not None else []
    if faults:
        count = f"{len(faults)} validation error{'s' if len(faults) > 1 else ''} detected: "
        code = _VALIDATION_CODES.get(operation.service_model.service_name, "ValidationException")
        raise AwsError(code, count + "; ".join(faults))


def _fault(value: Any, path: str, constraint: str) -> str:
    shown = "null" if value is None else f"'{_shown(value)}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def _shown(value: Any) -> str:
    """A value as the service writes it: lists in brackets, maps in braces, switches in lower case."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}={_shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_shown(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return (
        f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]" if isinstance(value, bytes) else str(value)
    )


def _join(path: str, name: str) -> str:
    name = name[:1].lower() + name[1:]
    return f"{path}.{name}" if path else name


def _structure(value: Mapping[str, Any], shape: Any, path: str) -> Iterator[str]:
    if getattr(shape, "is_document_type", False):
        return
    for name, member in shape.members.items():
        inside = _join(path, name)
        if value.get(name) is None:
            if name in shape.required_members:
                yield _fault(None, inside, "Member must not be null")
        else:
            yield from _member(value[name], member, inside)


def _member(value: Any, shape: Any, path: str) -> Iterator[str]:
    for constraint, satisfied in _constraints(value, shape):
        if not satisfied:
            yield _fault(value, path, constraint)
    if shape.type_name == "structure":
        if not shape.metadata.get("eventstream") and isinstance(value, Mapping):
            yield from _structure(value, shape, path)
    elif shape.type_name == "list":
        yield from _list(value, shape, path)
    elif shape.type_name == "map":
        yield from _map(value, shape, path)


def _list(value: list[Any], shape: Any, path: str) -> Iterator[str]:
    if _is_scalar(shape.member):
        if not all(_satisfies(item, shape.member) for item in value):
            yield _fault(value, path, f"Member must satisfy constraint: {_every_constraint(value, shape.member)}")
        return
    for number, item in enumerate(value, start=1):
        yield from _member(item, shape.member, f"{path}.{number}.member")


def _map(value: Mapping[str, Any], shape: Any, path: str) -> Iterator[str]:
    if not all(_satisfies(key, shape.key) for key in value):
        yield _fault(value, path, f"Map keys must satisfy constraint: {_every_constraint(value, shape.key)}")
    if _is_scalar(shape.value):
        if not all(_satisfies(item, shape.value) for item in value.values()):
            yield _fault(value, path, f"Map value must satisfy constraint: {_every_constraint(value, shape.value)}")
        return
    for key, item in value.items():
        yield from _member(item, shape.value, f"{path}.{key}.member")


def _is_scalar(shape: Any) -> bool:
    return shape.type_name not in ("structure", "list", "map")


def _satisfies(value: Any, shape: Any) -> bool:
    return all(satisfied for _, satisfied in _constraints(value, shape))


def _every_constraint(values: Any, shape: Any) -> str:
    example = next(iter(values.values() if isinstance(values, Mapping) else values), "")
    return "[" + ", ".join(text for text, _ in _constraints(example, shape)) + "]"


def _constraints(value: Any, shape: Any) -> Iterator[tuple[str, bool]]:
    """Each constraint of a shape in AWS's words, and whether the value satisfies it."""
    metadata = shape.metadata
    if shape.type_name in ("integer", "long", "float", "double"):
        yield from _range(value, metadata)
        return
    size = len(value) if hasattr(value, "__len__") else 0
    if "max" in metadata:
        yield f"Member must have length less than or equal to {metadata['max']}", size <= metadata["max"]
    if "min" in metadata:
        yield f"Member must have length greater than or equal to {metadata['min']}", size >= metadata["min"]
    if "pattern" in metadata:
        text = metadata["pattern"]
        yield f"Member must satisfy regular expression pattern: {text}", _matches(value, text)
    if getattr(shape, "enum", None):
        yield f"Member must satisfy enum value set: [{', '.join(shape.enum)}]", value in shape.enum


def _range(value: float, metadata: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    if "max" in metadata:
        yield f"Member must have value less than or equal to {metadata['max']}", value <= metadata["max"]
    if "min" in metadata:
        yield f"Member must have value greater than or equal to {metadata['min']}", value >= metadata["min"]


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """Java's pattern for Python, or None when Python cannot read it; then the service's own check has to do."""
    for name, characters in _UNICODE_CLASSES.items():
        for spelling in (f"\\p{{{name}}}", f"\\p{name}") if len(name) == 1 else (f"\\p{{{name}}}",):
            before, *rest = pattern.split(spelling)
            for text in rest:
                before += (characters if _in_brackets(before) else f"[{characters}]") + text
            pattern = before
    pattern = _SURROGATES.sub(_one_character, pattern)
    pattern = _REPEATED_END.sub("$", pattern.replace("\\z", "\\Z"))
    try:
        return re.compile(pattern)
    except (re.error, OverflowError):
        return None


def _one_character(pair: re.Match[str]) -> str:
    """Java writes a character beyond U+FFFF as two escapes; for Python it is one."""
    high, low = (int(part, 16) for part in pair.groups())
    return f"\\U{0x10000 + (high - 0xD800) * 0x400 + low - 0xDC00:08X}"


def _in_brackets(pattern: str) -> bool:
    """Whether a pattern stops inside ``[...]``."""
    bare = re.sub(r"\\.", "", pattern)
    return bare.count("[") > bare.count("]")


def _matches(value: Any, pattern: str) -> bool:
    compiled = _compiled(pattern)
    if compiled is None or not isinstance(value, str) or len(value) > _LONGEST_TEXT_FOR_A_PATTERN:
        return True
    return compiled.fullmatch(value) is not None
