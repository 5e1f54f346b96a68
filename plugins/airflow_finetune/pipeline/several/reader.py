"""From a pipeline file to what it says, whether it names one backend or several."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from airflow_finetune.backends import BACKENDS
from airflow_finetune.pipeline.checking import Checking
from airflow_finetune.pipeline.faults import PipelineError, unknown
from airflow_finetune.pipeline.form import FormField
from airflow_finetune.pipeline.reader import SECTIONS, pipeline_in, read_pipeline
from airflow_finetune.pipeline.several.spec import ALL, AUTO, Candidate, CandidateSpec, SeveralSpec, Wishes
from airflow_finetune.pipeline.spec import PipelineSpec
from airflow_finetune.spec import is_later

OWN = ("model", "compute", "serving")
"""Sections that a candidate may have; each of their keys goes before the file's."""
CHOOSE = "auto.choose"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")


def read_any(path: Path, overrides: Mapping[str, Any] | None = None) -> PipelineSpec | SeveralSpec:
    """Return what a pipeline file says.

    Args:
        path: of the file.
        overrides: section -> what goes before the file's; mappings are merged key by key.

    Raises:
        PipelineError: names every fault with its place and line.
        SpecError: the file cannot be read.
    """
    checking = Checking(path, overrides or {})
    takes: Literal["auto", "all"]
    match checking.values.get("backend"):
        case "auto":
            takes = AUTO
        case "all":
            takes = ALL
        case _:
            return read_pipeline(path, overrides)
    checking.known(SECTIONS, (), checking.values)
    return _several(checking, takes)


def _several(checking: Checking, takes: Literal["auto", "all"]) -> SeveralSpec:
    names, found = _named(checking, takes), dict[str, Candidate]()
    if checking.values.get("advise") is not None:
        said = "each candidate has a base model of its own: leave it out, or ask in a file with one backend."
        checking.fault(("advise",), said)
    if takes == ALL:
        _no_choice(checking)
    wishes = checking.checked(Wishes, checking.section("auto"), "auto") or Wishes()
    if wishes.choose is not None and not is_later(wishes.choose) and wishes.choose not in names:
        checking.fault(("auto", "choose"), unknown(wishes.choose, names, "candidate") if names else "has no candidate.")
    listed = _form_of(checking, names, takes)
    for name in names:
        if (candidate := _candidate(checking, name, listed)) is not None:
            found[name] = candidate
    checking.finish()
    fields, raw = tuple(_fields(found, listed, wishes)), wishes.raw()
    raw.pop("backend")
    if CHOOSE in listed:
        raw["choose"] = f"{{{{ params['{CHOOSE}'] }}}}"
    # Read as one of the candidates has it: what all share is the same in each.
    max_usd = checking.values["max_usd"]
    return SeveralSpec(checking.path, takes, found, raw, max_usd, fields)


def _named(checking: Checking, takes: str) -> tuple[str, ...]:
    values = checking.section("candidates")
    least = 2 if takes == ALL else 1
    if len(values) < least:
        said = f"must name {'at least two' if least > 1 else 'at least one'}, each with its backend and its model."
        checking.fault(("candidates",), said)
    for name in values:
        if not _NAME.fullmatch(name):
            said = "a candidate's name begins with a small letter and has small letters, digits and _, 31 at most."
            checking.fault(("candidates", name), said)
    return tuple(values)


def _no_choice(checking: Checking) -> None:
    said = "has no meaning where all candidates are run"
    if checking.values.get("auto") is not None:
        checking.fault(("auto",), f"{said}: leave it out, or write backend: auto.")
    if checking.values.get("register") is not None:
        checking.fault(("register",), f"{said}: a comparison registers nothing, and deletes what bills.")


def _candidate(checking: Checking, name: str, listed: list[str]) -> Candidate | None:
    place, given = ("candidates", name), checking.section("candidates")[name]
    if not isinstance(given, Mapping):
        checking.fault(place, "must hold keys, each on a line of its own below it.")
        return None
    own = {str(key): value for key, value in given.items()}
    checking.known(("backend", *CandidateSpec.model_fields, *OWN), place, own)
    if "backend" not in own and name not in {backend.name for backend in BACKENDS}:
        checking.fault(place, f"must have a backend: {name!r} is the name of none.")
        return None
    told = {key: own[key] for key in CandidateSpec.model_fields if key in own}
    spec = checking.loaded(CandidateSpec, told, {key: (*place, key) for key in told}, place)
    values = {key: value for key, value in checking.values.items() if key not in ("candidates", "auto")}
    values |= {key: _merged(values.get(key), own.get(key)) for key in OWN if key in values or key in own}
    values |= {"backend": own.get("backend", name), "form": _own_form(name, listed)}
    values |= {"max_usd": own["max_usd"]} if "max_usd" in own else {}
    with contextlib.suppress(PipelineError):  # what is wrong is noted, and told with the rest
        pipeline = pipeline_in(checking.candidate(name, values))
        return None if spec is None else Candidate(pipeline, spec.min_examples, spec.max_examples)
    return None


def _merged(shared: Any, own: Any) -> Any:
    both = isinstance(shared, Mapping) and isinstance(own, Mapping)
    return {**shared, **own} if both else shared if own is None else own


def _form_of(checking: Checking, names: tuple[str, ...], takes: str) -> list[str]:
    """Return what the file lists in `form`; a name that is no field of any candidate's is noted."""
    given = checking.values.get("form") or []
    if not isinstance(given, list | tuple):
        checking.fault(("form",), "must be a list, for example [auto.choose].")
        return []
    begins = ("data.", *(f"{name}.model." for name in names))
    for index, name in enumerate(given):
        chooses = name == CHOOSE and takes == AUTO
        if not chooses and not str(name).startswith(begins):
            ways = [*([CHOOSE] if takes == AUTO else []), "data.KEY", "CANDIDATE.model.KEY"]
            checking.fault(("form", str(index)), f"{name!r} is no field that a run may change: {', '.join(ways)} are.")
        elif name in given[:index] and (chooses or not str(name).startswith("data.")):
            checking.fault(("form", str(index)), f"{name!r} stands twice.")
    return [str(name) for name in given]


def _own_form(name: str, listed: list[str]) -> list[str | None]:
    """Return the form as one candidate sees it, with None for what is another's."""
    own = f"{name}."
    return [
        each if each.startswith("data.") else each.removeprefix(own) if each.startswith(f"{own}model.") else None
        for each in listed
    ]


def _fields(found: Mapping[str, Candidate], listed: list[str], wishes: Wishes) -> Iterator[FormField]:
    known = dict[str, FormField]()
    for name, candidate in found.items():
        for field in candidate.pipeline.form:
            shared = field.name.startswith("data.")
            named = field if shared else _of_candidate(field, name)
            known[named.name] = named
    for each in dict.fromkeys(listed):
        if each == CHOOSE:
            said = "The candidate that this run takes; empty lets the written rules choose."
            kinds = {"type": ["null", "string"], "enum": [None, *found]}
            yield FormField(CHOOSE, wishes.choose, "Choose", said, "Backend", kinds)
        elif each in known:
            yield known[each]


def _of_candidate(field: FormField, name: str) -> FormField:
    """Return a field of the form as one of a candidate's."""
    return field._replace(name=f"{name}.{field.name}", section=name.replace("_", " ").capitalize())
