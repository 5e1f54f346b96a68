"""Fine-tune language models on AWS with Airflow; public names are imported when they are first asked for."""

from __future__ import annotations

import gc
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_finetune.backends.bedrock.operator import BedrockFineTuneOperator
    from airflow_finetune.backends.bedrock.spec import BedrockSpec
    from airflow_finetune.backends.jumpstart.operator import JumpStartFineTuneOperator
    from airflow_finetune.backends.jumpstart.spec import JumpStartSpec
    from airflow_finetune.backends.operator import FineTuneOperator
    from airflow_finetune.backends.serverless.operator import ServerlessFineTuneOperator
    from airflow_finetune.backends.serverless.spec import ServerlessSpec
    from airflow_finetune.backends.spot_training.operator import SpotTrainingOperator
    from airflow_finetune.backends.spot_training.spec import SpotTrainingSpec
    from airflow_finetune.comparison.operators import CheckBudgetOperator, CompareOperator
    from airflow_finetune.curation.operators import CurateOperator
    from airflow_finetune.curation.spec import CurateSpec
    from airflow_finetune.dag_templates.finetune import finetune_dag
    from airflow_finetune.errors import (
        DataError,
        EmptySource,
        FinetuneError,
        JobFailed,
        JobLost,
        NotAllowed,
        NothingToTrainOn,
        RequestRefused,
        SpecError,
        Unavailable,
        Unreachable,
    )
    from airflow_finetune.evaluation.advice.operators import AdviseOperator
    from airflow_finetune.evaluation.advice.spec import AdviseSpec
    from airflow_finetune.evaluation.operators import EvaluateOperator, GateOperator
    from airflow_finetune.evaluation.policy import GatePolicy
    from airflow_finetune.evaluation.sampling import SamplingSpec
    from airflow_finetune.groups import (
        advise,
        choose,
        curate,
        evaluate,
        fine_tune,
        gate,
        of_chosen,
        plan,
        register,
        request_approval,
        served,
    )
    from airflow_finetune.lifecycle.sensor import BedrockFineTuneJobSensor, FineTuneJobSensor
    from airflow_finetune.operations.bills import BillingReport
    from airflow_finetune.operations.operators import LeftBillingOperator
    from airflow_finetune.pipeline.faults import PipelineError
    from airflow_finetune.pipeline.spec import PipelineSpec
    from airflow_finetune.planning.choice.operators import ChooseOperator
    from airflow_finetune.planning.operators import PlanOperator
    from airflow_finetune.registry.approval.operators import ApproveModelOperator, PromoteOperator
    from airflow_finetune.registry.operators import RegisterOperator
    from airflow_finetune.registry.promoted.operators import DeployPromotedOperator, UndeployOperator
    from airflow_finetune.registry.spec import RegisterSpec
    from airflow_finetune.serving.bedrock.operators import (
        DeleteBedrockCustomModelOperator,
        DeleteBedrockDeploymentOperator,
        DeleteBedrockThroughputOperator,
    )
    from airflow_finetune.serving.bedrock.spec import BedrockDeploySpec
    from airflow_finetune.serving.ending.operators import CleanupExpiredOperator, TeardownOperator
    from airflow_finetune.serving.groups import serving_scope
    from airflow_finetune.serving.operators import DeployModelOperator, OpenScopeOperator
    from airflow_finetune.serving.spec import DeploySpec
    from airflow_finetune.values import (
        CleanupReceipt,
        CuratedDataset,
        EvalReport,
        GateVerdict,
        ModelVersion,
        PromotedEndpoint,
        RawDataset,
        ServedModel,
        TunedModel,
    )
    from airflow_finetune.values.advised import Advice
    from airflow_finetune.values.planned import Plan
    from airflow_finetune.values.value import DatasetReference

__version__ = "0.1.0"

# Lazy, or every process that imports any part of the package (the embedded AWS too) would pay Airflow's seconds.
_NAMES = {
    "backends.bedrock.operator": "BedrockFineTuneOperator",
    "backends.bedrock.spec": "BedrockSpec",
    "backends.jumpstart.operator": "JumpStartFineTuneOperator",
    "backends.jumpstart.spec": "JumpStartSpec",
    "backends.operator": "FineTuneOperator",
    "backends.serverless.operator": "ServerlessFineTuneOperator",
    "backends.serverless.spec": "ServerlessSpec",
    "backends.spot_training.operator": "SpotTrainingOperator",
    "backends.spot_training.spec": "SpotTrainingSpec",
    "comparison.operators": "CheckBudgetOperator CompareOperator",
    "curation.operators": "CurateOperator",
    "curation.spec": "CurateSpec",
    "dag_templates.finetune": "finetune_dag",
    "errors": (
        "DataError EmptySource FinetuneError JobFailed JobLost NotAllowed NothingToTrainOn RequestRefused "
        "SpecError Unavailable Unreachable"
    ),
    "evaluation.advice.operators": "AdviseOperator",
    "evaluation.advice.spec": "AdviseSpec",
    "evaluation.operators": "EvaluateOperator GateOperator",
    "evaluation.policy": "GatePolicy",
    "evaluation.sampling": "SamplingSpec",
    "groups": "advise choose curate evaluate fine_tune gate of_chosen plan register request_approval served",
    "lifecycle.sensor": "BedrockFineTuneJobSensor FineTuneJobSensor",
    "operations.bills": "BillingReport",
    "operations.operators": "LeftBillingOperator",
    "pipeline.faults": "PipelineError",
    "pipeline.spec": "PipelineSpec",
    "planning.choice.operators": "ChooseOperator",
    "planning.operators": "PlanOperator",
    "registry.approval.operators": "ApproveModelOperator PromoteOperator",
    "registry.operators": "RegisterOperator",
    "registry.promoted.operators": "DeployPromotedOperator UndeployOperator",
    "registry.spec": "RegisterSpec",
    "serving.bedrock.operators": (
        "DeleteBedrockCustomModelOperator DeleteBedrockDeploymentOperator DeleteBedrockThroughputOperator"
    ),
    "serving.bedrock.spec": "BedrockDeploySpec",
    "serving.ending.operators": "CleanupExpiredOperator TeardownOperator",
    "serving.groups": "serving_scope",
    "serving.operators": "DeployModelOperator OpenScopeOperator",
    "serving.spec": "DeploySpec",
    "values": (
        "CleanupReceipt CuratedDataset EvalReport GateVerdict ModelVersion PromotedEndpoint RawDataset "
        "ServedModel TunedModel"
    ),
    "values.advised": "Advice",
    "values.planned": "Plan",
    "values.value": "DatasetReference",
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names.split()}

__all__ = [
    "Advice",
    "AdviseOperator",
    "AdviseSpec",
    "ApproveModelOperator",
    "BedrockDeploySpec",
    "BedrockFineTuneJobSensor",
    "BedrockFineTuneOperator",
    "BedrockSpec",
    "BillingReport",
    "CheckBudgetOperator",
    "ChooseOperator",
    "CleanupExpiredOperator",
    "CleanupReceipt",
    "CompareOperator",
    "CurateOperator",
    "CurateSpec",
    "CuratedDataset",
    "DataError",
    "DatasetReference",
    "DeleteBedrockCustomModelOperator",
    "DeleteBedrockDeploymentOperator",
    "DeleteBedrockThroughputOperator",
    "DeployModelOperator",
    "DeployPromotedOperator",
    "DeploySpec",
    "EmptySource",
    "EvalReport",
    "EvaluateOperator",
    "FineTuneJobSensor",
    "FineTuneOperator",
    "FinetuneError",
    "GateOperator",
    "GatePolicy",
    "GateVerdict",
    "JobFailed",
    "JobLost",
    "JumpStartFineTuneOperator",
    "JumpStartSpec",
    "LeftBillingOperator",
    "ModelVersion",
    "NotAllowed",
    "NothingToTrainOn",
    "OpenScopeOperator",
    "PipelineError",
    "PipelineSpec",
    "Plan",
    "PlanOperator",
    "PromoteOperator",
    "PromotedEndpoint",
    "RawDataset",
    "RegisterOperator",
    "RegisterSpec",
    "RequestRefused",
    "SamplingSpec",
    "ServedModel",
    "ServerlessFineTuneOperator",
    "ServerlessSpec",
    "SpecError",
    "SpotTrainingOperator",
    "SpotTrainingSpec",
    "TeardownOperator",
    "TunedModel",
    "Unavailable",
    "UndeployOperator",
    "Unreachable",
    "advise",
    "choose",
    "curate",
    "evaluate",
    "fine_tune",
    "finetune_dag",
    "gate",
    "of_chosen",
    "plan",
    "register",
    "request_approval",
    "served",
    "serving_scope",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    collects = gc.isenabled()
    gc.disable()  # hundreds of classes are made, none is garbage, and each collection walks Airflow's whole heap
    try:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    finally:
        if collects:
            gc.enable()


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
