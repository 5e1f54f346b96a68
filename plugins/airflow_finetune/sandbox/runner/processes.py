"""Starts programs, each re-rooted at /opt/ml under a shim of its own, and ends them with all that they started."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .images import Images
from .isolation import MODES, Probe, hidden, kept, probe, rewrite, there
from .shim.table import Table

if TYPE_CHECKING:
    from ..settings import Settings

SHIM = Path(__file__).with_name("shim")
CODE_FOLDERS = ("code", "input/config", "input/data/code", "input/data/sm_drivers")
KILL_SECONDS = 10.0


@dataclass(frozen=True)
class Program:
    """What to run.

    Attributes:
        name: for messages.
        argv: the command; texts may contain ``/opt/ml``.
        env: the whole environment: nothing of the server's is added. Start from ``base_environment``.
        ml: the folder of this machine that the program sees as ``/opt/ml``. Its parent is the job's own folder.
        cwd: working directory as the program sees it.
        log: file that standard output and error are appended to.
        memory_limit_bytes: resident memory of all its processes together; above it they are killed. None: no limit.
        code: folders below ``ml`` whose code is rewritten where /opt/ml cannot be re-rooted.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    ml: Path
    cwd: str
    log: Path
    memory_limit_bytes: int | None = None
    code: Sequence[str] = CODE_FOLDERS


@dataclass(frozen=True)
class Exit:
    """How a program ended.

    Attributes:
        code: exit status, or None when a signal ended it. 127: the program could not be started (its log says why).
        signal: the signal's number, or None.
        reason: ``exit`` (by itself), ``oom`` (over its memory limit), ``log`` (printed more than it may), ``killed``
            (by us, or with the server).
        peak_rss_bytes: most resident memory seen, all its processes together.
    """

    code: int | None
    signal: int | None
    reason: str
    peak_rss_bytes: int


class Process:
    """A running program, held by the pipe to its shim.

    Args:
        order: what the shim is told.

    Attributes:
        isolation: the mode that it was started in.
        failure: why the program's surroundings could not be made, or empty; known after the end.
    """

    def __init__(self, order: dict[str, Any]) -> None:
        self.isolation: str = order["mode"]
        self.failure = ""
        self._state = Path(order["state"])
        self._exit: Exit | None = None
        self._lock = threading.Lock()
        with open(f"{order['state']}.err", "wb") as errors:
            self._shim = subprocess.Popen(
                [sys.executable, "-I", "-S", str(SHIM)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env={"PATH": os.defpath},
                cwd="/",
                start_new_session=True,  # Ctrl-C at the server is for the server
            )
        self._say(json.dumps({**order, "server": [os.getpid(), Table().start_of(os.getpid())]}))

    @property
    def pid(self) -> int:
        """The shim's process number."""
        return self._shim.pid

    def _say(self, text: str) -> None:
        pipe = self._shim.stdin
        with self._lock, contextlib.suppress(BrokenPipeError, ValueError):  # it has ended already
            if pipe is not None:
                pipe.write(text.encode() + b"\n")
                pipe.flush()

    def poll(self) -> Exit | None:
        """Say how the program ended, or None while it runs. Costs one system call."""
        if self._exit is None and self._shim.poll() is not None:
            self._exit = self._read_exit()
        return self._exit

    def wait(self, timeout_seconds: float) -> Exit | None:
        """Wait for the end; None when it still runs after ``timeout_seconds`` real seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._shim.wait(timeout_seconds)
        return self.poll()

    def terminate(self) -> None:
        """Ask the program, and nothing that it started, to end: SIGTERM."""
        self._say("term")

    def kill(self) -> None:
        """End the program and everything that it ever started; returns at once, ``poll`` shows the end."""
        self._say("kill")

    def end(self, timeout_seconds: float = KILL_SECONDS) -> Exit:
        """Kill and wait; a shim that does not obey is killed itself, and what hangs on it with it."""
        self.kill()
        if self.wait(timeout_seconds) is None:
            self._shim.kill()
            self._shim.wait()
        return self.poll() or self._read_exit()

    def _read_exit(self) -> Exit:
        with self._lock:
            if self._shim.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    self._shim.stdin.close()
        try:
            state = json.loads(self._state.read_text())
        except (OSError, ValueError):
            state = {"running": True}
        if state["running"]:  # the shim was killed from outside
            return Exit(None, int(signal.SIGKILL), "killed", 0)
        self.failure = state["failure"]
        return Exit(state["code"], state["signal"], state["reason"], state["peak_rss_bytes"])


class Processes:
    """Starts programs and ends them.

    Args:
        settings: ``state_dir``, ``slots``, ``images``, ``log_limit_mb`` and ``isolation`` (forces a mode) are used.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._images = Images(settings.images)
        self._numbers = itertools.count(1)
        self._running: list[Process] = []
        self._lock = threading.Lock()
        self._probe: Probe | None = None

    def probes(self) -> list[Probe]:
        """Try every mode, the best first, and say which works and why not."""
        return [self._try(mode) for mode in MODES]

    def isolation(self) -> Probe:
        """Give the mode that programs are started in: the forced one, else the best that works. Tried once.

        Raises:
            RuntimeError: the forced mode does not work here.
        """
        with self._lock:
            if self._probe is None:
                forced = self._settings.isolation
                tried = [self._try(forced)] if forced else (self._try(mode) for mode in MODES)
                self._probe = next((each for each in tried if each.works), None)
                if self._probe is None:
                    raise RuntimeError(
                        f"The isolation {forced!r} does not work here: {self._try(str(forced)).reason}. "
                        "`sandbox doctor` shows which one does."
                    )
            return self._probe

    def _try(self, mode: str) -> Probe:
        def run(order: dict[str, Any]) -> str:
            process = Process(order)
            if process.wait(KILL_SECONDS) is None:
                process.end()
            return process.failure

        folder = self._settings.state_dir / "probes"
        folder.mkdir(parents=True, exist_ok=True)
        return probe(mode, folder, run)

    def base_environment(self, ml: Path, endpoint_url: str, region: str, account: str | None = None) -> dict[str, str]:
        """Give what every program finds in its environment, and nothing of the server's own environment.

        Args:
            ml: as in ``Program``; home and temporary directory are made beside it.
            endpoint_url: of this sandbox, for boto3 programs.
            region: for the same.
            account: whose the program is; None takes the settings'.
        """
        home, temporary = ml.parent / "home", ml.parent / "tmp"
        home.mkdir(parents=True, exist_ok=True)
        temporary.mkdir(parents=True, exist_ok=True)
        interpreter = str(Path(sys.executable).parent)
        threads = str(max(1, (os.cpu_count() or 1) // max(1, self._settings.slots)))
        return {
            "PATH": f"{interpreter}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(home),
            "TMPDIR": str(temporary),
            "PYTHONUNBUFFERED": "1",
            "PYTHONIOENCODING": "UTF-8",
            "OMP_NUM_THREADS": threads,
            "MKL_NUM_THREADS": threads,
            "TOKENIZERS_PARALLELISM": "false",
            "AWS_ENDPOINT_URL": endpoint_url,
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_ACCESS_KEY_ID": account or self._settings.account,
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def start(self, program: Program) -> Process:
        """Start a program; returns before it runs. What prevents it is in its log, with exit code 126 or 127."""
        way = self.isolation()
        job = program.ml.parent
        job.mkdir(parents=True, exist_ok=True)
        hide = list(hidden(self._settings.state_dir))
        inside = [job, Path(sys.prefix), Path(sys.base_prefix), *(folder for _, folder in self._folders())]
        order: dict[str, Any] = {
            "argv": list(program.argv),
            "env": dict(program.env),
            "cwd": program.cwd,
            "ml": str(program.ml.resolve()),
            "log": str(program.log),
            "state": str(job / f"process-{next(self._numbers)}.json"),
            "mode": way.mode,
            "pid_namespace": way.pid_namespace,
            "hide": [str(path) for path in hide],
            "keep": [str(path) for path in kept((path for path in inside if path.is_dir()), hide)],
            "memory_limit_bytes": program.memory_limit_bytes,
            "log_limit_bytes": self._settings.log_limit_mb * 2**20,
        }
        if way.mode == "rewrite":
            self._rewrite(program, order)
        process = Process(order)
        with self._lock:
            self._running = [each for each in self._running if each.poll() is None]
            self._running.append(process)
        return process

    def _folders(self) -> list[tuple[str, Path]]:
        """Give the folders of the user that a program may need: images, models, functions."""
        return [*self._settings.images, *self._settings.models, *self._settings.functions]

    def _rewrite(self, program: Program, order: dict[str, Any]) -> None:
        """Put the job's folder in the place of /opt/ml, in copies of code, in arguments and environment."""
        ml = program.ml.resolve()
        root = self._images.root_of(order["argv"][0])
        if root is not None:
            copy = ml.parent / "image"
            shutil.copytree(root, copy, symlinks=True, dirs_exist_ok=True)
            order["argv"] = [text.replace(str(root), str(copy)) for text in order["argv"]]
            rewrite([copy], ml)
        changed = rewrite([ml / folder for folder in program.code], ml)

        def here(text: str) -> str:
            return there(text.encode(), ml).decode()

        order["argv"] = [here(text) for text in order["argv"]]
        order["env"] = {name: here(text) for name, text in order["env"].items()}
        order["cwd"] = here(order["cwd"])
        with program.log.open("a", encoding="utf-8") as log:
            log.write(
                f"WARNING sandbox: no namespaces here, so /opt/ml stands for {ml}: replaced in {changed} files, in "
                "arguments and environment; paths that the program puts together itself are not covered.\n"
            )

    def stop_all(self) -> None:
        """Kill everything that runs, and wait until it is gone."""
        with self._lock:
            running, self._running = self._running, []
        for process in running:
            process.kill()
        deadline = time.monotonic() + KILL_SECONDS
        for process in running:
            process.end(max(0.1, deadline - time.monotonic()))
