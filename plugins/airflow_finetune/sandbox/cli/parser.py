"""Reads the command line; every choice of the server is a field of `Settings`."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from ..settings import STRICT_GRACE_SECONDS, Settings
from . import ask, serve
from .environment import TOKEN_VARIABLE

URL_VARIABLE = "AWS_ENDPOINT_URL"


def main(argv: list[str]) -> int:
    """Run one verb and give its exit status."""
    arguments = _parser().parse_args(argv)
    return int(arguments.run(arguments))


def settings_from(arguments: argparse.Namespace) -> Settings:
    """The server's settings; what is not given keeps its default.

    Raises:
        SystemExit: a choice that cannot work, with the reason.
    """
    chosen: dict[str, Any] = {
        "speed": arguments.speed,
        "region": arguments.region,
        "account": arguments.account,
        "state_dir": arguments.state,
        "slots": arguments.slots,
        "log_limit_mb": arguments.log_limit_mb,
        "isolation": arguments.isolation,
        "seed": arguments.seed,
        "token": os.environ.get(TOKEN_VARIABLE) or None,
        "images": tuple(arguments.image) or None,
        "models": tuple(arguments.model) or None,
        "functions": tuple(arguments.function) or None,
        "spot_trace": arguments.spot_trace,
        "managed_policies": arguments.managed_policies,
        "sigterm_grace_seconds": STRICT_GRACE_SECONDS if arguments.strict else None,
    }
    try:
        return Settings(**{name: value for name, value in chosen.items() if value is not None})
    except ValueError as error:
        raise SystemExit(f"sandbox: {error}") from None


def _image(text: str) -> tuple[str, Path]:
    pattern, separator, folder = text.partition("=")
    if not separator or not Path(folder).is_dir():
        raise argparse.ArgumentTypeError(f"{text!r}: write GLOB=FOLDER, and the folder must exist")
    return pattern, Path(folder).resolve()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m airflow_finetune.sandbox", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    _add_server_verbs(verbs)
    _add_questions(verbs)
    return parser


def _add_server_verbs(verbs: Any) -> None:
    start = verbs.add_parser("serve", help="serve until SIGTERM; prints one line: READY http://127.0.0.1:PORT")
    start.set_defaults(run=lambda given: serve.serve(settings_from(given), given.port))
    inside = verbs.add_parser("run", help="run a command inside a new sandbox: run [options] -- COMMAND ...")
    inside.add_argument("command", nargs="+", help="the command and its arguments, after --")
    inside.set_defaults(run=lambda given: serve.run(settings_from(given), given.port, given.command))
    doctor = verbs.add_parser("doctor", help="say which ways of isolating a program work on this machine, and why not")
    doctor.set_defaults(run=lambda given: ask.doctor())
    for verb in (start, inside):
        verb.add_argument("--port", type=int, default=0, help="0 (default) takes any free port")
        verb.add_argument("--speed", type=float, help="modelled seconds per real second, for waits and bills (60)")
        verb.add_argument("--region", help="of calls that name none (us-east-1)")
        verb.add_argument("--account", help="twelve digits (123456789012)")
        verb.add_argument("--state", type=Path, help="folder for jobs and the token; a temporary one by default")
        verb.add_argument("--slots", type=int, help="training jobs at once; others wait (cores, at least 2)")
        verb.add_argument("--log-limit-mb", type=int, help="MiB that one run of a program may print (128)")
        verb.add_argument("--isolation", choices=("mount", "userns", "rewrite"), help="force one way of isolation")
        verb.add_argument("--seed", type=int, help="of everything drawn by chance (0)")
        verb.add_argument("--image", type=_image, action="append", default=[], metavar="GLOB=FOLDER",
                          help="a folder that stands for an image, with programs train or serve")  # fmt: skip
        verb.add_argument("--model", type=_image, action="append", default=[], metavar="GLOB=FOLDER",
                          help="weights (a Hugging Face folder) that stand for a Bedrock base model")  # fmt: skip
        verb.add_argument("--function", type=_image, action="append", default=[], metavar="GLOB=FOLDER",
                          help="a folder with the lambda_function.py of a grader")  # fmt: skip
        verb.add_argument("--spot-trace", type=Path, help="file with the Spot market's changes")
        verb.add_argument("--managed-policies", action="store_true", help="let IAM know AWS's managed policies (1 s)")
        verb.add_argument("--strict", action="store_true", help="120 s between SIGTERM and SIGKILL, as AWS documents")


def _add_questions(verbs: Any) -> None:
    def question(name: str, text: str) -> Any:
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("--url", default=os.environ.get(URL_VARIABLE), help=f"the endpoint (${URL_VARIABLE})")
        verb.add_argument("--token", default=os.environ.get(TOKEN_VARIABLE), help=f"(${TOKEN_VARIABLE})")
        verb.add_argument("--state", type=Path, help="the server's state folder, to read its token from")
        return verb

    question("env", "print the variables that point a shell at the sandbox").set_defaults(run=ask.env)
    question("status", "what the sandbox holds and what it cost so far").set_defaults(run=ask.status)
    question("bill", "what was billed so far, per resource").set_defaults(run=ask.bill)
    calls = question("calls", "the API calls so far")
    calls.set_defaults(run=ask.calls)
    faults = question("faults", "make calls or jobs fail: faults add KIND [KEY=VALUE ...] | list | clear [ID]")
    faults.add_argument("do", choices=("add", "list", "clear"))
    faults.add_argument("words", nargs="*", help="for add: the kind, then service=, operation=, target=, every=, ...")
    faults.set_defaults(run=ask.faults)
    interrupt = question("interrupt", "take the Spot capacity of a training job away")
    interrupt.add_argument("job")
    interrupt.add_argument("--region")
    interrupt.add_argument("--notice", type=float, default=0.0, help="real seconds between SIGTERM and SIGKILL (0)")
    interrupt.add_argument("--gap", type=float, default=0.0, help="modelled seconds without Spot capacity after it (0)")
    interrupt.set_defaults(run=ask.interrupt)
    logs = question("logs", "print the log of a training job")
    logs.add_argument("job")
    logs.add_argument("--region", default="us-east-1")
    logs.set_defaults(run=ask.logs)
