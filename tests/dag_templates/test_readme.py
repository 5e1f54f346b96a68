"""What the README and the docs show as files works as it stands: the YAML, and the DAG file beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_finetune.pipeline import read_pipeline
from tests.contracts.source_tree import PROJECT
from tests.dag_templates.conftest import graph
from tests.dag_templates.test_whole_dag import REGISTERED

README = (PROJECT / "README.md").read_text()


def shown(text: str, start: str) -> str:
    """Return the indented block that begins with a line."""
    block = re.search(rf"^    {re.escape(start)}\n((?:    .*\n|\n)+)", text, re.MULTILINE)
    assert block, start
    return "\n".join(line[4:] for line in block[1].splitlines()) + "\n"


def test_the_first_level_of_the_readme_is_a_dag_with_the_graph_that_stands_below_it(project: Path) -> None:
    (yaml_text,) = re.findall(r"```yaml\n# include/pipelines/orders\.yaml\n(.*?)```", README, re.DOTALL)
    (project / "include/pipelines/orders.yaml").write_text(yaml_text)
    path, found = project / "dags/orders.py", dict[str, Any]()
    exec(compile(shown(README, "# dags/orders.py"), str(path), "exec"), found)
    assert graph(found["dag"]) == REGISTERED
    drawn = README[README.index("    curate ─>") : README.index("`python -m airflow_finetune validate")]
    assert set(re.findall(r"[a-z_]{4,}", drawn)) == set(REGISTERED)
    assert "model.epochs" in found["dag"].params


@pytest.mark.parametrize("backend", ["jumpstart", "bedrock"])
def test_what_the_readme_changes_for_another_backend_makes_the_same_tasks(project: Path, backend: str) -> None:
    first, *others = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    (changed,) = [found for other in others if (found := yaml.safe_load(other))["backend"] == backend]
    whole = {**yaml.safe_load(first), **changed}
    del whole["compute"]
    (project / "include/pipelines/orders.yaml").write_text(yaml.safe_dump(whole))
    path, found = project / "dags/orders.py", dict[str, Any]()
    exec(compile(shown(README, "# dags/orders.py"), str(path), "exec"), found)
    assert set(found["dag"].task_ids) == set(REGISTERED)
    assert found["dag"].get_task("fine_tune").spec["backend"] == backend


@pytest.mark.parametrize("page", ["docs/pipelines.md"])
def test_the_file_that_a_page_shows_works(page: str, tmp_path: Path) -> None:
    text = shown((PROJECT / page).read_text(), "# include/pipelines/orders.yaml").partition("# dags/orders.py")[0]
    (tmp_path / "orders.yaml").write_text(text)
    assert read_pipeline(tmp_path / "orders.yaml").max_usd == 20
