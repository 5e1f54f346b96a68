"""A SageMaker training job on Spot: it prints its steps while it runs, and may lose its instance."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from demo.cloud import Cloud
from demo.jobs.spot_log import Training
from demo.jobs.telling import Telling
from demo.progress import Progress
from demo.trouble import Trouble

ATTEMPT = re.compile(r"-g\d+-a\d+$")  # what the names of one task's jobs differ in
LOG_GROUP = "/aws/sagemaker/TrainingJobs"


class SpotJobs:
    """The training jobs of one demo.

    Args:
        cloud: where they run.
        progress: where to say what is new.
        trouble: what goes wrong with them.
        out: the folder for ``job.log``.
        backend: of the pipeline: ``spot_training``, or another one that makes training jobs.
    """

    asks = "InvokeEndpoint"

    def __init__(
        self, cloud: Cloud, progress: Progress, trouble: Trouble, out: Path, backend: str = "spot_training"
    ) -> None:
        self._backend = backend
        self._cloud, self._telling, self._trouble, self._log = cloud, Telling(progress), trouble, out / "job.log"
        self._training = Training()

    def look(self) -> tuple[str, str] | None:
        """Say what is new; return AWS's status and the last step, None before there is a job."""
        names = self._names()
        if not names:
            return None
        job = self._described(names[-1])
        ours = [name for name in names if ATTEMPT.sub("", name) == ATTEMPT.sub("", names[-1])]
        lines = [line for name in ours for line in self._log_lines(name)]
        self._log.write_text("".join(f"{text}\n" for _, text in lines))
        self._training = Training.of(lines)
        self._trouble.look(self._cloud, names[-1], self._training.step, self._training.steps)
        self._tell(names[-1], job)
        detail = self._training.text() if job["SecondaryStatus"] == "Training" else ""
        return str(job["SecondaryStatus"]), detail

    def facts(self, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what AWS says of the last job, and its log of the steps; None without a job."""
        names, log = self._names(), self._training
        if not names:
            return None
        job = self._described(names[-1])
        transitions = [each["Status"] for each in job.get("SecondaryStatusTransitions", [])]
        seconds, billed = job.get("TrainingTimeInSeconds"), job.get("BillableTimeInSeconds")
        cost = (values.get("fine_tune") or {}).get("cost_usd")
        return {
            "backend": self._backend,
            "job_name": names[-1],
            "jobs": len(names),
            "create_calls": self._cloud.calls("CreateTrainingJob"),
            "status": job["TrainingJobStatus"],
            "failure_reason": job.get("FailureReason"),
            "transitions": transitions,
            "interruptions": transitions.count("Interrupted"),
            "interrupted_at_step": log.interrupted_at,
            "resumed_at_step": log.resumed_at,
            "checkpoint_uri": job.get("CheckpointConfig", {}).get("S3Uri"),
            "steps": log.step,
            "first_loss": log.seen[0][2] if log.seen else None,
            "last_loss": log.seen[-1][2] if log.seen else None,
            "instance_type": job.get("ResourceConfig", {}).get("InstanceType"),
            "training_seconds": seconds,
            "billable_seconds": billed,
            "billed_tokens": None,
            "cost_usd": cost,
            "on_demand_usd": round(cost / billed * seconds, 4) if cost and billed and seconds else None,
        }

    def kept(self, values: Mapping[str, Any]) -> dict[str, float | None]:
        """Return nothing: what training leaves lies in S3."""
        return {}

    def _tell(self, name: str, job: Mapping[str, Any]) -> None:
        training = self._training
        self._telling.once(f"submitted {name} ({self._bought(job)})")
        times = sum(each["Status"] == "Interrupted" for each in job.get("SecondaryStatusTransitions", ()))
        if times:
            self._telling.once("AWS has taken the Spot instance away" + (f", {times} times now" if times > 1 else ""))
        for number, line in enumerate(training.resumed):
            before = training.seen[training.restarts[number] - 1][1] if training.restarts[number] else 0
            step = line.partition("step=")[2].split()[0]
            self._telling.once(f"interrupted at step {before}, resumed at step {step}")

    def _bought(self, job: Mapping[str, Any]) -> str:
        market = "Spot" if job.get("EnableManagedSpotTraining") else "on demand"
        return f"{job['ResourceConfig']['InstanceType']}, {market}"

    def _names(self) -> list[str]:
        """Return the training jobs, oldest first."""
        lister = self._cloud.sagemaker.get_paginator("list_training_jobs")
        pages = lister.paginate(SortBy="CreationTime", SortOrder="Ascending")
        return [job["TrainingJobName"] for page in pages for job in page["TrainingJobSummaries"]]

    def _described(self, name: str) -> dict[str, Any]:
        described: dict[str, Any] = self._cloud.sagemaker.describe_training_job(TrainingJobName=name)
        return described

    def _log_lines(self, job_name: str) -> list[tuple[float, str]]:
        """Return a job's log so far: (seconds since the epoch, line)."""
        logs = self._cloud.logs
        try:
            streams = logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{job_name}/")
        except logs.exceptions.ResourceNotFoundException:
            return []
        found: list[tuple[float, str]] = []
        for stream in streams["logStreams"]:
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=LOG_GROUP, logStreamNames=[stream["logStreamName"]]
            )
            found += [(event["timestamp"] / 1000, event["message"]) for page in pages for event in page["events"]]
        return found
