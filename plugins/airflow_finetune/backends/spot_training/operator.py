"""The operator that people look for by this backend's name."""

from __future__ import annotations

from typing import Any

from airflow_finetune.backends.operator import FineTuneOperator
from airflow_finetune.backends.spot_training.spec import SpotTrainingSpec
from airflow_finetune.spec import takes_fields_of


class SpotTrainingOperator(FineTuneOperator):
    """``FineTuneOperator`` with the fields of ``SpotTrainingSpec`` as its own arguments."""

    @takes_fields_of(SpotTrainingSpec)
    def __init__(self, **kwargs: Any) -> None:
        fields = {name: kwargs.pop(name) for name in SpotTrainingSpec.model_fields if name in kwargs}
        super().__init__(spec={"backend": SpotTrainingSpec.backend, **fields}, dataset=None, **kwargs)
