"""Words, paths, addresses and ignores in everything that is written here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contracts.source_tree import PROJECT
from tests.contracts.text_rules import forbidden_words, ignores_without_reason, texts


def test_no_text_says_what_it_must_not() -> None:
    assert forbidden_words(PROJECT) == []


def test_every_ignore_has_its_reason_beside_it() -> None:
    assert ignores_without_reason(PROJECT) == []


@pytest.mark.parametrize(
    "line",
    [
        "the nightly sweep",
        "class EndpointReaper",
        "see /root/project/x.py",
        "cd /wor" + "k/folder",
        "index = https://pypi.org/simple",
        "# TODO later",
        "from unittest" + ".mock import patch",
        "monkeypatch.setattr(client, 'call', fake)",
        "done \u2705",
    ],
)
def test_a_wrong_word_is_found_out(line: str, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text(f"First line.\n{line}\n")
    (violation,) = forbidden_words(tmp_path)
    assert violation.startswith("docs/page.md:2: ")


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa",
        "# noqa: S310",
        "# type: ignore",
        "# type: ignore[arg-type]",
        "# type: ignore  # boto3 has no types",
        "# noqa because it is fine",
    ],
)
def test_an_ignore_without_rule_or_reason_is_found_out(comment: str, tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "one.py").write_text(f"x = 1  {comment}\n")
    assert len(ignores_without_reason(tmp_path)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "x = 1  # noqa: S310 - the address is our own\n",
        "x = 1  # type: ignore[arg-type]  # the stub lacks bytes\n",
        "# The stub lacks bytes in this version.\nx = 1  # type: ignore[arg-type]\n",
        "x = '# noqa'\n",
    ],
)
def test_an_ignore_with_rule_and_reason_is_accepted(source: str, tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "one.py").write_text(source)
    assert ignores_without_reason(tmp_path) == []


def test_the_texts_are_really_read() -> None:
    names = {path.relative_to(PROJECT).as_posix() for path in texts(PROJECT)}
    assert {"README.md", "Makefile", "pyproject.toml", "plugins/airflow_finetune/errors.py", ".ci/run"} <= names
