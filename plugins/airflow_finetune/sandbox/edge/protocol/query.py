"""The query protocol: members as fields of a form (``ActionNames.member.1``), the answer as XML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

Read = Callable[[str, Any], Any]


def read(operation: Any, body: bytes, text: Read) -> dict[str, Any]:
    """Members of the operation's input by their botocore names; unknown fields are left out.

    Args:
        operation: botocore's model.
        body: the form.
        text: reads one value that travelled as text.
    """
    form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return _structure(form, "", operation.input_shape, text)


def _structure(form: Mapping[str, str], prefix: str, shape: Any, text: Read) -> dict[str, Any]:
    found = {
        name: _value(form, prefix + member.serialization.get("name", name), member, text)
        for name, member in shape.members.items()
    }
    return {name: value for name, value in found.items() if value is not None}


def _value(form: Mapping[str, str], name: str, shape: Any, text: Read) -> Any:
    """The value of a member whose fields begin with ``name``; None when there is none."""
    if shape.type_name == "structure":
        return _structure(form, f"{name}.", shape, text) if any(key.startswith(f"{name}.") for key in form) else None
    if shape.type_name != "list":
        return text(form[name], shape) if name in form else None
    items: list[Any] = []
    stem = f"{name}.{shape.member.serialization.get('name', 'member')}"
    while (item := _value(form, f"{stem}.{len(items) + 1}", shape.member, text)) is not None:
        items.append(item)
    return items if items or name in form else None


def write(operation: Any, members: Mapping[str, Any], request_id: str, text: Callable[[Any, Any], str]) -> bytes:
    """The answer.

    Args:
        operation: botocore's model.
        members: of its output, by their botocore names.
        request_id: what the client sees as ``RequestId``.
        text: writes one value as text.
    """
    name, shape = operation.name, operation.output_shape
    inside = ""
    if shape is not None:
        wrapper = shape.serialization.get("resultWrapper", f"{name}Result")
        inside = f"<{wrapper}>{_inside(members, shape, text)}</{wrapper}>"
    told = f"<ResponseMetadata><RequestId>{escape(request_id)}</RequestId></ResponseMetadata>"
    return f"<{name}Response>{inside}{told}</{name}Response>".encode()


def _inside(value: Any, shape: Any, text: Callable[[Any, Any], str]) -> str:
    """A value as XML, without the element that it stands in."""
    if shape.type_name == "structure":
        found = [(each, member) for each, member in shape.members.items() if value.get(each) is not None]
        tags = ((member.serialization.get("name", each), value[each], member) for each, member in found)
        return "".join(f"<{tag}>{_inside(item, member, text)}</{tag}>" for tag, item, member in tags)
    if shape.type_name == "list":
        tag = shape.member.serialization.get("name", "member")
        return "".join(f"<{tag}>{_inside(item, shape.member, text)}</{tag}>" for item in value)
    if shape.type_name == "map":
        key, tag = (each.serialization.get("name", name) for each, name in ((shape.key, "key"), (shape.value, "value")))
        return "".join(
            f"<entry><{key}>{escape(str(name))}</{key}><{tag}>{_inside(item, shape.value, text)}</{tag}></entry>"
            for name, item in value.items()
        )
    return escape(text(value, shape), {"\r": "&#13;"})
