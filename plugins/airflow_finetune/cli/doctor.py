"""`doctor`: whether this Airflow, this package and this AWS account are in order, line by line, with what to do."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_finetune.redact import redacted

if TYPE_CHECKING:
    from airflow_finetune.operations.checks import Finding

ABOUT = """\
Look at a deployment: package, plugin, deployment name, heartbeats, cleanup DAG, credentials, region, and the quotas
that pipeline files need. It changes nothing. It ends with 1 when something fails.

Run it where Airflow runs, as its user. Elsewhere, give --api-url, and a token in AIRFLOW_API_TOKEN."""
TOKEN = "AIRFLOW_API_TOKEN"  # noqa: S105 - the name of the variable that holds one


def add_to(verbs: Any) -> None:
    """Add this verb to the command line."""
    parser = verbs.add_parser(
        "doctor",
        help="look whether Airflow, this package and the AWS account are in order",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("pipelines", nargs="*", metavar="FILE", help="pipeline files whose quotas to look at")
    parser.add_argument("--aws-conn-id", metavar="ID", help="Airflow connection (the pipelines' own, else aws_default)")
    parser.add_argument("--region", help="of AWS (the connection's)")
    parser.add_argument("--api-url", metavar="URL", help="of Airflow's API server ([api] base_url)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Look, print, and return 1 when something fails."""
    # As Airflow's own commands do that read connections: else those in its database are not found.
    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")
    os.environ.setdefault("AIRFLOW__LOGGING__LOGGING_LEVEL", "ERROR")
    found = []
    printed = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # what libraries print is no finding
        for finding in _findings(arguments):
            found.append(finding)
            if not arguments.json:
                print(line(finding), file=printed, flush=True)
    worst = sum(finding.outcome == "fail" for finding in found)
    if arguments.json:
        rows = [finding._asdict() for finding in found]
        print(json.dumps(redacted({"ok": not worst, "findings": rows}), indent=2))
    else:
        warned = sum(finding.outcome == "warn" for finding in found)
        print(f"{len(found)} looked at: {worst} failed, {warned} to look into.")
    return 1 if worst else 0


def line(finding: Finding) -> str:
    """Return a finding as text: what was found, and below it what to do."""
    text = f"{finding.outcome:4}  {finding.name}: {finding.found}"
    return str(redacted(f"{text}\n      {finding.next_step}" if finding.next_step else text))


def _findings(arguments: argparse.Namespace) -> Any:
    from airflow_finetune.operations.doctor import Patient, examined

    patient = Patient(
        pipelines=arguments.pipelines,
        conn_id=arguments.aws_conn_id,
        region=arguments.region,
        api_url=arguments.api_url,
        token=os.environ.get(TOKEN),
    )
    return examined(patient, datetime.now(UTC))
