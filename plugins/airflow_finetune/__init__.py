"""Fine-tune language models on AWS with Airflow; public names are imported when they are first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_finetune.backends.operator import FineTuneOperator
    from airflow_finetune.backends.spot_training.operator import SpotTrainingOperator
    from airflow_finetune.backends.spot_training.spec import SpotTrainingSpec
    from airflow_finetune.curation.operators import CurateOperator
    from airflow_finetune.curation.spec import CurateSpec
    from airflow_finetune.errors import (
        DataError,
        EmptySource,
        FinetuneError,
        JobFailed,
        JobLost,
        NothingToTrainOn,
        RequestRefused,
        SpecError,
        Unavailable,
    )
    from airflow_finetune.lifecycle.sensor import FineTuneJobSensor
    from airflow_finetune.planning.operators import PlanOperator
    from airflow_finetune.serving.groups import serving_scope
    from airflow_finetune.serving.operators import (
        CleanupExpiredOperator,
        DeployModelOperator,
        OpenScopeOperator,
        TeardownOperator,
    )
    from airflow_finetune.serving.spec import DeploySpec
    from airflow_finetune.values import (
        CleanupReceipt,
        CuratedDataset,
        DatasetReference,
        Plan,
        RawDataset,
        ServedModel,
        TunedModel,
    )

__version__ = "0.1.0"

# Lazy, or every process that imports any part of the package (the embedded AWS too) would pay Airflow's seconds.
_HOMES = {
    "CleanupExpiredOperator": "serving.operators",
    "CleanupReceipt": "values",
    "CurateOperator": "curation.operators",
    "CurateSpec": "curation.spec",
    "CuratedDataset": "values",
    "DataError": "errors",
    "DatasetReference": "values",
    "DeployModelOperator": "serving.operators",
    "DeploySpec": "serving.spec",
    "EmptySource": "errors",
    "FineTuneJobSensor": "lifecycle.sensor",
    "FineTuneOperator": "backends.operator",
    "FinetuneError": "errors",
    "JobFailed": "errors",
    "JobLost": "errors",
    "NothingToTrainOn": "errors",
    "OpenScopeOperator": "serving.operators",
    "Plan": "values",
    "PlanOperator": "planning.operators",
    "RawDataset": "values",
    "RequestRefused": "errors",
    "ServedModel": "values",
    "SpecError": "errors",
    "SpotTrainingOperator": "backends.spot_training.operator",
    "SpotTrainingSpec": "backends.spot_training.spec",
    "TeardownOperator": "serving.operators",
    "TunedModel": "values",
    "Unavailable": "errors",
    "serving_scope": "serving.groups",
}

__all__ = [
    "CleanupExpiredOperator",
    "CleanupReceipt",
    "CurateOperator",
    "CurateSpec",
    "CuratedDataset",
    "DataError",
    "DatasetReference",
    "DeployModelOperator",
    "DeploySpec",
    "EmptySource",
    "FineTuneJobSensor",
    "FineTuneOperator",
    "FinetuneError",
    "JobFailed",
    "JobLost",
    "NothingToTrainOn",
    "OpenScopeOperator",
    "Plan",
    "PlanOperator",
    "RawDataset",
    "RequestRefused",
    "ServedModel",
    "SpecError",
    "SpotTrainingOperator",
    "SpotTrainingSpec",
    "TeardownOperator",
    "TunedModel",
    "Unavailable",
    "serving_scope",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
