"""Three runs past a gate, without AWS: a candidate that passes, and one that does not, with either way to end."""

import json
import os

from airflow.sdk import DAG, task

from airflow_finetune import GateOperator

REPORTS = json.loads(os.environ["GATE_REPORTS"])


@task
def open_scope():
    return "open"


@task
def say(what):
    print(what)


for dag_id, report, on_reject in (
    ("gate_passes", "good", "skip"),
    ("gate_skips", "bad", "skip"),
    ("gate_fails", "bad", "fail"),
):
    with DAG(dag_id, schedule=None):
        opened = open_scope().as_setup()
        gate = GateOperator(
            task_id="gate", report=REPORTS[report], policy={"metric": "exact_match"}, on_reject=on_reject
        )
        register = say.override(task_id="register")("a version")
        approve = say.override(task_id="request_approval")("a person")
        tell = say.override(task_id="tell")("somebody")
        # Reads the verdict in every case: it is not directly after the gate, and its rule lets it run.
        read = say.override(task_id="read", trigger_rule="all_done")("{{ ti.xcom_pull('gate')['decision'] }} was read")
        with_field = say.override(task_id="with_field")(gate.output["decision"])
        teardown = say.override(task_id="teardown")("gone").as_teardown(setups=opened)
        opened >> gate >> [register, tell, teardown]
        [register, with_field] >> approve >> read
