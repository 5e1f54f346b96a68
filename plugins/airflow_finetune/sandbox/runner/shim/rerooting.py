"""What the program sees: /opt/ml is its own folder, and the host's credentials are not there."""

from __future__ import annotations

import os
import signal
from typing import Any

from .kernel import (
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    LIBC,
    MS_BIND,
    MS_NODEV,
    MS_NOSUID,
    MS_PRIVATE,
    MS_REC,
    PR_SET_PDEATHSIG,
)

CONTAINER_ROOT = "/opt/ml"


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
