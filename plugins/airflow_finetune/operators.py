"""Public operators."""

from airflow_finetune.backends.bedrock.operator import BedrockFineTuneOperator
from airflow_finetune.backends.jumpstart.operator import JumpStartFineTuneOperator
from airflow_finetune.backends.operator import FineTuneOperator
from airflow_finetune.backends.spot_training.operator import SpotTrainingOperator
from airflow_finetune.comparison.operators import CheckBudgetOperator, CompareOperator
from airflow_finetune.curation.operators import CurateOperator
from airflow_finetune.evaluation.advice.operators import AdviseOperator
from airflow_finetune.evaluation.operators import EvaluateOperator, GateOperator
from airflow_finetune.operations.operators import LeftBillingOperator
from airflow_finetune.planning.choice.operators import ChooseOperator
from airflow_finetune.planning.operators import PlanOperator
from airflow_finetune.registry.approval.operators import ApproveModelOperator, PromoteOperator
from airflow_finetune.registry.operators import RegisterOperator
from airflow_finetune.registry.promoted.operators import DeployPromotedOperator, UndeployOperator
from airflow_finetune.serving.bedrock.operators import (
    DeleteBedrockCustomModelOperator,
    DeleteBedrockDeploymentOperator,
    DeleteBedrockThroughputOperator,
)
from airflow_finetune.serving.ending.operators import CleanupExpiredOperator, TeardownOperator
from airflow_finetune.serving.operators import DeployModelOperator, OpenScopeOperator

__all__ = [
    "AdviseOperator",
    "ApproveModelOperator",
    "BedrockFineTuneOperator",
    "CheckBudgetOperator",
    "ChooseOperator",
    "CleanupExpiredOperator",
    "CompareOperator",
    "CurateOperator",
    "DeleteBedrockCustomModelOperator",
    "DeleteBedrockDeploymentOperator",
    "DeleteBedrockThroughputOperator",
    "DeployModelOperator",
    "DeployPromotedOperator",
    "EvaluateOperator",
    "FineTuneOperator",
    "GateOperator",
    "JumpStartFineTuneOperator",
    "LeftBillingOperator",
    "OpenScopeOperator",
    "PlanOperator",
    "PromoteOperator",
    "RegisterOperator",
    "SpotTrainingOperator",
    "TeardownOperator",
    "UndeployOperator",
]
