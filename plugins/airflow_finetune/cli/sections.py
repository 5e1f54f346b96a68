"""The sections of a pipeline file and what each may hold, as far as no backend decides it."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_finetune.curation.spec import CurateSpec
from airflow_finetune.evaluation.advice.spec import AdviseSpec
from airflow_finetune.evaluation.policy import GatePolicy
from airflow_finetune.evaluation.sampling import SamplingSpec
from airflow_finetune.pipeline.sections import Aws, Evaluate, Register
from airflow_finetune.pipeline.several.spec import CandidateSpec, Wishes
from airflow_finetune.spec import Spec

SPECS: Mapping[str, type[Spec]] = {
    "data": CurateSpec,
    "evaluate": Evaluate,
    "evaluate.sampling": SamplingSpec,
    "gate": GatePolicy,
    "advise": AdviseSpec,
    "register": Register,
    "aws": Aws,
    "candidates.NAME": CandidateSpec,
    "auto": Wishes,
}
"""The sections that are the same for every backend; the last two are of files that name several."""
