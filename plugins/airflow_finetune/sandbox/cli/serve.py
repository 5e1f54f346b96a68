"""Verbs that start a server: serve until a signal, or run one command inside."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from ..server import Sandbox
from ..settings import Settings
from .environment import forget_the_user, inside

EMPTY_FILE = "empty-aws-file"
NOT_FOUND, NOT_EXECUTABLE = 127, 126
PIECE_SECONDS = 0.5
"""Waits are in pieces: Python runs the handler of a signal that came just before a wait only at its end."""


@contextlib.contextmanager
def _sandbox(settings: Settings, port: int) -> Iterator[Sandbox]:
    """A running sandbox whose temporary state folder is removed at the end."""
    forget_the_user()
    try:
        with _built(settings, port) as sandbox:
            (settings.state_dir / EMPTY_FILE).touch()
            yield sandbox
    finally:
        if settings.is_temporary:  # also when the start failed
            shutil.rmtree(settings.state_dir, ignore_errors=True)


def _built(settings: Settings, port: int) -> Sandbox:
    try:
        return Sandbox(settings, port)
    except (ValueError, OSError) as error:  # a Spot trace that cannot be read
        raise SystemExit(f"sandbox: {error}") from None


def serve(settings: Settings, port: int) -> int:
    """Print READY and the endpoint, and serve until SIGTERM or SIGINT."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: ended.set())
    with _sandbox(settings, port) as sandbox:
        print(f"READY {sandbox.url}", flush=True)
        sys.stdout = sys.stderr  # nothing else, moto's own words included, may follow on standard output
        while not ended.wait(PIECE_SECONDS):
            pass
    return 0


def run(settings: Settings, port: int, command: list[str]) -> int:
    """Run a command inside a sandbox of its own and give its exit status; 128 plus the signal that killed it."""
    received: list[int] = []
    child: list[subprocess.Popen[bytes]] = []

    def hand_on(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and sys.stdin is not None and sys.stdin.isatty():
            return  # the terminal has sent it to the command too
        received.append(number)
        if child:
            child[0].send_signal(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, hand_on)
    sys.stdout = sys.stderr  # standard output is the command's
    with _sandbox(settings, port) as sandbox:
        empty: Path = settings.state_dir / EMPTY_FILE
        try:
            child.append(subprocess.Popen(command, env=inside(sandbox.url, settings.region, sandbox.token, empty)))
        except (FileNotFoundError, PermissionError):
            if "/" in command[0] and Path(command[0]).exists():
                print(f"run: {command[0]}: cannot be executed", file=sys.stderr)
                return NOT_EXECUTABLE
            # A folder of PATH that this user may not search is a refusal too, and says nothing about the program.
            print(f"run: {command[0]}: no such program", file=sys.stderr)
            return NOT_FOUND
        for early in received:
            child[0].send_signal(early)
        status = _end_of(child[0])
    return 128 - status if status < 0 else status


def _end_of(child: subprocess.Popen[bytes]) -> int:
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(PIECE_SECONDS)
