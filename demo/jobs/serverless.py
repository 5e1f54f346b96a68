"""A serverless customization job: a training job without an instance, which tells epoch, step and tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_finetune.resources.training_job import progress_of
from demo.jobs.spot import SpotJobs


class ServerlessJobs(SpotJobs):
    """The serverless jobs of one demo."""

    def look(self) -> tuple[str, str] | None:
        """Say what is new; return AWS's status and how far the job is, None before there is a job."""
        found = super().look()
        if found is None or found[0] != "Training":
            return found
        told = progress_of(self._described(self._names()[-1])).rstrip(".").lower()
        loss = f"loss {self._training.seen[-1][2]:.3f}" if self._training.seen else ""
        return found[0], ", ".join(part for part in (told, loss) if part)

    def facts(self, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return what AWS says of the last job, and its log of the steps; None without a job."""
        found = super().facts(values)
        if found is None:
            return None
        job, tuned = self._described(self._names()[-1]), values.get("fine_tune") or {}
        config = job["ServerlessJobConfig"]
        progress = job.get("ProgressInfo", {})
        return found | {
            "base_model": tuned.get("base_model") or config["BaseModelArn"].split("/Model/")[-1],
            "technique": config["CustomizationTechnique"],
            "method": config.get("Peft", "full"),
            "epochs": progress.get("MaxEpoch"),
            "billed_tokens": job.get("BillableTokenCount"),
            "model_package": job.get("OutputModelPackageArn"),
        }

    def _bought(self, job: Mapping[str, Any]) -> str:
        config = job["ServerlessJobConfig"]
        return f"serverless, {config['CustomizationTechnique']} with {config.get('Peft', 'all weights')}"
