"""A program that parses a folder of DAGs and runs them with dag.test(), which ends with 0 whatever the run's state is.

    python run_dags.py parse FOLDER      what each DAG is
    python run_dags.py run FOLDER DAG_ID the state of a run and of its tasks
Prints one JSON object as its last line.
"""

from __future__ import annotations

import json
import sys

from airflow.dag_processing.dagbag import DagBag


def parse(folder: str) -> dict[str, object]:
    bag = DagBag(folder)
    dags = {
        dag.dag_id: {
            "tasks": dag.task_ids,
            "paused": dag.is_paused_upon_creation,
            "catchup": dag.catchup,
            "max_active_runs": dag.max_active_runs,
        }
        for dag in bag.dags.values()
    }
    heavy = {"torch", "transformers", "datasets", "sagemaker", "pandas", "peft"} & set(sys.modules)
    return {"errors": bag.import_errors, "dags": dags, "heavy": sorted(heavy)}


def run(folder: str, dag_id: str) -> dict[str, object]:
    found = DagBag(folder).dags[dag_id].test()
    return {"state": str(found.state), "tasks": {ti.task_id: str(ti.state) for ti in found.get_task_instances()}}


if __name__ == "__main__":
    answer = {"parse": parse, "run": run}[sys.argv[1]](*sys.argv[2:])
    print(json.dumps(answer, default=str))
