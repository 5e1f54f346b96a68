"""Holds every process of a demo, so that none outlives it: the pipe from the demo closes, the keeper ends them all.

Runs as a program of its own (standard library only), because a demo that is killed with -9 cleans nothing up.
It is a child subreaper: whatever its processes leave behind becomes its child and is found and ended too.
One JSON object a line comes in, one goes out:

    {"start": NAME, "argv": [...], "env": {...}, "cwd": PATH, "log": PATH, "user": UID or null,
     "tier": N, "group": BOOL, "signal": N, "grace": SECONDS} -> {"pid": N} or {"error": TEXT}
    {"poll": PID} -> {"code": N or null}
    {"stop": [PID, ...]} -> {}   these processes and what they started
    end of file or SIGTERM      everything, higher tiers first, then the folders named on the command line are removed
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

SUBREAPER, PARENT_DEATH = 36, 1  # PR_SET_CHILD_SUBREAPER, PR_SET_PDEATHSIG of <linux/prctl.h>


class Asked(Exception):
    """The demo is gone, or wants everything gone."""


def prctl(option: int, value: int) -> None:
    """Set a property of this process; where there is no prctl (not Linux) nothing is set."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def children() -> dict[int, list[tuple[int, str]]]:
    """Return the children of every process: parent -> (pid, state letter)."""
    found: dict[int, list[tuple[int, str]]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            found.setdefault(int(parent), []).append((int(entry.name), state))
    return found


def descendants(of: int) -> list[tuple[int, str]]:
    """Return all that live below a process, (pid, state letter) each."""
    tree, found, at = children(), [], [of]
    while at:
        below = tree.get(at.pop(), [])
        found += below
        at += [pid for pid, _ in below]
    return found


class Keeper:
    """The processes and the order in which they end."""

    def __init__(self) -> None:
        self.kept: dict[int, tuple[subprocess.Popen[bytes], dict[str, Any]]] = {}

    def start(self, order: dict[str, Any]) -> dict[str, Any]:
        """Start one program in a session of its own, with its output in a log."""
        user = order["user"]
        who: dict[str, Any] = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        try:
            with open(order["log"], "ab") as log:
                process = subprocess.Popen(
                    order["argv"],
                    env=order["env"],
                    cwd=order["cwd"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    preexec_fn=lambda: prctl(PARENT_DEATH, signal.SIGTERM),  # this program has one thread
                    **who,
                )
        except (OSError, subprocess.SubprocessError) as error:
            return {"error": f"{order['start']}: {error}"}
        self.kept[process.pid] = (process, order)
        return {"pid": process.pid}

    def answer(self, order: dict[str, Any]) -> dict[str, Any]:
        """Do what one line asks for."""
        if "start" in order:
            return self.start(order)
        if "poll" in order:
            return {"code": self.kept[order["poll"]][0].poll()}
        self.end(order["stop"])
        return {}

    def reap(self) -> None:
        """Collect the ended, ours and those left to us."""
        for process, _ in self.kept.values():
            process.poll()
        for pid, state in children().get(os.getpid(), []):
            if state == "Z" and pid not in self.kept:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)

    def end(self, pids: list[int]) -> None:
        """Ask these processes to end, wait for them, then kill them and what they started."""
        family = set(pids) | {pid for each in pids for pid, _ in descendants(each)}
        for pid in pids:
            process, order = self.kept[pid]
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    (os.killpg if order["group"] else os.kill)(pid, order["signal"])
        until = {pid: time.monotonic() + self.kept[pid][1]["grace"] for pid in pids}
        while any(self.kept[pid][0].poll() is None and time.monotonic() < until[pid] for pid in pids):
            time.sleep(0.05)
        family |= {pid for each in pids for pid, _ in descendants(each)}
        for pid in family & {pid for pid, state in descendants(os.getpid()) if state != "Z"}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in pids:
            self.kept.pop(pid)[0].wait()

    def end_all(self) -> None:
        """End everything: tier by tier, then whatever was left to us, until nothing is."""
        for tier in sorted({order["tier"] for _, order in self.kept.values()}, reverse=True):
            self.end([pid for pid, (_, order) in self.kept.items() if order["tier"] == tier])
        while alive := [pid for pid, state in descendants(os.getpid()) if state != "Z"]:
            for pid in alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.reap()
            time.sleep(0.02)
        self.reap()


def serve(keeper: Keeper) -> None:
    """Answer lines until the other end closes."""
    rest = b""
    while True:
        if not select.select([0], [], [], 1.0)[0]:
            keeper.reap()
            continue
        more = os.read(0, 1 << 16)
        if not more:
            return
        *lines, rest = (rest + more).split(b"\n")
        for line in lines:
            os.write(1, json.dumps(keeper.answer(json.loads(line))).encode() + b"\n")


def asked(*_: object) -> None:
    """Turn the first SIGTERM into an orderly end and ignore the next ones."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Asked


def main(folders: list[str]) -> int:
    """Serve, end all processes, remove the folders."""
    prctl(SUBREAPER, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, asked)
    keeper = Keeper()
    try:
        with contextlib.suppress(Asked, BrokenPipeError):
            serve(keeper)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        keeper.end_all()
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
