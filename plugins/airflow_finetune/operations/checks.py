"""What the doctor thinks of what it has seen: pure. Each finding is fine, a warning, or a failure, with what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from airflow_finetune.operations.account import Account, Wanted
from airflow_finetune.operations.running import Cleanup, Silence

if TYPE_CHECKING:
    from airflow_finetune.operations.plugin import Package, Settings

Outcome = Literal["ok", "warn", "fail"]
COMPONENTS = ("scheduler", "triggerer", "dag_processor")
OVERDUE = timedelta(hours=1)  # six runs of the shipped cleanup DAG


class Finding(NamedTuple):
    """One line.

    Attributes:
        name: what was looked at.
        outcome: ``fail`` ends the doctor with 1.
        found: what was found, or somebody's words.
        next_step: what to do; empty when it is fine.
    """

    name: str
    outcome: Outcome
    found: str
    next_step: str = ""


def about_package(package: Package, settings: Settings) -> Iterator[Finding]:
    """Yield how the package is here, and whether every process of Airflow finds it."""
    folder, plugins = package.folder, settings.plugins_folder
    of = f"airflow-finetune {package.version}" if package.version else "airflow-finetune, used from its folder,"
    if package.other_copy is not None:
        found = f"two copies: {folder} is used, {package.other_copy} is not."
        yield Finding("package", "warn", found, "Uninstall one, or remove that folder: an edit of it has no effect.")
    elif package.version or folder.is_relative_to(plugins.resolve()):
        yield Finding("package", "ok", f"{of} in {folder}, with Airflow {settings.airflow}.")
    else:
        found = f"{of} in {folder}: neither installed nor in Airflow's plugins folder {plugins}."
        step = "Install it, or copy it there: scheduler, workers and triggerer may not find it."
        yield Finding("package", "warn", found, step)
    yield _plugin(package, plugins)
    yield _provider(package)
    yield _trigger(package)


def about_deployment(settings: Settings) -> Finding:
    """Say whether this Airflow has a name of its own."""
    if settings.deployment == "default":
        found = "[airflow_finetune] deployment is 'default', as in every Airflow that has not set it."
        step = "Set it while no job runs (AIRFLOW__AIRFLOW_FINETUNE__DEPLOYMENT), in every component."
        return Finding("deployment", "warn", found, step)
    return Finding("deployment", "ok", f"This Airflow is {settings.deployment!r}.")


def about_components(answer: Mapping[str, Any] | Silence) -> Iterator[Finding]:
    """Yield whether the processes of Airflow are alive, by their heartbeats."""
    if isinstance(answer, Silence):
        step = "Start Airflow, or set [api] base_url (or --api-url) to where its API server answers from here."
        yield Finding("api server", "fail", f"Airflow is not running, or not there: {answer.said}", step)
        for name in COMPONENTS:
            yield Finding(name, "warn", "Not known: the API server did not answer.", "See api server.")
        return
    yield Finding("api server", "ok", "It answers.")
    for name in COMPONENTS:
        said = answer.get(name) or {}
        beat = said.get(f"latest_{name}_heartbeat") or "never"
        if said.get("status") == "healthy":
            yield Finding(name, "ok", f"Its last heartbeat was at {beat}.")
        else:
            step = f"Start `airflow {name.replace('_', '-')}`. {_WITHOUT[name]}"
            yield Finding(name, "fail", f"It is not alive: its last heartbeat was at {beat}.", step)


_WITHOUT = {
    "scheduler": "Without it nothing runs, cleanup included.",
    "triggerer": "Without it nobody looks at a deferred job until its max_wait is over.",
    "dag_processor": "Without it no DAG is read.",
}


def about_cleanup(dag_id: str, state: Cleanup | Silence | None, now: datetime) -> Finding:
    """Say whether something deletes what outlives its lease.

    Args:
        dag_id: empty where this Airflow cleans up in another way.
        state: None when it was not asked for.
        now: the clock.
    """
    name = f"DAG {dag_id}" if dag_id else "cleanup"
    match state:
        case None:
            found = "[airflow_finetune] cleanup_dag is empty: it is assumed that you clean up in another way."
            return Finding(name, "ok", found)
        case Silence(said, is_absence=True):
            step = "Put dags/cleanup_expired.py into the DAGs folder, or name yours in [airflow_finetune] cleanup_dag."
            return Finding(name, "fail", f"There is none: {said} What outlives its lease bills.", step)
        case Silence(said):
            step = "Run the doctor where `airflow dags list` works, or put a token into AIRFLOW_API_TOKEN."
            return Finding(name, "warn", f"Not known: {said}", step)
        case Cleanup():
            return _switched_on(name, state, now) if not state.is_paused else _paused(name, dag_id)


def _paused(name: str, dag_id: str) -> Finding:
    step = f"Unpause it: airflow dags unpause {dag_id}"
    return Finding(name, "fail", "It is paused: what outlives its lease bills.", step)


def _switched_on(name: str, state: Cleanup, now: datetime) -> Finding:
    at = state.last_success
    if at is None:
        return Finding(name, "warn", "It has not succeeded yet.", "Look at it again in ten minutes.")
    if now - at > OVERDUE:
        hours = (now - at).total_seconds() / 3600
        found = f"It has last succeeded at {at:%Y-%m-%d %H:%M} UTC, {hours:.1f} hours ago."
        return Finding(name, "warn", found, "Look at its last runs and their logs.")
    return Finding(name, "ok", f"It is on, and has last succeeded at {at:%Y-%m-%d %H:%M} UTC.")


def about_account(conn_id: str | None, missing: str | None, account: Account) -> Iterator[Finding]:
    """Yield whether the connection is there, and whom AWS takes it for.

    Args:
        conn_id: of Airflow's connection.
        missing: why there is none; None when there is one.
        account: what AWS says.
    """
    name = f"connection {conn_id}"
    if missing is not None:
        found = f"{missing} Tasks use boto3's own way to find credentials instead."
        yield Finding(name, "warn", found, f"Add the connection: airflow connections add {conn_id} --conn-type aws ...")
    if account.error:
        step = "Correct the connection: keys, role, region."
        if "NoRegion" in account.error:
            step = 'Give the connection a region: its extra is {"region_name": "..."}.'
        yield Finding("credentials", "fail", account.error, step)
    else:
        yield Finding("credentials", "ok", f"{account.identity} in {account.region}, by {name}.")


def about_pipeline(wanted: Wanted, account: Account | None) -> Iterator[Finding]:
    """Yield whether a pipeline file can work, and whether the account may run what it asks for.

    Args:
        wanted: what the file asks for.
        account: None when nobody could be asked.
    """
    name = f"pipeline {Path(wanted.path).name}"
    if wanted.error is not None:
        yield Finding(name, "fail", wanted.error, "See `python -m airflow_finetune validate`.")
        return
    yield Finding(name, "ok", "Nothing is wrong with the file.")
    if account is None or account.error:
        yield Finding(f"{name}: quotas", "warn", "Not known: AWS could not be asked.", "See credentials.")
    elif account.quotas_error:
        step = "Allow servicequotas:ListServiceQuotas and ListAWSDefaultServiceQuotas to the connection's role."
        yield Finding(f"{name}: quotas", "warn", f"Not known: {account.quotas_error}", step)
    else:
        for quota, count in sorted(wanted.quotas.items()):
            yield _quota(name, quota, count, account)


def _quota(name: str, quota: str, count: int, account: Account) -> Finding:
    found, name = account.quotas.get(quota), f"{name}: quota {quota}"
    if found is None:
        return Finding(
            name, "warn", f"Service Quotas does not list it in {account.region}.", "Check the instance type."
        )
    if found.value < count:
        ask = (
            "aws service-quotas request-service-quota-increase --service-code sagemaker"
            f" --quota-code {found.code} --desired-value {count} --region {account.region}"
        )
        said = f"It is {found.value:g} in {account.region}, and a run needs {count} at once."
        return Finding(name, "fail", said, f"Ask for more ({ask}), or choose another instance type.")
    return Finding(name, "ok", f"It is {found.value:g} in {account.region}; a run needs {count}.")


def _plugin(package: Package, plugins: Path) -> Finding:
    ours = {file: why for file, why in package.plugin_errors.items() if "airflow_finetune" in file + why}
    if package.plugin_source is not None:
        return Finding("plugin", "ok", f"Airflow has loaded it from {package.plugin_source}.")
    if ours:
        found = "; ".join(f"{file}: {why}" for file, why in ours.items())
        return Finding("plugin", "fail", f"Airflow could not load it: {found}", "Correct what it says.")
    step = f"Install the package, or put airflow_finetune_plugin.py and .airflowignore beside it into {plugins}."
    return Finding("plugin", "warn", "Airflow has not loaded it: `airflow plugins` does not show it.", step)


def _provider(package: Package) -> Finding:
    if package.is_provider:
        return Finding("provider", "ok", "Airflow knows its settings and links.")
    if package.version is None:
        found = "A folder is no provider: `airflow config list` does not show its settings; they work all the same."
        return Finding("provider", "ok", found)
    return Finding("provider", "warn", "It is installed, and Airflow does not list it.", "Install it again.")


def _trigger(package: Package) -> Finding:
    if package.trigger_error is None:
        return Finding(
            "trigger", "ok", "It can be imported here; a triggerer needs the same package in the same place."
        )
    step = "Install what it says: a triggerer that cannot import it strands deferred tasks."
    return Finding("trigger", "fail", package.trigger_error, step)
