"""Verbs that ask a running sandbox, or this machine, a question."""

from __future__ import annotations

import argparse
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..edge.clients import Clients
from ..runner.processes import Processes
from ..settings import Settings
from .environment import TOKEN_VARIABLE, aws_variables

FAILED = 1
_NUMBERS = ("every", "first", "count")
_TEXTS = ("message", "code", "log_pattern")


class Unanswered(Exception):
    """The sandbox refused, or nobody listens."""


def _token(given: argparse.Namespace) -> str:
    if given.token:
        return str(given.token)
    if given.state and (given.state / "token").is_file():
        return str((given.state / "token").read_text().strip())
    raise Unanswered(f"no token: set {TOKEN_VARIABLE}, or give --state, the server's state folder")


def _ask(given: argparse.Namespace, method: str, path: str, document: Any = None) -> Any:
    if not given.url:
        raise Unanswered("no endpoint: set AWS_ENDPOINT_URL, or give --url")
    request = urllib.request.Request(  # noqa: S310 - the person's own endpoint
        f"{given.url.rstrip('/')}/_sandbox/{path}",
        method=method,
        headers={"x-sandbox-token": _token(given), "Content-Type": "application/json"},
        data=None if document is None else json.dumps(document).encode(),
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            text = error.read().decode("utf-8", "replace")
        raise Unanswered(f"{error.code}: {_error_text(text)}") from None
    except OSError as error:
        raise Unanswered(f"nobody answers at {given.url}: {error}") from None


def _error_text(text: str) -> str:
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return text[:200]


def _verb(action: Any) -> Any:
    def verb(given: argparse.Namespace) -> int:
        try:
            action(given)
        except Unanswered as error:
            print(f"sandbox: {error}", file=sys.stderr)
            return FAILED
        return 0

    verb.__doc__ = action.__doc__
    return verb


def _show(document: Any) -> None:
    print(json.dumps(document, indent=2))


@_verb
def env(given: argparse.Namespace) -> None:
    """Print export lines for a shell; also says whether the sandbox answers."""
    _ask(given, "GET", "health")
    for name, value in {
        **aws_variables(given.url, "us-east-1", Path("/dev/null")),
        TOKEN_VARIABLE: _token(given),
    }.items():
        print(f"export {name}={value}")


@_verb
def status(given: argparse.Namespace) -> None:
    """Print the state."""
    _show(_ask(given, "GET", "state"))


@_verb
def calls(given: argparse.Namespace) -> None:
    """Print one line per API call."""
    for call in _ask(given, "GET", "calls")["calls"]:
        print(f"{call['time']}  {call['status'] or 'cut'}  {call['service']}:{call['operation']}  {call['outcome']}")


@_verb
def bill(given: argparse.Namespace) -> None:
    """Print one line per bill line, then the total."""
    document = _ask(given, "GET", "bill")
    for line in document["lines"]:
        running = "  (still running)" if line["running"] else ""
        print(
            f"{line['usd']:10.4f} USD  {line['quantity']:10.4f} {line['unit']}  {line['kind']}  {line['arn']}{running}"
        )
    print(f"{document['total_usd']:10.4f} USD  in all, by the sandbox's own price table")


@_verb
def faults(given: argparse.Namespace) -> None:
    """Add, list or clear fault rules."""
    if given.do == "add":
        _show(_ask(given, "POST", "faults", rule_from_words(given.words)))
    elif given.do == "clear":
        _show(_ask(given, "DELETE", "/".join(["faults", *given.words[:1]])))
    else:
        _show(_ask(given, "GET", "faults"))


def rule_from_words(words: list[str]) -> dict[str, Any]:
    """A rule from ``throttle service=sagemaker every=3 match.TrainingJobName=a* seconds=2``."""
    if not words:
        raise Unanswered("faults add: name a kind, for example: faults add throttle operation='Create*' first=2")
    rule: dict[str, Any] = {"kind": words[0], "match": {}, "params": {}}
    for word in words[1:]:
        key, separator, value = word.partition("=")
        if not separator:
            raise Unanswered(f"faults add: {word!r} is not KEY=VALUE")
        if key in ("service", "operation", "target"):
            rule[key] = value
        elif key.startswith("match."):
            rule["match"][key.removeprefix("match.")] = value
        elif key in _NUMBERS or key == "probability":
            rule[key] = _value(value)
        else:
            rule["params"][key] = value if key in _TEXTS else _value(value)
    return rule


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


@_verb
def interrupt(given: argparse.Namespace) -> None:
    """Interrupt a Spot training job."""
    asked = {
        "notice_seconds": given.notice,
        "gap_seconds": given.gap,
        **({"region": given.region} if given.region else {}),
    }
    _show(_ask(given, "POST", f"jobs/{given.job}/interrupt", asked))


@_verb
def logs(given: argparse.Namespace) -> None:
    """Print a training job's log as CloudWatch has it."""
    _ask(given, "GET", "health")
    clients = Clients(_token(given))
    clients.connect(given.url)
    logs = clients.client("logs", given.region)
    try:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{given.job}/"
        )
        for each in pages:
            for event in each["events"]:
                print(event["message"])
    except logs.exceptions.ResourceNotFoundException:
        raise Unanswered(f"there is no log of {given.job} in {given.region}") from None
    finally:
        clients.close()


def doctor() -> int:
    """Say which isolation modes work here; 0 when at least one does."""
    with TemporaryDirectory(prefix="sandbox-doctor-") as folder:
        probes = Processes(Settings(state_dir=Path(folder))).probes()
    for probe in probes:
        print(
            f"{probe.mode:8} {'works' if probe.works else 'does not work'}{f': {probe.reason}' if probe.reason else ''}"
        )
    best = next((probe.mode for probe in probes if probe.works), None)
    print(f"programs are started in: {best}" if best else "no mode works here")
    return 0 if best else FAILED
