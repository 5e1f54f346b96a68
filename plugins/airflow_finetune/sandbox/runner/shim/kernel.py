"""The calls of Linux that Python 3.11 has no name for."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID = 0x00020000, 0x10000000, 0x20000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18


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
