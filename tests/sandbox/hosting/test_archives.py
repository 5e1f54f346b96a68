"""Archives of strangers: what is whole is unpacked, what is broken or climbs out of its folder is refused."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from airflow_finetune.sandbox.runner.archives import ArchiveError, unpack


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 5) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size if kind == tarfile.REGTYPE else 0
    return info, b"x" * info.size


def archive(folder: Path, *entries: tuple[tarfile.TarInfo, bytes]) -> Path:
    path = folder / "model.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        for info, body in entries:
            tar.addfile(info, io.BytesIO(body))
    return path


def test_a_whole_archive_is_unpacked(tmp_path: Path) -> None:
    path = archive(
        tmp_path,
        entry("code/inference.py"),
        entry("./weights"),
        entry("alias", tarfile.SYMTYPE, "weights"),
        entry("twin", tarfile.LNKTYPE, "weights"),
    )
    unpack(path, tmp_path / "model")
    assert sorted(each.name for each in (tmp_path / "model").rglob("*")) == [
        "alias",
        "code",
        "inference.py",
        "twin",
        "weights",
    ]
    assert (tmp_path / "model" / "alias").read_text() == "xxxxx"


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([entry("/tmp/out")], id="absolute"),
        pytest.param([entry("../out")], id="climbing"),
        pytest.param([entry("a/../../out")], id="climbing inside"),
        pytest.param([entry("out", tarfile.SYMTYPE, "/etc/passwd")], id="absolute symlink"),
        pytest.param([entry("out", tarfile.SYMTYPE, "../../secret")], id="climbing symlink"),
        pytest.param([entry("out", tarfile.LNKTYPE, "../secret")], id="climbing hardlink"),
        pytest.param(
            [entry("a"), entry("b", tarfile.SYMTYPE, "a"), entry("out", tarfile.LNKTYPE, "b")], id="link to link"
        ),
        pytest.param([entry("d/out", tarfile.SYMTYPE, "../../secret")], id="symlink from a folder"),
        pytest.param([entry("a/b"), entry("d", tarfile.SYMTYPE, "a"), entry("d/out")], id="through a link"),
        pytest.param([entry("a"), entry("b", tarfile.SYMTYPE, "a"), entry("b")], id="over a link"),
        pytest.param(
            [
                entry("a/b/c/x"),
                entry("d", tarfile.SYMTYPE, "a/b/c"),
                entry("s", tarfile.SYMTYPE, "d/../../secret"),
                entry("d", tarfile.SYMTYPE, "."),
                entry("s"),
            ],
            id="link replaced",
        ),
        pytest.param([entry("out", tarfile.CHRTYPE)], id="device"),
        pytest.param([entry("out", tarfile.FIFOTYPE)], id="pipe"),
        pytest.param([entry("x" * 2000)], id="long name"),
    ],
)
def test_an_archive_that_leaves_its_folder_is_refused(tmp_path: Path, entries: list) -> None:
    (tmp_path / "secret").write_text("secret")
    path = archive(tmp_path, *entries)
    before = {each for each in tmp_path.iterdir()}
    with pytest.raises(ArchiveError):
        unpack(path, tmp_path / "model")
    assert {each for each in tmp_path.iterdir()} - before == {tmp_path / "model"}
    assert not list((tmp_path / "model").rglob("out"))
    assert (tmp_path / "secret").read_text() == "secret"


@pytest.mark.parametrize("kept", [0, 20, 200])
def test_an_archive_that_was_cut_short_is_refused(tmp_path: Path, kept: int) -> None:
    import os

    info, _ = entry("weights", size=5000)
    path = archive(tmp_path, (info, os.urandom(5000)))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ArchiveError, match="no complete gzip-compressed tar file"):
        unpack(path, tmp_path / "model")


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.tar.gz"
    path.write_bytes(b"<html>not here</html>")
    with pytest.raises(ArchiveError, match="not a gzip file"):
        unpack(path, tmp_path / "model")


def test_an_archive_without_compression_is_refused_as_aws_does(tmp_path: Path) -> None:
    path = tmp_path / "model.tar.gz"
    with tarfile.open(path, "w") as tar:
        tar.addfile(*[part if index == 0 else io.BytesIO(part) for index, part in enumerate(entry("weights"))])
    with pytest.raises(ArchiveError):
        unpack(path, tmp_path / "model")


def test_an_archive_that_would_fill_the_disk_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, entry("a", size=600), entry("b", size=600))
    with pytest.raises(ArchiveError, match="more than 1000 bytes"):
        unpack(path, tmp_path / "one", largest_bytes=1000)
    with pytest.raises(ArchiveError, match="1 entries"):
        unpack(path, tmp_path / "two", most_members=1)
