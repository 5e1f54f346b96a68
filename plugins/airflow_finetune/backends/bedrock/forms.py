"""From a canonical example to a record of the form that a model family takes, and what is wrong with one; pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from airflow_finetune.backends.bedrock.families import Limits
from airflow_finetune.backends.records import BadRecord, Turn, beside_messages, turns_of

CONVERSATION = "bedrock-conversation-2024"
REFERENCE = "reference_answer"


class Rendered(NamedTuple):
    """A record, and what of it is counted.

    Attributes:
        record: in the family's form.
        prompt: what system and user say.
        answer: what the assistant says.
    """

    record: dict[str, Any]
    prompt: str
    answer: str


def rendered(example: Any, limits: Limits) -> Rendered:
    """Return the record of an example.

    Args:
        example: a line of a canonical dataset, parsed.
        limits: of the family.

    Raises:
        BadRecord: says the rule that it breaks, and who says so.
    """
    turns = turns_of(example)
    _check_roles(turns, limits)
    record = _FORMS[limits.form](turns, beside_messages(example))
    prompt = "\n".join(turn.content for turn in turns if turn.role != "assistant")
    found = Rendered(record, prompt, "\n".join(turn.content for turn in turns if turn.role == "assistant"))
    for said in _too_much(found, limits):
        raise BadRecord(said)
    return found


def _check_roles(turns: Sequence[Turn], limits: Limits) -> None:
    asked = turns[1:] if turns[0].role == "system" else turns
    wanted = [("user", "assistant")[number % 2] for number in range(len(asked))]
    source = limits.source("form")
    if not asked or [turn.role for turn in asked] != wanted:
        said = "after one system message at most, user and assistant must alternate, and the user begins"
        raise BadRecord(f"{said} ({source})")
    if limits.form not in ("prompts", "prompts_and_answers", "graded") and asked[-1].role != "assistant":
        raise BadRecord(f"the last message must be the assistant's: it is what the model learns to say ({source})")
    if (limits.single_turn or limits.form == "prompt_completion") and len(asked) > 2:
        raise BadRecord(f"it holds {len(asked)} messages, and this model takes one question and its answer ({source})")
    if limits.form == "prompt_completion" and turns[0].role == "system":
        said = "this form has no place for a system message: put it into the prompt"
        raise BadRecord(f"{said} ({source})")


def _too_much(found: Rendered, limits: Limits) -> Iterator[str]:
    held = found.prompt + ("\n" + found.answer if limits.reserved_in_answers else "")
    for word in limits.reserved:
        if word in (f"\n{held}" if word.startswith("\n") else held):
            yield f"the text {word.strip()!r} is reserved ({limits.source('reserved')})"
    characters = len(found.prompt) + len(found.answer)
    if limits.tokens is not None and characters > limits.tokens * limits.characters_per_token:
        yield (
            f"it holds {characters} characters, and {limits.tokens} tokens of about {limits.characters_per_token:g}"
            f" characters are allowed ({limits.source('tokens')})"
        )


def _conversation(turns: Sequence[Turn], more: Mapping[str, Any]) -> dict[str, Any]:
    _nothing(more)
    system = [{"text": turn.content} for turn in turns if turn.role == "system"]
    said = [{"role": turn.role, "content": [{"text": turn.content}]} for turn in turns if turn.role != "system"]
    return {"schemaVersion": CONVERSATION, **({"system": system} if system else {}), "messages": said}


def _prompts(turns: Sequence[Turn], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is asked alone: the teacher shall answer, and not the data."""
    return _conversation(turns[:-1] if turns[-1].role == "assistant" else turns, more)


def _prompt_completion(turns: Sequence[Turn], more: Mapping[str, Any]) -> dict[str, Any]:
    _nothing(more)
    return {"prompt": turns[0].content, "completion": turns[1].content}


def _claude(turns: Sequence[Turn], more: Mapping[str, Any]) -> dict[str, Any]:
    _nothing(more)
    system = {"system": turns[0].content} if turns[0].role == "system" else {}
    return {**system, "messages": [turn._asdict() for turn in turns if turn.role != "system"]}


def _text(turns: Sequence[Turn], more: Mapping[str, Any]) -> dict[str, Any]:
    _nothing(more)
    return {"input": "\n".join(turn.content for turn in turns)}


def _graded(turns: Sequence[Turn], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return the prompt, and for the grader the answer that is known to be good, with what stands beside it."""
    asked = turns[:-1] if turns[-1].role == "assistant" else turns
    answer = {REFERENCE: turns[-1].content} if turns[-1].role == "assistant" else {}
    return {"messages": [turn._asdict() for turn in asked], **answer, **more}


def _nothing(more: Mapping[str, Any]) -> None:
    if more:
        raise BadRecord(f"beside messages it holds {', '.join(sorted(more))}, for which this form has no place")


_FORMS: Mapping[str, Callable[[Sequence[Turn], Mapping[str, Any]], dict[str, Any]]] = {
    "conversation": _conversation,
    "prompts": _prompts,
    "prompts_and_answers": _conversation,
    "prompt_completion": _prompt_completion,
    "claude": _claude,
    "text": _text,
    "graded": _graded,
}
