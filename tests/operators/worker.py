"""A worker process of its own that runs one try of the task, so that a test can kill it."""

from __future__ import annotations

import json
import sys

from airflow_finetune import FineTuneOperator
from tests.execution_api import TaskRun, in_dag

spec = json.loads(sys.argv[1])
TaskRun(
    in_dag(lambda: FineTuneOperator(task_id="fine_tune", spec=spec, poll_seconds=0.2, deferrable=False)), retries=1
).try_once()
