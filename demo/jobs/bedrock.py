"""A customization job of Bedrock: it shows its phases while it runs, and its losses in a file at its end."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow_finetune.resources.customization_job import PHASES, phases_of
from demo.cloud import Cloud
from demo.jobs.telling import Telling
from demo.jobs.words import customization
from demo.progress import Progress
from demo.trouble import Trouble

STEPS = "training_artifacts/step_wise_training_metrics.csv"
VALIDATION = "validation_artifacts/post_fine_tuning_validation/validation_metrics.csv"
FILES = {"steps.csv": STEPS, "validation.csv": VALIDATION}
"""File in the demo's folder -> where the job leaves it below its own prefix."""
KEEPS = ("pass", "inconclusive")
"""Verdicts after which the model stays: one may go on, and one is not judged yet."""


class BedrockJobs:
    """The customization jobs of one demo.

    Args:
        cloud: where they run.
        progress: where to say what is new.
        trouble: what goes wrong; Bedrock's needs no look at the job.
        out: the folder for ``steps.csv`` and ``validation.csv``.
    """

    asks = "Converse"

    def __init__(self, cloud: Cloud, progress: Progress, trouble: Trouble, out: Path) -> None:
        self._cloud, self._telling, self._trouble, self._out = cloud, Telling(progress), trouble, out
        for name in FILES:  # of an earlier demo
            (out / name).unlink(missing_ok=True)

    def look(self) -> tuple[str, str] | None:
        """Say what is new; return the phase and for how long, None before there is a job."""
        names = self._names()
        if not names:
            return None
        job = self._described(names[-1])
        base = str(job["baseModelArn"]).rpartition("/")[2]
        self._telling.once(f"submitted {names[-1]} ({customization(job['customizationType'])} of {base})")
        rows = [(*row["Status"].split(": "), row["StartTime"]) for row in phases_of(job)]
        done = [phase for phase, status, _ in rows if status == "Completed"]
        for number, phase in enumerate(done, 1):
            self._telling.once(f"{phase} is done, {number} of {len(PHASES)} phases")
        busy = [(phase, begun) for phase, status, begun in rows if status == "InProgress"]
        if not busy:
            return str(job["status"]), ""
        phase, begun = busy[-1]
        seconds = (datetime.now(UTC) - begun).total_seconds() if begun else 0.0
        return phase, f"for {seconds:.0f} s; Bedrock tells the losses at the end"

    def facts(self, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what AWS says of the last job, and of its steps in the files that it has left; None without a job."""
        names, tuned = self._names(), values.get("fine_tune") or {}
        if not names:
            return None
        job = self._described(names[-1])
        steps, validation = (self._table(job, name) for name in FILES)
        losses = [float(row["training_loss"]) for row in steps]
        perplexities = [float(row["validation_perplexity"]) for row in validation]
        return {
            "backend": "bedrock",
            "job_name": names[-1],
            "jobs": len(names),
            "create_calls": self._cloud.calls("CreateModelCustomizationJob"),
            "status": job["status"],
            "failure_reason": job.get("failureMessage"),
            "transitions": [row["Status"] for row in phases_of(job)],
            "interruptions": 0,
            "customization": str(job["customizationType"]).lower(),
            "base_model": str(job["baseModelArn"]).rpartition("/")[2],
            "teacher_model": _teacher(job),
            "steps": len(steps),
            "first_loss": losses[0] if losses else None,
            "last_loss": losses[-1] if losses else None,
            "first_perplexity": perplexities[0] if perplexities else None,
            "last_perplexity": perplexities[-1] if perplexities else None,
            "training_seconds": tuned.get("training_seconds"),
            "billable_seconds": None,
            "billed_tokens": tuned.get("billed_tokens"),
            "cost_usd": tuned.get("cost_usd"),
            "custom_model": job.get("outputModelArn"),
            "monthly_usd": tuned.get("monthly_usd"),
            "throttled": self._cloud.calls(self.asks, "throttle"),
        }

    def kept(self, values: Mapping[str, Any]) -> dict[str, float | None]:
        """Return the model that the gate let through or could not judge: ARN -> dollars a month."""
        tuned, verdict = values.get("fine_tune") or {}, values.get("gate") or {}
        if verdict.get("decision") not in KEEPS or not tuned.get("model_arn"):
            return {}
        return {str(tuned["model_arn"]): tuned.get("monthly_usd")}

    def _table(self, job: Mapping[str, Any], name: str) -> list[dict[str, str]]:
        """Return the rows of a file that the job has left, kept in the demo's folder; none where it left none."""
        prefix = str(job["outputDataConfig"]["s3Uri"]).rstrip("/")
        uri = f"{prefix}/model-customization-job-{str(job['jobArn']).rpartition('/')[2]}/{FILES[name]}"
        try:
            self._cloud.download(uri, self._out / name)
        except self._cloud.s3.exceptions.ClientError:
            return []
        return list(csv.DictReader(io.StringIO((self._out / name).read_text())))

    def _names(self) -> list[str]:
        """Return the customization jobs, oldest first."""
        lister = self._cloud.bedrock.get_paginator("list_model_customization_jobs")
        pages = lister.paginate(sortBy="CreationTime", sortOrder="Ascending")
        return [job["jobName"] for page in pages for job in page["modelCustomizationJobSummaries"]]

    def _described(self, name: str) -> dict[str, Any]:
        described: dict[str, Any] = self._cloud.bedrock.get_model_customization_job(jobIdentifier=name)
        return described


def _teacher(job: Mapping[str, Any]) -> str | None:
    config = job.get("customizationConfig", {}).get("distillationConfig", {}).get("teacherModelConfig", {})
    return str(config["teacherModelIdentifier"]).rpartition("/")[2] if config else None
