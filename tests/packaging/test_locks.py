"""The locks: hashes for everything, the address of nothing, and in step with pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.contracts.source_tree import PROJECT

LOCKS = sorted((PROJECT / "locks").glob("py*.txt"))
VERSIONS = {"py311.txt": "3.11", "py312.txt": "3.12", "py313.txt": "3.13"}
# Not locked on purpose: torch has another hash wherever it comes from; sagemaker resolves on Python 3.11 only.
NOT_LOCKED = frozenset(["torch", "sagemaker"])


def locked(text: str) -> dict[str, str]:
    """Return the locked version of each distribution."""
    return {canonicalize_name(name): version for name, version in re.findall(r"^([\w.\[\]-]+)==(\S+)", text, re.M)}


def without_hash(text: str) -> list[str]:
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.M)
    return [entry.split()[0] for entry in entries if "==" in entry and "--hash=sha256:" not in entry]


def addresses(text: str) -> list[str]:
    return re.findall(r"https?://\S+|--(?:index|extra-index|find)-\S+|^-[fi] .*|@ file\S*", text, re.M)


def out_of_step(requirements: list[str], text: str, python: str) -> list[str]:
    """Return the requirements that the lock does not hold in a version that satisfies them."""
    versions = locked(text)
    needed = [Requirement(line) for line in requirements]
    return [
        str(need)
        for need in needed
        if canonicalize_name(need.name) not in NOT_LOCKED
        if need.marker is None or need.marker.evaluate({"python_version": python})
        if not need.specifier.contains(versions.get(canonicalize_name(need.name), "0"), prereleases=True)
    ]


def project_requirements() -> list[str]:
    settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    project = settings["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    return [*project["dependencies"], *extras, *settings["dependency-groups"]["dev"]]


def test_there_is_a_lock_for_each_python() -> None:
    assert [path.name for path in LOCKS] == sorted(VERSIONS)


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_everything_in_the_lock_has_hashes(path: Path) -> None:
    assert without_hash(path.read_text()) == []


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_the_lock_names_no_address(path: Path) -> None:
    assert addresses(path.read_text()) == []


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_the_lock_is_in_step_with_the_project(path: Path) -> None:
    assert out_of_step(project_requirements(), path.read_text(), VERSIONS[path.name]) == []


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_the_lock_holds_no_torch_and_no_cuda(path: Path) -> None:
    assert not [name for name in locked(path.read_text()) if re.match(r"torch$|triton|nvidia|cuda", name)]


def test_the_locks_agree_where_all_pythons_can() -> None:
    versions = [locked(path.read_text()) for path in LOCKS]
    assert (
        len({tuple(lock[name] for name in ("apache-airflow", "boto3", "moto", "transformers")) for lock in versions})
        == 1
    )


def test_a_bad_lock_is_found_out() -> None:
    text = "boto3==1.40.0\nmoto==5.2.5 \\\n    --hash=sha256:aa\nrest @ file:///x\n# https://example.com/simple\n"
    assert without_hash(text) == ["boto3==1.40.0"]
    assert addresses(text) == ["@ file:///x", "https://example.com/simple"]
    assert out_of_step(["boto3>=1.42.93", "moto>=5.1", "missing>=1"], text, "3.11") == ["boto3>=1.42.93", "missing>=1"]
