"""PIPELINE and DATA: the pipeline runs as it is, but for where its data lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from airflow_finetune.errors import DataError, FinetuneError, SpecError
from airflow_finetune.pipeline import PipelineError, read_pipeline
from demo.airflow_stack import PROJECT
from demo.chosen import DATASETS, OWN_DATA, OWN_PIPELINE, choose
from demo.cloud import BUCKET

OTHER = """
backend: spot_training
data: {{source: {source}, prompt: "{{ask}}", completion: "{{say}}", golden: {{freeze_holdout: 2}}}}
model: {{base: s3://acme/base/, max_steps: 5}}
compute: {{instance_type: ml.g5.xlarge}}
gate: {{metric: exact_match, at_least: 0.5}}
max_usd: 20
"""


def pipeline(folder: Path, source: str = "s3://acme/somewhere/", name: str = "other.yaml") -> str:
    path = folder / name
    path.write_text(OTHER.format(source=source))
    return str(path)


def raw(folder: Path, columns: str = "ask,say") -> Path:
    path = folder / "my data"
    path.mkdir()
    (path / "train.csv").write_text("".join([f"{columns}\n", *(f"what is {n}?,{n}\n" for n in range(40))]))
    return path


def test_without_both_it_is_the_projects_own_dag_on_the_projects_own_data(tmp_path):
    chosen = choose(None, None, tmp_path)
    assert (chosen.pipeline, chosen.data, chosen.dag_id) == (OWN_PIPELINE, OWN_DATA, "finetune_spot_training")
    assert chosen.uploads == {"raw/orders/": (OWN_DATA,)}
    source = read_pipeline(OWN_PIPELINE).data["source"].replace("{{ var.value.finetune_bucket }}", BUCKET)
    assert source == f"s3://{BUCKET}/raw/orders/", "where the pipeline looks"
    assert not (tmp_path / "dags").exists()


def test_another_pipeline_runs_as_it_is_but_for_its_source(tmp_path):
    data = raw(tmp_path)
    chosen = choose(pipeline(tmp_path), str(data), tmp_path / "out")
    assert chosen.uploads == {"raw/my-data/": (data,)}
    assert chosen.dag_id == "other"
    dag = (chosen.dags / "other.py").read_text()
    made: dict[str, object] = {}
    exec(
        dag.replace("from airflow_finetune import finetune_dag", ""),
        {"finetune_dag": lambda path, **given: made.update(given, path=path)},
    )
    assert made == {"path": str(tmp_path / "other.yaml"), "data": {"source": f"s3://{BUCKET}/raw/my-data/"}}
    assert (chosen.dags / "approve_model.py").exists()


def test_the_written_dag_file_is_a_dag_that_airflow_loads(tmp_path):
    from airflow.dag_processing.dagbag import DagBag

    chosen = choose(pipeline(tmp_path), str(raw(tmp_path)), tmp_path / "out")
    bag = DagBag(chosen.dags, load_op_links=False)
    assert not bag.import_errors
    task = bag.dags["other"].get_task("curate")
    assert task.spec["source"] == f"s3://{BUCKET}/raw/my-data/"
    assert task.spec["golden"] == {"freeze_holdout": 2}


def test_a_pipeline_that_reads_from_this_machine_needs_no_data(tmp_path):
    data = raw(tmp_path)
    chosen = choose(pipeline(tmp_path, f'"{data}"'), None, tmp_path / "out")
    assert (chosen.data, chosen.uploads) == (data, {})
    assert repr(str(data)) in (chosen.dags / "other.py").read_text()


@pytest.mark.parametrize(
    ("name", "data", "teacher"),
    [
        ("bedrock_orders", "orders", None),
        ("bedrock_distillation", "orders", "amazon.nova-pro-v1:0"),
        ("bedrock_pretraining", "manual", None),
    ],
)
def test_a_pipeline_of_ours_on_bedrock_finds_its_data_and_says_who_teaches(name, data, teacher, tmp_path):
    chosen = choose(str(PROJECT / f"include/pipelines/{name}.yaml"), None, tmp_path)
    assert (chosen.data, chosen.backend, chosen.teacher) == (DATASETS / data, "bedrock", teacher)
    assert chosen.uploads == {f"raw/{data}/": (DATASETS / data,)}
    assert f"s3://{BUCKET}/raw/{data}/" in (chosen.dags / f"{name}.py").read_text()


def test_a_pipeline_whose_data_is_elsewhere_asks_for_it(tmp_path):
    with pytest.raises(SpecError, match=r"s3://acme/somewhere/, where this sandbox has nothing.*DATA=PATH"):
        choose(pipeline(tmp_path), None, tmp_path / "out")


def test_data_that_the_pipeline_cannot_map_is_named_with_its_line(tmp_path):
    with pytest.raises(DataError, match=r"train.csv, line 2: no column 'ask'"):
        choose(pipeline(tmp_path), str(raw(tmp_path, "question,answer")), tmp_path / "out")


def test_a_pipeline_file_that_is_wrong_is_named_with_the_line(tmp_path):
    path = Path(pipeline(tmp_path))
    path.write_text(path.read_text().replace("max_usd: 20", "max_us: 20"))
    with pytest.raises(PipelineError, match=r"line 7.*did you mean 'max_usd'"):
        choose(str(path), str(raw(tmp_path)), tmp_path / "out")


def test_an_empty_folder_holds_nothing_to_learn_from(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(FinetuneError, match="empty"):
        choose(pipeline(tmp_path), str(empty), tmp_path / "out")


def test_what_an_earlier_demo_has_written_is_gone(tmp_path):
    data = raw(tmp_path)
    first = choose(pipeline(tmp_path), str(data), tmp_path / "out")
    second = choose(pipeline(tmp_path, name="next.yaml"), str(data), tmp_path / "out")
    assert first.dags == second.dags
    assert not (second.dags / "other.py").exists()
