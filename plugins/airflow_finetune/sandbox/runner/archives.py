"""Unpacks a model or source archive that somebody else made, and lets nothing of it out of its folder."""

from __future__ import annotations

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
            for number, member in enumerate(tar, start=1):
                total += member.size if member.isreg() else 0
                if total > largest_bytes or number > most_members:
                    raise ArchiveError(f"it holds more than {largest_bytes} bytes or {most_members} entries")
                _check(member, into)
                tar.extract(member, into, filter="data")
    except tarfile.FilterError as error:
        raise ArchiveError(str(error)) from error
    except (tarfile.TarError, EOFError, zlib.error, OSError, UnicodeError) as error:
        raise ArchiveError(f"it is no complete gzip-compressed tar file ({error or type(error).__name__})") from error


def _check(member: tarfile.TarInfo, into: Path) -> None:
    """Refuse what tarfile's own filter would mend or follow: absolute names, and names below a link.

    Older Python releases let a long chain of links past that filter; nothing is written through a link here.
    """
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or len(member.name) > LONGEST_NAME:
        raise ArchiveError(f"the entry {member.name[:200]!r} has a name that leaves the folder")
    if len(member.linkname) > LONGEST_NAME or PurePosixPath(member.linkname).is_absolute():
        raise ArchiveError(f"the entry {member.name[:200]!r} is a link that leaves the folder")
    if any((into / parent).is_symlink() for parent in name.parents):
        raise ArchiveError(f"the entry {member.name[:200]!r} would be written through a link")
