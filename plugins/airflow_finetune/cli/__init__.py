"""The command line: `python -m airflow_finetune VERB`; one file a verb, one line here."""

from __future__ import annotations

import argparse

from airflow_finetune.cli import doctor, jumpstart, schema, validate

VERBS = (validate, schema, doctor, jumpstart)


def main(argv: list[str]) -> int:
    """Run one verb and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m airflow_finetune",
        description="Fine-tune language models on AWS with Airflow: checks that need neither a DAG run nor a dollar.",
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    for verb in VERBS:
        verb.add_to(verbs)
    arguments = parser.parse_args(argv)
    return int(arguments.run(arguments))
