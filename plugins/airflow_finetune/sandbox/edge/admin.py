"""The sandbox's own API under /_sandbox/: faults, bill, call log, state, clock; for programs that hold the token."""

from __future__ import annotations

import hmac
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote

from .faults import rule_from
from .protocol import Answer
from .request import Request

if TYPE_CHECKING:
    from ..accounts import Accounts
    from ..world import World
    from .call_log import CallLog

TOKEN_HEADER = "x-sandbox-token"  # noqa: S105 - the header's name
_HOSTS = ("127.0.0.1", "localhost", "[::1]")


class Refused(Exception):
    """The request cannot be done; becomes an answer with this status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def names_the_loopback(request: Request) -> bool:
    """Whether the Host header is the address that we listen on: another name may be a page's, rebound to us by DNS."""
    port = request.environ["SERVER_PORT"]
    return request.headers.get("host") in [f"{host}:{port}" for host in _HOSTS]


def is_from_a_browser(request: Request) -> bool:
    """Whether a page of another origin sent this: browsers say so, programs send neither header."""
    return "origin" in request.headers or request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin")


class Admin:
    """The admin API.

    Args:
        accounts: the parts of the sandbox, of each account.
        own: the calls that the sandbox makes itself, in the name of jobs and endpoints.
        reset: brings the accounts back to empty.
    """

    def __init__(self, accounts: Accounts, own: CallLog, reset: Callable[[], None]) -> None:
        self._accounts, self._world = accounts, accounts.all()[0]
        world = self._world
        self._own, self._reset = own, reset
        self._routes: dict[tuple[str, str], Callable[..., Any]] = {
            ("GET", "health"): self._health,
            ("GET", "state"): self._state,
            ("GET", "calls"): self._calls,
            ("GET", "bill"): self._bill,
            ("GET", "faults"): lambda request: {"faults": world.faults.rules()},
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "jobs"): self._interrupt,
            ("POST", "clock"): self._advance,
            ("POST", "reset"): self._start_over,
            ("GET", "quotas"): self._quotas,
            ("PUT", "quotas"): self._set_quota,
        }

    def answer(self, request: Request) -> Answer:
        """Answer one request, always in JSON."""
        try:
            self._let_in(request)
            parts = [unquote(part) for part in request.raw_path.removeprefix("/_sandbox/").split("/")]
            handler = self._routes.get((request.method, parts[0]))
            if handler is None:
                raise Refused(404, f"there is no {request.method} {request.path}; there are {self._list()}")
            return _json(200, handler(request, *parts[1:]))
        except Refused as refused:
            return _json(refused.status, {"error": str(refused)})
        except (TypeError, ValueError, KeyError, RecursionError) as error:
            return _json(400, {"error": f"{type(error).__name__}: {error}"})

    def _list(self) -> str:
        return ", ".join(f"{method} {name}" for method, name in self._routes)

    def _let_in(self, request: Request) -> None:
        """Refuse other hosts, browsers, and whoever does not hold the token."""
        if not names_the_loopback(request):
            raise Refused(403, "the Host header must be the loopback address and port that the sandbox listens on")
        if is_from_a_browser(request):
            raise Refused(403, "requests of web pages are refused")
        given = request.headers.get(TOKEN_HEADER, "").encode()
        if not hmac.compare_digest(given, self._world.settings.token.encode()):
            raise Refused(401, f"the header {TOKEN_HEADER} must hold the token; see AIRFLOW_FINETUNE_SANDBOX_TOKEN")

    def _health(self, request: Request) -> dict[str, Any]:
        return {"status": "ok", "speed": self._world.clock.speed}

    def _state(self, request: Request) -> dict[str, Any]:
        world = self._world
        return {
            "speed": world.clock.speed,
            "modelled_seconds": world.clock.modelled(),
            "state_dir": str(world.settings.state_dir),
            "slots": world.settings.slots,
            "isolation": world.processes.isolation().mode,
            "documents": [
                {"kind": kind, "account": each.settings.account, "region": region, "names": names}
                for each in self._accounts.all()
                for (kind, region), names in each.store.shelves().items()
            ],
            "calls": world.calls.total,
            "faults": len(world.faults.rules()),
            "usd": world.billing.total_usd(),
        }

    def _calls(self, request: Request) -> dict[str, Any]:
        asked = parse_qs(request.query)
        service, operation = asked.get("service", [None])[0], asked.get("operation", [None])[0]
        log = self._own if asked.get("internal") == ["true"] else self._world.calls
        return {"calls": log.documents(service, operation), "total": log.total}

    def _bill(self, request: Request) -> dict[str, Any]:
        lines = [asdict(line) for line in self._world.billing.lines()]
        return {"lines": lines, "total_usd": sum(line["usd"] for line in lines)}

    def _add_fault(self, request: Request) -> dict[str, Any]:
        return asdict(self._world.faults.add(rule_from(_document(request))))

    def _clear_faults(self, request: Request, rule_id: str = "") -> dict[str, Any]:
        if not rule_id:
            self._world.faults.clear()
        elif not self._world.faults.remove(rule_id):
            raise Refused(404, f"there is no fault rule {rule_id}")
        return {"faults": self._world.faults.rules()}

    def _interrupt(self, request: Request, name: str = "", verb: str = "") -> dict[str, Any]:
        if verb != "interrupt":
            raise Refused(404, "it is POST /_sandbox/jobs/NAME/interrupt")
        asked = _document(request)
        region = str(asked.get("region", self._world.settings.region))
        notice, gap = _duration(asked, "notice_seconds"), _duration(asked, "gap_seconds")
        if not self._of(asked).training.interrupt(region, name, notice, gap):
            raise Refused(409, f"{name} in {region} is not a Spot training job that can be interrupted now")
        return {"interrupted": name, "region": region, "notice_seconds": notice, "gap_seconds": gap}

    def _advance(self, request: Request, verb: str = "") -> dict[str, Any]:
        if verb != "advance":
            raise Refused(404, "it is POST /_sandbox/clock/advance")
        self._world.clock.advance(float(_document(request)["seconds"]))
        return {"modelled_seconds": self._world.clock.modelled()}

    def _start_over(self, request: Request) -> dict[str, Any]:
        self._reset()
        return {"status": "ok"}

    def _quotas(self, request: Request) -> dict[str, Any]:
        asked = {name: values[0] for name, values in parse_qs(request.query).items()}
        return {"quotas": self._of(asked).quotas.rows(asked.get("region", self._world.settings.region))}

    def _set_quota(self, request: Request) -> dict[str, Any]:
        asked = _document(request)
        region, quotas = str(asked.get("region", self._world.settings.region)), self._of(asked).quotas
        quotas.set(region, asked["usage"], asked["instance_type"], int(asked["limit"]))
        return {"quotas": quotas.rows(region)}

    def _of(self, asked: Mapping[str, Any]) -> World:
        account = str(asked.get("account", self._world.settings.account))
        if not re.fullmatch(r"\d{12}", account):
            raise ValueError(f"account is {account!r}: an AWS account id has exactly twelve digits.")
        return self._accounts.of(account)


def _document(request: Request) -> dict[str, Any]:
    document = json.loads(request.body or b"{}", parse_constant=_refuse_constant)
    if not isinstance(document, dict):
        raise ValueError("the body must be a JSON object")
    return document


def _duration(asked: dict[str, Any], name: str) -> float:
    seconds = float(asked.get(name, 0.0))
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{name} is {seconds}: it must be a number of seconds, 0 or more")
    return seconds


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number of JSON")


def _json(status: int, document: Any) -> Answer:
    return Answer(status, [("Content-Type", "application/json")], json.dumps(document, default=str).encode())
