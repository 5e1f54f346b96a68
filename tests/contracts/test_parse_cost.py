"""Airflow parses DAG files all the time, and once more for every task: what they import is paid for each time."""

from __future__ import annotations

from pathlib import Path

from tests.contracts.airflow_process import PARSE_DAGS, ask
from tests.contracts.source_tree import PLUGINS, PROJECT

DAGS = PROJECT / "dags"
DAG_LINES = 25


def long_files(folder: Path) -> list[str]:
    """A DAG file says what, not how: count its lines that are not blank."""
    counted = {
        path.name: sum(1 for line in path.read_text().splitlines() if line.strip()) for path in folder.glob("*.py")
    }
    return [
        f"{name}: {lines} lines, at most {DAG_LINES}" for name, lines in sorted(counted.items()) if lines > DAG_LINES
    ]


def test_parsing_our_dags_works_and_loads_nothing_heavy(tmp_path: Path) -> None:
    found, log = ask(PARSE_DAGS, DAGS, tmp_path, AIRFLOW__CORE__PLUGINS_FOLDER=str(PLUGINS))
    assert found["errors"] == {}, log
    assert found["dags"], "no DAG in dags/"
    assert found["loaded"] == []


def test_a_dag_that_loads_something_heavy_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import pandas\nfrom airflow.sdk import DAG\nwith DAG('slow', schedule=None): pass\n"
    )
    found, _ = ask(PARSE_DAGS, tmp_path, tmp_path)
    assert found == {"dags": ["slow"], "errors": {}, "loaded": ["pandas"]}


def test_dag_files_are_short() -> None:
    assert long_files(DAGS) == []


def test_a_long_dag_file_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text("x = 1\n" * 26)
    assert long_files(tmp_path) == ["long.py: 26 lines, at most 25"]
