"""Imports follow the file names and the folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contracts import import_rules as rules
from tests.contracts.source_tree import modules, write_tree

VIOLATIONS = {
    rules.airflow_follows_file_names: {
        "lifecycle/decide.py": "def now():\n    from airflow.sdk import timezone\n    return timezone\n"
    },
    rules.boto3_stays_at_the_edge: {"lifecycle/poller.py": "import boto3.session\n"},
    rules.the_sandbox_stands_alone: {
        "sandbox/edge/gateway.py": "from ...errors import FinetuneError\n",
        "errors.py": "",
    },
    rules.nobody_imports_the_sandbox: {"aws/s3.py": "from airflow_finetune import sandbox\n", "sandbox/server.py": ""},
    rules.containers_import_nothing_of_ours: {
        "containers/train/loop.py": "from airflow_finetune.values import Plan\n",
        "values.py": "",
    },
    rules.nobody_imports_containers: {
        "backends/spot/request.py": "from ...containers.train import loop\n",
        "containers/train/loop.py": "",
    },
    rules.backends_do_not_know_each_other: {
        "backends/spot/request.py": "from ..bedrock.spec import Spec\n",
        "backends/bedrock/spec.py": "",
    },
    rules.the_spine_knows_no_backend: {
        "lifecycle/operator.py": "from airflow_finetune.backends.spot import spec\n",
        "backends/spot/spec.py": "",
    },
    rules.modules_import_few_of_ours: {
        "registry/operators.py": "".join(f"from airflow_finetune import m{i}\n" for i in range(9)),
        **{f"m{i}.py": "" for i in range(9)},
    },
    rules.no_imports_run_in_a_circle: {
        "lifecycle/owner.py": "from airflow_finetune.lifecycle import claim\n",
        "lifecycle/claim.py": "def key():\n    from airflow_finetune.lifecycle.owner import tags\n    return tags\n",
    },
}


@pytest.mark.parametrize("rule", rules.RULES, ids=rules.names(rules.RULES))
def test_the_package_keeps_the_rule(rule: rules.Rule) -> None:
    assert rule(modules()) == []


@pytest.mark.parametrize("rule", rules.RULES, ids=rules.names(rules.RULES))
def test_a_tree_that_breaks_the_rule_is_found_out(rule: rules.Rule, tmp_path: Path) -> None:
    tree = modules(write_tree(tmp_path, VIOLATIONS[rule]))
    assert len(rule(tree)) == 1


def test_a_sandbox_that_names_itself_absolutely_is_found_out(tmp_path: Path) -> None:
    files = {"sandbox/server.py": "from airflow_finetune.sandbox import world\n", "sandbox/world.py": ""}
    assert rules.the_sandbox_stands_alone(modules(write_tree(tmp_path, files)))


def test_imports_for_type_checkers_do_not_count_as_knowledge(tmp_path: Path) -> None:
    imports = "".join(f"    from airflow_finetune import m{i}\n" for i in range(9))
    files = {"parts.py": f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n{imports}"}
    tree = modules(write_tree(tmp_path, {**files, **{f"m{i}.py": "" for i in range(9)}}))
    assert rules.modules_import_few_of_ours(tree) == []


def test_the_package_is_really_read() -> None:
    names = {module.name for module in modules()}
    assert {"airflow_finetune.errors", "airflow_finetune.sandbox.world", "airflow_finetune.lifecycle"} <= names
