"""The life of all endpoints: one loop looks at each of them; a few threads fetch models and ask for health."""

from __future__ import annotations

import logging
import random
import secrets
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from .endpoints.connections import Connections
from .endpoints.deployment import Deployment, Share, quantity
from .endpoints.endpoint import KIND, Endpoint, Resize
from .endpoints.log_file import GROUP, ReplicaLog
from .endpoints.replica import PROVISIONING_SECONDS, Limits, Order, Replica
from .images import Images
from .jobs.log_stream import LogWriter

if TYPE_CHECKING:
    from ..world import World

BUSY_TICK_SECONDS = 0.03
QUIET_TICK_SECONDS = 0.25
AT_ONCE = 8

Members = dict[str, Any]
Variant = tuple[Members, Members, tuple[str, ...]]
"""A member of ProductionVariants, the ContainerDefinition of its model, and lines for the start of its log."""

_log = logging.getLogger(__name__)


class NotServing(Exception):
    """Nothing answers: no such endpoint in service, no such variant, or its process is being started again.

    Args:
        what: ``endpoint``, ``variant`` or ``process``.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Hosting:
    """Runs the endpoints that CreateEndpoint accepts. Endpoints take none of the slots that jobs wait for.

    Args:
        world: the parts of the sandbox; used from ``start`` on.
        limits: how long things may take.
    """

    def __init__(self, world: World, limits: Limits | None = None) -> None:
        self._world, self._limits = world, limits or Limits()
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._closing = False
        self._endpoints: dict[tuple[str, str], Endpoint] = {}
        self._images = Images(world.settings.images)
        self._chance = random.Random(world.settings.seed)  # noqa: S311 - which variant answers, repeatable on purpose
        self._thread: threading.Thread | None = None
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="hosting")
        self._writers = ThreadPoolExecutor(1, thread_name_prefix="endpoint-log")

    def start(self) -> None:
        """Start the loop."""
        self._thread = threading.Thread(target=self._loop, name="hosting", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End every endpoint's processes, and the loop."""
        self._closing = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        self.reset()
        self._pool.shutdown()
        self._writers.shutdown()

    def reset(self) -> None:
        """End every endpoint's processes and forget the endpoints."""
        with self._lock:
            endpoints = list(self._endpoints.values())
            self._endpoints.clear()
            replicas = [
                replica for each in endpoints for deployment in each.deployments for replica in deployment.replicas
            ]
            for replica in replicas:
                replica.kill()
            for replica in replicas:
                replica.wait()
            for endpoint in endpoints:
                self._world.billing.stop(endpoint.arn)
        self._writers.submit(lambda: None).result()

    def create(self, region: str, document: Members, variants: Sequence[Variant], admit: Callable[[], None]) -> bool:
        """Take an endpoint; False when its name is taken.

        Args:
            region: of the endpoint.
            document: what Describe shows of it at first, in status Creating.
            variants: what it shall serve.
            admit: raises if the account's quotas do not allow it; called when nobody else can create.
        """
        name, arn = document["EndpointName"], document["EndpointArn"]
        with self._lock:
            if self._world.store.get(KIND, region, name) is not None:
                return False
            admit()
            deployment = self._deploy(region, name, document["EndpointConfigName"], variants)
            self._world.store.create(KIND, region, name, document)
            self._endpoints[region, name] = Endpoint(self._world, self._later, region, name, arn, deployment)
        self._wake.set()
        return True

    def update(
        self,
        region: str,
        name: str,
        config: str,
        variants: Sequence[Variant],
        *,
        retain: bool,
        admit: Callable[[], None],
    ) -> bool:
        """Begin to replace what an endpoint serves; False when it is not in service.

        Args:
            region: of the endpoint.
            name: EndpointName.
            config: name of the new configuration.
            variants: what it shall serve.
            retain: keep weights and instance counts of variants that are there already.
            admit: as for ``create``; old and new instances run side by side for a while.
        """
        with self._lock:
            endpoint = self._in_service(region, name)
            if endpoint is None or endpoint.current is None:
                return False
            admit()
            endpoint.pending = self._deploy(region, name, config, variants)
            if retain:
                kept = {
                    each: share for each, share in endpoint.current.shares.items() if each in endpoint.pending.shares
                }
                endpoint.pending.shares.update(kept)
            endpoint.write(EndpointStatus="Updating", FailureReason=None)
        self._wake.set()
        return True

    def resize(self, region: str, name: str, shares: dict[str, Share], admit: Callable[[], None]) -> bool:
        """Begin to change weights and instance counts; False when the endpoint is not in service."""
        with self._lock:
            endpoint = self._in_service(region, name)
            if endpoint is None or endpoint.current is None:
                return False
            admit()
            more = any(share.instances > endpoint.current.shares[each].instances for each, share in shares.items())
            waits = PROVISIONING_SECONDS if more else 0.0
            endpoint.resize = Resize(shares, self._world.clock.modelled() + waits)
            endpoint.write(EndpointStatus="Updating", FailureReason=None)
        self._wake.set()
        return True

    def delete(self, region: str, name: str) -> bool:
        """Begin to end an endpoint; False when something is still on its way, as AWS refuses then."""
        with self._lock:
            endpoint = self._endpoints.get((region, name))
            if endpoint is None or endpoint.is_changing:
                return False
            endpoint.delete()
            endpoint.write(EndpointStatus="Deleting")
        self._wake.set()
        return True

    def shares(self, region: str, name: str) -> dict[str, Share] | None:
        """Give weights and instance counts by variant, or None when nothing serves."""
        with self._lock:
            endpoint = self._endpoints.get((region, name))
            return dict(endpoint.current.shares) if endpoint is not None and endpoint.current is not None else None

    def instances(self, region: str, instance_type: str) -> int:
        """Give how many instances of a type the endpoints of a region hold."""
        with self._lock:
            return sum(
                quantity((each.current, each.pending), instance_type)
                for (where, _), each in self._endpoints.items()
                if where == region
            )

    def route(self, region: str, name: str, variant: str | None) -> tuple[str, str, Connections]:
        """Give the variant's name, its log stream and the way to its process, for one invocation.

        The process waits for the invocation before it ends, so it must be sent.

        Raises:
            NotServing: nothing answers.
        """
        for _ in range(2):  # twice: another deployment may take over in between
            replica = self._chosen(region, name, variant)
            connections = replica.connections
            if connections is not None and connections.promise():
                return replica.name, replica.log.stream, connections
        raise NotServing("process")

    def _chosen(self, region: str, name: str, variant: str | None) -> Replica:
        endpoint = self._endpoints.get((region, name))
        current = endpoint.current if endpoint is not None else None
        if current is None:
            raise NotServing("endpoint")
        replica = current.choose(variant, self._chance)
        if replica is None:
            raise NotServing("variant")
        return replica

    def _in_service(self, region: str, name: str) -> Endpoint | None:
        endpoint = self._endpoints.get((region, name))
        return None if endpoint is None or endpoint.is_changing else endpoint

    def _deploy(self, region: str, name: str, config: str, variants: Sequence[Variant]) -> Deployment:
        writer = LogWriter(self._world.clients.client("logs", region), GROUP + name)
        replicas = []
        for variant, container, notes in variants:
            # A state folder may hold what a server that was killed left: names are never used twice.
            folder = self._world.settings.state_dir / "endpoints" / f"{name}-{secrets.token_hex(6)}"
            folder.mkdir(parents=True)
            log = ReplicaLog(folder / "log", writer, variant["VariantName"], self._later, self._stamp)
            for line in notes:
                log.say(f"sandbox: {line}")
            order = Order(region, name, variant, container, folder)
            replicas.append(Replica(self._world, self._images, self._pool, order, self._limits, log))
        return Deployment(config, replicas, self._world.clock.now())

    def _later(self, action: Callable[[], None]) -> object:
        return self._writers.submit(action)

    def _stamp(self) -> int:
        return int(self._world.clock.now().timestamp() * 1000)

    def _loop(self) -> None:
        while not self._closing:
            with self._lock:
                for key, endpoint in list(self._endpoints.items()):
                    try:
                        if not endpoint.step():
                            del self._endpoints[key]
                    except Exception:  # one endpoint's trouble must not stop the others
                        _log.exception("endpoint %s", endpoint.name)
                busy = any(each.is_busy for each in self._endpoints.values())
            self._wake.wait(BUSY_TICK_SECONDS if busy else QUIET_TICK_SECONDS)
            self._wake.clear()
