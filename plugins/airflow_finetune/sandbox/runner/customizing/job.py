"""One customization job from its acceptance to its end: validation, data processing, training, artefacts, model."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...state.foundation_models import HOURS_PER_MONTH
from . import artefacts, ledger, sources
from .ledger import PHASES, Ledger
from .plan import Broke, Plan, Stopped
from .records import BadData
from .sources import Sources
from .trainer import UNEXPECTED, Trainer

if TYPE_CHECKING:
    from ...world import World

PHASE_SECONDS = 20.0  # modelled, before each phase; AWS takes minutes, which teaches nobody anything
POLL_SECONDS = 0.03

_log = logging.getLogger(__name__)


class Job:
    """One job; ``run`` belongs to one thread, the rest may be called from any.

    Args:
        world: the parts of the sandbox.
        plan: what it is to do.
        folder: its own folder on this machine.
    """

    def __init__(self, world: World, plan: Plan, folder: Path) -> None:
        self._world, self.plan, self._folder = world, plan, folder
        self._cancelled = threading.Event()
        self._dropped = False
        self._ledger = Ledger(world, plan.region, plan.name)
        self._trainer = Trainer(world, plan, folder, self._cancelled)
        self._sources = Sources()

    def stop(self) -> None:
        """Begin to stop it."""
        self._cancelled.set()

    def drop(self) -> None:
        """End it without a word: its account is emptied, or the sandbox ends."""
        self._dropped = True
        self._cancelled.set()

    def run(self) -> None:
        """Do everything; whatever happens is written into the job's document."""
        works: dict[str, Callable[[], None]] = dict(
            zip(PHASES, (self._validate, self._process, self._train), strict=True)
        )
        try:
            for phase, work in works.items():
                self._wait()
                self._ledger.begin(phase)
                work()
                self._check()
                self._ledger.end(phase)
            self._complete()
        except Stopped:
            self._end("Stopped")
        except (Broke, BadData) as error:
            self._end("Failed", failureMessage=str(error)[: ledger.LONGEST_MESSAGE])
        except Exception as error:  # a bug of ours, or a bucket that vanished: the job fails and says so
            _log.exception("a customization job could not be handled")
            self._end("Failed", failureMessage=f"{UNEXPECTED} (sandbox: {type(error).__name__}: {error})")
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    # ---- phases

    def _validate(self) -> None:
        self._sources = sources.validate(self._world, self.plan)

    def _process(self) -> None:
        sources.process(self._world, self.plan, self._sources, self._cancelled)
        teacher, arn = self.plan.teacher, self.plan.job_arn
        for kind, tokens in zip(("input", "output"), self._sources.teacher_tokens, strict=True):
            if teacher is not None and tokens:
                usd = tokens / 1000 * teacher.usd[f"{kind}_1k_tokens"]
                self._world.billing.charge(arn, f"teacher_{kind}_tokens", tokens, "tokens", usd)

    def _train(self) -> None:
        self._trainer.run(self._sources)

    # ---- ends

    def _complete(self) -> None:
        result = self._trainer.result()
        steps, validation = self._upload()
        self._charge(steps)
        last = {line["validator"]: line["loss"] for line in validation}
        metrics = [{"validationLoss": last[number]} for number in sorted(last)]
        weights = self._world.bedrock.inference.keep(self._trainer.ml / "model")
        losses = {"trainingMetrics": {"trainingLoss": result["training_loss"]}, "validationMetrics": metrics}
        arn = self._make_model(weights, losses)
        self._ledger.finish("Completed", outputModelArn=arn, **losses)

    def _make_model(self, weights: str, losses: dict[str, Any]) -> str:
        job, plan, store = self._ledger.read(), self.plan, self._world.store
        arn = f"arn:aws:bedrock:{plan.region}:{plan.account}:custom-model/{plan.base.id}/{plan.job_id}"
        kept = (
            "customizationType",
            "hyperParameters",
            "trainingDataConfig",
            "validationDataConfig",
            "outputDataConfig",
        )
        model = {
            "modelArn": arn,
            "modelName": plan.request["customModelName"],
            "jobName": plan.name,
            "jobArn": plan.job_arn,
            "baseModelArn": job["baseModelArn"],
            **{name: job[name] for name in (*kept, "customizationConfig") if name in job},
            **losses,
            "creationTime": self._world.clock.now(),
            "modelStatus": "Active",
            "_weights": weights,
            "_base": plan.base.id,
            "_account": plan.account,
            "_tags": plan.request.get("customModelTags", []),
        }
        self._check()
        store.put(ledger.MODEL, plan.region, model["modelName"], model)
        usd = plan.base.usd["model_month"]
        self._world.billing.meter(arn, "custom_model_storage", usd, unit="months", hours_per_unit=HOURS_PER_MONTH)
        return arn

    def _end(self, status: str, **members: Any) -> None:
        if self._dropped:
            return
        try:
            steps, _ = self._upload() if status == "Stopped" else self._written()
            self._charge(steps)
        except Exception as error:  # the bucket may be what failed the job
            _log.warning("the artefacts of a customization job could not be written: %s", error)
        self._ledger.finish(status, **members)

    def _written(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        output = self._trainer.ml / "output"
        return artefacts.lines(output / "steps.jsonl"), artefacts.lines(output / "validation.jsonl")

    def _upload(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Put what there is into the output bucket, and return steps and validation."""
        s3 = self._world.clients.client("s3", self.plan.region)
        uri = artefacts.prefix(self.plan.request["outputDataConfig"]["s3Uri"], self.plan.job_id)
        steps, validation = self._written()
        if steps:
            artefacts.upload(s3, uri, artefacts.STEPS, artefacts.steps_file(steps))
        if validation:
            artefacts.upload(s3, uri, artefacts.VALIDATION, artefacts.validation_file(validation))
        if steps and self._sources.insights:
            artefacts.upload_lines(s3, uri, artefacts.SYNTHETIC, self._sources.rows[: artefacts.SYNTHETIC_SAMPLES])
            artefacts.upload_lines(s3, uri, artefacts.INSIGHTS, self._sources.insights)
        rewards = artefacts.lines(self._trainer.ml / "output" / "rewards.jsonl")
        if rewards:
            artefacts.upload_lines(s3, uri, artefacts.REWARDS, rewards)
        return steps, validation

    def _charge(self, steps: list[dict[str, Any]]) -> None:
        """Bill the tokens that were trained on, all epochs together; what was trained before a stop is billed too."""
        if steps:
            tokens = int(steps[-1]["tokens"])
            usd = tokens / 1000 * self.plan.base.usd["training_1k_tokens"]
            self._world.billing.charge(self.plan.job_arn, "customization_training", tokens, "tokens", usd)

    # ---- waits

    def _wait(self) -> None:
        """Let the modelled time before a phase pass."""
        until = self._world.clock.modelled() + PHASE_SECONDS
        while self._world.clock.modelled() < until:
            self._check()
            self._cancelled.wait(POLL_SECONDS)
        self._check()

    def _check(self) -> None:
        if self._cancelled.is_set():
            raise Stopped
