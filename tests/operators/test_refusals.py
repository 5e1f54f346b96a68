"""Bad input has a defined outcome: said when the DAG is parsed, or before anything is created, or by AWS once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from airflow_finetune import FineTuneOperator, SpecError, SpotTrainingOperator, SpotTrainingSpec
from tests.execution_api import TaskRun, in_dag
from tests.operators.conftest import Company

HF = "hf_" + "a" * 34


def fields(company: Company, **changes: Any) -> dict[str, Any]:
    return {key: value for key, value in company.spec(**changes).items() if key != "backend"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epoch": 3}, "did you mean 'epochs'"),
        ({"epochs": "three"}, "epochs"),
        ({"environment": {"HF_TOKEN": HF}}, "environment.HF_TOKEN"),
        ({"backend": "spot"}, "known are 'spot_training'"),
    ],
)
def test_a_constant_fault_is_said_when_the_dag_is_parsed(company: Company, changes: dict[str, Any], words: str):
    with pytest.raises(SpecError, match=words) as caught:
        company.run(company.spec(**changes))
    assert HF not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": "{{ 'three' }}"}, "epochs"),
        ({"hyperparameters": {"x": "{{ 'hf_' + 'a' * 34 }}"}}, "hyperparameters.x"),
        ({"max_wait_seconds": "{{ 5 }}"}, "max_wait_seconds must be at least"),
        ({"request_overrides": {"Foo": "{{ 1 }}", "RoleArn": "x"}}, "Foo"),
        ({"source_dir": "{{ '/nowhere' }}"}, "/nowhere"),
    ],
)
def test_a_fault_that_rendering_brings_is_said_before_anything_is_created(
    company: Company, changes: dict[str, Any], words: str
):
    run = company.run(company.spec(**changes), retries=3)
    assert run.try_once() == "failed", "no retry: it could not help"
    assert words in str(run.error)
    assert HF not in str(run.error)
    assert company.calls("CreateTrainingJob") == []


def test_values_from_jinja_get_the_type_of_their_field(company: Company):
    spec = company.spec(
        instance_count="{{ 1 }}",
        spot="{{ 'false' }}",
        max_runtime_seconds="{{ 600 * 10 }}",
        tags="{{ {'team': 'nlp'} }}",
    )
    run = company.run(spec)
    assert run.try_once() == "success", run.error
    job = company.job(run.result["job_name"])
    assert job["EnableManagedSpotTraining"] is False
    assert job["StoppingCondition"]["MaxRuntimeInSeconds"] == 6000
    assert company.tags(run.result["job_name"])["team"] == "nlp"


def test_a_dataset_may_stand_beside_the_spec_and_not_twice(company: Company):
    spec = company.spec(dataset=...)
    run = company.run(spec, dataset="{{ 's3://acme/' + 'train.jsonl' }}")
    assert run.try_once() == "success", run.error
    assert run.result["dataset"]["uri"] == "s3://acme/train.jsonl"
    with pytest.raises(SpecError, match="twice"):
        company.run(dataset="s3://acme/train.jsonl")
    with pytest.raises(SpecError, match="dataset"):
        company.run(spec)


def test_missing_data_fails_with_the_words_of_aws(company: Company):
    run = company.run(company.spec(dataset="s3://acme/nothing-here.jsonl"), retries=2)
    assert run.try_once() == "failed"
    assert "nothing-here.jsonl" in str(run.error)


def test_a_bucket_that_is_not_there_fails_before_a_job_is_made(company: Company):
    run = company.run(company.spec(output_uri="s3://nobody/models"), retries=2)
    assert run.try_once() == "failed"
    assert "NoSuchBucket" in str(run.error)
    assert company.jobs() == {}


@pytest.mark.parametrize("operation", ["CreateTrainingJob", "DescribeTrainingJob", "ListTrainingJobs"])
def test_what_aws_denies_fails_at_once_with_its_words(company: Company, mode: bool, operation: str):
    company.fault("access_denied", operation=operation)
    run = company.run(retries=3, deferrable=mode)
    assert run.try_once() == "failed"
    assert "AccessDenied" in str(run.error)
    assert "role of the Airflow connection" in str(run.error)


@pytest.mark.parametrize("kind", ["throttle", pytest.param("server_error", marks=pytest.mark.long)])
@pytest.mark.parametrize("operation", ["CreateTrainingJob", "DescribeTrainingJob", "ListTags", "ListTrainingJobs"])
def test_a_busy_aws_is_asked_again(company: Company, kind: str, operation: str):
    company.fault(kind, operation=operation, first=2)
    run = company.run(botocore_config={"retries": {"mode": "standard", "total_max_attempts": 1}})
    assert run.try_once() == "success", run.error
    assert len(company.jobs()) == 1


def test_an_aws_that_stays_busy_fails_the_try_and_a_retry_finds_the_job(company: Company):
    company.fault("throttle", operation="DescribeTrainingJob", first=11)
    botocore_config = {"retries": {"mode": "standard", "total_max_attempts": 1}}
    run = company.run(retries=1, botocore_config=botocore_config, poll_seconds=0.02)
    assert run.try_once() == "up_for_retry"
    assert "ThrottlingException" in str(run.error)
    assert run.try_once() == "success", run.error
    assert len(company.jobs()) == 1


def test_no_job_is_ever_made_without_the_tags_of_its_owner(company: Company):
    company.fault("capacity", target="*-a1")
    assert company.run().try_once() == "success"
    assert company.run(company.spec(tags={"team": "nlp"}), run_id="other").try_once() == "success"
    made = company.calls("CreateTrainingJob")
    assert len(made) == 3
    for record in made:
        tags = {tag["Key"] for tag in record.params["Tags"]}
        assert {
            f"airflow-finetune:{name}" for name in ("owner", "lifecycle", "expires-at", "spec", "deployment")
        } <= tags


def test_links_are_there_while_the_job_still_runs(company: Company, deferrable: bool):
    seen: list[dict[str, Any]] = []
    run = company.run(company.spec(hyperparameters={"steps": 30, "pause": 0.1}), deferrable=deferrable)
    with company.meanwhile(lambda: seen.append(dict(run.xcoms))):
        assert run.try_once() == "success", run.error
    (name,) = company.jobs()
    console, log = seen[0]["_link_ConsoleLink"], seen[0]["_link_LogLink"]
    assert console == f"https://us-east-1.console.aws.amazon.com/sagemaker/home?region=us-east-1#/jobs/{name}"
    assert f"$252Faws$252Fsagemaker$252FTrainingJobs$3FlogStreamNameFilter$3D{name}" in log
    assert run.xcoms["_link_ConsoleLink"] == console, "and after its end"


def test_a_kill_can_leave_the_job_running(company: Company):
    run = company.run(company.spec(hyperparameters=company.slow()), cancel_on_kill=False, deferrable=True)
    run.try_number = 1
    assert run.run_part(None) == "deferred"
    assert run.deferrals[0].trigger_kwargs["stop_on_kill"] is False


def test_the_region_of_the_task_goes_before_that_of_the_connection(company: Company, mode: bool):
    s3 = company.aws("s3")
    s3.create_bucket(Bucket="acme-west", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    for key in ("train.jsonl", "base/config.json"):
        s3.put_object(Bucket="acme-west", Key=key, Body=b"{}")
    there = {
        "output_uri": "s3://acme-west/models",
        "base_model": "s3://acme-west/base/",
        "dataset": "s3://acme-west/train.jsonl",
    }
    run = company.run(company.spec(**there), region_name="us-west-2", deferrable=mode)
    assert run.try_once() == "success", run.error
    assert run.result["region"] == "us-west-2"
    assert company.jobs() == {}, "nothing in the connection's region"
    assert {record.region for record in company.calls("DescribeTrainingJob")} == {"us-west-2"}


def test_the_operator_by_name_takes_the_fields_of_its_spec(company: Company):
    def make() -> SpotTrainingOperator:
        return SpotTrainingOperator(task_id="fine_tune", poll_seconds=0.2, **fields(company, epochs="{{ 2 }}"))

    run = TaskRun(in_dag(make))
    assert run.try_once() == "success", run.error
    assert company.job(run.result["job_name"])["HyperParameters"]["epochs"] == "2.0"


def test_default_args_and_mapping_know_the_fields_of_a_spec(company: Company):
    from airflow.sdk import DAG

    shared = {key: value for key, value in fields(company).items() if key not in ("base_model", "hyperparameters")}
    with DAG("orders", schedule=None, default_args={**shared, "poll_seconds": 0.2}):
        one = SpotTrainingOperator(task_id="fine_tune", base_model="s3://acme/base/")
        mapped = SpotTrainingOperator.partial(task_id="sizes", base_model="s3://acme/base/").expand(epochs=[1, 2, 3])
    assert one.spec["role_arn"] == shared["role_arn"]
    assert mapped is not None


def test_a_spec_object_and_its_fields_make_the_same_task(company: Company):
    plain = fields(company)
    by_object = in_dag(lambda: FineTuneOperator(task_id="fine_tune", spec=SpotTrainingSpec(**plain)))
    by_name = in_dag(lambda: SpotTrainingOperator(task_id="fine_tune", **plain))
    one, other = (SpotTrainingSpec.load(task.spec, rendered=False, thing="t") for task in (by_object, by_name))
    assert one == other


def test_a_misspelt_argument_of_the_operator_by_name_is_said_with_what_was_meant(company: Company):
    with pytest.raises((SpecError, TypeError), match="epoch"):
        in_dag(lambda: SpotTrainingOperator(task_id="fine_tune", **fields(company), epoch=3))


def test_the_output_of_another_task_makes_it_upstream(company: Company):
    from airflow.sdk import DAG, task

    with DAG("orders", schedule=None):

        @task
        def curate() -> dict[str, str]:
            return {"uri": "s3://acme/train.jsonl"}

        made = curate()
        tuned = FineTuneOperator(task_id="fine_tune", spec=company.spec(dataset=...), dataset=made)
        nested = FineTuneOperator(task_id="nested", spec={**company.spec(), "dataset": made["uri"]})
    assert tuned.upstream_task_ids == {"curate"}
    assert nested.upstream_task_ids == {"curate"}


def test_max_wait_follows_from_the_limits_of_the_spec(company: Company):
    operator = in_dag(lambda: FineTuneOperator(task_id="fine_tune", spec=company.spec(max_runtime_seconds=3600)))
    assert operator.spec_policy().max_wait == timedelta(seconds=48 * 3600 + 3600) + timedelta(hours=2)
