"""A kill comes as a signal, in the middle of anything: also while the interrupted code holds a lock."""

from __future__ import annotations

import threading

from tests.execution_api import in_dag

SPEC = {
    "role_arn": "arn:aws:iam::123456789012:role/trainer",
    "output_uri": "s3://acme/models",
    "base_model": "s3://acme/base/",
    "dataset": "s3://acme/train.jsonl",
}


class Held:
    """Stands for a life whose client needs a lock, as boto3's connections and the log do."""

    held = "the-job"

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.stopped: list[tuple[str, str]] = []
        self.client = self

    def stop(self, name: str, mark: str) -> None:
        with self.lock:
            self.stopped.append((name, mark))


def test_a_kill_returns_and_the_job_is_stopped_when_the_lock_is_free():
    from airflow_finetune import FineTuneOperator

    operator = in_dag(lambda: FineTuneOperator(task_id="fine_tune", spec=SPEC))
    life = Held()
    operator._life = life
    with life.lock:
        operator.on_kill()  # as a signal handler would; without a thread it never came back
        operator.on_kill()
        assert life.stopped == []
    operator._stopper.join(60)
    assert life.stopped == [("the-job", "kill")]
