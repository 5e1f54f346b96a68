"""What parsing our DAG costs beside importing Airflow, which every parsing process does anyway."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import childrens_cpu, in_turn, report, spread
from demo.processes import clean_environment

PROJECT = Path(__file__).resolve().parents[1]
ROUNDS, LIMIT_PERCENT = 8, 10.0
EMPTY = "from airflow.sdk import DAG\nfrom airflow.providers.standard.operators.empty import EmptyOperator\n"
EMPTY += "with DAG('empty', schedule=None):\n    EmptyOperator(task_id='nothing')\n"
PARSE = """
import sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
assert bag.dags, "no DAG was found"
"""


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "empty").mkdir()
        (home / "empty" / "empty.py").write_text(EMPTY)
        environment = clean_environment(home) | {
            "AIRFLOW_HOME": str(home / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
            "PYTHONWARNINGS": "ignore",
        }

        def parse(dags: Path) -> None:
            argv = [sys.executable, "-c", PARSE, str(dags)]
            subprocess.run(argv, env=environment, check=True, stdout=subprocess.DEVNULL, cwd=folder)

        def ours() -> None:
            parse(PROJECT / "dags")

        def nothing() -> None:
            parse(home / "empty")

        in_turn(ours, nothing, 1)  # byte code and page cache
        pairs = in_turn(ours, nothing, ROUNDS, childrens_cpu)
    mine, other = spread([a for a, _ in pairs]), spread([b for _, b in pairs])
    extra = spread([(a / b - 1) * 100 for a, b in pairs], 1)
    count = len(list((PROJECT / "dags").glob("*.py")))
    sentence = (
        f"Parsing our {count} DAG file adds {extra['median']} % to importing Airflow and parsing a DAG with an empty "
        f"task ({mine['median']} s against {other['median']} s of processor time; middle half {extra['p25']} to "
        f"{extra['p75']} %, {ROUNDS} pairs in turn; target {LIMIT_PERCENT:.0f} %)."
    )
    report("parse", sentence, ours_cpu_s=mine, airflow_cpu_s=other, extra_percent=extra, pairs=ROUNDS)
    return 0 if extra["median"] < LIMIT_PERCENT else 1


if __name__ == "__main__":
    sys.exit(main())
