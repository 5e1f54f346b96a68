"""Where a pipeline file and the files that it names are looked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from airflow_finetune.errors import SpecError

FOLDER_VARIABLE = "AIRFLOW_FINETUNE_PIPELINES"


def find_pipeline(name: str | Path, dag_file: Path, environment: Mapping[str, str]) -> Path:
    """Return the pipeline file that a DAG file means.

    An absolute path is taken as it is. Any other is looked for in the folder of the DAG file, in ``include/pipelines/``
    beside that folder, and in the folder that ``AIRFLOW_FINETUNE_PIPELINES`` names.

    Args:
        name: what the DAG file says.
        dag_file: the DAG file.
        environment: of the process.

    Raises:
        SpecError: it is in none of them; names all.
    """
    folder = dag_file.resolve().parent
    tried = [folder / name, folder.parent / "include" / "pipelines" / name]
    if environment.get(FOLDER_VARIABLE):
        tried.append(Path(environment[FOLDER_VARIABLE]) / name)
    tried = list(dict.fromkeys(tried))
    for path in tried:
        if path.is_file():
            return path
    said = f"there is no such file; looked for {', '.join(map(str, tried))}."
    hint = f"Give an absolute path, or put it into include/pipelines/ beside the DAGs or into ${FOLDER_VARIABLE}."
    raise SpecError(f"pipeline {name}", said, hint)


def find_beside(pipeline: Path, name: str, kind: str) -> Path | None:
    """Return a file that a pipeline file names; None where there is none.

    Args:
        pipeline: the pipeline file.
        name: an absolute path, or one relative to the folder ``kind`` beside the pipeline file's, or to that itself.
        kind: ``datasets``, ``golden`` or ``policies``.
    """
    folder = pipeline.resolve().parent
    found = (path for path in (folder.parent / kind / name, folder / name) if path.exists())
    return next(found, None)
