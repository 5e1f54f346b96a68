"""Looks at a deployment and yields what is in order and what is not; needs no task, no DAG and no dollar."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from airflow_finetune.operations import checks
from airflow_finetune.operations.account import Account, Wanted, account, wanted_by
from airflow_finetune.operations.checks import Finding
from airflow_finetune.operations.running import cleanup_state, health

_Place = tuple[str | None, str | None]  # connection and region


@dataclass(frozen=True)
class Patient:
    """What to look at.

    Attributes:
        pipelines: files whose needs are compared with the account's quotas.
        conn_id: Airflow connection; without one, those of the pipelines, else ``aws_default``.
        region: None takes the connection's.
        api_url: of Airflow's API server; None takes the one that is configured.
        token: for Airflow's API; None asks Airflow's command line instead.
    """

    pipelines: Sequence[str] = ()
    conn_id: str | None = None
    region: str | None = None
    api_url: str | None = None
    token: str | None = None


def examined(patient: Patient, now: datetime) -> Iterator[Finding]:
    """Yield one finding for each thing that was looked at.

    Args:
        patient: what to look at.
        now: the clock.
    """
    from airflow_finetune.operations.plugin import package, settings  # brings Airflow's seconds

    config = settings()
    url = (patient.api_url or config.api_url).rstrip("/")
    with ThreadPoolExecutor(1) as pool:  # Airflow's command line takes seconds to start
        asked = pool.submit(cleanup_state, url, config.cleanup_dag, patient.token) if config.cleanup_dag else None
        yield from checks.about_package(package(config.plugins_folder), config)
        yield checks.about_deployment(config)
        yield from checks.about_components(health(url))
        wanted = [wanted_by(path) for path in patient.pipelines]
        accounts: dict[_Place, Account] = yield from _accounts(patient, wanted)
        for each in wanted:
            yield from checks.about_pipeline(each, accounts.get(_place(patient, each)))
        yield checks.about_cleanup(config.cleanup_dag, asked.result() if asked else None, now)


def _accounts(patient: Patient, wanted: Sequence[Wanted]) -> Generator[Finding, None, dict[_Place, Account]]:
    from airflow_finetune.lifecycle.trigger import AwsAccess
    from airflow_finetune.operations.plugin import connection_error

    names: dict[_Place, set[str]] = {}
    for each in wanted:
        if each.error is None:
            names.setdefault(_place(patient, each), set()).update(each.quotas)
    found: dict[_Place, Account] = {}
    for (conn_id, region), quotas in (names or {(patient.conn_id or "aws_default", patient.region): set()}).items():
        found[conn_id, region] = account(AwsAccess(conn_id, region).client, quotas)
        missing = None if conn_id is None else connection_error(conn_id)
        yield from checks.about_account(conn_id, missing, found[conn_id, region])
    return found


def _place(patient: Patient, wanted: Wanted) -> _Place:
    return (patient.conn_id or wanted.conn_id, patient.region or wanted.region)
