"""The only caller of AWS for declared resources: create, describe, find, stop, delete; errors come back classified."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from botocore import xform_name
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # botocore's own, of all that could not be sent
    HTTPClientError,
    ParamValidationError,
)

from airflow_finetune.errors import NotAllowed, RequestRefused, Unavailable, Unreachable
from airflow_finetune.lifecycle import owner as tags
from airflow_finetune.lifecycle.claim import Claim
from airflow_finetune.lifecycle.decide import Sighting, StoppedBy
from airflow_finetune.lifecycle.failures import NEXT_STEP, FailureClass, Refusal, job_failure, refusal
from airflow_finetune.redact import redacted_text
from airflow_finetune.resources.resource import Resource

MakeClient = Callable[[str], Any]
"""Gives a boto3 client for a service by its botocore name."""

Described = dict[str, Any]
# What services say to a stop of what has ended: EXISTS is Bedrock's ConflictException.
_ENDED_ALREADY = (FailureClass.ABSENT, FailureClass.REFUSED, FailureClass.EXISTS)
_NO_ANSWER = (ConnectionError, HTTPClientError)


class ResourceClient:
    """Calls AWS for one kind of resource.

    Args:
        resource: what to call.
        make_client: gives the boto3 client; asked once, at the first call.
    """

    def __init__(self, resource: Resource, make_client: MakeClient) -> None:
        self.resource = resource
        self._make_client = make_client
        self._client: Any = None

    def boto3(self) -> Any:
        """Return the boto3 client."""
        if self._client is None:
            self._client = self._make_client(self.resource.service)
        return self._client

    @property
    def region(self) -> str:
        """The region that the client talks to."""
        return str(self.boto3().meta.region_name)

    def create(self, name: str, request: Mapping[str, Any], owner: tags.Owner) -> Refusal | None:
        """Create a resource with its owner's tags; return AWS's answer if it was not a yes.

        boto3 repeats a call whose answer was lost, and then AWS says that the name is taken: that is the normal way to
        learn that the first call was heard. So ``EXISTS`` is an answer to look into, not an error.
        """
        also = {member: name for member in self.resource.also_named}
        answer = self.made({**also, **request, self.resource.key: name}, owner)
        return answer if isinstance(answer, Refusal) else None

    def made(self, request: Mapping[str, Any], owner: tags.Owner) -> Described | Refusal:
        """Create a resource with its owner's tags; return AWS's answer, with the ARN of what AWS names itself."""
        tagging, users = self.resource.tagging, request.get(self.resource.tagging.member, ())
        if tagging.form == "map":
            owned: Any = tags.all_tags(owner, dict(users))
        else:
            given = {tag[tagging.key]: tag[tagging.value] for tag in users}
            owned = [{tagging.key: k, tagging.value: v} for k, v in tags.all_tags(owner, given).items()]
        members = dict.fromkeys((tagging.member, *tagging.also), owned)
        return self._answer(self.resource.operations.create, {**request, **members})

    def update(self, request: Mapping[str, Any]) -> Refusal | None:
        """Change what is there; return AWS's answer if it was not a yes."""
        operation = self.resource.operations.update
        if operation is None:
            raise RequestRefused(self.resource.kind, "AWS cannot change it.", "Make another one.")
        answer = self._answer(operation, request)
        return answer if isinstance(answer, Refusal) else None

    def describe(self, name: str) -> Described | None:
        """Return AWS's description; None if there is no such resource.

        Raises:
            Unavailable: AWS throttled the call or could not be reached.
            RequestRefused: AWS refused it for good.
        """
        try:
            return dict(self._call(self.resource.operations.describe, {self.resource.asked_by: name}))
        except (ClientError, BotoCoreError) as error:
            if isinstance(error, ClientError) and _refusal(error).meaning is FailureClass.ABSENT:
                return None
            raise self._raised(name, error) from error

    def find(self, text: str) -> list[str]:
        """Return the names that contain a text; eventually consistent, so what was just made may be missing."""
        rows = self._rows({self.resource.name_filter: text}, f"{self.resource.kind}s named *{text}*")
        return sorted({str(row[self.resource.row_key]) for row in rows})

    def listed(self, **filters: Any) -> list[Described]:
        """Return AWS's summaries of all that fit the filters of its list request; eventually consistent, as ``find``.

        Raises:
            Unavailable: AWS throttled the call or could not be reached.
            RequestRefused: AWS refused it for good.
        """
        return self._rows(filters, f"the list of {self.resource.kind}s")

    def stop(self, name: str, mark: StoppedBy) -> None:
        """Stop it and leave a mark who did; stopping what has ended already is fine."""
        operation = self.resource.operations.stop
        if operation is None:
            raise RequestRefused(name, f"AWS cannot stop a {self.resource.kind}.", "Wait for its end.")
        self._mark(name, mark)
        try:
            self._call(operation, {self.resource.asked_by: name})
        except ClientError as error:
            if _refusal(error).meaning not in _ENDED_ALREADY:
                raise self._raised(name, error) from error
        except BotoCoreError as error:
            raise self._raised(name, error) from error

    def delete(self, name: str) -> None:
        """Delete it; deleting what is gone already is fine."""
        operation = self.resource.operations.delete
        if operation is None:
            raise RequestRefused(name, f"AWS cannot delete a {self.resource.kind}.", "Leave it.")
        try:
            self._call(operation, {self.resource.asked_by: name})
        except (ClientError, BotoCoreError) as error:
            if not (isinstance(error, ClientError) and _refusal(error).meaning is FailureClass.ABSENT):
                raise self._raised(name, error) from error

    def sight(self, claim: Claim, name: str, known: Sighting | None = None) -> tuple[Sighting, Described] | None:
        """Return what ``decide`` needs to know about a job, and AWS's description; None if there is no such job.

        Args:
            claim: whose job it should be.
            name: of the job.
            known: the last sighting; while the job is in the same phase, its tags are not asked for again.
        """
        described = self.describe(name)
        if described is None:
            return None
        if known is not None and known.phase == self.resource.phase(described):
            return known, described
        seen = sighting(self.resource, claim, described, self.tags(described[self.resource.arn]))
        return replace(seen, is_empty=self._is_empty(described)), described

    def _is_empty(self, described: Described) -> bool:
        """Say whether somebody has deleted what a job has made."""
        made, kind = self.resource.made(described), self.resource.makes
        if made is None or kind is None or self.resource.phase(described) != "done":
            return False
        try:
            return ResourceClient(kind, self._make_client).describe(made) is None
        except RequestRefused:  # who may not look takes it as it is
            return False

    def tags(self, arn: str) -> dict[str, str]:
        """Return the tags of a resource.

        Raises:
            Unavailable: AWS throttled the call or could not be reached.
            RequestRefused: AWS refused it for good.
        """
        tagging = self.resource.tagging
        if tagging.form == "map":
            return dict((self.describe(arn) or {}).get(tagging.member, {}))
        found: dict[str, str] = {}
        request: dict[str, Any] = {tagging.arn: arn}
        try:
            while True:
                answer = self._call(tagging.list, request)
                found |= {tag[tagging.key]: tag[tagging.value] for tag in answer[tagging.shown]}
                if not answer.get("NextToken"):
                    return found
                request["NextToken"] = answer["NextToken"]
        except (ClientError, BotoCoreError) as error:
            raise self._raised(arn, error) from error

    def add_tags(self, arn: str, pairs: Mapping[str, str]) -> None:
        """Add tags to a resource, or give those that are there new values.

        Raises:
            Unavailable: AWS throttled the call or could not be reached.
            RequestRefused: AWS refused it for good.
        """
        tagging = self.resource.tagging
        added: Any = [{tagging.key: key, tagging.value: value} for key, value in pairs.items()]
        added = dict(pairs) if tagging.form == "map" else added
        try:
            self._call(tagging.add, {tagging.arn: arn, tagging.shown: added})
        except (ClientError, BotoCoreError) as error:
            raise self._raised(arn, error) from error

    def _mark(self, name: str, mark: StoppedBy) -> None:
        tagging = self.resource.tagging
        try:
            described = self.describe(name)
            if described is not None and self.resource.phase(described) == "running":
                pair = {tagging.key: tags.STOPPED_BY, tagging.value: mark}
                self._call(tagging.add, {tagging.arn: described[self.resource.arn], tagging.shown: [pair]})
        except (ClientError, BotoCoreError, RequestRefused, Unavailable):
            return  # the mark only words the next message better; the stop itself must not wait for it

    def _rows(self, request: Mapping[str, Any], thing: str) -> list[Described]:
        try:
            return [dict(row) for row in self._pages(dict(request))]
        except (ClientError, BotoCoreError) as error:
            raise self._raised(thing, error) from error

    def _pages(self, request: dict[str, Any]) -> Iterator[Mapping[str, Any]]:
        while True:
            answer = self._call(self.resource.operations.list, request)
            yield from answer[self.resource.listing]
            token = self.resource.next_page
            if not answer.get(token):
                return
            request[token] = answer[token]

    def _answer(self, operation: str, request: Mapping[str, Any]) -> Described | Refusal:
        try:
            return dict(self._call(operation, request))
        except ClientError as error:
            return _refusal(error)
        except ParamValidationError as error:
            return Refusal(FailureClass.REFUSED, "ParamValidation", redacted_text(str(error)))
        except _NO_ANSWER as error:  # it may have been heard: the next look will tell
            return Refusal(FailureClass.THROTTLED, type(error).__name__, str(error))

    def _call(self, operation: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        method = getattr(self.boto3(), xform_name(operation), None)
        if method is None:
            said = f"the installed boto3 does not know {operation}."
            raise RequestRefused(self.resource.kind, said, "Install a newer boto3.")
        answer: Mapping[str, Any] = method(**request)
        return answer

    def _raised(self, thing: str, error: Exception) -> RequestRefused | Unavailable:
        if isinstance(error, _NO_ANSWER):
            return Unreachable(thing, f"AWS gave no answer: {error}", NEXT_STEP[FailureClass.THROTTLED])
        if not isinstance(error, ClientError):
            return RequestRefused(thing, f"boto3 could not ask: {error}", "Check the Airflow connection (aws_conn_id).")
        meaning, code, message = _refusal(error)
        kind: type[RequestRefused | Unavailable] = NotAllowed if meaning is FailureClass.DENIED else RequestRefused
        kind = Unavailable if meaning in (FailureClass.THROTTLED, FailureClass.QUOTA) else kind
        return kind(thing, f"AWS answered {code} to {error.operation_name}: {message}", NEXT_STEP[meaning])


def sighting(resource: Resource, claim: Claim, described: Mapping[str, Any], tagged: Mapping[str, str]) -> Sighting:
    """Return what ``decide`` needs to know, from AWS's description and tags."""
    name = str(described[resource.key])
    generation, attempt = claim.place(name) or (-1, 0)
    phase = resource.phase(described)
    secondary = str(described.get(resource.secondary or "", ""))
    reason = resource.reason_of(described)
    return Sighting(
        name=name,
        generation=generation,
        attempt=attempt,
        phase=phase,
        digest=tagged.get(tags.SPEC),
        mine=tagged.get(tags.OWNER) == claim.key,
        created_at=described[resource.created],
        rung=int(tagged.get(tags.RUNG, "0")),
        failure=_failure(phase, secondary, reason),
        said=said_of(resource, described),
        stopped_by=tagged.get(tags.STOPPED_BY),  # type: ignore[arg-type]  # ours alone write it
    )


def _failure(phase: str, secondary: str, reason: str) -> FailureClass | None:
    if phase == "stopped" and not secondary:
        return FailureClass.STOPPED
    return job_failure(secondary, reason) if phase in ("failed", "stopped") else None


def said_of(resource: Resource, described: Mapping[str, Any]) -> str:
    """Return AWS's words on a job's state, redacted: status, secondary status, failure reason."""
    status = str(described.get(resource.status or "", "there"))
    secondary = str(described.get(resource.secondary or "", ""))
    words = status if secondary in ("", status) else f"{status} ({secondary})"
    reason = redacted_text(resource.reason_of(described))  # AWS quotes the command and the last output
    return f"{words}: {reason}" if reason else f"{words}."


def _refusal(error: ClientError) -> Refusal:
    said = error.response["Error"]
    return refusal(said.get("Code", ""), redacted_text(said.get("Message", "")))
