"""The demo's end of the keeper: start programs that cannot outlive us, and wait for what they do."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

Found = TypeVar("Found")
LONGEST_FOLDER = 60  # a unix socket's path has 107 characters, and programs add names of their own


class DemoError(RuntimeError):
    """Something that the demo needs did not happen; says what, why, and where to look."""


def clean_environment(home: Path) -> dict[str, str]:
    """Return what every process starts from: without the user's AWS files, proxies and Airflow settings."""
    kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ") if name in os.environ}
    return kept | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
        "HOME": str(home),
        "TMPDIR": str(home),
        "OMP_NUM_THREADS": "1",
        "NO_PROXY": "*",  # loopback only; also against proxies that a system configures without variables
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONUNBUFFERED": "1",
    }


def fit_folder(wanted: Path, otherwise: Path = Path("/tmp")) -> Path:
    """Return a folder whose path leaves room for a socket's name and that others may pass; the first if it does."""
    for folder in (wanted, otherwise):
        open_to_all = all(each.stat().st_mode & stat.S_IXOTH for each in (folder, *folder.parents))
        if len(str(folder)) <= LONGEST_FOLDER and open_to_all:
            return folder
    return wanted


def wait_for(what: str, look: Callable[[], Found | None], *, seconds: float, pause_seconds: float = 0.1) -> Found:
    """Look until something is found.

    Raises:
        DemoError: it was not there in time.
    """
    until = time.monotonic() + seconds
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() > until:
            raise DemoError(f"{what}: not after {seconds:.0f} seconds.")
        time.sleep(pause_seconds)


def tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log, indented; nothing when there is none."""
    with contextlib.suppress(OSError):
        return "\n".join(f"    {line}" for line in log.read_text(errors="replace").splitlines()[-lines:])
    return ""


@dataclass(frozen=True)
class Process:
    """A program that the keeper runs."""

    name: str
    pid: int
    log: Path


class Processes:
    """A context in which programs run; at its end, however it ends, none of them does.

    Args:
        within: where to make the short-lived folder; None: the first of TMPDIR and /tmp that is fit for it.

    Attributes:
        folder: the short-lived folder, for sockets and databases; removed at the end.
    """

    def __init__(self, within: Path | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="finetune-", dir=within or fit_folder(Path(tempfile.gettempdir()))))
        keeper = Path(__file__).with_name("keeper.py")
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", str(keeper), str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for us; we close the pipe
        )
        self._watched: list[Process] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def keeper_pid(self) -> int:
        """The keeper: when it is gone, so is all that it held."""
        return self._keeper.pid

    def close(self) -> None:
        """End everything and wait until it has ended; a second call does nothing."""
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._keeper.stdin.close()
        while True:
            try:
                self._keeper.wait()
                break
            except KeyboardInterrupt:  # an impatient second Ctrl-C must not leave anything behind
                continue
        self._keeper.stdout.close()

    def start(
        self,
        name: str,
        argv: Sequence[str | Path],
        *,
        environment: Mapping[str, str],
        log: Path,
        folder: Path | None = None,
        user: int | None = None,
        tier: int = 0,
        group: bool = False,
        stop_signal: int = signal.SIGTERM,
        grace_seconds: float = 12.0,
        watched: bool = True,
    ) -> Process:
        """Start a program.

        Args:
            name: for messages.
            argv: program and arguments.
            environment: all of it; nothing is inherited.
            log: where its output goes.
            folder: its working folder; None: our temporary one.
            user: the user id to run as (root only); None: ours.
            tier: higher tiers are stopped first.
            group: the signal that stops it goes to the whole process group.
            stop_signal: what asks it to end.
            grace_seconds: how long it may take to end, before it is killed; generous for a machine that is busy.
            watched: whether ``check`` finds it wrong that it has ended.

        Raises:
            DemoError: it could not be started.
        """
        order = {
            "start": name,
            "argv": [str(part) for part in argv],
            "env": dict(environment),
            "cwd": str(folder or self.folder),
            "log": str(log),
            "user": user,
            "tier": tier,
            "group": group,
            "signal": int(stop_signal),
            "grace": grace_seconds,
        }
        answer = self._ask(order)
        if "error" in answer:
            raise DemoError(f"Could not start {answer['error']}")
        process = Process(name, answer["pid"], log)
        if watched:
            self._watched.append(process)
        return process

    def running(self) -> tuple[Process, ...]:
        """Return the programs that should run."""
        return tuple(self._watched)

    def exit_code(self, process: Process) -> int | None:
        """Return how a program ended; None while it runs."""
        code: int | None = self._ask({"poll": process.pid})["code"]
        return code

    def run(self, name: str, argv: Sequence[str | Path], *, seconds: float = 120, **how: Any) -> None:
        """Run a program to its end.

        Raises:
            DemoError: it failed, or took too long.
        """
        process = self.start(name, argv, **how)
        code = wait_for(name, lambda: self.exit_code(process), seconds=seconds)
        self._watched.remove(process)
        if code != 0:
            raise DemoError(f"{name} ended with exit code {code}. The end of {process.log}:\n{tail(process.log)}")

    def stop(self, *processes: Process) -> None:
        """End programs, all at once, and what they started."""
        self._watched = [process for process in self._watched if process not in processes]
        self._ask({"stop": [process.pid for process in processes]})

    def check(self) -> None:
        """Raise a DemoError when a program that should run has ended."""
        for process in self._watched:
            if (code := self.exit_code(process)) is not None:
                log = f"The end of {process.log}:\n{tail(process.log)}"
                raise DemoError(f"{process.name} ended by itself with exit code {code}. {log}")

    def _ask(self, order: Mapping[str, object]) -> dict[str, Any]:
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        try:
            self._keeper.stdin.write(json.dumps(order).encode() + b"\n")
            self._keeper.stdin.flush()
            line = self._keeper.stdout.readline()
        except (BrokenPipeError, ValueError):
            line = b""
        if not line:
            raise DemoError("The keeper of the demo's processes is gone, and with it every process that it held.")
        answer: dict[str, Any] = json.loads(line)
        return answer
