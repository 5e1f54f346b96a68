"""Watches one program for the server, and leaves nothing of it behind."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
from typing import Any

from .kernel import LIBC, PR_SET_CHILD_SUBREAPER
from .program import be_program
from .table import Table

POLL_SECONDS = 0.25
END_SECONDS = 10.0


class Shim:
    """Starts the program, watches it, obeys the pipe, and leaves nothing behind.

    Args:
        order: what to run and how, as ``processes.py`` writes it.
    """

    def __init__(self, order: dict[str, Any]) -> None:
        self.order, self.table = order, Table()
        self.main = self.target = 0
        self.status: int | None = None
        self.peak = 0
        self.reason = "exit"
        self.failure = ""
        self.log_end: int | None = None
        self._term_wanted = False
        self._report = self._waker = -1
        self._reports = b""

    def start(self) -> None:
        """Fork the program, with its log as standard output and error."""
        log = os.open(self.order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        limit = self.order.get("log_limit_bytes")
        if limit is not None:
            self.log_end = os.fstat(log).st_size + limit
        self._report, report = os.pipe()
        self._waker, wake = os.pipe()
        os.set_blocking(self._report, False)
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        shim = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # waits for the program instead of being ignored
        self.main = os.fork()
        if self.main == 0:
            signal.set_wakeup_fd(-1)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(log, 1)
            os.dup2(log, 2)
            be_program(self.order, shim, report)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        os.close(report)
        os.close(log)
        self.target = 0 if self.order["pid_namespace"] else self.main
        self.write_state(running=True)

    def watch(self) -> None:
        """Go on until the program has ended or is killed; then end all that it left."""
        measured = time.monotonic()
        while self.status is None:
            ready = select.select([0, self._waker], [], [], POLL_SECONDS)[0]
            if self._waker in ready:
                os.read(self._waker, 4096)
            if 0 in ready:
                self.obey(os.read(0, 4096))
            self.read_reports()
            self.reap()
            if self.status is None and time.monotonic() - measured >= POLL_SECONDS:
                measured = time.monotonic()
                self.measure()
                if not self.table.is_alive(*self.order["server"]):
                    self.obey(b"")  # a process that the server forked still holds the other end of the pipe
        self.end_all()
        self.cut_log()
        self.write_state(running=False)

    def obey(self, text: bytes) -> None:
        """Do what the server says; its silence for ever (the end of the pipe) is the order to kill."""
        if not text or b"kill" in text:
            self.reason = "killed"
            self.end_all()
            self.status = signal.SIGKILL if self.status is None else self.status
        elif b"term" in text:
            self._term_wanted = True

    def read_reports(self) -> None:
        """Take what the namespace's init says: its number, how the program ended, or why it could not start."""
        with contextlib.suppress(BlockingIOError):
            self._reports += os.read(self._report, 4096)
        *lines, self._reports = self._reports.split(b"\n")
        for kind, _, rest in (line.decode().partition(" ") for line in lines):
            if kind == "init":
                self.target = int(rest)
            elif kind == "exit":
                status, kilobytes = rest.split()
                self.status, self.peak = int(status), max(self.peak, int(kilobytes) * 1024)
            elif kind == "failed":
                self.failure = rest
        if self._term_wanted and self.target and self.status is None:
            self._term_wanted = False
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.target, signal.SIGTERM)

    def reap(self) -> bool:
        """Take the ends of children; say whether any child is left."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.main:
                self.read_reports()
                unit = 1 if sys.platform == "darwin" else 1024
                self.peak = max(self.peak, usage.ru_maxrss * unit)
                self.status = status if self.status is None else self.status

    def measure(self) -> None:
        """Sum the resident memory of the tree, and end a tree that takes or prints more than it may."""
        ours = {self.main, self.target} if self.order["pid_namespace"] else set()
        resident = sum(size for pid, (_, size) in self.table.below().items() if pid not in ours)
        self.peak = max(self.peak, resident)
        limit = self.order["memory_limit_bytes"]
        if limit is not None and resident > limit:
            self.reason = "oom"
        elif self.prints_too_much():
            self.reason = "log"
        else:
            return
        self.end_all()
        self.status = signal.SIGKILL

    def prints_too_much(self) -> bool:
        """Say whether the log has outgrown what one run may add to it."""
        with contextlib.suppress(OSError):
            return self.log_end is not None and os.stat(self.order["log"]).st_size > self.log_end
        return False

    def cut_log(self) -> None:
        """Give back the disk that was printed full, the last quarter of a second included."""
        if self.prints_too_much():
            self.reason = "log" if self.reason == "exit" else self.reason
            os.truncate(self.order["log"], self.log_end or 0)

    def end_all(self) -> None:
        """Kill everything below this process until nothing is left, those that fork meanwhile included."""
        deadline = time.monotonic() + END_SECONDS
        while time.monotonic() < deadline:
            self.table.kill((pid, start) for pid, (start, _) in self.table.below().items())
            if not self.reap():
                return
            time.sleep(0.002)

    def write_state(self, *, running: bool) -> None:
        """Write the state file in one step."""
        status = self.status or 0
        state = {
            "shim_pid": os.getpid(),
            "program_pid": self.main,
            "isolation": self.order["mode"],
            "running": running,
            "code": None if running or os.WIFSIGNALED(status) else os.WEXITSTATUS(status),
            "signal": os.WTERMSIG(status) if not running and os.WIFSIGNALED(status) else None,
            "reason": self.reason,
            "failure": self.failure,
            "peak_rss_bytes": self.peak,
        }
        draft = f"{self.order['state']}.tmp"
        with open(draft, "w") as file:
            json.dump(state, file)
        os.replace(draft, self.order["state"])


def main() -> None:
    """Read the order, run it, end."""
    os.umask(0o022)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the pipe alone says when to end
    text = b""
    while b"\n" not in text:
        read = os.read(0, 65536)
        if not read:
            return
        text += read
    line, _, commands = text.partition(b"\n")
    LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1)
    shim = Shim(json.loads(line))
    shim.start()
    if commands:
        shim.obey(commands)
    shim.watch()
