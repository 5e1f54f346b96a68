"""What a training job in the runner uses and does not own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...world import World
    from .instance import Instance, Order
    from .log_stream import LogWriter


@dataclass(frozen=True)
class Surroundings:
    """What a job uses and does not own.

    Attributes:
        world: the parts of the sandbox.
        make_instance: makes the folder and the parts of a new instance for an order.
        writers: the one thread that writes logs, metrics and events.
        log_writer: the streams of this job's region.
    """

    world: World
    make_instance: Callable[[Order], Instance]
    writers: Executor
    log_writer: LogWriter
