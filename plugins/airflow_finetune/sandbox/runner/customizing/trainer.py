"""The third phase of a customization job: a program of the zoo trains, in a process of its own."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..jobs.log_stream import LogFile
from ..jobs.trouble import Trouble
from ..processes import Program
from . import program, sources
from .plan import Broke, Plan, Stopped
from .sources import Sources

if TYPE_CHECKING:
    from ...edge.faults import Rule
    from ...world import World
    from ..processes import Exit

POLL_SECONDS = 0.05
GRADED = "REINFORCEMENT_FINE_TUNING"
UNEXPECTED = "Encountered an unexpected error when processing the request, please try again"
NO_CAPACITY = "There is not enough capacity to train the model at this time. Please try again later."


class Trainer:
    """One training.

    Args:
        world: the parts of the sandbox.
        plan: what the job is to do.
        folder: the job's own folder; ``ml`` below it is what the program sees as /opt/ml.
        cancelled: set when the job shall end.
    """

    def __init__(self, world: World, plan: Plan, folder: Path, cancelled: threading.Event) -> None:
        self._world, self._plan, self._folder, self._cancelled = world, plan, folder, cancelled
        self.ml = folder / "ml"

    def run(self, found: Sources) -> None:
        """Train until the end.

        Raises:
            Broke: there is no capacity, a planned fault struck, or the program failed.
            Stopped: the job was stopped; what the program wrote so far is in the folder.
        """
        facts = {"jobName": self._plan.name, "customizationType": self._plan.kind, "baseModelId": self._plan.base.id}
        rule = self._world.faults.take("capacity", self._plan.name, **facts)
        if rule is not None:
            raise Broke(str(rule.params.get("message", NO_CAPACITY)))
        self._write_order(found)
        processes, log = self._world.processes, LogFile(self._folder / "log")
        base = processes.base_environment(self.ml, self._world.clients.url, self._plan.region, self._plan.account)
        process = processes.start(
            Program(
                name=self._plan.name,
                argv=program.command("reinforce" if self._plan.kind == GRADED else "tune"),
                env=base | program.ONE_THREAD,
                ml=self.ml,
                cwd="/opt/ml",
                log=log.path,
            )
        )
        trouble = Trouble(self._world.faults, self._plan.name, spot=False, facts=facts)
        started = self._world.clock.modelled()
        try:
            while (end := process.poll()) is None:
                if self._cancelled.wait(POLL_SECONDS):
                    raise Stopped
                struck = trouble.strikes(self._world.clock.modelled() - started, log.new_lines())
                if struck is not None:
                    raise Broke(_words_of(struck))
        finally:
            process.end()
        self._judge(end)

    def _judge(self, end: Exit) -> None:
        if end.code == 0 and (self.ml / "output" / "result.json").exists():
            return
        refusal = self.ml / "output" / "failure"
        if refusal.exists():
            raise Broke(refusal.read_text(encoding="utf-8"))
        raise Broke(f"{UNEXPECTED} (sandbox: {program.explained(self._folder / 'log')})")

    def result(self) -> dict[str, Any]:
        """Return what the program said at its end."""
        found: dict[str, Any] = json.loads((self.ml / "output" / "result.json").read_text())
        return found

    def _write_order(self, found: Sources) -> None:
        plan = self._plan
        order = {
            **sources.lay_out(found, self.ml),
            "base": self._base(),
            "epochs": plan.epochs(len(found.rows)),
            "learning_rate": plan.learning_rate(),
            "seed": self._world.settings.seed,
        }
        if plan.grader is not None:
            config = plan.request["customizationConfig"]["rftConfig"]
            order |= {"grader": str(plan.grader), "reinforcement": config.get("hyperParameters", {})}
        (self.ml / "input" / "order.json").write_text(json.dumps(order))

    def _base(self) -> str:
        """Return the folder that training begins with, as the program sees it; a tuned model is copied to it."""
        path = self._world.bedrock.inference.path_of(self._plan.weights)
        if Path(self._plan.weights).is_absolute():
            return str(path)
        shutil.copytree(path, self.ml / "base")
        return "base"


def _words_of(rule: Rule) -> str:
    """Return the failureMessage of a planned fault."""
    return str(rule.params.get("message", UNEXPECTED))
