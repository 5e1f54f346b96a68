"""The operator that people look for by this backend's name."""

from __future__ import annotations

from typing import Any

from airflow_finetune.backends.jumpstart.spec import JumpStartSpec
from airflow_finetune.backends.operator import FineTuneOperator
from airflow_finetune.spec import takes_fields_of


class JumpStartFineTuneOperator(FineTuneOperator):
    """``FineTuneOperator`` with the fields of ``JumpStartSpec`` as its own arguments."""

    @takes_fields_of(JumpStartSpec)
    def __init__(self, **kwargs: Any) -> None:
        fields = {name: kwargs.pop(name) for name in JumpStartSpec.model_fields if name in kwargs}
        super().__init__(spec={"backend": JumpStartSpec.backend, **fields}, dataset=None, **kwargs)
