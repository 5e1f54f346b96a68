"""The values that travel between tasks, in travel order; read this file first.

    DatasetReference -> TunedModel
         curate         fine_tune

What travels must load when an older release wrote it: a deferred job can outlive an upgrade. So each value ignores
what it does not know, has a default for what was added later, and says which version of itself it is.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

Market = Literal["spot", "on_demand"]


class Value(BaseModel):
    """Base of everything that travels in an XCom or a trigger."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())
    current_version: ClassVar[int] = 1

    version: int = 1

    def dump(self) -> dict[str, Any]:
        """Return plain JSON types, for an XCom."""
        return self.model_dump(mode="json")

    @classmethod
    def load(cls, dumped: Any) -> Self:
        """Return the value that ``dump`` made, in this release or in an older one.

        Args:
            dumped: what ``dump`` returned, or a value of this class.
        """
        return dumped if isinstance(dumped, cls) else cls.model_validate(dumped)


class DatasetReference(Value):
    """Where a dataset lies; the data itself never travels.

    Attributes:
        uri: of the file or folder.
        sha256: of its content; None when nobody has computed it.
        examples: how many there are; None when nobody has counted.
    """

    uri: str
    sha256: str | None = None
    examples: int | None = None


class TunedModel(Value):
    """A model that a job of ours has made.

    Attributes:
        backend: which way to tune made it.
        job_name: AWS's name of the job, our claim on it.
        job_arn: of the job.
        region: where it was trained.
        model_uri: where AWS has put what the job wrote.
        base_model: what it was tuned from.
        dataset: what it was tuned on.
        validation: what it was checked on while it trained; None without.
        spec_digest: of the spec that it was made from.
        attempts: how many jobs this generation of the task needed.
        interruptions: how often Spot took the instance away from the job that made it.
        market: what that job was bought on.
        instance_type: AWS's name.
        instance_count: how many of them.
        training_seconds: from the start of training to its end; None when AWS does not say.
        billable_seconds: what AWS bills per instance; None when AWS does not say.
        cost_usd: billable seconds times AWS's own price; None when the price could not be read.
        checkpoint_uri: where its checkpoints are; None without.
        metrics: the last value of each metric that AWS has read from the log.
        log_group: CloudWatch's log group of the job.
    """

    backend: str
    job_name: str
    job_arn: str
    region: str = ""
    model_uri: str
    base_model: str
    dataset: DatasetReference
    validation: DatasetReference | None = None
    spec_digest: str
    attempts: int = 1
    interruptions: int = 0
    market: Market = "on_demand"
    instance_type: str = ""
    instance_count: int = 1
    training_seconds: float | None = None
    billable_seconds: float | None = None
    cost_usd: float | None = None
    checkpoint_uri: str | None = None
    metrics: dict[str, float] = Field(default_factory=dict)
    log_group: str | None = None
