"""The processes below the shim: the program, and the init of its process namespace."""

from __future__ import annotations

import os
import resource
import signal
from typing import Any

from .kernel import LIBC, MS_NODEV, MS_NOEXEC, MS_NOSUID, PR_SET_PDEATHSIG
from .rerooting import enter_namespaces, reroot

OPEN_FILES = 65536
AWAITED = {signal.SIGTERM, signal.SIGCHLD}


def execute(order: dict[str, Any]) -> None:
    """Become the program; what prevents it is said in the program's own log, as a container engine would."""
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, AWAITED)
        os.setsid()
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        files = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.chdir(order["cwd"])
        os.execvpe(order["argv"][0], order["argv"], order["env"])  # noqa: S606 - no shell is the point
    except OSError as error:
        os.write(2, f"The program {order['argv'][0]!r} could not be started: {error}\n".encode())
    os._exit(127)


def be_init(order: dict[str, Any], report: int) -> None:
    """Be process 1 of the namespace: start the program, hand SIGTERM on, reap; when this ends, all in it ends."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # Blocked and waited for, never handled: a handler would lose what comes just before a wait, or in a fork.
    signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)
    reroot(order)
    LIBC.mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    child = os.fork()
    if child == 0:
        execute(order)
    while True:
        if signal.sigwait(AWAITED) == signal.SIGTERM:
            os.kill(child, signal.SIGTERM)  # its number stays its own until it is reaped, and then this process ends
            continue
        while (ended := os.wait4(-1, os.WNOHANG))[0]:
            pid, status, usage = ended
            if pid == child:
                os.write(report, f"exit {status} {usage.ru_maxrss}\n".encode())
                os._exit(0)


def be_program(order: dict[str, Any], shim: int, report: int) -> None:
    """Be the first process below the shim: the program itself, or the parent of the namespace's init."""
    try:
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != shim:
            os._exit(1)
        if order["mode"] in ("mount", "userns"):
            enter_namespaces(order)
            if order["pid_namespace"]:
                init = os.fork()
                if init == 0:
                    be_init(order, report)
                os.write(report, f"init {init}\n".encode())
                os._exit(1 if os.waitpid(init, 0)[1] else 0)
            reroot(order)
        execute(order)
    except OSError as error:
        os.write(2, f"/opt/ml could not be re-rooted by {order['mode']}: {error.strerror}\n".encode())
        os.write(report, f"failed {error.strerror}\n".encode())
    finally:
        os._exit(126)
