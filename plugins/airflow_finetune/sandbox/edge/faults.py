"""Rules that make an API call or a job fail, so that a program can be seen to survive it."""

from __future__ import annotations

import math
import random
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from fnmatch import fnmatchcase
from itertools import count
from typing import Any

API_KINDS = frozenset(
    {"throttle", "server_error", "lost_answer", "late_answer", "reset", "delay", "access_denied", "expired_token"}
)
JOB_KINDS = frozenset(
    {
        "capacity",
        "no_spot",
        "spot_interruption",
        "out_of_memory",
        "algorithm_error",
        "internal_error",
        "endpoint_never_answers",
    }
)


@dataclass(frozen=True)
class Rule:
    """One fault. A call or a job that fits ``service``, ``operation``, ``target`` and ``match`` counts as a match.

    Attributes:
        kind: one of API_KINDS or JOB_KINDS.
        service: glob on botocore's name of the service (API rules).
        operation: glob on the operation (API rules).
        target: glob on the name of the job or endpoint (job rules).
        match: parameter path (``ResourceConfig.InstanceType``) -> glob on its value (API rules), or fact -> glob.
        every: fires on every n-th match only.
        first: fires on the first n matches only.
        count: fires n times in all; None is no limit for API rules. A job rule fires once unless this says otherwise.
        probability: fires with this chance, drawn from the sandbox's seed.
        params: what the kind needs: ``seconds``, ``status``, ``exit_code``, ``message``, ``after_seconds`` ...
        id: made by the sandbox.
    """

    kind: str
    service: str = "*"
    operation: str = "*"
    target: str = "*"
    match: dict[str, str] = field(default_factory=dict)
    every: int | None = None
    first: int | None = None
    count: int | None = None
    probability: float | None = None
    params: dict[str, Any] = field(default_factory=dict)
    id: str = ""


def rule_from(document: Mapping[str, Any]) -> Rule:
    """Make a rule of a JSON document.

    Raises:
        ValueError: an unknown kind, key or word, or a value that makes no sense; the text says which and what is
            allowed. A rule that is taken never makes a call fail in another way than it says.
    """
    known = {item.name for item in fields(Rule)} - {"id"}
    unknown = set(document) - known
    if unknown:
        raise ValueError(f"unknown keys {sorted(unknown)}: a rule has {sorted(known)}")
    kind = document.get("kind")
    if kind not in API_KINDS | JOB_KINDS:
        raise ValueError(f"kind is {kind!r}: it must be one of {sorted(API_KINDS | JOB_KINDS)}")
    for name in ("every", "first", "count"):
        number = document.get(name)
        if number is not None and (type(number) is not int or number < 1):
            raise ValueError(f"{name} is {number!r}: it must be a whole number of at least 1")
    chance = document.get("probability")
    if chance is not None and not (isinstance(chance, int | float) and 0 <= chance <= 1):
        raise ValueError(f"probability is {chance!r}: it must lie between 0 and 1")
    for name in ("match", "params"):
        if not isinstance(document.get(name, {}), dict):
            raise ValueError(f"{name} must be an object")
    _check_globs(document)
    _check_params(document.get("params", {}))
    return Rule(**document)


def _check_globs(document: Mapping[str, Any]) -> None:
    globs = {name: document[name] for name in ("service", "operation", "target") if name in document}
    for name, glob in {**globs, **document.get("match", {})}.items():
        if not isinstance(glob, str):
            raise ValueError(f"{name} is {glob!r}: it must be a text, with * for anything")


def _check_params(params: Mapping[str, Any]) -> None:
    for name, value in params.items():
        if name not in PARAMS:
            raise ValueError(f"unknown word {name!r}: a rule's params are {sorted(PARAMS)}")
        makes_sense, what = PARAMS[name]
        if not makes_sense(value):
            raise ValueError(f"{name} is {value!r}: it must be {what}")


def _is_duration(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value) and value >= 0


def _is_pattern(value: Any) -> bool:
    try:
        return bool(re.compile(value))
    except (re.error, TypeError):
        return False


Check = tuple[Callable[[Any], bool], str]
_DURATION: Check = (_is_duration, "a number of seconds, 0 or more")
_TEXT: Check = (lambda value: isinstance(value, str), "a text")
PARAMS: dict[str, Check] = {
    **dict.fromkeys(("seconds", "after_seconds", "notice_seconds", "gap_seconds"), _DURATION),
    **dict.fromkeys(("code", "message"), _TEXT),
    "status": (lambda value: type(value) is int and 400 <= value <= 599, "a status from 400 to 599"),
    "exit_code": (lambda value: type(value) is int and 1 <= value <= 255, "an exit code from 1 to 255"),
    "log_pattern": (_is_pattern, "a regular expression"),
}
"""What ``params`` may hold, and how each value is checked."""


def value_at(params: Any, path: str) -> Any:
    """The value at a dotted path (``InputDataConfig.0.ChannelName``), or None."""
    for part in path.split("."):
        if isinstance(params, Mapping):
            params = params.get(part)
        elif isinstance(params, list) and part.isdigit() and int(part) < len(params):
            params = params[int(part)]
        else:
            return None
    return params


@dataclass
class _Tally:
    rule: Rule
    matched: int = 0
    fired: int = 0
    removed: threading.Event = field(default_factory=threading.Event)


class Faults:
    """The rules of one sandbox and how often each one matched and fired."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._lock = threading.Lock()
        self._tallies: dict[str, _Tally] = {}
        self.clear()

    def add(self, rule: Rule) -> Rule:
        """Add a rule after the others; the answer carries its id."""
        with self._lock:
            rule = Rule(**{**asdict(rule), "id": f"fault-{next(self._ids)}"})
            self._tallies[rule.id] = _Tally(rule)
            return rule

    def rules(self) -> list[dict[str, Any]]:
        """Every rule with how often it matched and fired."""
        with self._lock:
            return [
                {**asdict(tally.rule), "matched": tally.matched, "fired": tally.fired}
                for tally in self._tallies.values()
            ]

    def remove(self, rule_id: str) -> bool:
        """Remove one rule; False when there is none of that id."""
        with self._lock:
            tally = self._tallies.pop(rule_id, None)
        if tally is not None:
            tally.removed.set()
        return tally is not None

    def clear(self) -> None:
        """Remove every rule and start the seeded chance anew."""
        with self._lock:
            for tally in self._tallies.values():
                tally.removed.set()
            self._tallies = {}
            self._ids = count(1)
            self._random = random.Random(self._seed)  # noqa: S311 - repeatable on purpose, nothing secret is drawn

    def pause(self, rule: Rule) -> None:
        """Wait as long as a rule says; what waits goes on when the rule is removed."""
        with self._lock:
            tally = self._tallies.get(rule.id)
        if tally is not None:
            tally.removed.wait(float(rule.params.get("seconds", 1.0)))

    def for_call(self, service: str, operation: str, params: Mapping[str, Any]) -> list[Rule]:
        """The rules that fire on this API call, in the order in which they were added; each is counted."""

        def fits(rule: Rule) -> bool:
            return (
                rule.kind in API_KINDS
                and fnmatchcase(service, rule.service)
                and fnmatchcase(operation, rule.operation)
                and all(fnmatchcase(str(value_at(params, path)), glob) for path, glob in rule.match.items())
            )

        with self._lock:
            return [tally.rule for tally in self._tallies.values() if fits(tally.rule) and self._fires(tally)]

    def take(self, kind: str, target: str, **facts: Any) -> Rule | None:
        """The first job rule of this kind for this target, counted as fired; None when nothing is planned."""
        with self._lock:
            for tally in self._tallies.values():
                if _is_planned(tally.rule, kind, target, facts) and self._fires(tally):
                    return tally.rule
            return None

    def peek(self, kind: str, target: str, **facts: Any) -> Rule | None:
        """As `take`, but nothing is counted, and chance and ``every`` are left out."""
        with self._lock:
            return next(
                (
                    tally.rule
                    for tally in self._tallies.values()
                    if _is_planned(tally.rule, kind, target, facts) and tally.fired < _limit(tally.rule)
                ),
                None,
            )

    def _fires(self, tally: _Tally) -> bool:
        rule = tally.rule
        if tally.fired >= _limit(rule):
            return False
        tally.matched += 1
        checks: tuple[Callable[[], bool], ...] = (
            lambda: rule.every is None or tally.matched % rule.every == 0,
            lambda: rule.first is None or tally.matched <= rule.first,
            lambda: rule.probability is None or self._random.random() < rule.probability,
        )
        if not all(check() for check in checks):
            return False
        tally.fired += 1
        return True


def _is_planned(rule: Rule, kind: str, target: str, facts: Mapping[str, Any]) -> bool:
    return (
        rule.kind == kind
        and fnmatchcase(target, rule.target)
        and all(fnmatchcase(str(value_at(facts, path)), glob) for path, glob in rule.match.items())
    )


def _limit(rule: Rule) -> float:
    if rule.count is not None:
        return rule.count
    once = rule.kind in JOB_KINDS and rule.every is None and rule.first is None and rule.probability is None
    return 1 if once else float("inf")
