"""Which checkpoints nobody needs any more: those of a job of ours that is done; nothing else is ever deleted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_finetune.errors import RequestRefused
from airflow_finetune.lifecycle.owner import DEPLOYMENT, OWNER, SPEC, tag_value
from airflow_finetune.resources import TRAINING_JOB

if TYPE_CHECKING:
    from airflow_finetune.lifecycle.client import ResourceClient

_FOLDER = re.compile(r"(?:.*/)?checkpoints/(?P<key>[0-9a-f]{16})/g(?P<generation>\d+)/(?P<digest>[0-9a-f]{16})/")


class Folder(NamedTuple):
    """The checkpoints of one generation and one spec; the attempts and fallbacks of that generation share them.

    Attributes:
        uri: with a slash at its end.
        key: of the claim.
        generation: of the claim.
        digest: of the spec.
    """

    uri: str
    key: str
    generation: int
    digest: str


@dataclass(frozen=True)
class Job:
    """One job that could have written there.

    Attributes:
        described: AWS's description.
        tags: None when AWS did not let us read them.
    """

    described: Mapping[str, Any]
    tags: Mapping[str, str] | None


class Need(NamedTuple):
    """Whether checkpoints are still needed.

    Attributes:
        done_at: when the job that made them was done, if nobody needs them; None keeps them.
        why: they are kept, or which job is done.
    """

    done_at: datetime | None
    why: str


def part_of(key: str) -> str | None:
    """Return the folder of checkpoints that an object lies in; None for other objects."""
    found = _FOLDER.match(key)
    return None if found is None else found[0]


def folder_at(bucket: str, folder: str) -> Folder | None:
    """Return what a folder's name says; None when it is no folder of checkpoints."""
    found = _FOLDER.fullmatch(folder)
    if found is None:
        return None
    return Folder(f"s3://{bucket}/{folder}", found["key"], int(found["generation"]), found["digest"])


def need_of(folder: Folder, jobs: Sequence[Job], deployment: str) -> Need:
    """Return whether somebody can still go on from these checkpoints.

    Nobody can when a job of this very folder, owner and deployment is done: a retry takes its model, a clear takes its
    model or begins a generation with checkpoints of its own. A job that failed or was stopped may have a successor.

    Args:
        folder: by its name.
        jobs: all of this claim and generation that AWS knows.
        deployment: whose checkpoints may be judged at all.
    """
    if not jobs:
        return Need(None, "AWS knows no job that wrote them.")
    for job in jobs:
        tags = job.tags or {}
        if (tags.get(OWNER), tags.get(DEPLOYMENT)) != (folder.key, tag_value(deployment)):
            return Need(None, "A job of this name is not of this deployment, or its tags cannot be read.")
        if TRAINING_JOB.phase(job.described) in ("running", "stopping"):
            return Need(None, f"{job.described['TrainingJobName']} uses them.")
    for job in jobs:
        if _wrote(job, folder) and TRAINING_JOB.phase(job.described) == "done":
            name = job.described["TrainingJobName"]
            return Need(job.described["LastModifiedTime"], f"{name} is done: nobody goes on from them.")
    return Need(None, "No job that wrote them is done: a retry may go on from them.")


def jobs_of(folder: Folder, client: ResourceClient) -> list[Job]:
    """Return all jobs of a folder's claim and generation that AWS knows.

    Raises:
        RequestRefused: AWS does not let us look.
        Unavailable: AWS cannot answer now.
    """
    found = []
    for name in client.find(f"{folder.key}-g{folder.generation}-a"):
        described = client.describe(name)
        if described is None:
            continue
        try:
            tags = client.tags(described["TrainingJobArn"])
        except RequestRefused:
            tags = None
        found.append(Job(described, tags))
    return found


def _wrote(job: Job, folder: Folder) -> bool:
    uri = job.described.get("CheckpointConfig", {}).get("S3Uri", "")
    return uri.rstrip("/") == folder.uri.rstrip("/") and (job.tags or {}).get(SPEC) == folder.digest
