"""From a pipeline file to a PipelineSpec, or to everything that is wrong with it at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_finetune.evaluation.sampling import SamplingSpec
from airflow_finetune.pipeline.checking import Checking
from airflow_finetune.pipeline.form import FormField, form_field
from airflow_finetune.pipeline.parts import data_in, gate_in
from airflow_finetune.pipeline.sections import SERVING, WORK, Aws, BedrockServing, Evaluate, Register, Serving
from airflow_finetune.pipeline.spec import PipelineSpec
from airflow_finetune.pipeline.tuning import advise_in, backend_in, tuning_in
from airflow_finetune.planning.limits import Limits

if TYPE_CHECKING:
    from airflow_finetune.backends import Backend

SEVERAL = ("candidates", "auto")
"""Sections of a file that names several backends."""
SECTIONS = (
    *("backend", "data", "model", "compute", "serving", "evaluate", "gate", "register", "advise"),
    *("max_usd", "schedule", "form", "aws", "candidates", "auto"),
)


def read_pipeline(path: Path, overrides: Mapping[str, Any] | None = None) -> PipelineSpec:
    """Return the pipeline of a file that names one backend.

    Args:
        path: of the file.
        overrides: section -> what goes before the file's; mappings are merged key by key.

    Raises:
        PipelineError: names every fault with its place and line.
        SpecError: the file cannot be read.
    """
    checking = Checking(path, overrides or {})
    checking.known([name for name in SECTIONS if name not in SEVERAL], (), checking.values)
    return pipeline_in(checking)


def pipeline_in(checking: Checking) -> PipelineSpec:
    """Return the pipeline of a file, or of one of its candidates.

    Args:
        checking: of the file or the candidate.

    Raises:
        PipelineError: names every fault with its place and line.
    """
    aws = checking.checked(Aws, checking.section("aws"), "aws") or Aws()
    evaluate = checking.checked(Evaluate, checking.section("evaluate"), "evaluate") or Evaluate()
    checking.checked(SamplingSpec, evaluate.sampling, "evaluate", "sampling")
    register = None
    if checking.values.get("register") is not None:
        register = checking.checked(Register, checking.section("register"), "register")
    data, gate, backend = data_in(checking), gate_in(checking), backend_in(checking)
    serving, advise = _serving(checking, backend), advise_in(checking, gate, backend)
    max_usd, schedule = _max_usd(checking), _schedule(checking)
    given = {name: getattr(aws, name) for name in aws.model_fields_set}
    tuning = {} if backend is None else tuning_in(checking, backend, given, aws.work_uri or WORK)
    if backend is not None and backend.brings_server:  # the servers of hubs speak chat completions
        evaluate = evaluate.model_copy(update={"sampling": {"format": "messages", **evaluate.sampling}})
    form = () if backend is None else tuple(_form(checking, backend))
    checking.finish()
    assert backend is not None  # noqa: S101 - else there was a fault; for the type checker
    assert gate is not None  # noqa: S101 - likewise
    assert serving is not None  # noqa: S101 - likewise
    changed = {field.name: f"{{{{ params['{_param(field.name, checking)}'] }}}}" for field in form}
    return PipelineSpec(
        path=checking.path,
        backend=backend,
        data=data | {key: changed[f"data.{key}"] for key in _keys(changed, "data")},
        tuning=tuning | {backend.keys.model[key]: changed[f"model.{key}"] for key in _keys(changed, "model")},
        serving=serving,
        evaluate=evaluate,
        gate=gate,
        register=register,
        max_usd=max_usd,
        schedule=schedule,
        form=form,
        aws=aws,
        advise=advise and advise.model_copy(update={key: changed[f"advise.{key}"] for key in _keys(changed, "advise")}),
    )


def _param(name: str, checking: Checking) -> str:
    return name if name.startswith("data.") else f"{checking.prefix}{name}"


def _keys(changed: Mapping[str, str], section: str) -> list[str]:
    return [name.removeprefix(f"{section}.") for name in changed if name.startswith(f"{section}.")]


def _serving(checking: Checking, backend: Backend | None) -> Serving | BedrockServing | None:
    served_by = "endpoint" if backend is None else backend.served_by
    found = checking.checked(SERVING[served_by], checking.section("serving"), "serving")
    return found.of(backend) if isinstance(found, Serving) and backend is not None else found


def _max_usd(checking: Checking) -> Any:
    value = checking.values.get("max_usd")
    if value is None:
        checking.fault(("max_usd",), "must be given: no limit, no run.")
        return None
    limits = checking.loaded(Limits, {"max_usd": value}, {"max_usd": ("max_usd",)}, ("max_usd",))
    return None if limits is None else limits.max_usd


def _schedule(checking: Checking) -> str | None:
    value = checking.values.get("schedule")
    if value is None:
        return None
    from croniter import croniter  # Airflow brings it

    presets = ("@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")
    known = value in presets or (isinstance(value, str) and not value.startswith("@") and croniter.is_valid(value))
    if not known:
        checking.fault(("schedule",), f"{value!r} is no cron text, nor one of {', '.join(presets)}.")
    return str(value)


def _form(checking: Checking, backend: Backend) -> list[FormField]:
    names = checking.values.get("form") or []
    if not isinstance(names, list | tuple):
        checking.fault(("form",), "must be a list, for example [model.epochs].")
        return []
    fields = []
    for index, name in enumerate(names):
        if name is None:
            continue  # it is another candidate's
        section, _, key = str(name).partition(".")
        field = form_field(str(name), backend, checking.section(section).get(key), SECTIONS)
        if isinstance(field, str):
            checking.fault(("form", str(index)), field)
        elif section == "advise" and checking.values.get(section) is None:
            checking.fault(("form", str(index)), f"{name!r} changes nothing: the file has no section advise.")
        elif field.name in names[:index]:
            checking.fault(("form", str(index)), f"{name!r} stands twice.")
        else:
            fields.append(field)
    return fields
