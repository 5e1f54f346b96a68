"""Answers prompts with the models of any number of folders: one process, each model loaded when it is first asked.

``python -m ...zoo.answer PORT_FILE`` listens on a free port of the loopback address and writes its number to PORT_FILE.
``POST /answer`` takes ``{"folder", "chats": [[{"role", "content"}]], "max_tokens", "temperature", "top_p", "stop"}``.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import torch

from . import rows

LOOPBACK = "127.0.0.1"
MOST_ROWS = 32
WAIT_SECONDS = 0.008
"""How long a prompt waits for others that can share its batch."""
MOST_MODELS = 8


class BadPrompt(ValueError):
    """The prompt cannot be answered as it is; the text says why."""


@dataclass(frozen=True)
class Prompt:
    """One prompt.

    Attributes:
        folder: of the model.
        ids: its tokens.
        max_tokens: most new ones.
        temperature: 0 is greedy.
        top_p: share of the probability that is sampled from.
        stop: texts at which the answer ends.
    """

    folder: str
    ids: tuple[int, ...]
    max_tokens: int
    temperature: float
    top_p: float
    stop: tuple[str, ...]

    @property
    def batch(self) -> tuple[str, float, float]:
        """What prompts of one batch share."""
        return self.folder, self.temperature, self.top_p


class Models:
    """The loaded models; the one asked longest ago makes room."""

    def __init__(self) -> None:
        self._loaded: OrderedDict[str, tuple[Any, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, folder: str) -> tuple[Any, Any]:
        """Returns model and tokenizer of a folder."""
        with self._lock:
            if folder not in self._loaded:
                model, tokenizer = rows.load(folder)
                self._loaded[folder] = model.eval(), tokenizer
                while len(self._loaded) > MOST_MODELS:
                    self._loaded.popitem(last=False)
            self._loaded.move_to_end(folder)
            return self._loaded[folder]


class Answerer:
    """Puts prompts of all threads into batches and generates, one batch after the other."""

    def __init__(self) -> None:
        self._models = Models()
        self._queue: queue.SimpleQueue[tuple[Prompt, Future[dict[str, Any]]]] = queue.SimpleQueue()
        threading.Thread(target=self._loop, daemon=True).start()

    def answer(self, asked: dict[str, Any]) -> list[dict[str, Any]]:
        """Returns an answer for each chat.

        Raises:
            BadPrompt: one does not fit into the model.
        """
        prompts = [self._prompt(asked, chat) for chat in asked["chats"]]
        waiting = []
        for prompt in prompts:
            future: Future[dict[str, Any]] = Future()
            self._queue.put((prompt, future))
            waiting.append(future)
        return [future.result() for future in waiting]

    def _prompt(self, asked: dict[str, Any], chat: list[dict[str, str]]) -> Prompt:
        model, tokenizer = self._models.get(asked["folder"])
        try:
            ids = rows.prompt_ids(tokenizer, chat)
        except Exception as error:  # templates refuse what they do not know with errors of their own
            raise BadPrompt(f"the model's chat template refuses the messages: {error}") from error
        room = rows.context_of(model) - len(ids)
        if room < 1:
            raise BadPrompt("Input is too long for requested model.")
        return Prompt(
            asked["folder"],
            tuple(ids),
            max(1, min(int(asked["max_tokens"]), room)),
            float(asked["temperature"]),
            float(asked["top_p"]),
            tuple(asked["stop"]),
        )

    def _loop(self) -> None:
        held: list[tuple[Prompt, Future[dict[str, Any]]]] = []
        while True:
            if not held:
                held.append(self._queue.get())
            until = time.monotonic() + WAIT_SECONDS
            while (left := until - time.monotonic()) > 0 and len(held) < 4 * MOST_ROWS:
                try:
                    held.append(self._queue.get(timeout=left))
                except queue.Empty:
                    break
            key = held[0][0].batch
            batch = [each for each in held if each[0].batch == key][:MOST_ROWS]
            held = [each for each in held if each not in batch]
            self._run(batch)

    def _run(self, batch: Sequence[tuple[Prompt, Future[dict[str, Any]]]]) -> None:
        try:
            answers = self._generate([prompt for prompt, _ in batch])
        except Exception as error:  # the caller shall hear of it, and the next batch is another one
            for _, future in batch:
                future.set_exception(error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            future.set_result(answer)

    @torch.inference_mode()  # type: ignore[untyped-decorator,unused-ignore]  # torch is not followed by mypy
    def _generate(self, prompts: Sequence[Prompt]) -> list[dict[str, Any]]:
        first = prompts[0]
        model, tokenizer = self._models.get(first.folder)
        pad, longest = tokenizer.pad_token_id or 0, max(len(prompt.ids) for prompt in prompts)
        ids = torch.tensor([[pad] * (longest - len(each.ids)) + list(each.ids) for each in prompts])
        mask = torch.tensor([[0] * (longest - len(each.ids)) + [1] * len(each.ids) for each in prompts])
        sampling: dict[str, Any] = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        if first.temperature > 0:
            sampling = {"do_sample": True, "temperature": first.temperature, "top_p": first.top_p or 1.0, "top_k": 0}
        out = model.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=max(each.max_tokens for each in prompts),
            pad_token_id=pad,
            **sampling,
        )
        return [finish(tokenizer, each, row[longest:].tolist()) for each, row in zip(prompts, out, strict=True)]


def finish(tokenizer: Any, prompt: Prompt, new: list[int]) -> dict[str, Any]:
    """Returns the answer in a row: up to its end token, its limit, or its first stop text."""
    kept = new[: prompt.max_tokens]
    end = next((at for at, token in enumerate(kept) if token == tokenizer.eos_token_id), None)
    text = tokenizer.decode(kept[:end] if end is not None else kept, skip_special_tokens=True)
    reason = "end" if end is not None else "length"
    cuts = [at for at in (text.find(stop) for stop in prompt.stop) if at >= 0]
    if cuts:
        text, reason = text[: min(cuts)], "stop"
    output = len(kept) if end is None else end + 1
    return {"text": text, "reason": reason, "input_tokens": len(prompt.ids), "output_tokens": output}


class Handler(BaseHTTPRequestHandler):
    """HTTP in front of the answerer."""

    protocol_version = "HTTP/1.1"
    answerer: Answerer

    def do_GET(self) -> None:
        """Says that it is there."""
        self._send(200, {})

    def do_POST(self) -> None:
        """Answers."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        try:
            self._send(200, {"answers": self.answerer.answer(json.loads(body))})
        except BadPrompt as error:
            self._send(400, {"error": str(error)})
        except Exception as error:  # a folder without a model, a bug: the one who asked is told
            self._send(500, {"error": f"{type(error).__name__}: {error}"})

    def _send(self, status: int, document: dict[str, Any]) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Says nothing: the server has its own call log."""


class Server(ThreadingHTTPServer):
    """Any number of callers at once."""

    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    """Serve until killed."""
    torch.set_num_threads(1)
    Handler.answerer = Answerer()
    server = Server((LOOPBACK, 0), Handler)
    target = Path(sys.argv[1])
    draft = target.with_suffix(".tmp")
    draft.write_text(str(server.server_address[1]))
    os.replace(draft, target)
    server.serve_forever()


if __name__ == "__main__":
    main()
