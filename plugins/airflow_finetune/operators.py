"""Public operators."""

from airflow_finetune.backends.operator import FineTuneOperator
from airflow_finetune.backends.spot_training.operator import SpotTrainingOperator
from airflow_finetune.curation.operators import CurateOperator
from airflow_finetune.planning.operators import PlanOperator
from airflow_finetune.serving.operators import (
    CleanupExpiredOperator,
    DeployModelOperator,
    OpenScopeOperator,
    TeardownOperator,
)

__all__ = [
    "CleanupExpiredOperator",
    "CurateOperator",
    "DeployModelOperator",
    "FineTuneOperator",
    "OpenScopeOperator",
    "PlanOperator",
    "SpotTrainingOperator",
    "TeardownOperator",
]
