"""Unpacks a model or source archive that somebody else made, and lets nothing of it out of its folder."""

from __future__ import annotations

import copy
import os
import tarfile
import zlib
from pathlib import Path, PurePosixPath

LARGEST_BYTES = 64 * 1024**3
MOST_MEMBERS = 200_000
LONGEST_NAME = 1024


class ArchiveError(Exception):
    """The archive is broken, or it is not one that may be unpacked; the text says why."""


def unpack(archive: Path, into: Path, largest_bytes: int = LARGEST_BYTES, most_members: int = MOST_MEMBERS) -> None:
    """Unpack a ``.tar.gz`` file.

    Args:
        archive: the file.
        into: the folder; it is made. What was unpacked before an error stays there.
        largest_bytes: most bytes that all files may have together, as their headers say.
        most_members: most entries.

    Raises:
        ArchiveError: no gzip-compressed tar file, cut short, too large, or with an entry that leaves the folder
            (absolute or climbing names, links that point out, writing through a link) or is no file at all.
    """
    into.mkdir(parents=True, exist_ok=True)
    total = 0
    try:
        with tarfile.open(archive, "r:gz") as tar:
            tar.extraction_filter = lambda member, path: member  # checked below; releases that have filters ask for one
            for number, member in enumerate(tar, start=1):
                total += member.size if member.isreg() else 0
                if total > largest_bytes or number > most_members:
                    raise ArchiveError(f"it holds more than {largest_bytes} bytes or {most_members} entries")
                _check(member, into)
                tar.extract(_plain(member), into)
    except (tarfile.TarError, EOFError, zlib.error, OSError, UnicodeError) as error:
        raise ArchiveError(f"it is no complete gzip-compressed tar file ({error or type(error).__name__})") from error


def _check(member: tarfile.TarInfo, into: Path) -> None:
    """Refuse names and links that leave the folder, writing through a link, and what is no file, folder or link.

    Python's own filter is not used: 3.11.0 to 3.11.3 have none, and later releases let a long chain of links past it.
    """
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or len(member.name) > LONGEST_NAME:
        raise ArchiveError(f"the entry {member.name[:200]!r} has a name that leaves the folder")
    if len(member.linkname) > LONGEST_NAME or PurePosixPath(member.linkname).is_absolute():
        raise ArchiveError(f"the entry {member.name[:200]!r} is a link that leaves the folder")
    if any((into / each).is_symlink() for each in (name, *name.parents)):  # a link that is there stays what it is
        raise ArchiveError(f"the entry {member.name[:200]!r} would be written through a link")
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        raise ArchiveError(f"the entry {member.name[:200]!r} is a special file")
    if member.issym() or member.islnk():
        start = into / name.parent if member.issym() else into
        if not (start / member.linkname).resolve().is_relative_to(into.resolve()):
            raise ArchiveError(f"the entry {member.name[:200]!r} is a link that leaves the folder")
        if member.islnk() and (into / member.linkname).is_symlink():  # at another place it would point elsewhere
            raise ArchiveError(f"the entry {member.name[:200]!r} is a link to a link")


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Give the entry to whoever unpacks it, without rights that an archive has no business with."""
    mode = 0o755 if member.isdir() else member.mode & 0o755 | 0o600
    mine = copy.copy(member)
    mine.mode, mine.uid, mine.gid, mine.uname, mine.gname = mode, os.getuid(), os.getgid(), "", ""
    return mine
