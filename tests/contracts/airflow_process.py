"""A fresh Airflow process that answers one question: settings, plugins and DAGs are read once per process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.contracts.source_tree import PLUGINS

HEAVY = ("sagemaker", "datasets", "torch", "transformers", "peft", "pandas", "polars", "pyspark")

LOAD_PLUGINS = """
import json, sys
from airflow import plugins_manager
plugins, errors = plugins_manager._get_plugins()
ours = {
    name for name, module in list(sys.modules.items())
    if "." not in name and str(getattr(module, "__file__", None) or "").startswith(sys.argv[1])
}
print(json.dumps({"plugins": [[p.name, str(p.source)] for p in plugins], "errors": errors, "taken": sorted(ours)}))
"""

PARSE_DAGS = f"""
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1], bundle_name="dags-folder")
loaded = [name for name in {HEAVY!r} if name in sys.modules]
print(json.dumps({{"dags": sorted(bag.dags), "errors": bag.import_errors, "loaded": loaded}}))
"""

# The search path of this test run has our folder; a deployment has only the plugins folder that Airflow appends.
_WITHOUT_OUR_PATH = f"import sys; sys.path[:] = [p for p in sys.path if p != {str(PLUGINS)!r}]\n"


def environment(home: Path, **settings: str) -> dict[str, str]:
    """Return this process's environment with an Airflow of its own in ``home``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHONPATH"))}
    return {**kept, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False", **settings}


def ask(code: str, argument: Path, home: Path, **settings: str) -> tuple[dict[str, Any], str]:
    """Run ``code`` in a fresh process and return the JSON of its last line, and all that it said.

    Args:
        code: one of the programs above.
        argument: its ``sys.argv[1]``.
        home: AIRFLOW_HOME; its ``plugins`` folder is used unless a setting names another.
        settings: environment variables, for example ``AIRFLOW__CORE__PLUGINS_FOLDER``.
    """
    command = [sys.executable, "-I", "-c", _WITHOUT_OUR_PATH + code, str(argument)]
    answer = subprocess.run(command, env=environment(home, **settings), capture_output=True, text=True, cwd=home)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout.splitlines()[-1]), answer.stdout + answer.stderr
