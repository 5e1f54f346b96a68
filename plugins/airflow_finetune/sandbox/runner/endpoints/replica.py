"""The server process of one production variant: fetched, started, asked for its health, restarted, ended."""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..processes import Exit, Program
from . import container, model_data
from .connections import LOOPBACK, Connections
from .log_file import ReplicaLog

if TYPE_CHECKING:
    from ...world import World
    from ..images import Images
    from ..processes import Process

PROVISIONING_SECONDS = 20.0  # modelled; AWS takes minutes, which teaches nobody anything
STARTS_BEFORE_HEALTHY = 3
LONGEST_BACKOFF_SECONDS = 30.0
DOWNLOAD_END_SECONDS = 10.0
NEVER_ANSWERS_SECONDS = 480.0  # modelled, for the planned fault only
ENDS = {"oom": "out of memory", "log": "it printed more than the sandbox's limit for a log"}


@dataclass(frozen=True)
class Limits:
    """Real seconds that AWS documents; a test may have less patience.

    Attributes:
        startup_seconds: until /ping must answer, unless the variant says otherwise.
        ping_seconds: that /ping may take.
        invocation_seconds: that an answer may take.
        steady_seconds: of health after which earlier deaths are forgotten.
        grace_seconds: between SIGTERM and SIGKILL of a server whose endpoint is deleted.
        backoff_seconds: before the first restart of a server that died; it doubles with each.
        deaths_in_a_row: after which a server is not started again (a number, not seconds).
    """

    startup_seconds: float = 480.0
    ping_seconds: float = 2.0
    invocation_seconds: float = 60.0
    steady_seconds: float = 60.0
    grace_seconds: float = 5.0
    backoff_seconds: float = 0.25
    deaths_in_a_row: int = 10


@dataclass(frozen=True)
class Order:
    """What a replica is for.

    Attributes:
        region: of the endpoint.
        endpoint: its name.
        variant: a member of the configuration's ProductionVariants.
        container: the ContainerDefinition of the variant's model.
        folder: its own folder on this machine.
    """

    region: str
    endpoint: str
    variant: dict[str, Any]
    container: dict[str, Any]
    folder: Path


class Phase(StrEnum):
    """What is going on with a replica."""

    PROVISIONING = "provisioning"
    FETCHING = "fetching"
    STARTING = "starting"
    SERVING = "serving"
    RESTARTING = "restarting"  # waits before the next start
    DRAINING = "draining"  # another serves now; what this one was asked before is still answered
    FAILED = "failed"
    ENDING = "ending"
    ENDED = "ended"


class Replica:
    """One variant's server. All methods but ``connections`` belong to the hosting loop's thread.

    Args:
        world: the parts of the sandbox.
        images: the folders that stand for images.
        pool: runs downloads and pings, which take their time.
        order: what it is for.
        limits: how long things may take.
        log: where its lines go.
    """

    def __init__(
        self, world: World, images: Images, pool: Executor, order: Order, limits: Limits, log: ReplicaLog
    ) -> None:
        self._world, self._images, self._pool, self._limits = world, images, pool, limits
        self.order, self.log = order, log
        self.phase = Phase.PROVISIONING
        self.failure = ""
        self._ready_at = world.clock.modelled() + PROVISIONING_SECONDS
        self._fetched: Future[container.Server] | None = None
        self._server: container.Server | None = None
        self._process: Process | None = None
        self._connections: Connections | None = None
        self._ping: Future[bool] | None = None
        self._starts = self._deaths = 0
        self._since = self._deadline = 0.0
        self._was_healthy = False
        self._steps: dict[Phase, Callable[[], None]] = {
            Phase.PROVISIONING: self._provision,
            Phase.FETCHING: self._fetch,
            Phase.STARTING: self._await_health,
            Phase.SERVING: self._watch,
            Phase.RESTARTING: self._await_restart,
            Phase.DRAINING: self._await_quiet,
            Phase.ENDING: self._await_end,
        }

    @property
    def name(self) -> str:
        """VariantName."""
        return str(self.order.variant["VariantName"])

    @property
    def bills(self) -> bool:
        """Whether instances run for it: from the end of provisioning until it failed or is told to end."""
        return self.phase in (Phase.FETCHING, Phase.STARTING, Phase.SERVING, Phase.RESTARTING, Phase.DRAINING)

    @property
    def is_ready(self) -> bool:
        """Whether it has ever passed its health check and still exists."""
        return self._was_healthy and self.phase in (Phase.SERVING, Phase.STARTING, Phase.RESTARTING)

    @property
    def connections(self) -> Connections | None:
        """The way to the process while it is healthy, else None. May be asked by any thread."""
        return self._connections if self.phase == Phase.SERVING else None

    def step(self) -> None:
        """Do what is due; never waits."""
        action = self._steps.get(self.phase)
        if action is not None:
            action()

    def drain(self) -> None:
        """Take no new request, and begin to end when those under way are answered or have had their time."""
        if self.phase != Phase.SERVING or self._connections is None:
            self.stop()
            return
        self.phase, self._deadline = Phase.DRAINING, time.monotonic() + self._limits.invocation_seconds
        self._connections.drain()

    def stop(self) -> None:
        """Begin to end it: SIGTERM now, SIGKILL when the grace is over."""
        if self.phase in (Phase.ENDING, Phase.ENDED):
            return
        self.phase, self._deadline = Phase.ENDING, time.monotonic() + self._limits.grace_seconds
        if self._connections is not None:
            self._connections.close()
        if self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """End it at once; ``wait`` afterwards."""
        self.stop()
        self._deadline = 0.0
        if self._process is not None:
            self._process.kill()

    def wait(self) -> None:
        """Wait until nothing of a replica that was told to end is left."""
        if self._process is not None:
            self._process.end()
        if self._fetched is not None and not self._fetched.cancel():
            wait([self._fetched], DOWNLOAD_END_SECONDS)
        self._await_end()

    def _provision(self) -> None:
        if self._world.clock.modelled() < self._ready_at:
            return
        self.phase = Phase.FETCHING
        self._fetched = self._pool.submit(self._bring)

    def _bring(self) -> container.Server:
        """Fetch the model and find its server; runs in the pool."""
        s3 = self._world.clients.client("s3", self.order.region)
        ml = self.order.folder / "ml"
        source = model_data.source_of(self.order.container)
        if source is not None:
            model_data.bring(s3, source, ml / "model", self.order.folder / "download")
        (ml / "model").mkdir(parents=True, exist_ok=True)
        return container.server_of(self.order.container, self._images, s3, ml)

    def _fetch(self) -> None:
        if self._fetched is None or not self._fetched.done():
            return
        try:
            self._server = self._fetched.result()
        except (model_data.ModelDataError, container.NothingToServe) as error:
            self._fail(str(error))
            return
        except Exception as error:  # a disk that is full, a bug of ours: the endpoint fails and says so
            self._fail(f"The sandbox could not prepare the model: {type(error).__name__}: {error}")
            return
        given = self.order.variant.get("ContainerStartupHealthCheckTimeoutInSeconds")
        self._deadline = time.monotonic() + (given or self._limits.startup_seconds)
        never = self._world.faults.take("endpoint_never_answers", self.order.endpoint)
        if never is not None:
            waits = float(never.params.get("seconds", NEVER_ANSWERS_SECONDS))
            self._ready_at = self._world.clock.modelled() + waits
            self.phase, self._steps[Phase.STARTING] = Phase.STARTING, self._stay_silent
            self.log.say("sandbox: a planned fault keeps this server from starting")
            return
        if (self.order.folder / "ml" / "model" / "code" / "requirements.txt").exists():
            self.log.say("sandbox: requirements.txt is not installed; the script runs in the sandbox's own interpreter")
        self._start()

    def _stay_silent(self) -> None:
        if self._world.clock.modelled() >= self._ready_at:
            self._fail_health_check()

    def _start(self) -> None:
        try:
            self._launch()
        except Exception as error:  # no isolation works, no memory: the endpoint fails and says so
            self._fail(f"The sandbox could not start the server: {type(error).__name__}: {error}")

    def _launch(self) -> None:
        assert self._server is not None  # noqa: S101 - set by _fetch, before any launch
        ml, port = self.order.folder / "ml", _free_port()
        endpoint_url = self._world.clients.client("s3", self.order.region).meta.endpoint_url
        base = self._world.processes.base_environment(ml, endpoint_url, self.order.region, self._world.settings.account)
        self._process = self._world.processes.start(
            Program(
                name=f"{self.order.endpoint}/{self.name}",
                argv=self._server.argv,
                env=container.environment_of(base, self.order.container, self.order.region, port),
                ml=ml,
                cwd=self._server.cwd,
                log=self.log.path,
                memory_limit_bytes=self._memory_limit_bytes(),
                code=container.CODE_FOLDERS,
            )
        )
        self._connections = Connections(port, self._limits.invocation_seconds)
        self._ping = None
        self._starts += 1
        self.phase = Phase.STARTING

    def _memory_limit_bytes(self) -> int:
        here = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
        return min(int(self._world.prices.instance(self.order.variant["InstanceType"]).memory_gb * 2**30), here)

    def _await_health(self) -> None:
        end = self._process.poll() if self._process else None
        if end is not None:
            self._died(end)
        elif self._ping is not None and self._ping.done() and self._ping.result():
            self.phase, self._was_healthy, self._since = Phase.SERVING, True, time.monotonic()
        elif not self._was_healthy and time.monotonic() > self._deadline:
            self._fail_health_check()
        elif (self._ping is None or self._ping.done()) and self._connections is not None:
            self._ping = self._pool.submit(self._connections.answers_ping, self._limits.ping_seconds)

    def _watch(self) -> None:
        end = self._process.poll() if self._process else None
        if end is not None:
            if time.monotonic() - self._since > self._limits.steady_seconds:
                self._deaths = 0
            self._died(end)

    def _died(self, end: Exit) -> None:
        """Start again after a pause that grows, but not for ever."""
        self._deaths += 1
        how = ENDS.get(end.reason, f"exit code {end.code}, signal {end.signal}")
        self.log.say(f"sandbox: the server ended ({how})")
        if self._connections is not None:
            self._connections.close()
        if not self._was_healthy and self._starts >= STARTS_BEFORE_HEALTHY:
            self._fail_health_check()
            return
        pause = min(LONGEST_BACKOFF_SECONDS, self._limits.backoff_seconds * 2 ** (self._deaths - 1))
        self.phase, self._since = Phase.RESTARTING, time.monotonic() + pause
        if self._deaths >= self._limits.deaths_in_a_row:
            self._since = float("inf")
            self.log.say(f"sandbox: it died {self._deaths} times in a row and is not started again")

    def _await_restart(self) -> None:
        if time.monotonic() >= self._since:
            self._start()

    def _fail_health_check(self) -> None:
        self._fail(
            f"The primary container for production variant {self.name} did not pass the ping health check. Please "
            "check CloudWatch logs for this endpoint."
        )

    def _fail(self, reason: str) -> None:
        self.failure, self.phase = reason, Phase.FAILED
        if self._process is not None:
            self._process.kill()

    def _await_quiet(self) -> None:
        assert self._connections is not None  # noqa: S101 - drain looks
        if self._connections.is_quiet or time.monotonic() > self._deadline:
            self.stop()

    def _await_end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            if time.monotonic() > self._deadline:
                self._process.kill()
            return
        if self._fetched is not None and not self._fetched.done():
            return  # a download that runs still writes into the folder
        self.phase = Phase.ENDED
        self.log.finish()
        shutil.rmtree(self.order.folder, ignore_errors=True)


def _free_port() -> int:
    """Give a port that nobody uses now; a server that finds it taken after all is started again on another."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
