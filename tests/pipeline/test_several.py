"""A file that names several backends: each candidate is read as a file of its own, and faults have their lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from airflow_finetune.cli import main
from airflow_finetune.pipeline import PipelineError, read_pipeline
from airflow_finetune.pipeline.several.reader import read_any
from airflow_finetune.pipeline.several.spec import SeveralSpec
from airflow_finetune.pipeline.spec import PipelineSpec
from tests.pipeline.conftest import SMALLEST, Write

SPOT = {"model": {"base": "s3://acme/llama/", "epochs": 3}, "compute": {"instance_type": "ml.g5.2xlarge"}}
NOVA = {
    "backend": "bedrock",
    "model": {"base": "amazon.nova-micro-v1:0:128k", "customization": "fine_tuning"},
    "serving": {"hosting": "on_demand_deployment"},
}
SHARED = {name: SMALLEST[name] for name in ("data", "gate", "max_usd")}

Read = Callable[..., SeveralSpec]
Faults = Callable[..., dict[str, str]]


def several(backend: str = "auto", **sections: Any) -> dict[str, Any]:
    return {"backend": backend, "candidates": {"spot_training": SPOT, "nova": NOVA}, **SHARED, **sections}


@pytest.fixture
def read(write: Write) -> Read:
    def read(backend: str = "auto", **sections: Any) -> SeveralSpec:
        found = read_any(write(yaml.safe_dump(several(backend, **sections), sort_keys=False)))
        assert isinstance(found, SeveralSpec)
        return found

    return read


@pytest.fixture
def refused(write: Write) -> Faults:
    """Return place -> what is wrong there."""

    def refused(backend: str = "auto", **sections: Any) -> dict[str, str]:
        with pytest.raises(PipelineError) as error:
            read_any(write(yaml.safe_dump(several(backend, **sections), sort_keys=False)))
        return {".".join(fault.place): fault.said for fault in error.value.faults}

    return refused


def test_a_candidate_is_what_a_file_of_its_own_would_be(read: Read, write: Write) -> None:
    found = read()
    for name, own in {"spot_training": {"backend": "spot_training", **SPOT}, "nova": NOVA}.items():
        alone = read_pipeline(write(yaml.safe_dump({**SHARED, **own})))
        candidate = found.pipelines[name]
        for each in ("backend", "data", "tuning", "serving", "gate", "limits", "asked_by_token"):
            assert getattr(candidate, each) == getattr(alone, each), f"{name}: {each}"


def test_sections_of_the_file_are_shared_key_by_key(read: Read) -> None:
    found = read(serving={"lease_hours": 5})
    assert [each.serving.lease_hours for each in found.pipelines.values()] == [5, 5]
    nova = {**NOVA, "serving": {**NOVA["serving"], "lease_hours": 1}}  # type: ignore[dict-item]  # mypy sees only one of the kinds
    assert read(serving={"lease_hours": 5}, candidates={"nova": nova}).shared.serving.lease_hours == 1


def test_a_candidate_may_be_named_after_its_backend_and_two_may_have_one_backend(read: Read) -> None:
    found = read(candidates={"spot_training": SPOT, "larger": {"backend": "spot_training", **SPOT}})
    assert [each.backend.name for each in found.pipelines.values()] == ["spot_training", "spot_training"]


def test_a_limit_of_a_candidate_is_its_own_and_the_files_is_for_all(read: Read) -> None:
    found = read("all", candidates={"spot_training": {**SPOT, "max_usd": 7}, "nova": NOVA}, max_usd=20)
    assert [each.max_usd for each in found.pipelines.values()] == [7, 20]
    assert found.max_usd == 20


def test_the_form_names_the_candidate(read: Read) -> None:
    found = read(form=["auto.choose", "spot_training.model.epochs", "data.max_characters"])
    assert found.conf_names == (
        *("window_start", "window_end", "auto.choose", "spot_training.model.epochs", "data.max_characters", "retrain"),
    )
    assert found.pipelines["spot_training"].tuning["epochs"] == "{{ params['spot_training.model.epochs'] }}"
    assert {each.data["max_characters"] for each in found.pipelines.values()} == {"{{ params['data.max_characters'] }}"}
    assert found.wishes["choose"] == "{{ params['auto.choose'] }}"
    (choose,) = [field for field in found.fields if field.name == "auto.choose"]
    assert choose.schema["enum"] == [None, "spot_training", "nova"]
    assert choose.default is None
    assert read(form=["auto.choose"], auto={"choose": "nova"}).fields[2].default == "nova"


@pytest.mark.parametrize(
    ("sections", "place", "said"),
    [
        ({"candidates": {}}, "candidates", "must name at least one"),
        ({"candidates": {"nova": {**NOVA, "backend": "bedrok"}}}, "candidates.nova.backend", "did you mean 'bedrock'?"),
        ({"candidates": {"mine": SPOT}}, "candidates.mine", "must have a backend: 'mine' is the name of none."),
        ({"candidates": {"a b": NOVA}}, "candidates.a b", "begins with a small letter"),
        ({"candidates": {"nova": {**NOVA, "modl": {}}}}, "candidates.nova.modl", "did you mean 'model'?"),
        ({"candidates": {"nova": {"backend": "bedrock"}}}, "candidates.nova.model", "must be given."),
        ({"candidates": {"nova": 3}}, "candidates.nova", "must hold keys"),
        (
            {"candidates": {"spot_training": {**SPOT, "compute": {"instance_typ": "x"}}}},
            "candidates.spot_training.compute.instance_typ",
            "did you mean 'instance_type'?",
        ),
        ({"serving": {"hosting": "x"}}, "serving.hosting", "'hosting' is no key"),
        ({"candidates": {"nova": {**NOVA, "min_examples": 9, "max_examples": 3}}}, "candidates.nova", "no data would"),
        ({"auto": {"choose": "nvoa"}}, "auto.choose", "did you mean 'nova'?"),
        ({"auto": {"deadline": 3}}, "auto.deadline", "did you mean 'deadline_hours'?"),
        ({"auto": {"months": 3}}, "auto", "give that too"),
        ({"form": ["model.epochs"]}, "form.0", "CANDIDATE.model.KEY"),
        ({"form": ["nova.model.base"]}, "form.0", "can only be changed in the file"),
        ({"form": ["auto.choose", "auto.choose"]}, "form.1", "stands twice"),
        ({"form": ["data.max_characters", "data.max_characters"]}, "form.1", "stands twice"),
        ({"max_usd": None}, "max_usd", "no limit, no run"),
        ({"gate": None}, "gate", "must be given"),
        ({"advise": {}}, "advise", "each candidate has a base model of its own"),
    ],
)
def test_what_cannot_work_is_said_at_its_place(refused: Faults, sections: Any, place: str, said: str) -> None:
    found = refused(**sections)
    assert said in found[place], found


@pytest.mark.parametrize(
    ("sections", "place"),
    [
        ({"candidates": {"nova": NOVA}}, "candidates"),
        ({"auto": {"choose": "nova"}}, "auto"),
        ({"register": {"group": "orders"}}, "register"),
        ({"form": ["auto.choose"]}, "form.0"),
    ],
)
def test_a_comparison_chooses_and_registers_nothing(refused: Faults, sections: Any, place: str) -> None:
    assert place in refused("all", **sections)


def test_a_fault_has_the_line_of_its_candidate_and_all_faults_are_told_at_once(folder: Path, capsys: Any) -> None:
    path = folder / "orders.yaml"
    path.write_text(
        "backend: auto\n"
        "candidates:\n"
        "  spot_training:\n"
        "    model: {base: s3://acme/llama/, epoch: 3}\n"
        "  nova:\n"
        "    backend: bedrock\n"
        "    model: {base: amazon.nova-micro-v1:0, customization: fine_tuning}\n"
        "    serving: {hostin: x, hosting: on_demand_deployment}\n"
        'data: {source: "s3://acme/", prompt: "{a}", completion: "{b}", golden: s3://acme/g.jsonl, promt: x}\n'
        "gate: {metric: exact_match}\n"
        "max_usd: 20\n"
    )
    assert main(["validate", str(path)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert [line.removeprefix(f"{path}:").partition(":")[0] for line in said] == ["4", "8", "9"]
    assert "candidates.spot_training.model.epoch" in said[0]


def test_validate_tells_what_each_candidate_would_be(write: Write, capsys: Any) -> None:
    path = write(yaml.safe_dump(several(auto={"requests_a_month": 9}), sort_keys=False))
    assert main(["validate", str(path)]) == 0
    said = capsys.readouterr().out
    words = [line.split()[0] for line in said.splitlines()[1:]]
    assert words == ["curate", "spot_training", "nova", "takes", "tasks", "schedule", "a"]
    assert "requests_a_month=9" in said


def test_a_file_with_one_backend_is_read_as_ever(write: Write) -> None:
    assert isinstance(read_any(write()), PipelineSpec)
    with pytest.raises(PipelineError, match="did you mean 'auto'"):
        read_any(write(backend="aut"))
    with pytest.raises(PipelineError, match="'candidates' is no key"):
        read_any(write(candidates={"nova": NOVA}))
