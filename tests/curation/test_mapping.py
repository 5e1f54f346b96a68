"""Patterns, Jinja files, messages and callables make examples, or name why they cannot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_finetune.curation.canonical import Message
from airflow_finetune.curation.mapping import already_canonical, drop, messages, own, pattern, template
from airflow_finetune.curation.records import MAPPING_FAILED, MISSING_COLUMN, MISSING_VALUE, Dropped
from airflow_finetune.errors import SpecError


@pytest.mark.parametrize(
    ("text", "values", "filled"),
    [
        ("{text}", {"text": "hi"}, "hi"),
        ("Q: {q}\nA:", {"q": "why?"}, "Q: why?\nA:"),
        ("{a}{b}", {"a": 1, "b": 2.5}, "12.5"),
        ("{yes}", {"yes": True}, "true"),
        ("{user.name}", {"user": {"name": "Ann"}}, "Ann"),
        ("{tags.1}", {"tags": ["x", "y"]}, "y"),
        ("{a.b}", {"a.b": "the whole name", "a": {"b": "nested"}}, "the whole name"),
        ("{obj}", {"obj": {"k": "\u00e9", "l": [1, None]}}, '{"k": "\u00e9", "l": [1, null]}'),
        ("{ spaced name }", {"spaced name": "x"}, "x"),
        (r"\{{text}\}", {"text": "hi"}, "{hi}"),
        (r"C:\\{text}\n", {"text": "hi"}, "C:\\hi\\n"),
        ("{text}", {"text": "{other} {{ x }} \\{"}, "{other} {{ x }} \\{"),
    ],
)
def test_a_pattern_is_filled(text: str, values: dict[str, Any], filled: str) -> None:
    assert pattern(text, "prompt")(values) == filled


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no column", "names no column"),
        ("", "names no column"),
        ("{", "brace without"),
        ("{text", "brace without"),
        ("text}", "brace without"),
        ("{}", "brace without"),
        ("{{text}}", "brace without"),
        (r"\{text\}", "names no column"),
    ],
)
def test_a_pattern_that_cannot_work_is_refused_before_anything_is_read(text: str, said: str) -> None:
    with pytest.raises(SpecError, match=said):
        pattern(text, "prompt")


@pytest.mark.parametrize(
    ("text", "values", "reason", "said"),
    [
        ("{txt}", {"text": "hi"}, MISSING_COLUMN, "no column 'txt': did you mean 'text'?"),
        ("{zzz}", {"text": "hi", "label": "a"}, MISSING_COLUMN, "there are label, text."),
        ("{a.b}", {"a": "flat"}, MISSING_COLUMN, "not nested so deep"),
        ("{a.9}", {"a": []}, MISSING_COLUMN, "not nested so deep"),
        ("{text}", {"text": None}, MISSING_VALUE, "column 'text' is null"),
        ("{text.__class__}", {"text": "hi"}, MISSING_COLUMN, "not nested"),
    ],
)
def test_a_record_that_a_pattern_does_not_fit_is_dropped_by_name(
    text: str, values: dict[str, Any], reason: str, said: str
) -> None:
    with pytest.raises(Dropped) as dropped:
        pattern(text, "prompt")(values)
    assert dropped.value.reason == reason
    assert said in dropped.value.said


@pytest.fixture
def fill(tmp_path: Path) -> Callable[..., str]:
    def filled(source: str, **values: Any) -> str:
        (tmp_path / "map.jinja").write_text(source)
        return template(tmp_path / "map.jinja", "completion_template")(values)

    return filled


SPANS = """
{% set found = namespace(out={}) %}
{% for label in labels | default([]) %}
{% set found.out = dict(found.out, **{label.slot: text[(label.start | default(0)):label.end]}) %}
{% endfor %}
{{ found.out | tojson(sort_keys=true) }}
"""


def test_a_template_reads_nested_spans_and_writes_json_without_html_escapes(fill: Callable[..., str]) -> None:
    labels = [{"slot": "who", "start": 4, "end": 9}, {"slot": "first", "end": 3}]
    assert fill(SPANS, text="Tom & Ann", labels=labels).strip() == '{"first": "Tom", "who": "& Ann"}'
    assert fill(SPANS, text="nothing").strip() == "{}"


def test_a_template_sees_the_whole_record(fill: Callable[..., str]) -> None:
    assert fill("{{ record | length }} {{ record['odd name'] }}", **{"odd name": "x", "b": 1}) == "2 x"


def test_a_template_drops_a_record_under_a_reason_of_its_own(fill: Callable[..., str]) -> None:
    with pytest.raises(Dropped) as dropped:
        fill("{% if not labels %}{{ drop('unlabelled') }}{% endif %}", labels=[])
    assert dropped.value.reason == "unlabelled"


@pytest.mark.parametrize("reason", ["Not A Word", "duplicate", "", "x" * 50, "<b>"])
def test_a_reason_that_could_be_mistaken_is_refused(reason: str) -> None:
    with pytest.raises(Dropped) as dropped:
        drop(reason)
    assert dropped.value.reason == MAPPING_FAILED


@pytest.mark.parametrize(
    "source",
    [
        "{{ text.__class__.__mro__ }}",
        "{{ ''.__class__.__base__.__subclasses__() }}",
        "{{ record.update({'a': 1}) }}",
        "{{ labels.append(1) }}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{{ 'x' * 10000000 }}",
        "{{ 9 ** 9999999 }}",
        "{{ range(10000000) | list }}",
        "{{ '{0.__class__}'.format(text) }}",
        "{{ missing }}",
        "{{ text.no.such }}",
        "{{ 1 / 0 }}",
        "{{ drop | tojson }}",
    ],
)
def test_what_a_template_must_not_do_drops_the_record(fill: Callable[..., str], source: str) -> None:
    with pytest.raises(Dropped) as dropped:
        fill(source, text="hi", labels=[])
    assert dropped.value.reason == MAPPING_FAILED
    assert dropped.value.said.startswith("map.jinja: ")


def test_a_template_that_is_no_jinja_is_refused_with_its_line(fill: Callable[..., str], tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"map\.jinja, line 2: "):
        fill("fine\n{% if %}")
    with pytest.raises(SpecError, match="cannot be read"):
        template(tmp_path / "gone.jinja", "prompt_template")


@pytest.mark.parametrize("returned", [("q", "a"), {"prompt": "q", "completion": "a"}, ("q", "a", "")])
def test_a_callable_may_return_a_pair_or_a_mapping(returned: Any) -> None:
    assert own(lambda _: returned)({}) == (Message("user", "q"), Message("assistant", "a"))


@pytest.mark.parametrize(
    ("function", "reason", "said"),
    [
        (lambda _: None, "declined_by_mapping", "returned None"),
        (lambda values: (values["gone"], ""), MAPPING_FAILED, "KeyError: 'gone'"),
        (lambda _: "only a text", MAPPING_FAILED, "returned str"),
        (lambda _: ("q", 7), MAPPING_FAILED, "returned tuple"),
        (lambda _: {"prompt": "q"}, MAPPING_FAILED, "must be (prompt, completion)"),
        (lambda _: drop("too_rude"), "too_rude", ""),
    ],
)
def test_what_a_callable_cannot_do_is_named(function: Callable[..., Any], reason: str, said: str) -> None:
    with pytest.raises(Dropped) as dropped:
        own(function)({})
    assert dropped.value.reason == reason
    assert said in dropped.value.said


TURNS = [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]


def test_messages_are_taken_as_they_are() -> None:
    assert messages("chat.turns")({"chat": {"turns": TURNS}}) == tuple(Message(**turn) for turn in TURNS)
    assert already_canonical({"messages": TURNS}) == tuple(Message(**turn) for turn in TURNS)
    assert already_canonical({"prompt": "q", "completion": "a"}) == (Message("user", "q"), Message("assistant", "a"))
    assert already_canonical({"text": "q"}) is None


@pytest.mark.parametrize(
    "turns",
    [
        *([], "text", [TURNS[2], TURNS[1]], [TURNS[0], TURNS[2]], [{"role": "tool", "content": "x"}]),
        *([{"role": "user"}], [7], [{"role": "user", "content": [{"text": "q"}]}]),
    ],
)
def test_messages_that_are_no_chat_are_dropped(turns: Any) -> None:
    with pytest.raises(Dropped):
        messages("messages")({"messages": turns})
