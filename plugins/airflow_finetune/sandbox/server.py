"""A sandbox: the parts put together, the endpoint, and an orderly end (jobs first, then the socket)."""

from __future__ import annotations

import os
import shutil
import threading
from types import TracebackType
from typing import Self

from .edge.connection import Server
from .edge.gateway import Gateway
from .services import SERVICES
from .settings import Settings
from .world import World, build

LOOPBACK = "127.0.0.1"
TOKEN_FILE = "token"  # noqa: S105 - a file's name


class Sandbox:
    """An embedded AWS on the loopback address; a context manager.

    moto keeps its state per process, so a process should run one sandbox at a time.

    Args:
        settings: the person's choices; the defaults suit tests.
        port: 0 for any free one.
    """

    def __init__(self, settings: Settings | None = None, port: int = 0) -> None:
        self.settings = settings or Settings()
        self._port = port
        self.world: World = build(self.settings)
        self.gateway = Gateway(self.world, SERVICES)
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The endpoint, for AWS_ENDPOINT_URL. An address, not a name: boto3 then writes bucket names into the path."""
        if self._server is None:
            raise RuntimeError("the sandbox is not started: use it as a context manager or call start()")
        return f"http://{LOOPBACK}:{self._server.server_address[1]}"

    @property
    def token(self) -> str:
        """What /_sandbox/ wants in the header x-sandbox-token."""
        return self.settings.token

    def start(self) -> Self:
        """Listen, and start what runs jobs and endpoints."""
        self._write_token()
        self._server = Server(LOOPBACK, self._port, self.gateway, self.settings.read_timeout_seconds)
        self.world.clients.connect(self.url)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="endpoint", daemon=True)
        self._thread.start()
        self.world.training.start()
        self.world.processing.start()
        self.world.hosting.start()
        return self

    def reset(self) -> None:
        """Back to an empty account; see Gateway.reset."""
        self.gateway.reset()

    def stop(self) -> None:
        """End jobs and endpoints, then every other program, then the socket; may be called twice.

        A temporary state folder is removed, so a stopped sandbox is not started again.
        """
        if self._server is None:
            return
        self.world.bedrock.close()
        self.world.training.close()
        self.world.processing.close()
        self.world.hosting.close()
        self.world.processes.stop_all()
        self.world.clients.close()
        self._server.shutdown()
        self._server.close_connections()
        self._server.server_close()
        if self._thread is not None:
            self._thread.join()
        self._server = None
        if self.settings.is_temporary:
            shutil.rmtree(self.settings.state_dir, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _write_token(self) -> None:
        folder = self.settings.state_dir
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / TOKEN_FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(self.settings.token)
