"""The operator that people look for by this backend's name."""

from __future__ import annotations

from typing import Any

from airflow_finetune.backends.operator import FineTuneOperator
from airflow_finetune.backends.serverless.spec import ServerlessSpec
from airflow_finetune.spec import takes_fields_of


class ServerlessFineTuneOperator(FineTuneOperator):
    """``FineTuneOperator`` with the fields of ``ServerlessSpec`` as its own arguments."""

    @takes_fields_of(ServerlessSpec)
    def __init__(self, **kwargs: Any) -> None:
        fields = {name: kwargs.pop(name) for name in ServerlessSpec.model_fields if name in kwargs}
        super().__init__(spec={"backend": ServerlessSpec.backend, **fields}, dataset=None, **kwargs)
