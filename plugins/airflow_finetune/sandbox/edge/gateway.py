"""The one endpoint: our own operations, the admin API, and moto for everything else."""

from __future__ import annotations

import re
import sys
import time
import traceback
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.client import responses
from typing import TYPE_CHECKING, Any

from . import protocol, trouble
from .admin import Admin, is_from_a_browser, names_the_loopback
from .call import Call, Handler
from .call_log import Record
from .commodity import Commodity
from .errors import AwsError, PassToMoto
from .request import Request, Scope

if TYPE_CHECKING:
    from ..world import World

Services = dict[str, dict[str, Handler]]

_TEMPORARY = "ASIA"  # keys of AssumeRole: moto knows which account they belong to, at the price of a search
_ACCOUNT = re.compile(r"\d{12}")


@dataclass
class Exchange:
    """What is known of a request so far, for its answer and its line in the call log."""

    request: Request
    request_id: str
    scope: Scope
    route: protocol.Route
    internal: bool = False
    operation: Any = None
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
        self._commodity = Commodity(world.settings.managed_policies)
        self._admin = Admin(world, self.reset)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request; only a fault that cuts the connection raises."""
        answer = self._answer(Request(environ))
        start_response(f"{answer.status} {responses.get(answer.status, 'Unknown')}", answer.headers)
        return [answer.body] if isinstance(answer.body, bytes) else answer.body

    def reset(self) -> None:
        """Back to an empty account: jobs and endpoints end first, then documents, bills, rules, calls and moto."""
        world = self._world
        world.bedrock.reset()
        world.training.reset()
        world.processing.reset()
        world.hosting.reset()
        for part in (world.store, world.billing, world.faults, world.calls, world.quotas):
            part.clear()
        self._commodity.reset()
        world.jumpstart.clear()

    def _answer(self, request: Request) -> protocol.Answer:
        try:
            if (request.path + "/").startswith("/_sandbox/"):
                return self._admin.answer(request)
            if request.path.startswith("/moto-api"):
                return self._moto_api(request)
        except AwsError as error:  # a body that was cut off
            return protocol.failure(error, "rest-json", "", None, str(uuid.uuid4()))
        return self._aws(request)

    def _moto_api(self, request: Request) -> protocol.Answer:
        if is_from_a_browser(request) or not names_the_loopback(request):
            text = "Requests of web pages, and to another Host than the loopback address and port, are refused."
            raise AwsError("AccessDeniedException", text, status=403)
        if request.path.rstrip("/") == "/moto-api/reset" and request.method == "POST":
            self._commodity.load()
            self.reset()
        return self._commodity.answer(request.environ, protocol.Route("moto-api", request.path, "rest-json"))

    def _aws(self, request: Request) -> protocol.Answer:
        started = time.perf_counter()
        exchange = Exchange(
            request, str(uuid.uuid4()), Scope("", self._world.settings.region, ""), protocol.guess(request)
        )
        try:
            self._identify(exchange)
            answer = self._serve(exchange)
        except AwsError as error:
            answer = self._failed(exchange, error)
        except ConnectionError:  # a fault rule cut the connection
            self._log(exchange, 0, started)
            raise
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            text = f"The embedded AWS has a bug in {exchange.route.operation}: {type(error).__name__}: {error}"
            answer = self._failed(exchange, AwsError("InternalFailure", text, status=500))
        self._log(exchange, answer.status, started)
        return answer

    def _identify(self, exchange: Exchange) -> None:
        """Read who asks for what.

        Raises:
            AwsError: a signature that cannot be read or is for something else, or a body that was cut off.
        """
        request = exchange.request
        if request.scope is not None:
            exchange.scope = request.scope
        protocol.check_signature(request)
        exchange.internal = self._world.clients.is_internal(request.headers)
        exchange.route = route = protocol.find_route(request, exchange.scope.signing_name)
        if route.service not in self._services:
            return
        protocol.check_content_type(request, route)
        exchange.operation = protocol.operation_model(route.service, route.operation)
        if exchange.operation is None:
            raise AwsError("UnknownOperationException", "The requested operation is not recognized by the service.")
        if not exchange.scope.access_key:
            raise AwsError("MissingAuthenticationTokenException", "Missing Authentication Token", status=403)

    def _serve(self, exchange: Exchange) -> protocol.Answer:
        route = exchange.route
        if route.service != "s3":
            exchange.request.inflate()
        exchange.params = params = self._params(exchange)
        if exchange.internal:
            return self._perform(exchange)
        rules = self._world.faults.for_call(route.service, route.operation, params)
        return trouble.around(rules, exchange, lambda: self._perform(exchange), self._world.faults.pause)

    def _params(self, exchange: Exchange) -> Any:
        """Parsed members of an operation of ours; of others what can be read without their model."""
        request, route = exchange.request, exchange.route
        if exchange.operation is None or self._handler(route) is None:
            return protocol.glance(request, route)
        message = protocol.Message(request.headers, request.query, route.labels, request.body)
        return protocol.parse(exchange.operation, message)

    def _handler(self, route: protocol.Route) -> Handler | None:
        return self._services.get(route.service, {}).get(route.operation)

    def _perform(self, exchange: Exchange) -> protocol.Answer:
        handler, scope, route = self._handler(exchange.route), exchange.scope, exchange.route
        account = self._account(scope)
        if handler is not None:
            protocol.check(exchange.operation, exchange.params)
            call = Call(route.service, route.operation, exchange.params, scope.region, account, exchange.request_id)
            try:
                return protocol.serialize(exchange.operation, handler(call, self._world), exchange.request_id)
            except PassToMoto:
                pass
        if route.service == "s3":
            self._world.jumpstart.admit(route.labels.get("Bucket", ""), route.operation, exchange.internal)
        if not scope.access_key.startswith(_TEMPORARY):
            exchange.request.environ.setdefault("HTTP_X_MOTO_ACCOUNT_ID", account)
        return self._commodity.answer(exchange.request.environ, route)

    def _account(self, scope: Scope) -> str:
        return scope.access_key if _ACCOUNT.fullmatch(scope.access_key) else self._world.settings.account

    def _failed(self, exchange: Exchange, error: AwsError) -> protocol.Answer:
        if exchange.outcome == "ok":
            exchange.outcome = error.code
        route = exchange.route
        return protocol.failure(error, route.protocol, route.service, exchange.operation, exchange.request_id)

    def _log(self, exchange: Exchange, status: int, started: float) -> None:
        if exchange.internal:
            return
        self._world.calls.add(
            Record(
                time=self._world.clock.now(),
                service=exchange.route.service,
                operation=exchange.route.operation,
                region=exchange.scope.region,
                account=self._account(exchange.scope),
                params=exchange.params,
                status=status,
                outcome=exchange.outcome if status < 400 or exchange.outcome != "ok" else str(status),
                request_id=exchange.request_id,
                seconds=time.perf_counter() - started,
            )
        )
