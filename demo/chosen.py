"""Which pipeline and which data: checked by the package's own rules before anything is started."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_finetune.curation.curate import Places, curate
from airflow_finetune.curation.spec import CurateSpec
from airflow_finetune.errors import SpecError
from airflow_finetune.pipeline import PipelineSpec
from airflow_finetune.pipeline.several.reader import read_any
from airflow_finetune.spec import is_later
from demo.airflow_stack import PROJECT
from demo.cloud import BUCKET, files_below

DAGS = PROJECT / "dags"
OWN_PIPELINE, DATASETS = PROJECT / "include/pipelines/orders.yaml", PROJECT / "include/datasets"
OWN_DATA = DATASETS / "orders"
OWN_DAG = "finetune_spot_training"
# What a fine-tuning DAG works with.
BESIDE = ("approve_model.py", "deploy_model.py", "undeploy_model.py", "cleanup_expired.py")
TRIED_BYTES = 32_000_000  # more than this is not curated twice
DAG_FILE = '''"""Written by `make demo`: {pipeline}, with its data from {source}."""

from airflow_finetune import finetune_dag

dag = finetune_dag({pipeline!r}, data={{"source": {source!r}}})
'''


@dataclass(frozen=True)
class Chosen:
    """What a demo runs.

    Attributes:
        pipeline: its file.
        data: the raw data, a file or folder.
        uploads: prefix in the bucket -> what goes there.
        dags: the DAGs folder.
        dag_id: of the pipeline's DAG.
        backend: the way to tune; ``auto`` or ``all`` for a pipeline that names several.
        teacher: the model that a distillation asks; None for any other pipeline.
    """

    pipeline: Path
    data: Path
    uploads: Mapping[str, tuple[Path, ...]]
    dags: Path
    dag_id: str
    backend: str
    teacher: str | None = None


def choose(pipeline: str | None, data: str | None, out: Path) -> Chosen:
    """Return what to run.

    Without both it is the project's own DAG on the project's own data. Else a DAG file is written to ``OUT/dags``: the
    pipeline as it is, but for ``data.source``, which is the place that ``data`` is uploaded to. Without ``data`` a
    pipeline must read from this machine, or from where a data set of ``include/datasets/`` goes.

    Args:
        pipeline: a pipeline file; None takes the project's own.
        data: a file or folder; None takes what the pipeline reads, where it is here.
        out: where the DAG file goes.

    Raises:
        FinetuneError: the pipeline, or its data, cannot work.
    """
    file = Path(pipeline or OWN_PIPELINE).resolve()
    if data is not None and not Path(data).exists():
        raise SpecError(f"DATA={data}", "there is no such file or folder.", "Give a path to raw data.")
    given = None if data is None else Path(data).resolve()
    source = f"s3://{BUCKET}/raw/{_name(given)}/" if given else ""
    whole = read_any(file, {"data": {"source": source}} if given else {})
    spec = whole if isinstance(whole, PipelineSpec) else whole.shared
    place, uploads = (given, {f"raw/{_name(given)}/": (given,)}) if given else _here(spec, pipeline)
    source = source or (f"s3://{BUCKET}/{next(iter(uploads))}" if uploads else spec.data["source"])
    _try(spec, place)
    shutil.rmtree(out / "dags", ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    takes = whole.backend.name if isinstance(whole, PipelineSpec) else whole.takes
    how = takes, spec.tuning.get("teacher_model")
    if pipeline is None and data is None:
        return Chosen(file, place, uploads, DAGS, OWN_DAG, *how)
    folder = out / "dags"
    folder.mkdir()
    for name in BESIDE:
        shutil.copyfile(DAGS / name, folder / name)
    (folder / f"{file.stem}.py").write_text(DAG_FILE.format(pipeline=str(file), source=source))
    return Chosen(file, place, uploads, folder, file.stem, *how)


def _here(spec: PipelineSpec, pipeline: str | None) -> tuple[Path, dict[str, tuple[Path, ...]]]:
    """Return where the data of a pipeline is on this machine, and what of it is uploaded where.

    Raises:
        SpecError: it is elsewhere.
    """
    source = str(spec.data["source"])
    if "://" not in source:
        return Path(source), {}
    found = re.search(r"/(raw/([^/]+)/)$", source)
    if found is None or not (DATASETS / found[2]).is_dir():
        said = f"it reads {source}, where this sandbox has nothing."
        raise SpecError(f"PIPELINE={pipeline}", said, "Give its raw data too: make demo PIPELINE=FILE DATA=PATH.")
    return DATASETS / found[2], {found[1]: (DATASETS / found[2],)}


def _name(data: Path) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", data.stem).strip(".-") or "data"


def _try(spec: PipelineSpec, data: Path) -> None:
    """Curate the data once on this machine, as the DAG's first task will, to say now what it would say then.

    Raises:
        FinetuneError: pipeline and data do not fit.
    """
    if sum(path.stat().st_size for path, _ in files_below([data])) > TRIED_BYTES:
        return
    fields: dict[str, Any] = {name: value for name, value in spec.data.items() if not is_later(value)}
    curation = CurateSpec.model_validate({**fields, "source": str(data)})
    golden = Path(curation.golden) if isinstance(curation.golden, str) and "://" not in curation.golden else None
    if isinstance(curation.golden, str) and golden is None:
        curation = curation.model_copy(update={"golden": None})
    with tempfile.TemporaryDirectory(prefix="finetune-try-") as work:
        places = Places(data, Path(work, "out"), golden, Path(work, "holdout"), spec.path.parent)
        curate(curation, places)
