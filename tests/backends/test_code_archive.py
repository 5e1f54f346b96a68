"""Training code is packed so that the same files give the same bytes, on any worker at any time."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from airflow_finetune.backends.spot_training.archive import training_code
from airflow_finetune.errors import SpecError


def names(body: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        return tar.getnames()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "train.py").write_text("print(1)")
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "a.py").write_text("a = 1")
    (tmp_path / "pkg" / "__pycache__").mkdir()
    (tmp_path / "pkg" / "__pycache__" / "a.pyc").write_text("x")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("x")
    return tmp_path


def test_the_same_files_give_the_same_bytes(folder: Path):
    one = training_code(str(folder), "train.py")
    os.utime(folder / "train.py", (1, 1))
    assert training_code(str(folder), "train.py") == one
    assert names(one.body) == ["pkg/a.py", "train.py"]


def test_other_files_give_another_name(folder: Path):
    one = training_code(str(folder), "train.py")
    (folder / "pkg" / "a.py").write_text("a = 2")
    assert training_code(str(folder), "train.py").sha256 != one.sha256


def test_our_own_code_brings_the_server_of_the_model_along():
    packed = names(training_code(None, "train.py").body)
    assert "train.py" in packed
    assert any(name.startswith("serve/") for name in packed)
    assert not any("__pycache__" in name for name in packed)


def test_a_program_that_is_not_there_is_refused(folder: Path):
    with pytest.raises(SpecError, match=r"other\.py"):
        training_code(str(folder), "other.py")


def test_data_is_no_code(folder: Path):
    with (folder / "weights.bin").open("wb") as big:
        big.truncate(101 * 1024 * 1024)
    with pytest.raises(SpecError, match="100 MB"):
        training_code(str(folder), "train.py")
