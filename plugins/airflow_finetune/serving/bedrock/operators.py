"""The end of a custom model, a deployment, a throughput, for DAGs that made them in their own way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow_finetune.errors import RequestRefused, SpecError
from airflow_finetune.lifecycle.owner import LIFECYCLE
from airflow_finetune.resources import CUSTOM_MODEL, CUSTOM_MODEL_DEPLOYMENT, PROVISIONED_THROUGHPUT, Resource
from airflow_finetune.serving.operator import ServingOperator

if TYPE_CHECKING:
    from airflow_finetune.serving.bedrock.deletion import Deletion, Ended
    from airflow_finetune.serving.waiting import Waiting


class _Delete(ServingOperator):
    resource: ClassVar[Resource]
    template_fields: Sequence[str] = ("what", *ServingOperator.template_fields)

    def __init__(self, *, what: Any, even_promoted: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.what, self.even_promoted = what, even_promoted

    def begin(self, context: Any, kept: Mapping[str, Any] | None) -> None:
        """Prepare the deletion."""
        from airflow_finetune.serving.bedrock.deletion import Deletion  # brings botocore: not while a DAG is parsed

        name, clients = _name_of(self.what), self.access().resource_client
        if not name:
            raise SpecError(f"{self.task_id}: what", "nothing is named.", "Give a name, an ARN, or a task's output.")
        self._deletion: Deletion = Deletion(clients, self.resource, name, self._stays, self.log.info, memory=kept)

    def keeps(self) -> dict[str, Any]:
        """Return what AWS was asked."""
        return self._deletion.memory()

    def step(self, now: datetime) -> Any:
        """Delete what can be deleted."""
        return self._deletion.step(now)

    def finish(self, result: Ended) -> dict[str, Any]:
        """Return a dumped ``CleanupReceipt``.

        Raises:
            RequestRefused: it is still there.
        """
        if result.how in ("kept", "failed"):
            raise RequestRefused(f"{self._deletion.thing}: not deleted", result.why, self._advice(result))
        return self._deletion.row(result).dump()

    def out_of_time(self, waiting: Waiting) -> NoReturn:
        """Fail; it is still there."""
        said = f"{waiting.why} max_wait of {self.max_wait} is over."
        raise RequestRefused(f"{self._deletion.thing}: not deleted", said, "Raise max_wait, and clear this task.")

    def _stays(self, tags: Mapping[str, str] | None) -> str:
        if self.even_promoted:
            return ""
        if tags is None:
            return "AWS did not let us read its tags, so it may be promoted."
        return "it is promoted." if tags.get(LIFECYCLE) == "promoted" else ""

    def _advice(self, ended: Ended) -> str:
        return "Give even_promoted=True if it shall go all the same." if ended.how == "kept" else ""


class DeleteBedrockCustomModelOperator(_Delete):
    """Deletes a custom model of Bedrock, which bills its storage until then; returns a dumped ``CleanupReceipt``.

    One that is gone already is fine. One that something uses is refused with the name of what uses it.

    Args:
        what: name or ARN of the model, or a dumped ``TunedModel``.
        even_promoted: delete it also if it is promoted.
        kwargs: as of ``ServingOperator`` and Airflow's ``BaseOperator``.
    """

    resource = CUSTOM_MODEL


class DeleteBedrockDeploymentOperator(_Delete):
    """Deletes an on-demand deployment of a custom model; returns a dumped ``CleanupReceipt``.

    One that is gone already is fine; one that is being made is waited for.

    Args:
        what: name or ARN of the deployment, or a dumped ``ServedModel``.
        even_promoted: delete it also if it is promoted.
        kwargs: as of ``ServingOperator`` and Airflow's ``BaseOperator``.
    """

    resource = CUSTOM_MODEL_DEPLOYMENT


class DeleteBedrockThroughputOperator(_Delete):
    """Deletes Provisioned Throughput, which bills by the hour until then; returns a dumped ``CleanupReceipt``.

    One that is gone already is fine; one that is being made is waited for; one whose commitment runs is refused with
    the end of that.

    Args:
        what: name or ARN of the throughput, or a dumped ``ServedModel``.
        even_promoted: delete it also if it is promoted.
        kwargs: as of ``ServingOperator`` and Airflow's ``BaseOperator``.
    """

    resource = PROVISIONED_THROUGHPUT


def _name_of(what: Any) -> str:
    """Return a name or ARN, also of a dumped value; empty where there is none."""
    if isinstance(what, Mapping):
        return str(what.get("model_arn") or what.get("model_uri") or what.get("endpoint_arn") or "")
    return "" if what in (None, "None") else str(what)
