"""The commodity services are moto's: its public WSGI application, loaded when it is first needed."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from werkzeug.test import EnvironBuilder

from .clients import INTERNAL_HEADER
from .errors import AwsError
from .protocol.route import Route
from .protocol.serialize import Answer

_MISREAD = (  # moto knows no such sub-resource of a bucket or key, and takes the bucket or key itself instead
    "*Annotation*",
    "*BucketAbac",
    "*BucketAnalyticsConfiguration*",
    "*BucketIntelligentTieringConfiguration*",
    "*BucketMetadata*",
    "*BucketMetricsConfiguration*",
    "CreateSession",
    "DeleteBucketInventoryConfiguration",
    "GetObjectTorrent",
    "PutBucketRequestPayment",
    "RenameObject",
    "UpdateObjectEncryption",
    "WriteGetObjectResponse",
)
_RECORDED_ONLY = {  # moto writes a record, or gives a canned answer, for work that nobody does
    "sagemaker": (
        "CreateAutoMLJob*",
        "CreateCompilationJob",
        "CreateHyperParameterTuningJob",
        "CreateTransformJob",
        "StartPipelineExecution",
    ),
    "bedrock-runtime": ("InvokeModel*",),
    "athena": ("StartQueryExecution",),
    "codebuild": ("StartBuild*",),
    "comprehend": ("*Detect*", "Start*"),
    "ecs": ("RunTask", "StartTask"),
    "emr": ("RunJobFlow", "AddJobFlowSteps"),
    "emr-containers": ("StartJobRun",),
    "emr-serverless": ("StartJobRun",),
    "glue": ("StartCrawler", "StartJobRun", "StartTrigger", "StartWorkflowRun"),
    "redshift-data": ("*ExecuteStatement",),
    "rekognition": ("Compare*", "Detect*", "Start*"),
    "stepfunctions": ("StartExecution", "StartSyncExecution"),
    "textract": ("Analyze*", "Detect*", "Start*"),
    "transcribe": ("Start*",),
}
_INTERNAL = "HTTP_" + INTERNAL_HEADER.upper().replace("-", "_")


def not_implemented(route: Route) -> AwsError:
    """The answer for what nobody implements: 501, which no client retries, and the operation's name."""
    name = f"{route.service}:{route.operation}" if route.operation else f"this operation of {route.service}"
    return AwsError("NotImplemented", f"The embedded AWS does not implement {name}.", status=501)


def not_run(route: Route) -> AwsError:
    """The answer for work that moto would only write down: a client must not believe that it is being done."""
    text = f"The embedded AWS does not run {route.service}:{route.operation}: it would only pretend to have done it."
    return AwsError("NotImplemented", text, status=501)


def _refuse_pretence(route: Route) -> None:
    """Refuse what moto would mistake for another operation, and what it would only pretend to do.

    Raises:
        AwsError: 501.
    """
    if route.service == "s3" and _is_one_of(route.operation, _MISREAD):
        raise not_implemented(route)
    if _is_one_of(route.operation, _RECORDED_ONLY.get(route.service, ())):
        raise not_run(route)


def _is_one_of(operation: str, names: Iterable[str]) -> bool:
    return any(fnmatchcase(operation, name) for name in names)


class Commodity:
    """moto behind one method.

    Args:
        managed_policies: load AWS's managed policies into IAM; about a second, and again after each reset.
    """

    def __init__(self, managed_policies: bool) -> None:
        self._environment = {"MOTO_DISABLE_GLOBAL_CORS": "true"}  # no web page shall read what a bucket holds
        if managed_policies:
            self._environment["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
        self._app: Any = None
        self._lock = threading.Lock()

    def load(self) -> Any:
        """Moto's application; the first call imports it (about half a second)."""
        with self._lock:
            if self._app is None:
                os.environ.update(self._environment)  # moto reads its settings nowhere else
                from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

                def create(service: Any) -> Any:
                    if service is None:
                        raise NotImplementedError("moto has no such service")
                    app = create_backend_app(service)
                    app.config["PROPAGATE_EXCEPTIONS"] = True  # NotImplementedError shall reach us, not a page
                    return app

                self._app = DomainDispatcherApplication(create)
            return self._app

    def reset(self) -> None:
        """Empty moto's accounts through its own API; nothing to do when it was never loaded."""
        if self._app is not None:
            environ = EnvironBuilder("/moto-api/reset", method="POST").get_environ()
            environ["RAW_URI"] = environ["REQUEST_URI"] = "/moto-api/reset"
            self.answer(environ, Route("moto-api", "reset", "rest-json"))

    def answer(self, environ: dict[str, Any], route: Route) -> Answer:
        """Let moto answer.

        Raises:
            AwsError: 501 for what moto does not have or only pretends to do, 500 for what broke inside it, or what
                reading the body raised.
        """
        _refuse_pretence(route)
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            started[:] = [status, headers]
            return lambda data: None

        environ.pop("werkzeug.request", None)
        environ.pop(_INTERNAL, None)
        try:
            pieces = self.load()(environ, start_response)
        except AwsError:
            raise
        except NotImplementedError as error:
            raise not_implemented(route) from error
        except Exception as error:
            traceback.print_exc(limit=-3, file=sys.stderr)  # moto's own frames; Flask's say nothing
            raise AwsError("InternalFailure", f"moto: {type(error).__name__}: {error}", status=500) from error
        status, headers = started
        content = _content(pieces)
        if _is_unknown(status, content, environ, route):
            raise not_implemented(route)
        return Answer(int(status[:3]), list(headers), content)


def _content(pieces: Iterable[bytes]) -> bytes:
    try:
        return b"".join(pieces)
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()


def _is_unknown(status: str, content: bytes, environ: dict[str, Any], route: Route) -> bool:
    """Whether moto had nothing for this path or method: its web framework's page, or no text at all.

    S3 is left out of the second: it answers a HEAD for a key that is not there with an empty 404.
    """
    if not status.startswith(("404", "405")) or environ["PATH_INFO"].startswith("/moto-api"):
        return False
    return content.startswith(b"<!doctype html>") or (not content and route.service != "s3")
