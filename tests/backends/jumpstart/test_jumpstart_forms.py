"""From a canonical example to a record of the script, for each method."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_finetune.backends.jumpstart.forms import record_of
from airflow_finetune.backends.jumpstart.spec import Method, Template
from airflow_finetune.backends.records import BadRecord


def chat(*contents: str, system: str = "", **more: Any) -> dict[str, Any]:
    turns = [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(contents)]
    return {"messages": [*([{"role": "system", "content": system}] if system else []), *turns], **more}


QUESTION = Template(prompt="Q: {prompt}\nOf {shop}:", completion="{completion}")


@pytest.mark.parametrize(
    ("method", "template", "example", "record"),
    [
        ("instruction", None, chat("a", "b"), {"prompt": "a", "completion": "b"}),
        ("instruction", None, chat("a", "b", system="s"), {"prompt": "s\n\na", "completion": "b"}),
        ("instruction", QUESTION, chat("a", "b", shop="x", more=1), {"prompt": "a", "shop": "x", "completion": "b"}),
        (
            "chat",
            None,
            chat("a", "b", system="s"),
            {"dialog": [{"role": r, "content": c} for r, c in (("system", "s"), ("user", "a"), ("assistant", "b"))]},
        ),
        ("domain_adaptation", None, chat("a", "b", "c"), {"text": "a\nb\nc"}),
    ],
)
def test_an_example_becomes_a_record(method: Method, template: Template | None, example: Any, record: dict[str, Any]):
    assert record_of(example, method, template) == record


@pytest.mark.parametrize(
    ("method", "template", "example", "said"),
    [
        ("instruction", None, chat("a", "b", "c", "d"), "method: chat takes conversations"),
        ("instruction", None, chat("a", "b", shop="x"), "only a template has a place for"),
        (
            "instruction",
            QUESTION,
            chat("a", "b"),
            "the template wants shop, which it has not",
        ),
        ("instruction", None, chat("a"), "the last message must be the assistant's"),
        ("chat", None, {"prompt": "a", "completion": "b"}, "it is no canonical example"),
        ("chat", None, {"messages": [{"role": "assistant", "content": "b"}]}, "must alternate"),
        ("chat", None, chat("a", "b", shop="x"), "for which this method has no place"),
        ("domain_adaptation", None, {"text": "a"}, "it is no canonical example"),
    ],
)
def test_an_example_in_the_wrong_form_is_refused(method: Method, template: Template | None, example: Any, said: str):
    with pytest.raises(BadRecord, match=said):
        record_of(example, method, template)
