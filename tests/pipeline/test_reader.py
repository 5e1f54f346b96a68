"""A pipeline file is read whole: every fault at once, with its place and line, without Airflow or AWS."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from airflow_finetune.backends import BACKENDS
from airflow_finetune.errors import SpecError
from airflow_finetune.pipeline import PipelineError, find_pipeline, read_pipeline
from airflow_finetune.pipeline.several.reader import read_any
from airflow_finetune.pipeline.several.spec import SeveralSpec
from tests.contracts.source_tree import PLUGINS, PROJECT

SHIPPED = sorted((PROJECT / "include/pipelines").glob("*.yaml"))


def test_the_smallest_file_works_and_the_rest_is_taken_from_variables(read):
    pipeline = read()
    assert pipeline.tuning == {
        "backend": "spot_training",
        "role_arn": "{{ var.value.finetune_role_arn }}",
        "image_uri": "{{ var.value.finetune_image_uri }}",
        "output_uri": "s3://{{ var.value.finetune_bucket }}/{{ dag.dag_id }}/models/",
        "base_model": "s3://acme/llama/",
        "method": "lora",
        "epochs": 3,
        "instance_type": "ml.g5.2xlarge",
    }
    assert pipeline.baseline == "s3://acme/llama/", "what is tuned is what must be beaten"
    assert pipeline.scorers == ("exact_match",)
    assert pipeline.serving.lease_hours == 2
    assert (pipeline.register, pipeline.schedule, pipeline.form) == (None, None, ())
    assert pipeline.tasks[-1] == "gate", "without register: nothing is registered"
    assert "finetune_serving_image_uri" in pipeline.serving.image_uri


def test_what_is_given_goes_before_the_variables(read):
    role = "arn:aws:iam::123456789012:role/ours"
    pipeline = read(
        model={"image_uri": None},
        aws={"role_arn": role, "work_uri": "s3://acme/tuning/", "kms_key_id": "key", "tags": {"team": "orders"}},
    )
    assert pipeline.tuning["image_uri"] is None, "AWS's own image is looked up, by the extra [sdk]"
    assert pipeline.tuning["role_arn"] == role
    assert pipeline.tuning["output_uri"] == "s3://acme/tuning/models/"
    assert pipeline.tuning["output_kms_key_id"] == "key"
    assert pipeline.tuning["tags"] == {"team": "orders"}
    assert pipeline.work_uri == "s3://acme/tuning"


@pytest.mark.parametrize(
    ("sections", "place", "said"),
    [
        ({"dta": {}}, "dta", "did you mean 'data'?"),
        ({"backend": "spot_trainin"}, "backend", "did you mean 'spot_training'?"),
        ({"backend": ...}, "backend", "must be given"),
        ({"data": {"promt": "{x}"}}, "data.promt", "did you mean 'prompt'?"),
        ({"data": {"golden": ...}}, "data.golden", "Without it nobody can say whether the model is good"),
        ({"data": {"source": ...}}, "data.source", "must be given"),
        ({"data": {"completion": ...}}, "data", "prompt and completion go together"),
        ({"data": {"completion": {"json": None}}}, "data.completion", "put it into quotes"),
        ({"data": {"source": "nowhere/"}}, "data.source", "there is no nowhere/"),
        ({"data": {"prompt": ..., "prompt_template": "none.jinja"}}, "data.prompt_template", "there is no none.jinja"),
        ({"data": {"golden": "none.jsonl"}}, "data.golden", "there is no none.jsonl"),
        ({"model": {"epoch": 3}}, "model.epoch", "did you mean 'epochs'?"),
        ({"model": {"base": ...}}, "model.base", "must be given"),
        ({"model": {"epochs": -1}}, "model.epochs", "greater than 0"),
        ({"model": ...}, "model", "must be given"),
        ({"compute": {"instance_type": "g5"}}, "compute.instance_type", "should match pattern"),
        ({"compute": {"max_wait_seconds": 10}}, "model", "max_wait_seconds must be at least max_runtime_seconds"),
        ({"compute": {"role_arn": "x"}}, "compute.role_arn", "is no key"),
        ({"serving": {"lease_hours": 0}}, "serving.lease_hours", "greater than 0"),
        ({"serving": {"baseline": "s3://acme/champion"}}, "serving.baseline", "should match pattern"),
        ({"evaluate": {"scorers": ["exakt_match"]}}, "evaluate.scorers.0", "did you mean 'exact_match'?"),
        ({"evaluate": {"sampling": {"max_tokens": 1}}}, "evaluate.sampling.max_tokens", "did you mean"),
        ({"evaluate": {"sampling": {"temperature": 9}}}, "evaluate.sampling.temperature", "less than or equal to 2"),
        ({"gate": {"metric": "exakt_match"}}, "gate.metric", "did you mean 'exact_match'?"),
        ({"gate": {"at_least": ..., "better_than_baseline": False}}, "gate", "or every candidate passes"),
        ({"gate": ...}, "gate", "must be given"),
        ({"gate": {"policy": "orders"}}, "gate.metric", "is no key"),
        ({"register": {"group": "-"}}, "register.group", "should match pattern"),
        ({"register": {}}, "register.group", "must be given"),
        ({"max_usd": ...}, "max_usd", "no limit, no run"),
        ({"max_usd": 0}, "max_usd", "greater than 0"),
        ({"max_usd": "plenty"}, "max_usd", "valid number"),
        ({"schedule": "dayly"}, "schedule", "'dayly' is no cron text"),
        ({"schedule": "@dayly"}, "schedule", "@daily"),
        ({"schedule": 5}, "schedule", "5 is no cron text"),
        ({"form": "model.epochs"}, "form", "must be a list"),
        ({"aws": {"role": "x"}}, "aws.role", "did you mean 'role_arn'?"),
        ({"aws": "eu-west-1"}, "aws", "must hold keys"),
        ({"aws": {"subnets": ["subnet-1"]}}, "model", "subnets and security_group_ids"),
        ({"model": {"environment": {"TOKEN": "hf_" + "a" * 34}}}, "model", "environment"),
    ],
)
def test_a_fault_is_named_with_its_place(faults, sections, place, said):
    found = faults(**sections)
    assert said in found[place], found


def test_every_fault_is_named_at_once_with_its_line(write):
    text = """\
backend: spot_training
data:
  source: s3://acme/orders/
  promt: "{text}"
  completion: {json}
model: {base: /x, epoch: 3}
gate: {metric: exakt_match}
compute:
  instance_typ: ml.g5.2xlarge
max_us: 20
form:
  - model.epochs
  - aws.role_arn
"""
    with pytest.raises(PipelineError) as refused:
        read_pipeline(write(text))
    lines = {".".join(fault.place): fault.line for fault in refused.value.faults}
    assert lines == {
        "max_usd": None,
        "data.golden": 2,
        "data.promt": 4,
        "data.completion": 5,
        "model.base": 6,
        "model.epoch": 6,
        "gate.metric": 7,
        "compute.instance_typ": 9,
        "max_us": 10,
        "form.1": 13,
    }
    assert "orders.yaml" in str(refused.value)
    assert "nothing was created" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("backend: spot_training\nbackend: other\n", "backend stands twice"),
        ("data: {prompt: a, prompt: b}\n", "prompt stands twice"),
        ("data: {{ x }}\n", "Put a value that begins with { into quotes"),
        ("just a text", "holds no fields"),
        ("data: [\n", "line 2"),
        ("a: !!python/object/apply:os.system ['true']\n", "could not determine a constructor"),
    ],
)
def test_what_is_no_yaml_of_keys_is_refused(write, text, said):
    with pytest.raises(SpecError) as refused:
        read_pipeline(write(text))
    assert said in str(refused.value)


def test_overrides_go_before_the_file_key_by_key(write):
    path = write()
    pipeline = read_pipeline(path, {"compute": {"volume_gb": 7}, "max_usd": 5, "register": {"group": "orders"}})
    assert (pipeline.tuning["volume_gb"], pipeline.tuning["instance_type"]) == (7, "ml.g5.2xlarge")
    assert (pipeline.max_usd, pipeline.register.group) == (5, "orders")
    with pytest.raises(PipelineError, match="did you mean 'compute'"):
        read_pipeline(path, {"compue": {}})


def test_files_are_found_in_the_folders_beside_the_pipelines(folder, read):
    include = folder.parent
    (include / "datasets" / "spans.jinja").write_text("{{ text }}")
    (include / "datasets" / "raw").mkdir()
    (include / "golden" / "g.jsonl").write_text("{}\n")
    (include / "policies" / "strict.yaml").write_text("metric: exact_match\nat_least: 0.9\n")
    data = {"source": "raw", "prompt": ..., "prompt_template": "spans.jinja", "golden": "g.jsonl"}
    gate = {"policy": "strict", "metric": ..., "at_least": ..., "on_reject": "fail"}
    pipeline = read(data=data, gate=gate)
    assert pipeline.data["source"] == str(include / "datasets" / "raw")
    assert pipeline.data["prompt_template"] == str(include / "datasets" / "spans.jinja")
    assert pipeline.data["golden"] == str(include / "golden" / "g.jsonl")
    assert (pipeline.gate.at_least, pipeline.gate.on_reject) == (0.9, "fail")


def test_a_policy_that_cannot_work_is_a_fault_of_the_pipeline(folder, faults):
    (folder.parent / "policies" / "bad.yaml").write_text("metrik: exact_match\n")
    gate = {"policy": "bad", "metric": ..., "at_least": ..., "on_reject": ...}
    assert "did you mean 'metric'" in faults(gate=gate)["gate.policy"]
    assert "there is no worse" in faults(gate={**gate, "policy": "worse"})["gate.policy"]


def test_a_pipeline_is_looked_for_beside_the_dags(tmp_path):
    dags, include, elsewhere = tmp_path / "dags", tmp_path / "include/pipelines", tmp_path / "elsewhere"
    for each in (dags, include, elsewhere):
        each.mkdir(parents=True)
    environment = {"AIRFLOW_FINETUNE_PIPELINES": str(elsewhere)}
    with pytest.raises(SpecError) as refused:
        find_pipeline("a.yaml", dags / "a.py", environment)
    assert all(str(each / "a.yaml") in str(refused.value) for each in (dags, include, elsewhere))
    for each in (elsewhere, include, dags):  # the last one goes first
        (each / "a.yaml").write_text("")
        assert find_pipeline("a.yaml", dags / "a.py", environment) == each / "a.yaml"
    assert find_pipeline(include / "a.yaml", dags / "a.py", {}) == include / "a.yaml"


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_every_shipped_pipeline_works(path: Path):
    found = read_any(path)
    shared = found.shared if isinstance(found, SeveralSpec) else found
    assert (shared.register is None) == (found.path.stem == "compare"), "a comparison registers nothing"


@pytest.mark.parametrize("backend", BACKENDS, ids=[backend.name for backend in BACKENDS])
def test_every_field_of_a_backend_has_its_place_in_the_file(backend):
    keys = backend.keys
    placed = [*keys.model.values(), *keys.compute.values(), *keys.aws.values()]
    by_others = {keys.output, "dataset", "validation", keys.validation} & set(backend.spec.model_fields)
    assert sorted([*placed, *by_others]) == sorted(backend.spec.model_fields), "each field in one place"
    assert set(keys.form) <= set(keys.model)


def test_reading_a_pipeline_loads_neither_airflow_nor_boto3(write):
    program = (
        f"import sys; sys.path.insert(0, {str(PLUGINS)!r}); from pathlib import Path;"
        f"from airflow_finetune.pipeline import read_pipeline; read_pipeline(Path({str(write())!r}));"
        "print({'airflow', 'boto3', 'botocore', 'torch', 'pandas'} & {name.split('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
