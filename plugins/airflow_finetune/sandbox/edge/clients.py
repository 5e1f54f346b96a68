"""boto3 clients of the sandbox on its own endpoint; they read nothing of the user's AWS set-up."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Mapping
from typing import Any

import botocore.session
from botocore.config import Config

from .protocol.models import LOADER

INTERNAL_HEADER = "x-sandbox-internal"
"""Carries the sandbox's token: such a call skips faults and the call log."""

DUMMY_KEY_ID = "sandbox"
DUMMY_SECRET = "sandbox"  # noqa: S105 - the embedded AWS checks no signature; a real key must never be used here


class Clients:
    """Makes and keeps one client per service and region; the clients may be used from every thread.

    Args:
        token: the sandbox's token.
    """

    def __init__(self, token: str) -> None:
        self._token = token
        self._url = ""
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._lock = threading.Lock()
        self._session = isolated_session()

    def connect(self, url: str) -> None:
        """Say where the endpoint is, once the server listens."""
        with self._lock:
            self._url = url
            self._clients.clear()

    @property
    def url(self) -> str:
        """The endpoint; empty before the server listens."""
        return self._url

    def is_internal(self, headers: Mapping[str, str]) -> bool:
        """Whether a call comes from one of these clients."""
        given = headers.get(INTERNAL_HEADER)
        return given is not None and hmac.compare_digest(given.encode(), self._token.encode())

    def client(self, service: str, region: str, account: str = "") -> Any:
        """A boto3-style client of a service in a region; of the sandbox's account unless another one is given."""
        with self._lock:
            if (service, region, account) not in self._clients:
                self._clients[service, region, account] = self._make(service, region, account or DUMMY_KEY_ID)
            return self._clients[service, region, account]

    def close(self) -> None:
        """Close every connection that the clients keep."""
        with self._lock:
            clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            client.close()

    def _make(self, service: str, region: str, key_id: str) -> Any:
        client = self._session.create_client(
            service,
            region_name=region,
            endpoint_url=self._url,
            aws_access_key_id=key_id,
            aws_secret_access_key=DUMMY_SECRET,
            config=Config(
                proxies={},  # a proxy of the user's environment must not see calls to ourselves
                retries={"mode": "standard", "total_max_attempts": 3},
                max_pool_connections=32,
                s3={"addressing_style": "path"},
            ),
        )
        client.meta.events.register("before-call", self._sign_as_internal)
        return client

    def _sign_as_internal(self, params: dict[str, Any], **_: Any) -> None:
        params["headers"][INTERNAL_HEADER] = self._token


def isolated_session() -> Any:
    """A botocore session that sees no AWS file and no AWS_ variable: every setting has its built-in default."""
    session = botocore.session.Session()
    defaults = {
        name: (None, None, default, convert)
        for name, (_, _, default, convert) in session.SESSION_VARIABLES.items()
        if not isinstance(name, dict)
    }
    session = botocore.session.Session(session_vars=defaults)
    session.set_config_variable("config_file", "/dev/null")
    session.set_config_variable("credentials_file", "/dev/null")
    session.register_component("data_loader", LOADER)
    return session
