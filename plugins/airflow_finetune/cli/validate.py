"""`validate`: everything that can be known about pipeline files without AWS and without Airflow."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from airflow_finetune.errors import SpecError
from airflow_finetune.pipeline import PipelineError, PipelineSpec
from airflow_finetune.pipeline.several.reader import read_any
from airflow_finetune.pipeline.several.spec import SeveralSpec

ABOUT = """\
Check pipeline files, and print what each would run.

Names, types, limits, the gate's policy, and the files that a pipeline names are looked at; AWS and Airflow are not
asked. What is Jinja is only known when a task runs. Each fault is printed as FILE:LINE: PLACE: what is wrong.
Exit status: 0 when all files can work, 1 when one cannot."""

_WIDE = 17  # of the column of names, at least


def add_to(verbs: Any) -> None:
    """Add this verb to the command line."""
    parser = verbs.add_parser(
        "validate",
        help="check pipeline files; print every fault with its line, and the tasks that would run",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a pipeline file, YAML")
    parser.add_argument("-q", "--quiet", action="store_true", help="print faults only")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check every file; return 1 if one cannot work."""
    status = 0
    for path in arguments.files:
        try:
            pipeline = read_any(path)
        except SpecError as error:
            status = 1
            print(*told(path, error), sep="\n")
        else:
            if not arguments.quiet:
                told_lines = lines(pipeline) if isinstance(pipeline, PipelineSpec) else lines_of_several(pipeline)
                print(f"{path}: fine", *(f"  {line}" for line in told_lines), sep="\n")
    return status


def told(path: Path, error: SpecError) -> Iterator[str]:
    """Yield one line for each fault, as compilers write them, so that editors can jump there."""
    if not isinstance(error, PipelineError):
        yield f"{path}: {error.said} {error.next_step}"
        return
    for fault in error.faults:
        where = f"{path}:{fault.line}" if fault.line else f"{path}"
        yield f"{where}: {'.'.join(fault.place)}: {fault.said}"


def lines(pipeline: PipelineSpec) -> Iterator[str]:
    """Yield what a pipeline would run, task by task."""
    serving, gate = pipeline.serving, pipeline.gate
    source, golden = pipeline.data["source"], pipeline.data["golden"]
    asks = [f"{gate.metric} at least {gate.at_least:g}" if gate.at_least is not None else gate.metric]
    asks += ["better than the baseline"] if gate.better_than_baseline else []
    keys = pipeline.backend.keys
    hyperparameters, compute = pipeline.by_default("model", keys.model), pipeline.by_default("compute", keys.compute)
    stages = {
        "curate": f"{source}, golden set {golden}",
        "plan": f"at most ${pipeline.dollars}",
        "advise": _advice(pipeline),
        "fine_tune": f"{pipeline.backend.name}: {_shown(hyperparameters)}; {_shown(compute)}",
        "open_scope": f"{serving.lease_hours:g} hours at most, {serving.on}",
        "deploy_baseline": pipeline.baseline,
        "evaluate": ", ".join(pipeline.scorers),
        "gate": f"{', '.join(asks)}; otherwise {gate.on_reject}",
        "register": f"group {pipeline.register.group}" if pipeline.register else "",
    }
    told = {task_id: stages.get(task_id, "") for task_id in pipeline.tasks}
    told |= {"schedule": pipeline.schedule or "by hand", "a run may change": ", ".join(pipeline.conf_names)}
    wide = max(_WIDE, *map(len, told))
    yield from (f"{name:{wide}} {said}".rstrip() for name, said in told.items())


def _advice(pipeline: PipelineSpec) -> str:
    if pipeline.advise is None:
        return ""
    stops = "; require_advice" if pipeline.advise.require_advice else ""
    return f"{pipeline.base}: {', '.join(pipeline.advise.prompts)}{stops}"


def lines_of_several(several: SeveralSpec) -> Iterator[str]:
    """Yield what a pipeline over several backends would run."""
    shared, keys = several.shared, {name: each.backend.keys for name, each in several.pipelines.items()}
    yield f"curate            {shared.data['source']}, golden set {shared.data['golden']}"
    for name, each in several.pipelines.items():
        model, compute = each.by_default("model", keys[name].model), each.by_default("compute", keys[name].compute)
        yield f"{name:17} {each.backend.name}: {_shown(model)}; {_shown(compute)}; answers on {each.serving.on}"
    wishes = {key: value for key, value in several.wishes.items() if "params[" not in str(value)}
    how = f"one, by {_shown(wishes)}" if several.takes == "auto" else "all, side by side"
    yield f"takes             {how}, at most ${several.dollars}"
    yield f"tasks             {', '.join(several.tasks)}"
    yield f"schedule          {shared.schedule or 'by hand'}"
    yield f"a run may change  {', '.join(several.conf_names)}"


def _shown(values: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items()) or "as by default"
