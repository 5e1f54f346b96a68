"""A program that parses a folder of DAGs and runs them with dag.test(), which ends with 0 whatever the run's state is.

    python run_dags.py parse FOLDER      what each DAG is
    python run_dags.py run FOLDER DAG_ID the state of a run and of its tasks
    python run_dags.py runs FOLDER JSON  the same for several, one after the other: DAG id -> conf
Prints one JSON object as its last line, and BEGINS THE RUN OF DAG_ID before each of several.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from answering import answering  # beside this program

BEGINS = "BEGINS THE RUN OF"


def parse(folder: str) -> dict[str, object]:
    bag = DagBag(folder)
    dags = {
        dag.dag_id: {
            "tasks": dag.task_ids,
            "paused": dag.is_paused_upon_creation,
            "catchup": dag.catchup,
            "max_active_runs": dag.max_active_runs,
            "setups": {task.task_id: sorted(_teardowns(task)) for task in dag.tasks if task.is_setup},
        }
        for dag in bag.dags.values()
    }
    heavy = {"torch", "transformers", "datasets", "sagemaker", "pandas", "peft"} & set(sys.modules)
    return {"errors": bag.import_errors, "dags": dags, "heavy": sorted(heavy)}


def _teardowns(setup: Any) -> list[str]:
    return [task.task_id for task in setup.downstream_list if task.is_teardown]


def run(folder: str, dag_id: str) -> dict[str, object]:
    return _ended(DagBag(folder).dags[dag_id], {})


def runs(folder: str, confs: str) -> dict[str, object]:
    bag, ended = DagBag(folder), {}
    for dag_id, conf in json.loads(confs).items():
        print(BEGINS, dag_id, flush=True)
        ended[dag_id] = _ended(bag.dags[dag_id], conf)
    return {"runs": ended}


def _ended(dag: Any, conf: dict[str, Any]) -> dict[str, object]:
    with answering(dag):
        found = dag.test(run_conf=conf)
    return {"state": str(found.state), "tasks": {ti.task_id: str(ti.state) for ti in found.get_task_instances()}}


if __name__ == "__main__":
    answer = {"parse": parse, "run": run, "runs": runs}[sys.argv[1]](*sys.argv[2:])
    print(json.dumps(answer, default=str))
