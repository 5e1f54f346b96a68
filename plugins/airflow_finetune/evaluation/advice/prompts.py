"""What the base model is asked with each prompt; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from airflow_finetune.curation.canonical import Chat, Message
from airflow_finetune.evaluation.golden import GoldenItem


class Prompt(NamedTuple):
    """One way to ask.

    Attributes:
        name: ``plain``, ``instruction`` or ``few_shot``.
        instruction: put before everything, as a system text; empty for none.
        shots: examples, put before the question.
    """

    name: str
    instruction: str = ""
    shots: Sequence[Chat] = ()

    def asks(self, item: GoldenItem) -> GoldenItem:
        """Return an item as it is asked: one system text at most, the examples' turns, its own turns."""
        if not self.instruction and not self.shots:
            return item
        systems = [turn.content for turn in item.messages if turn.role == "system"]
        text = "\n\n".join(each for each in (self.instruction.strip(), *systems) if each)
        shown = [turn for shot in self.shots for turn in shot]
        own = [turn for turn in item.messages if turn.role != "system"]
        return item._replace(messages=(*([Message("system", text)] if text else []), *shown, *own))


def prompts_of(names: Sequence[str], instruction: str | None, shots: Sequence[Chat]) -> tuple[Prompt, ...]:
    """Return the prompts of these names; one with examples has the instruction too."""
    written = instruction or ""
    made = {
        "plain": Prompt("plain"),
        "instruction": Prompt("instruction", written),
        "few_shot": Prompt("few_shot", written, shots),
    }
    return tuple(made[name] for name in names)
