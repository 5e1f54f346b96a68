"""The values that travel between tasks, in travel order; read this file first.

    RawDataset -> CuratedDataset -> TunedModel
            curate            fine_tune

A stage takes what it needs of a dataset as ``DatasetReference``: an address, a digest and a count.

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


class RawDataset(Value):
    """What somebody has: where it lay, and what exactly was read.

    Attributes:
        uri: the folder, file or prefix.
        sha256: of the names and contents of all files; None when nobody has computed it.
        files: how many were read.
        bytes: of all files together.
    """

    uri: str
    sha256: str | None = None
    files: int = 0
    bytes: int = 0


class CuratedDataset(Value):
    """A dataset that curation has made, in chat JSON Lines; every backend renders its own lines from it.

    Attributes:
        uri: the folder of this version; everything below lies in it.
        dataset_version: digest of the training and validation data.
        train: what a model learns from.
        validation: what training is checked on; None without.
        golden: what models are judged on; None without.
        source: what it was made from.
        records_in: of the source, whether or not they could be read.
        records_out: in training and validation, and newly held out.
        dropped: reason -> records; ``records_in`` is ``records_out`` and these.
        redacted: kind of personal data -> masks; ``records`` is how many examples were touched.
        report_uri: the account of every record, for people.
        manifest_uri: the same for machines.
    """

    uri: str
    dataset_version: str
    train: DatasetReference
    validation: DatasetReference | None = None
    golden: DatasetReference | None = None
    source: RawDataset
    records_in: int
    records_out: int
    dropped: dict[str, int] = Field(default_factory=dict)
    redacted: dict[str, int] = Field(default_factory=dict)
    report_uri: str | None = None
    manifest_uri: str | None = None


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
