"""What a folder with many pipelines costs to parse, beside importing Airflow.

Each DAG file is the two lines that a user writes; the YAML files are copies of those in ``include/pipelines/``. So each
backend that has one takes part. In turn with it a process parses a folder with one DAG of an empty task; and then one
with as many DAGs of as many empty tasks: what Airflow itself costs there.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import childrens_cpu, in_turn, report, spread
from benchmarks.parse import EMPTY, PARSE, PROJECT
from demo.processes import clean_environment

FILES, TASKS, ROUNDS, LIMIT_PERCENT = 50, 12, 6, 10.0
DAG_FILE = 'from airflow_finetune import finetune_dag\n\ndag = finetune_dag("{name}.yaml")\n'
PLAIN_FILE = """
from airflow.sdk import DAG, chain
from airflow.providers.standard.operators.empty import EmptyOperator
with DAG("{name}", schedule=None):
    chain(*[EmptyOperator(task_id=f"task_{{n}}") for n in range({tasks})])
"""


def write(folder: Path, files: int) -> list[str]:
    """Write a project with pipelines and their DAG files; return the backends that take part."""
    dags, pipelines = folder / "dags", folder / "include" / "pipelines"
    for each in (dags, pipelines):
        each.mkdir(parents=True)
    for name in ("policies", "datasets", "golden"):
        (folder / "include" / name).symlink_to(PROJECT / "include" / name)
    found = sorted((PROJECT / "include" / "pipelines").glob("*.yaml"))
    backends = set()
    for number, source in zip(range(files), itertools.cycle(found), strict=False):
        name, text = f"pipeline_{number:02}", source.read_text()
        (pipelines / f"{name}.yaml").write_text(text)
        (dags / f"{name}.py").write_text(DAG_FILE.format(name=name))
        backends.add(next(line.split()[1] for line in text.splitlines() if line.startswith("backend:")))
    return sorted(backends)


def main() -> int:
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        (folder / "empty").mkdir()
        (folder / "empty" / "empty.py").write_text(EMPTY)
        backends = write(folder / "many", FILES)
        (folder / "plain").mkdir()
        for number in range(FILES):
            content = PLAIN_FILE.format(name=f"plain_{number:02}", tasks=TASKS)
            (folder / "plain" / f"plain_{number:02}.py").write_text(content)
        environment = clean_environment(folder) | {
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
            "PYTHONWARNINGS": "ignore",
        }

        def parse(dags: Path) -> None:
            argv = [sys.executable, "-c", PARSE, str(dags)]
            subprocess.run(argv, env=environment, check=True, stdout=subprocess.DEVNULL, cwd=folder)

        def ours() -> None:
            parse(folder / "many" / "dags")

        def nothing() -> None:
            parse(folder / "empty")

        def plain() -> None:
            parse(folder / "plain")

        in_turn(ours, nothing, 1)  # byte code and page cache
        pairs = in_turn(ours, nothing, ROUNDS, childrens_cpu)
        beside = in_turn(ours, plain, ROUNDS, childrens_cpu)
    mine, other = spread([a for a, _ in pairs]), spread([b for _, b in pairs])
    extra = spread([(a / b - 1) * 100 for a, b in pairs], 1)
    more = spread([(a / b - 1) * 100 for a, b in beside], 1)
    each = round((mine["median"] - other["median"]) / FILES * 1000, 1)
    sentence = (
        f"Parsing {FILES} pipelines over {', '.join(backends)} adds {extra['median']} % to importing Airflow and "
        f"parsing one DAG with an empty task ({mine['median']} s against {other['median']} s of processor time, {each} "
        f"ms a file, imports included; middle half {extra['p25']} to {extra['p75']} %; target {LIMIT_PERCENT:.0f} %), "
        f"and {more['median']} % to parsing as many DAGs of {TASKS} empty tasks ({more['p25']} to {more['p75']} %); "
        f"{ROUNDS} pairs in turn each."
    )
    figures = {"ours_cpu_s": mine, "airflow_cpu_s": other, "extra_percent": extra, "beside_plain_percent": more}
    report("parse_many", sentence, **figures, pairs=ROUNDS, files=FILES, backends=backends)
    return 0 if extra["median"] < LIMIT_PERCENT else 1


if __name__ == "__main__":
    sys.exit(main())
