"""From a canonical example to a record that the scripts of hub models take; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_finetune.backends.jumpstart.spec import Method, Template, fields_in
from airflow_finetune.backends.records import BadRecord, Turn, beside_messages, turns_of

PLAIN = Template(prompt="{prompt}", completion="{completion}")
"""What is taken where no template is given."""
_Form = Callable[[Sequence[Turn], Mapping[str, Any], Template | None], dict[str, Any]]


def record_of(example: Any, method: Method, template: Template | None) -> dict[str, Any]:
    """Return the record of a canonical example.

    Args:
        example: a line of the dataset, parsed.
        method: what the script learns from.
        template: that the record's fields go into; None takes prompt and completion as they are.

    Raises:
        BadRecord: says the rule that it breaks.
    """
    turns = turns_of(example)
    if method != "domain_adaptation":
        _check_turns(turns)
    return _FORMS[method](turns, beside_messages(example), template)


def _check_turns(turns: Sequence[Turn]) -> None:
    asked = turns[1:] if turns[0].role == "system" else turns
    wanted = [("user", "assistant")[number % 2] for number in range(len(asked))]
    if not asked or [turn.role for turn in asked] != wanted:
        raise BadRecord("after one system message at most, user and assistant must alternate, and the user begins")
    if asked[-1].role != "assistant":
        raise BadRecord("the last message must be the assistant's: it is what the model learns to say")


def _instruction(turns: Sequence[Turn], more: Mapping[str, Any], template: Template | None) -> dict[str, Any]:
    system = turns[0].content if turns[0].role == "system" else ""
    asked = turns[1:] if system else turns
    if len(asked) > 2:
        said = f"it holds {len(asked)} messages, and method: instruction takes one prompt and its completion"
        raise BadRecord(f"{said}; method: chat takes conversations")
    prompt, completion = asked[0].content, asked[1].content
    if template is None:
        if more:
            raise BadRecord(
                f"beside messages it holds {', '.join(sorted(more))}, which only a template has a place for"
            )
        return {"prompt": f"{system}\n\n{prompt}" if system else prompt, "completion": completion}
    record = {"prompt": prompt, "completion": completion, **({"system": system} if system else {}), **more}
    wanted = dict.fromkeys((*fields_in(template.prompt), *fields_in(template.completion)))
    if missing := [name for name in wanted if name not in record]:
        said = f"the template wants {', '.join(missing)}, which it has not; it has {', '.join(record)}"
        raise BadRecord(said)
    return {name: record[name] for name in wanted}


def _chat(turns: Sequence[Turn], more: Mapping[str, Any], template: Template | None) -> dict[str, Any]:
    _nothing(more)
    return {"dialog": [turn._asdict() for turn in turns]}


def _text(turns: Sequence[Turn], more: Mapping[str, Any], template: Template | None) -> dict[str, Any]:
    _nothing(more)
    return {"text": "\n".join(turn.content for turn in turns)}


def _nothing(more: Mapping[str, Any]) -> None:
    if more:
        raise BadRecord(f"beside messages it holds {', '.join(sorted(more))}, for which this method has no place")


_FORMS: Mapping[str, _Form] = {"instruction": _instruction, "chat": _chat, "domain_adaptation": _text}
