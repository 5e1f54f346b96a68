"""Everything that this package raises on purpose.

    FinetuneError
    ├── SpecError        what a person wrote cannot work: refused before anything is created
    ├── DataError        what a source holds cannot be used
    │   ├── EmptySource        it holds no record at all: an empty window
    │   └── NothingToTrainOn   it holds records, and curation left none
    ├── RequestRefused   AWS refused a request; asking again cannot help
    │   └── NotAllowed         the connection may not ask for it
    ├── JobFailed        a job of ours ended without a model
    ├── JobLost          a job that we know of cannot be found or is not ours
    └── Unavailable      AWS cannot do it now (capacity, quota, throttling); asking again can help
        └── Unreachable        nobody answered at all: no network, or a region without this service

Each message has three parts: which thing; what AWS or the rule said, word for word; what to do next.
"""

from __future__ import annotations

from airflow_finetune.redact import redacted_text


class FinetuneError(Exception):
    """Base of all errors of this package.

    Args:
        thing: which resource, field or file it is about.
        said: what AWS or the rule said, word for word; what looks like a token reads ``***``.
        next_step: what the reader should do now.
    """

    def __init__(self, thing: str, said: str, next_step: str) -> None:
        thing, said = redacted_text(thing), redacted_text(said)
        super().__init__(thing, said, next_step)
        self.thing, self.said, self.next_step = thing, said, next_step

    def __str__(self) -> str:
        return f"{self.thing}: {self.said} {self.next_step}"


class SpecError(FinetuneError):
    """What a person wrote cannot work; nothing was created."""


class DataError(FinetuneError):
    """What a source holds cannot be used; nothing was written."""


class EmptySource(DataError):
    """The source holds no record at all, as a window does in which nothing has happened."""


class NothingToTrainOn(DataError):
    """The source holds records, and curation has left none of them to train on."""


class RequestRefused(FinetuneError):
    """AWS refused the request for a reason that a retry does not change."""


class NotAllowed(RequestRefused):
    """The connection may not do this."""


class JobFailed(FinetuneError):
    """A job of ours ended without a model."""


class JobLost(FinetuneError):
    """A job that should be ours cannot be found, or is somebody else's."""


class Unavailable(FinetuneError):
    """AWS cannot do it at the moment; a later try can succeed."""


class Unreachable(Unavailable):
    """Nobody answered: the network is away, or the region does not have the service."""
