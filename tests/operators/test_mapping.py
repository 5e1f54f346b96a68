"""A mapped task: each instance has its own claim, what specs have in common is said once, nothing secret is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from airflow_finetune import FineTuneJobSensor, FineTuneOperator, SpecError, SpotTrainingOperator, SpotTrainingSpec
from airflow_finetune.backends import completed
from tests.execution_api import TaskRun, in_dag
from tests.operators.conftest import Company
from tests.operators.test_secrets import MADE, TOKEN, everything

JINJA = "{{ dag.dag_id }}"


def mapped(make: Any, map_index: int) -> TaskRun:
    """Return one instance of a mapped task; ``make`` gives the partial's ``.expand``."""
    return TaskRun(in_dag(make), map_index=map_index)


def of(company: Company, *left_out: str) -> dict[str, Any]:
    return {name: value for name, value in company.spec().items() if name not in left_out}


def test_each_mapped_instance_has_its_own_job_and_a_retry_finds_it(company: Company, deferrable: bool):
    common, options = of(company, "hyperparameters"), {"poll_seconds": 0.2, "deferrable": deferrable}
    specs = [{"epochs": n, "hyperparameters": {"steps": n, "pause": 0.01, "note": JINJA}} for n in (1, 2)]

    def make() -> Any:
        return FineTuneOperator.partial(task_id="tune", defaults=common, **options).expand(spec=specs)

    runs = [mapped(make, index) for index in (0, 1)]
    assert [run.try_once() for run in runs] == ["success", "success"], [run.error for run in runs]
    names = [run.result["job_name"] for run in runs]
    asked = {call.params["TrainingJobName"]: call.params for call in company.calls("CreateTrainingJob")}
    assert list(asked) == names
    assert [asked[name]["HyperParameters"]["epochs"] for name in names] == ["1.0", "2.0"]
    assert {asked[name]["HyperParameters"]["note"] for name in names} == {"orders"}, "Jinja in what is mapped over"
    assert [company.tags(name)["airflow-finetune:map-index"] for name in names] == ["0", "1"]
    assert runs[1].try_once() == "success"
    assert len(company.jobs()) == 2, "the retry has found the job of its own index"
    assert runs[0].xcoms.keys() >= {"model_uri", "_link_ConsoleLink"}


def test_specs_fields_and_datasets_can_be_mapped_over(company: Company):
    typed = SpotTrainingSpec(**{name: value for name, value in of(company, "backend").items()})
    fields = of(company, "backend", "dataset")
    makers = {
        "objects": lambda: FineTuneOperator.partial(task_id="objects", poll_seconds=0.2).expand(spec=[typed]),
        "datasets": lambda: FineTuneOperator.partial(task_id="datasets", spec=fields, poll_seconds=0.2).expand(
            dataset=["s3://acme/train.jsonl"]
        ),
        "kwargs": lambda: FineTuneOperator.partial(task_id="kwargs", poll_seconds=0.2).expand_kwargs(
            [{"spec": fields, "dataset": "s3://acme/train.jsonl"}]
        ),
        "field": lambda: SpotTrainingOperator.partial(
            task_id="field", dataset="s3://acme/train.jsonl", **fields, poll_seconds=0.2
        ).expand(epochs=[1]),
    }
    for name, make in makers.items():
        run = mapped(make, 0)
        assert run.try_once() == "success", (name, run.error)
        assert run.result["dataset"]["uri"] == "s3://acme/train.jsonl"


def test_a_token_that_jinja_brings_to_a_mapped_task_is_hidden_where_airflow_keeps_it(company: Company):
    spec = company.spec(hyperparameters={"note": MADE})
    run = mapped(lambda: FineTuneOperator.partial(task_id="tune").expand(spec=[spec]), 0)
    assert run.try_once() == "failed"
    assert "spec" in run.rendered, "the negative control: the rendered fields were stored"
    assert TOKEN not in everything(run)


def test_a_mapped_sensor_waits_for_each_job(company: Company, deferrable: bool):
    tuning = company.run()
    assert tuning.try_once() == "success"
    name = tuning.result["job_name"]
    options = {"poke_interval": 0.2, "deferrable": deferrable}
    run = mapped(lambda: FineTuneJobSensor.partial(task_id="wait", **options).expand(job_name=[name, "other"]), 0)
    assert run.try_once() == "success"
    assert run.result["job_name"] == name
    other = mapped(lambda: FineTuneJobSensor.partial(task_id="wait", **options).expand(job_name=[name, "other"]), 1)
    assert other.try_once() == "failed"
    assert "other: there is no training job of this name" in str(other.error)


class FetchedOneByOne(Sequence[str]):
    """As Airflow hands over the output of a mapped task."""

    def __getitem__(self, index: Any) -> Any:
        return ("sg-1", "sg-2")[index]

    def __len__(self) -> int:
        return 2


def test_the_output_of_a_mapped_task_may_be_a_list_of_a_spec():
    spec = {"security_group_ids": FetchedOneByOne(), "subnets": FetchedOneByOne()}
    whole = {"role_arn": "arn:aws:iam::123456789012:role/r", "output_uri": "s3://b/o", "base_model": "s3://b/m/"}
    loaded = SpotTrainingSpec.load({**whole, "dataset": "s3://b/d", **spec}, rendered=True, thing="t")
    assert loaded.security_group_ids == ("sg-1", "sg-2")


def test_a_default_is_what_a_spec_does_not_say_and_its_backend_knows():
    defaults = {"role_arn": "r", "instance_type": "ml.g5.xlarge", "epochs": 1}
    assert completed({"epochs": 2}, defaults, "t") == {"backend": "spot_training", **defaults, "epochs": 2}
    assert completed({"backend": "bedrock"}, defaults, "t") == {"backend": "bedrock", "role_arn": "r", "epochs": 1}
    assert completed("{'epochs': 3}", {}, "t") == {"backend": "spot_training", "epochs": 3}


@pytest.mark.parametrize(
    ("spec", "defaults", "said"),
    [
        ({}, {"instance_typ": "x"}, r"defaults: 'instance_typ' is no field of any backend: did you"),
        (
            [{"epochs": 1}],
            {},
            r"the spec is a list, and not a mapping of fields\. .*\.partial\(\.\.\.\)\.expand\(spec=",
        ),
        ("words", {}, "the spec is a str"),
    ],
)
def test_what_is_no_spec_is_refused_with_what_to_do(spec: Any, defaults: Any, said: str):
    with pytest.raises(SpecError, match=said):
        completed(spec, defaults, "t")


def test_a_wrong_default_is_refused_when_the_dag_is_parsed_also_beside_a_spec_that_is_known_later():
    with pytest.raises(SpecError, match="did you mean 'epochs'"):
        in_dag(lambda: FineTuneOperator(task_id="t", spec="{{ later }}", defaults={"epoch": 1}))


def test_a_spec_that_turns_out_to_be_several_fails_the_task_with_what_to_do(company: Company):
    run = TaskRun(in_dag(lambda: FineTuneOperator(task_id="t", spec="{{ [1, 2] }}", defaults=company.spec())))
    assert run.try_once() == "failed"
    assert "to run several, map over them" in str(run.error)
    assert company.jobs() == {}
