"""What the life of anything needs to know about one kind of AWS resource: a declaration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Phase = Literal["running", "stopping", "done", "failed", "stopped"]


@dataclass(frozen=True)
class Operations:
    """Names of API operations; None where AWS has none."""

    create: str
    describe: str
    list: str
    stop: str | None
    delete: str | None
    update: str | None = None


@dataclass(frozen=True)
class Tagging:
    """How a resource is tagged: in its create request, and later by its ARN.

    Attributes:
        member: of the create request that holds the tags.
        key: of a pair; empty for a map.
        value: of a pair; empty for a map.
        list: the operation that shows the tags; for a map, the description does.
        add: the operation that adds some.
        arn: the member by which both find the resource.
        form: ``map`` for what AWS does not tag, and gives a map of metadata instead.
        listed: the member with the tags in ``list``'s answer and ``add``'s request; empty where it is ``member``.
        also: more members of the create request that get the same tags: those of what the resource makes.
    """

    member: str
    key: str
    value: str
    list: str
    add: str
    arn: str
    form: Literal["pairs", "map"] = "pairs"
    listed: str = ""
    also: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The member with the tags, everywhere but in the create request."""
        return self.listed or self.member


def _no_progress(_: Mapping[str, Any]) -> str:
    return ""


def _no_past(_: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return ()


@dataclass(frozen=True)
class Resource:
    """One kind of thing that AWS makes for us.

    Attributes:
        kind: our word for it, in messages.
        service: botocore's name of the service.
        operations: what can be done with it.
        key: the member that holds its name, in the create request and in the description.
        arn: the member of its description that holds its ARN.
        status: the member that holds its status, in the description and in the list; None for what is there at once.
        phases: what each value of the status means; exactly the values of botocore's enum; empty without a status.
        secondary: the member with the finer status; None where there is none.
        reason: the member with AWS's words on a failure; None for what cannot fail.
        created: the member with the time of creation.
        listing: the member of a list answer that holds the summaries.
        name_filter: the member of the list request that finds names that contain a text.
        max_name_length: what AWS allows.
        tagging: where tags go.
        delete_after: when it should be deleted: ``never`` (it costs nothing, or ends by itself), ``lease``.
            Kinds stand in ``RESOURCES`` in the order in which they are deleted.
        bills_as: the usage in AWS's price list; None if it does not bill by itself.
        console: the path of its page in the console, with ``{region}`` and ``{name}``.
        log_group: its CloudWatch log group; streams begin with its name. None without logs.
        identifier: the member that takes its name in every other request; empty where it is ``key``.
        listed_as: the member of a summary that holds its name; empty where it is ``key``.
        also_named: more members of the create request that get the name where the request says nothing.
        next_page: the member of list requests and answers that leads to the next page.
        ended: the member of the description with the time of its end; None where there is none.
        product: the way through the description to what it has made; empty for what makes nothing.
        makes: the kind of that, where it is a resource that somebody can delete; None for what lies in S3.
        transitions: gives what the description says of its past, oldest first: ``Status``, and where AWS has them
            ``StatusMessage`` and ``StartTime``.
        progress: gives how far it is, in one line; empty where the description does not say it.
    """

    kind: str
    service: str
    operations: Operations
    key: str
    arn: str
    status: str | None
    phases: Mapping[str, Phase]
    secondary: str | None
    reason: str | None
    created: str
    listing: str
    name_filter: str
    max_name_length: int
    tagging: Tagging
    delete_after: Literal["never", "lease"]
    bills_as: str | None
    console: str
    log_group: str | None
    identifier: str = ""
    listed_as: str = ""
    also_named: tuple[str, ...] = ()
    next_page: str = "NextToken"
    ended: str | None = None
    product: tuple[str, ...] = ()
    makes: Resource | None = None
    transitions: Callable[[Mapping[str, Any]], Sequence[Mapping[str, Any]]] = _no_past
    progress: Callable[[Mapping[str, Any]], str] = _no_progress

    @property
    def asked_by(self) -> str:
        """The member that takes its name in the requests to describe, stop and delete it."""
        return self.identifier or self.key

    @property
    def row_key(self) -> str:
        """The member of a summary that holds its name."""
        return self.listed_as or self.key

    def made(self, described: Mapping[str, Any]) -> str | None:
        """Return the address or ARN of what it has made; None while there is nothing."""
        found: Any = described
        for member in self.product:
            found = (found or {}).get(member)
        return str(found) if found and self.product else None

    def phase(self, described: Mapping[str, Any]) -> Phase:
        """Return what a description says; a status that is not known yet is one of something that goes on."""
        return "done" if self.status is None else self.phases.get(described[self.status], "running")

    def reason_of(self, described: Mapping[str, Any]) -> str:
        """Return AWS's words on a failure; empty without."""
        return "" if self.reason is None else str(described.get(self.reason) or "")
