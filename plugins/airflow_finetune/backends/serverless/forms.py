"""From a canonical example to a record that a technique learns from, and what is wrong with one; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow_finetune.backends.records import BadRecord, Turn, beside_messages, turns_of
from airflow_finetune.backends.serverless.spec import Technique

REJECTED = "rejected"
"""Beside ``messages``, for ``dpo``: the worse answer."""
_Form = Callable[[Sequence[Turn], dict[str, Any]], dict[str, Any]]


def record_of(example: Any, technique: Technique) -> dict[str, Any]:
    """Return the record of a canonical example.

    Raises:
        BadRecord: says the rule that it breaks.
    """
    turns = turns_of(example)
    asked = turns[1:] if turns[0].role == "system" else turns
    wanted = [("user", "assistant")[number % 2] for number in range(len(asked))]
    if not asked or [turn.role for turn in asked] != wanted:
        raise BadRecord("after one system message at most, user and assistant must alternate, and the user begins")
    if asked[-1].role != "assistant":
        raise BadRecord("the last message must be the assistant's: it is what the model is held against")
    return _FORMS[technique](turns, beside_messages(example))


def _messages(turns: Sequence[Turn]) -> list[dict[str, str]]:
    return [turn._asdict() for turn in turns]


def _supervised(turns: Sequence[Turn], more: dict[str, Any]) -> dict[str, Any]:
    _nothing(more)
    return {"messages": _messages(turns)}


def _preference(turns: Sequence[Turn], more: dict[str, Any]) -> dict[str, Any]:
    worse = more.pop(REJECTED, None)
    _nothing(more)
    if not isinstance(worse, str) or not worse.strip():
        raise BadRecord(f"{REJECTED} must stand beside messages: the worse answer, a text that is not empty")
    if worse == turns[-1].content:
        raise BadRecord(f"{REJECTED} is the same as the answer, so that there is nothing to prefer")
    return {"chosen": _messages(turns), "rejected": _messages([*turns[:-1], Turn("assistant", worse)])}


def _rewarded(turns: Sequence[Turn], more: dict[str, Any]) -> dict[str, Any]:
    return _with_truth(turns, more, "rule")


def _judged(turns: Sequence[Turn], more: dict[str, Any]) -> dict[str, Any]:
    return _with_truth(turns, more, "llmj")


def _with_truth(turns: Sequence[Turn], more: Mapping[str, Any], style: str) -> dict[str, Any]:
    """Return the prompt, and what is right for whoever says how good an answer is, with what stands beside it."""
    if taken := sorted({"prompt", "reward_model"} & set(more)):
        raise BadRecord(f"beside messages it holds {', '.join(taken)}, which are made from the messages")
    truth = {"style": style, "ground_truth": turns[-1].content}
    return {"prompt": _messages(turns[:-1]), "reward_model": truth, **more}


def _nothing(more: Mapping[str, Any]) -> None:
    if more:
        raise BadRecord(f"beside messages it holds {', '.join(sorted(more))}, for which this technique has no place")


_FORMS: Mapping[Technique, _Form] = {"sft": _supervised, "dpo": _preference, "rlvr": _rewarded, "rlaif": _judged}
