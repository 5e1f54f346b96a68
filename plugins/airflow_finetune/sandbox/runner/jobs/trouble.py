"""Decides when a planned fault hits a running job: after modelled seconds, or when a line of its log matches."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from . import instance
from .life import Broke, Exited

if TYPE_CHECKING:
    from ...edge.faults import Faults, Rule

SPOT_INTERRUPTION, OUT_OF_MEMORY, ALGORITHM_ERROR = "spot_interruption", "out_of_memory", "algorithm_error"
INTERNAL_ERROR = "internal_error"
AWS_FAILED = "InternalServerError: We encountered an internal error. Please try again."


class Trouble:
    """The faults that may hit one start of a job's program; each rule gets one chance per start.

    Args:
        faults: the sandbox's rules.
        name: TrainingJobName, which a rule's target is compared with.
        spot: whether the job runs on Spot; others are never interrupted.
        facts: what a rule's ``match`` can look at.
    """

    def __init__(self, faults: Faults, name: str, spot: bool, facts: dict[str, Any]) -> None:
        self._faults, self._name, self._facts = faults, name, facts
        self._kinds = (*((SPOT_INTERRUPTION,) if spot else ()), OUT_OF_MEMORY, ALGORITHM_ERROR, INTERNAL_ERROR)
        self._tried: set[str] = set()

    def strikes(self, running_seconds: float, new_lines: Sequence[str]) -> Rule | None:
        """Return the rule that hits now, or None.

        Args:
            running_seconds: modelled seconds since the program started.
            new_lines: what it printed since the last call.
        """
        for kind in self._kinds:
            rule = self._faults.peek(kind, self._name, **self._facts)
            if rule is None or rule.id in self._tried or not _is_due(rule, running_seconds, new_lines):
                continue
            self._tried.add(rule.id)
            taken = self._faults.take(kind, self._name, **self._facts)
            if taken is not None:
                return taken
        return None


def consequence(rule: Rule, failed: Callable[[str, int], str]) -> Exited | Broke:
    """Return what happens to a job whose program a rule has ended; not for interruptions.

    Args:
        rule: the one that hit.
        failed: gives the FailureReason for a text and an exit code.
    """
    if rule.kind == INTERNAL_ERROR:
        return Broke(str(rule.params.get("message", AWS_FAILED)))
    if rule.kind == OUT_OF_MEMORY:
        return Exited(instance.OUT_OF_MEMORY)
    return Exited(failed(str(rule.params.get("message", "")), int(rule.params.get("exit_code", 1))))


def _is_due(rule: Rule, running_seconds: float, new_lines: Sequence[str]) -> bool:
    pattern = rule.params.get("log_pattern")
    if pattern is not None:
        return any(re.search(pattern, line) for line in new_lines)
    return running_seconds >= float(rule.params.get("after_seconds", 0))
