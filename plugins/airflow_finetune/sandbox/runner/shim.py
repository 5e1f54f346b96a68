"""The process between the server and one program, so that nothing outlives the server: standard library, run by path.

The server holds the other end of standard input. Its first line is the order (JSON); then ``term`` asks the program to
end, and ``kill`` or the end of the pipe ends the program and everything that it ever started. A program runs below this
process; in the modes ``mount`` and ``userns`` it finds its own folder at ``/opt/ml``, in a process namespace of its own
whose init is a fork of this one. What became of it stands in the state file.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID = 0x00020000, 0x10000000, 0x20000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
POLL_SECONDS = 0.25
END_SECONDS = 10.0
OPEN_FILES = 65536
CONTAINER_ROOT = "/opt/ml"
HAS_CHILDREN = os.path.exists(f"/proc/self/task/{os.getpid()}/children")  # else: macOS, or an unusual kernel


class Libc:
    """The four calls that Python 3.11 has no name for; without them (macOS) they do nothing."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

    def _call(self, what: str, *arguments: Any) -> None:
        if self._library is not None and getattr(self._library, what)(*arguments) != 0:
            number = ctypes.get_errno()
            shown = [each.decode() for each in arguments if isinstance(each, bytes)]
            raise OSError(number, f"{' '.join([what, *shown])}: {os.strerror(number)}")

    def prctl(self, option: int, value: int) -> None:
        """Set an attribute of this process."""
        self._call("prctl", option, value, 0, 0, 0)

    def unshare(self, flags: int) -> None:
        """Leave the namespaces of the parent."""
        self._call("unshare", flags)

    def mount(self, source: str, target: str, kind: str, flags: int, options: str = "") -> None:
        """Mount, bind, or change how mounts spread."""
        self._call(
            "mount", source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode() or None
        )


LIBC = Libc()


# --- what the program sees: /opt/ml is its own folder, and the host's credentials are not there


def bind(descriptor: int, target: str, name: str = "") -> None:
    """Show an opened folder or file (or ``name`` in it) at ``target``, with whatever is mounted below it."""
    LIBC.mount(f"/proc/self/fd/{descriptor}{name and '/' + name}", target, "", MS_BIND | MS_REC)


def cover(folder: str) -> None:
    """Put an empty folder over ``folder`` that shows the same entries, so that a new one can be made in it."""
    below = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    entries = list(os.scandir(folder))
    LIBC.mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755")
    for entry in entries:
        place = os.path.join(folder, entry.name)
        if entry.is_symlink():
            os.symlink(os.readlink(f"/proc/self/fd/{below}/{entry.name}"), place)
            continue
        if entry.is_dir():
            os.mkdir(place)
        else:
            os.close(os.open(place, os.O_CREAT))
        bind(below, place, entry.name)
    os.close(below)


def hide(path: str) -> None:
    """Put nothing in the place of a folder or file."""
    if os.path.isdir(path):
        LIBC.mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m")
    elif os.path.exists(path):
        LIBC.mount("/dev/null", path, "", MS_BIND)


def reroot(order: dict[str, Any]) -> None:
    """Hide what is not the program's, show what it needs in spite of that, and put its folder at ``/opt/ml``."""
    LIBC.mount("none", "/", "", MS_REC | MS_PRIVATE)
    folder = os.open(order["ml"], os.O_PATH | os.O_DIRECTORY)
    kept = [(path, os.open(path, os.O_PATH | os.O_DIRECTORY)) for path in order["keep"]]
    for path in order["hide"]:
        hide(path)
    for path, descriptor in kept:
        os.makedirs(path, exist_ok=True)
        bind(descriptor, path)
        os.close(descriptor)
    if not os.path.isdir(CONTAINER_ROOT):
        cover(os.path.dirname(CONTAINER_ROOT))
        os.mkdir(CONTAINER_ROOT)
    bind(folder, CONTAINER_ROOT)
    os.close(folder)


def enter_namespaces(order: dict[str, Any]) -> None:
    """Leave the host's mounts and processes; in ``userns`` as root of a user namespace that maps this user alone."""
    user, group = os.geteuid(), os.getegid()
    flags = CLONE_NEWNS | (CLONE_NEWPID if order["pid_namespace"] else 0)
    if order["mode"] == "userns":
        LIBC.unshare(CLONE_NEWUSER | flags)
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    else:
        LIBC.unshare(flags)
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # new credentials have cleared it


# --- the processes below the shim


def execute(order: dict[str, Any]) -> None:
    """Become the program; what prevents it is said in the program's own log, as a container engine would."""
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
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
    """Be process 1 of the namespace: start the program, hand signals on, reap; when this ends, all in it ends."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    program: list[int] = []
    early: list[int] = []

    def hand_on(number: int, frame: object) -> None:
        if program:
            with contextlib.suppress(ProcessLookupError):
                os.kill(program[0], number)
        else:
            early.append(number)

    signal.signal(signal.SIGTERM, hand_on)
    reroot(order)
    LIBC.mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    child = os.fork()
    if child == 0:
        execute(order)
    program.append(child)
    for number in early:
        hand_on(number, None)
    while True:
        pid, status, usage = os.wait4(-1, 0)
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
        os.write(2, f"/opt/ml could not be re-rooted by {order['mode']}: {error}\n".encode())
        os.write(report, f"failed {error}\n".encode())
    finally:
        os._exit(126)


class Table:
    """The processes below this one, from /proc, or from ``ps`` where there is no /proc."""

    def __init__(self) -> None:
        self._page = os.sysconf("SC_PAGE_SIZE")

    def below(self) -> dict[int, tuple[str, int]]:
        """Give pid -> (start time, resident bytes) of every process below this one."""
        found: dict[int, tuple[str, int]] = {}
        rows = {} if HAS_CHILDREN else self._rows()
        edge = [os.getpid()]
        while edge:
            parent = edge.pop()
            if HAS_CHILDREN:
                rows = {pid: (parent, *row) for pid in self._children(parent) if (row := self._row(pid))}
            for pid, (above, start, size) in rows.items():
                if above == parent and pid not in found:
                    found[pid] = (start, size)
                    edge.append(pid)
        return found

    def _children(self, pid: int) -> Iterator[int]:
        """Give the children of all threads of a process."""
        with contextlib.suppress(OSError):
            for thread in os.listdir(f"/proc/{pid}/task"):
                with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children") as file:
                    yield from map(int, file.read().split())

    def _rows(self) -> dict[int, tuple[int, str, int]]:
        """Give pid -> (parent, start time, resident bytes) of all processes, by ``ps``."""
        text = subprocess.run(["ps", "-axo", "pid=,ppid=,rss="], capture_output=True, text=True, check=False).stdout
        cells = [line.split() for line in text.splitlines()]
        return {int(pid): (int(parent), "", int(kilobytes) * 1024) for pid, parent, kilobytes in cells}

    def _row(self, pid: int) -> tuple[str, int] | None:
        """Give (start time, resident bytes), or None for a process that is gone."""
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            return None
        return fields[19].decode(), int(fields[21]) * self._page

    def kill(self, processes: Iterable[tuple[int, str]]) -> None:
        """Kill each process, unless another one has its number by now."""
        for pid, start in processes:
            with contextlib.suppress(OSError):
                if not start or (self._row(pid) or ("",))[0] == start:
                    os.kill(pid, signal.SIGKILL)


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
        self._term_wanted = False
        self._report = self._waker = -1
        self._reports = b""

    def start(self) -> None:
        """Fork the program, with its log as standard output and error."""
        log = os.open(self.order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._report, report = os.pipe()
        self._waker, wake = os.pipe()
        os.set_blocking(self._report, False)
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        shim = os.getpid()
        self.main = os.fork()
        if self.main == 0:
            signal.set_wakeup_fd(-1)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(log, 1)
            os.dup2(log, 2)
            be_program(self.order, shim, report)
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
        self.end_all()
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
        """Sum the resident memory of the tree, and end a tree that takes more than it may."""
        ours = {self.main, self.target} if self.order["pid_namespace"] else set()
        resident = sum(size for pid, (_, size) in self.table.below().items() if pid not in ours)
        self.peak = max(self.peak, resident)
        limit = self.order["memory_limit_bytes"]
        if limit is not None and resident > limit:
            self.reason = "oom"
            self.end_all()
            self.status = signal.SIGKILL

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


if __name__ == "__main__":
    main()
