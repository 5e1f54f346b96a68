"""What the doctor says to what it sees; each failure names the thing, the words and the next step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airflow_finetune.aws.quotas import Quota
from airflow_finetune.operations import checks
from airflow_finetune.operations.account import Account, Wanted, instances_of, wanted_by
from airflow_finetune.operations.checks import Finding
from airflow_finetune.operations.plugin import Package, Settings
from airflow_finetune.operations.running import Cleanup, Silence
from airflow_finetune.pipeline import read_pipeline
from tests.contracts.source_tree import PROJECT

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PLUGINS = Path("/opt/airflow/plugins")
SETTINGS = Settings("3.3.2", "prod", "cleanup_expired", "http://localhost:8080", PLUGINS)
PACKAGE = Package(
    None, PLUGINS / "airflow_finetune", None, "$PLUGINS_FOLDER/airflow_finetune_plugin.py", {}, False, None
)
HEALTHY = {
    name: {"status": "healthy", f"latest_{name}_heartbeat": "2026-11-20T11:59:58+00:00"} for name in checks.COMPONENTS
}
QUOTA = Quota("ml.g5.xlarge for endpoint usage", "L-1", 2.0)
ACCOUNT = Account("arn:aws:iam::123456789012:user/me", "us-east-1", quotas={QUOTA.name: QUOTA})
WANTED = Wanted("include/pipelines/orders.yaml", {QUOTA.name: 2}, "aws_default")


def outcomes(findings: Any) -> dict[str, str]:
    return {finding.name: finding.outcome for finding in findings}


def changed(value: Any, **fields: Any) -> Any:
    from dataclasses import replace

    return replace(value, **fields)


def package(**fields: Any) -> dict[str, Finding]:
    return {finding.name: finding for finding in checks.about_package(changed(PACKAGE, **fields), SETTINGS)}


def test_a_package_in_the_plugins_folder_or_installed_is_fine():
    assert {finding.outcome for finding in package().values()} == {"ok"}
    installed = {"version": "1.0", "folder": Path("/usr/lib/site-packages/airflow_finetune"), "is_provider": True}
    assert {finding.outcome for finding in package(**installed).values()} == {"ok"}


def test_a_package_that_only_this_process_finds_is_told_of():
    found = package(folder=Path("/home/airflow/src/airflow_finetune"))["package"]
    assert found.outcome == "warn"
    assert "neither installed nor in Airflow's plugins folder" in found.found


def test_two_copies_are_told_of_and_which_one_is_used():
    found = package(version="1.0", folder=Path("/usr/lib/a"), other_copy=PLUGINS / "airflow_finetune")["package"]
    assert found.outcome == "warn"
    assert "/usr/lib/a is used, /opt/airflow/plugins/airflow_finetune is not" in found.found


def test_a_plugin_that_airflow_has_not_loaded_is_told_of_with_its_error():
    assert package(plugin_source=None)["plugin"].outcome == "warn"
    errors = {"airflow_finetune_plugin.py": "No module named 'airflow_finetune'", "theirs.py": "SyntaxError"}
    broken = package(plugin_source=None, plugin_errors=errors)["plugin"]
    assert broken.outcome == "fail"
    assert "No module named" in broken.found
    assert "theirs" not in broken.found


def test_an_installed_package_that_is_no_provider_and_a_trigger_that_cannot_be_imported():
    assert package(version="1.0", folder=Path("/usr/lib/a"))["provider"].outcome == "warn"
    trigger = package(trigger_error="ImportError: no boto3")["trigger"]
    assert (trigger.outcome, trigger.found) == ("fail", "ImportError: no boto3")


def test_an_airflow_without_a_name_is_warned():
    assert checks.about_deployment(SETTINGS).outcome == "ok"
    unnamed = checks.about_deployment(changed(SETTINGS, deployment="default"))
    assert unnamed.outcome == "warn"
    assert "AIRFLOW__AIRFLOW_FINETUNE__DEPLOYMENT" in unnamed.next_step


def test_heartbeats_are_read_component_by_component():
    assert outcomes(checks.about_components(HEALTHY)) == dict.fromkeys(("api server", *checks.COMPONENTS), "ok")
    dead = {**HEALTHY, "scheduler": {"status": "unhealthy", "latest_scheduler_heartbeat": "2026-11-19T00:00:00+00:00"}}
    found = {finding.name: finding for finding in checks.about_components(dead)}
    assert [name for name, finding in found.items() if finding.outcome == "fail"] == ["scheduler"]
    assert "2026-11-19" in found["scheduler"].found
    assert "airflow scheduler" in found["scheduler"].next_step


@pytest.mark.parametrize("said", [None, {}, {"status": None, "latest_triggerer_heartbeat": None}])
def test_a_component_that_never_ran_has_no_heartbeat(said):
    found = {finding.name: finding for finding in checks.about_components({**HEALTHY, "triggerer": said})}
    assert found["triggerer"].outcome == "fail"
    assert "never" in found["triggerer"].found
    assert "deferred" in found["triggerer"].next_step


def test_an_airflow_that_does_not_run_is_said_once_and_the_rest_is_not_known():
    found = outcomes(checks.about_components(Silence("http://x: [Errno 111] Connection refused.")))
    assert found == {"api server": "fail", **dict.fromkeys(checks.COMPONENTS, "warn")}


@pytest.mark.parametrize(
    ("state", "outcome", "words"),
    [
        (Cleanup(False, NOW - timedelta(minutes=9)), "ok", "last succeeded at 2026-11-20 11:51"),
        (Cleanup(True, NOW - timedelta(minutes=9)), "fail", "It is paused: what outlives its lease bills."),
        (Cleanup(False, None), "warn", "has not succeeded yet"),
        (Cleanup(False, NOW - timedelta(hours=3)), "warn", "3.0 hours ago"),
        (Silence("404.", is_absence=True), "fail", "There is none"),
        (Silence("Connection refused."), "warn", "Not known: Connection refused."),
    ],
)
def test_a_cleanup_that_does_not_clean_is_told_of(state, outcome, words):
    found = checks.about_cleanup("cleanup_expired", state, NOW)
    assert (found.name, found.outcome) == ("DAG cleanup_expired", outcome)
    assert words in found.found
    assert bool(found.next_step) is (outcome != "ok")


def test_a_paused_cleanup_says_how_to_unpause_it():
    assert "airflow dags unpause ours" in checks.about_cleanup("ours", Cleanup(True, None), NOW).next_step


def test_an_airflow_that_cleans_up_in_another_way_is_left_alone():
    assert checks.about_cleanup("", None, NOW).outcome == "ok"


def test_credentials_are_told_by_whom_aws_takes_them_for():
    (fine,) = checks.about_account("aws_default", None, ACCOUNT)
    assert (fine.outcome, fine.found) == (
        "ok",
        "arn:aws:iam::123456789012:user/me in us-east-1, by connection aws_default.",
    )
    (refused,) = checks.about_account("aws_default", None, Account(error="AWS answered InvalidClientTokenId: no."))
    assert (refused.outcome, refused.found) == ("fail", "AWS answered InvalidClientTokenId: no.")
    (nowhere,) = checks.about_account("aws_default", None, Account(error="NoRegionError: You must specify a region."))
    assert "region_name" in nowhere.next_step


def test_a_connection_that_is_missing_is_said_although_boto3_finds_credentials_elsewhere():
    missing, fine = checks.about_account("aws_default", "The conn_id isn't defined.", ACCOUNT)
    assert (missing.outcome, fine.outcome) == ("warn", "ok")
    assert "boto3's own way" in missing.found


def test_a_quota_is_compared_with_what_a_run_needs():
    _, fine = checks.about_pipeline(WANTED, ACCOUNT)
    assert (fine.outcome, fine.found) == ("ok", "It is 2 in us-east-1; a run needs 2.")
    zero = changed(ACCOUNT, quotas={QUOTA.name: QUOTA._replace(value=0.0)})
    _, short = checks.about_pipeline(WANTED, zero)
    assert (short.outcome, short.found) == ("fail", "It is 0 in us-east-1, and a run needs 2 at once.")
    assert "--quota-code L-1 --desired-value 2" in short.next_step
    _, unlisted = checks.about_pipeline(WANTED, changed(ACCOUNT, quotas={}))
    assert unlisted.outcome == "warn"


@pytest.mark.parametrize(
    "account", [None, Account(error="nobody"), changed(ACCOUNT, quotas_error="AWS answered AccessDenied: no.")]
)
def test_a_quota_that_could_not_be_read_is_no_failure(account):
    _, found = checks.about_pipeline(WANTED, account)
    assert found.outcome == "warn"
    assert "Not known" in found.found


def test_a_pipeline_file_that_cannot_work_is_a_failure_with_its_line(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("backend: spot_training\nmodell: {}\n")
    (found,) = checks.about_pipeline(wanted_by(str(path)), ACCOUNT)
    assert found.outcome == "fail"
    assert "'modell' is no key" in found.found
    (gone,) = checks.about_pipeline(wanted_by(str(tmp_path / "none.yaml")), ACCOUNT)
    assert gone.outcome == "fail"


def test_a_pipeline_needs_every_market_that_it_may_use_and_two_endpoints():
    wanted = wanted_by(str(PROJECT / "include/pipelines/orders.yaml"))
    assert wanted.error is None
    assert wanted.quotas == {
        "ml.g4dn.xlarge for spot training job usage": 1,
        "ml.g4dn.xlarge for training job usage": 1,
        "ml.m5.large for endpoint usage": 2,
    }
    assert wanted.conn_id == "aws_default"


def test_a_pipeline_without_instances_needs_none():
    assert instances_of(read_pipeline(PROJECT / "include/pipelines/bedrock_orders.yaml")) == {}
    assert instances_of(read_pipeline(PROJECT / "include/pipelines/orders.yaml")), "the control"


@pytest.mark.parametrize(
    ("compute", "markets"),
    [
        ("fallback: null", ["spot training job usage"]),
        ("spot: false", ["training job usage"]),
        ("instance_count: 2", ["spot training job usage", "training job usage"]),
    ],
)
def test_a_pipeline_needs_no_market_that_it_does_not_use(tmp_path, compute, markets):
    lines = (PROJECT / "include/pipelines/orders.yaml").read_text().splitlines()
    if compute == "spot: false":  # then there is nothing to wait for
        lines = [line for line in lines if "max_wait" not in line]
    changed_path = tmp_path / "include" / "pipelines" / "orders.yaml"
    changed_path.parent.mkdir(parents=True)
    changed_path.write_text("\n".join(lines).replace("compute:\n", f"compute:\n  {compute}\n"))
    for folder in ("golden", "policies"):
        (tmp_path / "include" / folder).symlink_to(PROJECT / "include" / folder)
    wanted = wanted_by(str(changed_path))
    assert wanted.error is None
    trained = {name: count for name, count in wanted.quotas.items() if "training" in name}
    assert sorted(trained) == [f"ml.g4dn.xlarge for {market}" for market in markets]
    assert set(trained.values()) == {2 if "count" in compute else 1}
