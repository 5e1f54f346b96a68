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
    from airflow_finetune.evaluation.operators import EvaluateOperator, GateOperator
    from airflow_finetune.evaluation.policy import GatePolicy
    from airflow_finetune.evaluation.sampling import SamplingSpec
    from airflow_finetune.groups import (
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
    from airflow_finetune.values.planned import Plan
    from airflow_finetune.values.value import DatasetReference

__version__ = "0.1.0"

# Lazy, or every process that imports any part of the package (the embedded AWS too) would pay Airflow's seconds.
_HOMES = {
    "ApproveModelOperator": "registry.approval.operators",
    "BedrockDeploySpec": "serving.bedrock.spec",
    "BedrockFineTuneJobSensor": "lifecycle.sensor",
    "BedrockFineTuneOperator": "backends.bedrock.operator",
    "BedrockSpec": "backends.bedrock.spec",
    "BillingReport": "operations.bills",
    "CheckBudgetOperator": "comparison.operators",
    "ChooseOperator": "planning.choice.operators",
    "CleanupExpiredOperator": "serving.ending.operators",
    "CleanupReceipt": "values",
    "CompareOperator": "comparison.operators",
    "CurateOperator": "curation.operators",
    "CurateSpec": "curation.spec",
    "CuratedDataset": "values",
    "DataError": "errors",
    "DatasetReference": "values.value",
    "DeleteBedrockCustomModelOperator": "serving.bedrock.operators",
    "DeleteBedrockDeploymentOperator": "serving.bedrock.operators",
    "DeleteBedrockThroughputOperator": "serving.bedrock.operators",
    "DeployModelOperator": "serving.operators",
    "DeployPromotedOperator": "registry.promoted.operators",
    "DeploySpec": "serving.spec",
    "EmptySource": "errors",
    "EvalReport": "values",
    "EvaluateOperator": "evaluation.operators",
    "FineTuneJobSensor": "lifecycle.sensor",
    "FineTuneOperator": "backends.operator",
    "FinetuneError": "errors",
    "GateOperator": "evaluation.operators",
    "GatePolicy": "evaluation.policy",
    "GateVerdict": "values",
    "JobFailed": "errors",
    "JobLost": "errors",
    "JumpStartFineTuneOperator": "backends.jumpstart.operator",
    "JumpStartSpec": "backends.jumpstart.spec",
    "LeftBillingOperator": "operations.operators",
    "ModelVersion": "values",
    "NotAllowed": "errors",
    "NothingToTrainOn": "errors",
    "OpenScopeOperator": "serving.operators",
    "PipelineError": "pipeline.faults",
    "PipelineSpec": "pipeline.spec",
    "Plan": "values.planned",
    "PlanOperator": "planning.operators",
    "PromoteOperator": "registry.approval.operators",
    "PromotedEndpoint": "values",
    "RawDataset": "values",
    "RegisterOperator": "registry.operators",
    "RegisterSpec": "registry.spec",
    "RequestRefused": "errors",
    "SamplingSpec": "evaluation.sampling",
    "ServedModel": "values",
    "SpecError": "errors",
    "ServerlessFineTuneOperator": "backends.serverless.operator",
    "ServerlessSpec": "backends.serverless.spec",
    "SpotTrainingOperator": "backends.spot_training.operator",
    "SpotTrainingSpec": "backends.spot_training.spec",
    "TeardownOperator": "serving.ending.operators",
    "TunedModel": "values",
    "Unavailable": "errors",
    "UndeployOperator": "registry.promoted.operators",
    "Unreachable": "errors",
    "choose": "groups",
    "curate": "groups",
    "evaluate": "groups",
    "fine_tune": "groups",
    "finetune_dag": "dag_templates.finetune",
    "gate": "groups",
    "of_chosen": "groups",
    "plan": "groups",
    "register": "groups",
    "request_approval": "groups",
    "served": "groups",
    "serving_scope": "serving.groups",
}

__all__ = [
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
