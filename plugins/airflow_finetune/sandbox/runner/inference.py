"""Bedrock's models answer: one local process for all of them, started at the first question, asked in batches."""

from __future__ import annotations

import json
import secrets
import shutil
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from .customizing import program
from .endpoints.connections import Broken, Connections, TimedOut
from .processes import Program

if TYPE_CHECKING:
    from ..state import FoundationModel
    from ..world import World
    from .processes import Process

TINY_BASE = Path(__file__).resolve().parents[1] / "zoo" / "tiny-llama"
START_SECONDS = 180.0
ANSWER_SECONDS = 300.0
POLL_SECONDS = 0.03
WINDOW_SECONDS = 60.0


class Refused(Exception):
    """The model cannot answer this prompt; the text says why."""


class NotAnswering(Exception):
    """The process that answers did not start, died or took too long; the text says which."""


@dataclass(frozen=True)
class Sampling:
    """How an answer is generated.

    Attributes:
        max_tokens: most new tokens.
        temperature: 0 is greedy.
        top_p: share of the probability that is sampled from.
        stop: texts at which the answer ends.
    """

    max_tokens: int = 128
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What a model said.

    Attributes:
        text: without the stop text.
        reason: ``end``, ``length`` or ``stop``.
        input_tokens: of the prompt, as the tiny model's tokenizer counts.
        output_tokens: of the answer.
    """

    text: str
    reason: str
    input_tokens: int
    output_tokens: int


Chat = Sequence[Mapping[str, str]]


@dataclass
class Requests:
    """How many requests each model got in the last minute of real time, for throttling."""

    _times: dict[str, deque[float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admit(self, model: str, limit: int, now: float) -> bool:
        """Count a request; False, and not counted, when the limit of a minute is reached."""
        with self._lock:
            times = self._times.setdefault(model, deque())
            while times and times[0] <= now - WINDOW_SECONDS:
                times.popleft()
            if len(times) >= limit:
                return False
            times.append(now)
            return True

    def clear(self) -> None:
        """Forget every request."""
        with self._lock:
            self._times.clear()


class Inference:
    """The models and the process that answers for them.

    Args:
        world: the parts of the sandbox; used from the first question on.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._ml = world.settings.state_dir / "bedrock" / "ml"
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._connections: Connections | None = None
        self._closing = False
        self.requests = Requests()

    def folder_of(self, model: FoundationModel) -> str:
        """Give the folder whose weights stand for a base model: one that the settings name, else the tiny base."""
        for pattern, folder in self._world.settings.models:
            if fnmatchcase(model.id, pattern):
                return str(folder.resolve())
        return str(TINY_BASE)

    def keep(self, weights: Path) -> str:
        """Take a tuned model's folder over, and give the name under which it is asked."""
        name = f"models/{secrets.token_hex(8)}"
        (self._ml / "models").mkdir(parents=True, exist_ok=True)
        shutil.move(weights, self._ml / name)
        return name

    def path_of(self, folder: str) -> Path:
        """Give the folder on this machine of a name that ``keep`` or ``folder_of`` gave."""
        return self._ml / folder

    def drop(self, folder: str) -> None:
        """Delete a tuned model's weights."""
        shutil.rmtree(self._ml / folder, ignore_errors=True)

    def ask(self, folder: str, chats: Sequence[Chat], sampling: Sampling) -> list[Answer]:
        """Give a model's answers, one for each conversation.

        Raises:
            Refused: a conversation does not fit into the model.
            NotAnswering: there is no process that answers.
        """
        question = {
            "folder": folder,
            "chats": [[dict(message) for message in chat] for chat in chats],
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "stop": list(sampling.stop),
        }
        connections = self._started()
        try:
            answer = connections.post("/answer", json.dumps(question).encode(), {"Content-Type": "application/json"})
        except (TimedOut, Broken) as error:
            raise NotAnswering(f"the process that answers for models: {type(error).__name__} {error}") from error
        document = json.loads(answer.body)
        if answer.status == HTTPStatus.BAD_REQUEST:
            raise Refused(document["error"])
        if answer.status != HTTPStatus.OK:
            raise NotAnswering(document["error"])
        return [Answer(**each) for each in document["answers"]]

    def reset(self) -> None:
        """Forget tuned models and request counts; the process stays, for its base is nobody's account."""
        self.requests.clear()
        shutil.rmtree(self._ml / "models", ignore_errors=True)

    def close(self) -> None:
        """End the process."""
        self._closing = True
        process = self._process
        if process is not None:
            process.end()
        with self._lock:
            if self._process is not None:
                self._process.end()
            if self._connections is not None:
                self._connections.close()

    def _started(self) -> Connections:
        with self._lock:
            if self._closing:
                raise NotAnswering("the sandbox ends")
            if self._connections is None or self._process is None or self._process.poll() is not None:
                self._start()
            assert self._connections is not None  # noqa: S101 - set by _start, which raises otherwise
            return self._connections

    def _start(self) -> None:
        """Start the process and wait until it says where it listens.

        Raises:
            NotAnswering: it ended before, or said nothing.
        """
        if self._connections is not None:
            self._connections.close()
        self._ml.mkdir(parents=True, exist_ok=True)
        name = f"port-{secrets.token_hex(4)}"
        log, processes = self._ml.parent / "log", self._world.processes
        environment = processes.base_environment(self._ml, self._world.clients.url, self._world.settings.region)
        self._process = process = processes.start(
            Program(
                name="bedrock-models",
                argv=program.command("answer", f"/opt/ml/{name}"),
                env=environment | program.ONE_THREAD,
                ml=self._ml,
                cwd="/opt/ml",
                log=log,
            )
        )
        deadline = time.monotonic() + START_SECONDS
        while not (self._ml / name).exists():
            if process.poll() is not None or self._closing or time.monotonic() > deadline:
                process.end()
                raise NotAnswering(program.explained(log))
            time.sleep(POLL_SECONDS)
        self._connections = Connections(int((self._ml / name).read_text()), ANSWER_SECONDS)
        (self._ml / name).unlink()
