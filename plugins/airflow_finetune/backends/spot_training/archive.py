"""The archive of training code that a job unpacks, named by its content so that it is uploaded once."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from airflow_finetune.errors import SpecError

CONTAINERS = Path(__file__).parents[2] / "containers"
LEFT_OUT = {"__pycache__", ".git", ".venv", ".pytest_cache", ".mypy_cache", ".ruff_cache"}
MAX_BYTES = 100 * 1024 * 1024


class Archive(NamedTuple):
    """A packed folder."""

    sha256: str
    body: bytes


def training_code(source_dir: str | None, entry_point: str) -> Archive:
    """Pack a folder, or our own training code with the serving code that it puts beside the model.

    Raises:
        SpecError: the folder or the program in it is not there, or it is too big to be code.
    """
    if source_dir is None:
        return _packed([(CONTAINERS / "train", ""), (CONTAINERS / "serve", "serve/")])
    folder = Path(source_dir).expanduser()
    if not (folder / entry_point).is_file():
        hint = "source_dir is a folder on the Airflow worker, or s3://.../sourcedir.tar.gz."
        raise SpecError(f"{folder / entry_point}", "there is no such file on this worker.", hint)
    return _packed([(folder, "")])


def _packed(folders: list[tuple[Path, str]]) -> Archive:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for folder, prefix in folders:
            for file in _files(folder):
                info = tarfile.TarInfo(prefix + file.relative_to(folder).as_posix())  # no clock, no owner: same bytes
                info.size, info.mode = file.stat().st_size, 0o755 if file.stat().st_mode & 0o100 else 0o644
                with file.open("rb") as opened:
                    tar.addfile(info, opened)
            if content.tell() > MAX_BYTES:
                said = f"holds more than {MAX_BYTES // 1024 // 1024} MB."
                raise SpecError(
                    str(folder), said, "Give a folder with the training code only; data goes into channels."
                )
    plain = content.getvalue()
    return Archive(hashlib.sha256(plain).hexdigest(), gzip.compress(plain, mtime=0))


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and LEFT_OUT.isdisjoint(path.relative_to(folder).parts) and path.suffix != ".pyc":
            yield path
