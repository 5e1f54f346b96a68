"""Says in words and in JSON what a run did, what it would have cost, and what it left behind."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from demo.cloud import Cloud
from demo.progress import Training


@dataclass(frozen=True)
class Summary:
    """The facts of one run; seconds and dollars are modelled, at the embedded AWS's dated list prices.

    Attributes:
        state: of the Airflow run.
        job_name: the last job.
        jobs: how many there were.
        create_calls: CreateTrainingJob calls that AWS accepted.
        status: AWS's word for the end of the job.
        failure_reason: AWS's words; None when it did not fail.
        transitions: AWS's secondary statuses, in order.
        interruptions: how often the Spot instance was taken away.
        interrupted_at_step: the last step that the log of the interrupted part shows.
        resumed_at_step: the step of the checkpoint that it went on from.
        checkpoint_uri: where the checkpoints lie.
        steps: steps trained.
        first_loss: of the first step that was logged.
        last_loss: of the last step that was logged.
        exact_match_before: of the base model; None when nobody asked.
        exact_match_after: of the tuned model.
        questions: golden orders that were asked.
        instance_type: of the job.
        training_seconds: as AWS counts them.
        billable_seconds: as AWS bills them on Spot.
        spot_usd: what the job cost.
        on_demand_usd: what the same seconds would have cost on demand; None when no price is known.
        bill_usd: everything on the bill, endpoints too.
        left_billing: what still cost money at the end.
        speed: modelled seconds in a real one.
        demo_seconds: real seconds from start to summary.
    """

    state: str
    job_name: str | None
    jobs: int
    create_calls: int
    status: str | None
    failure_reason: str | None
    transitions: list[str]
    interruptions: int
    interrupted_at_step: int | None
    resumed_at_step: int | None
    checkpoint_uri: str | None
    steps: int
    first_loss: float | None
    last_loss: float | None
    exact_match_before: float | None
    exact_match_after: float | None
    questions: int
    instance_type: str | None
    training_seconds: int | None
    billable_seconds: int | None
    spot_usd: float | None
    on_demand_usd: float | None
    bill_usd: float
    left_billing: list[str]
    speed: float
    demo_seconds: float

    @property
    def ok(self) -> bool:
        """Whether the run did what a demo promises and left nothing that costs."""
        return self.state == "success" and self.status == "Completed" and not self.left_billing

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps({**asdict(self), "ok": self.ok}, indent=2) + "\n")

    def text(self, out: Path) -> str:
        """Return it in words."""
        return "\n".join([*self._story(), *self._money(), *self._left(), f"Logs and summary.json: {out}"])

    def _story(self) -> list[str]:
        once = "submitted once" if self.create_calls == 1 else f"submitted {self.create_calls} times"
        lines = ["", "What happened", f"  {once}: {self.job_name} on Spot, {self.instance_type}"]
        if self.interruptions:
            lines.append(f"  interrupted without notice at step {self.interrupted_at_step}")
        if self.resumed_at_step is not None:
            lines.append(f"  resumed at step {self.resumed_at_step} from {self.checkpoint_uri}")
        if self.status == "Completed":
            lines.append(f"  completed at step {self.steps}; loss {self.first_loss:.3f} -> {self.last_loss:.3f}")
        else:
            lines.append(f"  {self.status}: {self.failure_reason}")
        if self.exact_match_after is not None and self.exact_match_before is not None:
            before, after = f"{self.exact_match_before:.0%}", f"{self.exact_match_after:.0%}"
            lines.append(f"  orders turned into exactly the right JSON: {before} before, {after} after tuning")
            lines.append(f"  ({self.questions} golden orders, asked on endpoints that were deleted again)")
        return lines

    def _money(self) -> list[str]:
        if self.spot_usd is None or self.training_seconds is None:
            return ["", f"Billed by the embedded AWS until then: ${self.bill_usd:.2f}"]
        lines = ["", f"What it would have cost on AWS (here a second counts as {self.speed:.0f})"]
        lines.append(
            f"  trained {self.training_seconds} s, billed {self.billable_seconds} s on Spot: ${self.spot_usd:.2f}"
        )
        if self.on_demand_usd:
            saved = 1 - self.spot_usd / self.on_demand_usd
            lines.append(f"  on demand: ${self.on_demand_usd:.2f}, so Spot saved {saved:.0%}")
        return [*lines, f"  with the endpoints: ${self.bill_usd:.2f}. Here: nothing."]

    def _left(self) -> list[str]:
        return ["", "Left billing: " + (", ".join(self.left_billing) or "nothing")]


def summarize(
    cloud: Cloud,
    training: Training,
    *,
    state: str,
    before: float | None,
    after: float | None,
    questions: int,
    model: dict[str, Any],
    demo_seconds: float,
) -> Summary:
    """Collect the facts from AWS's answers, the job's log and the bill."""
    names = cloud.job_names()
    job: dict[str, Any] = cloud.job(names[-1]) if names else {}
    transitions = [each["Status"] for each in job.get("SecondaryStatusTransitions", [])]
    seconds, billed, cost = job.get("TrainingTimeInSeconds"), job.get("BillableTimeInSeconds"), model.get("cost_usd")
    cut = training.restarts[0] if training.restarts else 0
    resumed = re.search(r"\bstep=(\d+)", training.resumed[0]) if training.resumed else None
    return Summary(
        state=state,
        job_name=names[-1] if names else None,
        jobs=len(names),
        create_calls=cloud.calls("CreateTrainingJob"),
        status=job.get("TrainingJobStatus"),
        failure_reason=job.get("FailureReason"),
        transitions=transitions,
        interruptions=transitions.count("Interrupted"),
        interrupted_at_step=training.seen[cut - 1][1] if cut else None,
        resumed_at_step=int(resumed[1]) if resumed else None,
        checkpoint_uri=job.get("CheckpointConfig", {}).get("S3Uri"),
        steps=training.seen[-1][1] if training.seen else 0,
        first_loss=training.seen[0][2] if training.seen else None,
        last_loss=training.seen[-1][2] if training.seen else None,
        exact_match_before=before,
        exact_match_after=after,
        questions=questions,
        instance_type=job.get("ResourceConfig", {}).get("InstanceType"),
        training_seconds=seconds,
        billable_seconds=billed,
        spot_usd=cost,
        on_demand_usd=cost / billed * seconds if cost and billed and seconds else None,
        bill_usd=sum(line["usd"] for line in cloud.bill()),
        left_billing=cloud.left_billing(),
        speed=cloud.speed,
        demo_seconds=round(demo_seconds, 1),
    )
