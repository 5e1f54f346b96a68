"""The one endpoint: our own operations, the admin API, and moto for everything else."""

from __future__ import annotations

import sys
import time
import traceback
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import protocol, trouble
from .admin import Admin, is_from_a_browser
from .call import Call, Handler
from .call_log import Record, redact
from .commodity import Commodity, not_implemented
from .errors import AwsError, PassToMoto
from .request import Request, Scope

if TYPE_CHECKING:
    from ..world import World

StartResponse = Callable[..., Any]
Services = dict[str, dict[str, Handler]]


@dataclass
class _Exchange:
    """What is known of a request so far, for its answer and its line in the call log."""

    request: Request
    request_id: str
    scope: Scope
    route: protocol.Route
    internal: bool
    params: Any = None
    outcome: str = "ok"


class Gateway:
    """A WSGI application over the services of the sandbox.

    Args:
        world: the parts that handlers use.
        services: our own operations by service; what is not in it is moto's.
    """

    def __init__(self, world: World, services: Services) -> None:
        self._world = world
        self._services = services
        self._commodity = Commodity()
        self._admin = Admin(world, self.reset)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request; only a fault that cuts the connection raises."""
        request = Request(environ)
        answer = self._answer(request)
        status = f"{answer.status} {protocol.reason(answer.status)}"
        start_response(status, answer.headers)
        return [answer.body] if isinstance(answer.body, bytes) else answer.body

    def reset(self) -> None:
        """Back to an empty account: jobs and endpoints end first, then documents, bills, rules, calls and moto."""
        world = self._world
        for part in (world.training, world.hosting):
            part.reset()
        for state in (world.store, world.billing, world.faults, world.calls, world.quotas):
            state.clear()
        self._commodity.reset()

    def _answer(self, request: Request) -> protocol.Answer:
        if request.path.startswith("/_sandbox/"):
            return self._admin.answer(request)
        if request.path.startswith("/moto-api"):
            return self._moto_api(request)
        return self._aws(request)

    def _moto_api(self, request: Request) -> protocol.Answer:
        if is_from_a_browser(request):
            return protocol.Answer(403, [("Content-Type", "text/plain")], b"not for pages of other origins\n")
        if request.path.rstrip("/") == "/moto-api/reset" and request.method == "POST":
            self.reset()
            self._commodity.load()
        try:
            return self._commodity.answer(request.environ, protocol.Route("moto-api", request.path, "rest-json"))
        except AwsError as error:
            return protocol.failure(error, "rest-json", "moto-api", None, str(uuid.uuid4()))

    def _aws(self, request: Request) -> protocol.Answer:
        started = time.perf_counter()
        exchange = self._identify(request)
        operation = None
        try:
            if isinstance(exchange, AwsError):
                return protocol.failure(exchange, *protocol.guess(request), None, str(uuid.uuid4()))
            operation = protocol.operation(exchange.route) if exchange.route.service in self._services else None
            answer = self._serve(exchange, operation)
        except AwsError as error:
            answer = self._failed(exchange, operation, error)
        except ConnectionError:
            self._log(exchange, 0, started)
            raise
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            text = f"The embedded AWS has a bug in {exchange.route.operation}: {type(error).__name__}: {error}"
            answer = self._failed(exchange, operation, AwsError("InternalFailure", text, status=500))
        self._log(exchange, answer.status, started)
        return answer

    def _identify(self, request: Request) -> _Exchange | AwsError:
        request_id = str(uuid.uuid4())
        try:
            scope = request.scope or Scope("", self._world.settings.region, "")
            route = protocol.find_route(request, scope.signing_name)
        except AwsError as error:
            return error
        return _Exchange(request, request_id, scope, route, self._world.clients.is_internal(request.headers))

    def _serve(self, exchange: _Exchange, operation: Any) -> protocol.Answer:
        exchange.params = params = self._params(exchange, operation)
        if exchange.internal:
            return self._perform(exchange, operation, params)
        return trouble.around(
            self._world.faults.for_call(exchange.route.service, exchange.route.operation, params),
            exchange,
            lambda: self._perform(exchange, operation, params),
        )

    def _params(self, exchange: _Exchange, operation: Any) -> Any:
        """Parsed members of an operation of ours; of others what can be read without their model."""
        if operation is None:
            return protocol.glance(exchange.request, exchange.route)
        if not exchange.scope.access_key:
            raise AwsError("MissingAuthenticationTokenException", "Missing Authentication Token", status=403)
        request = exchange.request
        message = protocol.Message(request.headers, request.query, exchange.route.labels, request.content())
        return protocol.parse(operation, message)

    def _perform(self, exchange: _Exchange, operation: Any, params: Any) -> protocol.Answer:
        handler = self._services.get(exchange.route.service, {}).get(exchange.route.operation)
        if handler is not None and operation is not None:
            protocol.check(operation, params)
            call = self._call(exchange, params)
            try:
                return protocol.serialize(operation, handler(call, self._world), exchange.request_id)
            except PassToMoto:
                pass
        if exchange.route.service in self._services and not exchange.route.operation:
            raise AwsError("UnknownOperationException", "The requested operation is not recognized by the service.")
        self._mark_account(exchange)
        return self._commodity.answer(exchange.request.environ, exchange.route)

    def _call(self, exchange: _Exchange, params: dict[str, Any]) -> Call:
        scope, route = exchange.scope, exchange.route
        return Call(route.service, route.operation, params, scope.region, self._account(scope), exchange.request_id)

    def _account(self, scope: Scope) -> str:
        key = scope.access_key
        return key if len(key) == 12 and key.isdigit() else self._world.settings.account

    def _mark_account(self, exchange: _Exchange) -> None:
        account = self._account(exchange.scope)
        if account != "123456789012":  # moto's own default
            exchange.request.environ.setdefault("HTTP_X_MOTO_ACCOUNT_ID", account)

    def _failed(self, exchange: Any, operation: Any, error: AwsError) -> protocol.Answer:
        exchange.outcome = error.code
        return protocol.failure(error, exchange.route.protocol, exchange.route.service, operation, exchange.request_id)

    def _log(self, exchange: Any, status: int, started: float) -> None:
        if exchange.internal:
            return
        self._world.calls.add(
            Record(
                time=self._world.clock.now(),
                service=exchange.route.service,
                operation=exchange.route.operation,
                region=exchange.scope.region,
                account=self._account(exchange.scope),
                params=redact(exchange.params),
                status=status,
                outcome=exchange.outcome,
                request_id=exchange.request_id,
                seconds=time.perf_counter() - started,
            )
        )


__all__ = ["Gateway", "Services", "not_implemented"]
