"""What this Airflow says of itself and of this package, for the doctor: settings, plugins, providers, connections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import airflow_finetune
from airflow_finetune.plugin import second_copy
from airflow_finetune.provider import DISTRIBUTION


@dataclass(frozen=True)
class Settings:
    """What is configured, and what is loaded.

    Attributes:
        airflow: its version.
        deployment: ``[airflow_finetune] deployment``; ``default`` where nobody has set it.
        cleanup_dag: ``[airflow_finetune] cleanup_dag``; empty for none.
        api_url: where Airflow's API server should answer.
        plugins_folder: of this Airflow.
    """

    airflow: str
    deployment: str
    cleanup_dag: str
    api_url: str
    plugins_folder: Path


@dataclass(frozen=True)
class Package:
    """How this package is here.

    Attributes:
        version: of the installed distribution; None where the folder is used without an install.
        folder: that Python imports it from.
        other_copy: that lies in the plugins folder and is not used; None without.
        plugin_source: where Airflow has loaded the plugin from; None when it has not.
        plugin_errors: file -> why Airflow could not load it.
        is_provider: whether Airflow knows it as a provider.
        trigger_error: why the trigger cannot be imported; None when it can.
    """

    version: str | None
    folder: Path
    other_copy: Path | None
    plugin_source: str | None
    plugin_errors: Mapping[str, str]
    is_provider: bool
    trigger_error: str | None


def settings() -> Settings:
    """Return what is configured."""
    from airflow import __version__
    from airflow.sdk.configuration import conf

    from airflow_finetune.lifecycle.operator import SECTION, deployment_name
    from airflow_finetune.serving.operators import CLEANUP_DAG

    base = conf.get("api", "base_url", fallback=None) or f"http://localhost:{conf.get('api', 'port', fallback='8080')}"
    return Settings(
        airflow=__version__,
        deployment=deployment_name(),
        cleanup_dag=(conf.get(SECTION, "cleanup_dag", fallback=CLEANUP_DAG) or "").strip(),
        api_url=base.rstrip("/"),
        plugins_folder=Path(conf.get("core", "plugins_folder")),
    )


def package(plugins_folder: Path) -> Package:
    """Return how this package is here, as a process of Airflow that starts now would find it."""
    from airflow import plugins_manager
    from airflow.providers_manager import ProvidersManager

    plugins_manager.ensure_plugins_loaded()
    providers = ProvidersManager().providers  # type: ignore[no-untyped-call]  # Airflow's
    sources = {row["name"]: str(row["source"]) for row in plugins_manager.get_plugin_info(["name", "source"])}
    folder = Path(airflow_finetune.__file__).resolve().parent
    return Package(
        version=_installed(),
        folder=folder,
        other_copy=second_copy(folder, plugins_folder),
        plugin_source=sources.get("airflow_finetune"),
        plugin_errors={str(file): str(why) for file, why in plugins_manager.get_import_errors().items()},
        is_provider=DISTRIBUTION in providers,
        trigger_error=_trigger_error(),
    )


def connection_error(conn_id: str) -> str | None:
    """Return why there is no connection of this name; None when there is one.

    A task whose connection is missing does not fail: the amazon provider falls back on boto3's own credentials.
    """
    from airflow.sdk import BaseHook

    try:
        BaseHook.get_connection(conn_id)
    except Exception as error:  # whatever the secrets backends of this Airflow raise
        return f"{str(error).rstrip('.')}."
    return None


def _installed() -> str | None:
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return None


def _trigger_error() -> str | None:
    from airflow_finetune.lifecycle.trigger import ADDRESS

    module, _, name = ADDRESS.rpartition(".")
    try:
        getattr(import_module(module), name)
    except Exception as error:  # whatever an import can raise
        return f"{type(error).__name__}: {error}"
    return None
