"""The operator that people look for by this backend's name."""

from __future__ import annotations

from typing import Any

from airflow_finetune.backends.bedrock.spec import BedrockSpec
from airflow_finetune.backends.operator import FineTuneOperator
from airflow_finetune.spec import takes_fields_of


class BedrockFineTuneOperator(FineTuneOperator):
    """``FineTuneOperator`` with the fields of ``BedrockSpec`` as its own arguments."""

    @takes_fields_of(BedrockSpec)
    def __init__(self, **kwargs: Any) -> None:
        fields = {name: kwargs.pop(name) for name in BedrockSpec.model_fields if name in kwargs}
        super().__init__(spec={"backend": BedrockSpec.backend, **fields}, dataset=None, **kwargs)
