"""Serves the model of /opt/ml/model in the form of AWS's LMI container: ``GET /ping`` and ``POST /invocations``.

It takes ``{"messages": [...], "max_tokens"}`` (a chat completion) and ``{"inputs": text, "parameters": {...}}``, also a
list of inputs. A text in ``inputs`` goes to the model as one user's message; the real container takes it as raw text.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: two threads beside a neighbour are 20 times slower

import torch

from . import answer, rows

MODEL = "/opt/ml/model"
MOST_TOKENS, TOP_P = 256, 1.0
LOOK_SECONDS = 0.2


class Handler(answer.Handler):
    """One connection."""

    folder: str

    def do_GET(self) -> None:
        """Answers /ping."""
        self._send(200 if self.path.split("?")[0] == "/ping" else 404, {})

    def do_POST(self) -> None:
        """Answers /invocations."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        try:
            self._send(200, self._answer(json.loads(body)))
        except (answer.BadPrompt, ValueError, TypeError, KeyError) as error:
            self._send(424 if isinstance(error, answer.BadPrompt) else 400, {"error": str(error), "code": 400})
        except Exception as error:  # the caller is told, and the next one is answered
            self._send(500, {"error": f"{type(error).__name__}: {error}", "code": 500})

    def _answer(self, asked: Any) -> Any:
        if not isinstance(asked, Mapping) or not ("messages" in asked or "inputs" in asked):
            raise ValueError('a request has "messages" (a chat) or "inputs" (text).')
        if "messages" in asked:
            [said] = self._said([asked["messages"]], asked, "max_tokens")
            return completion(said)
        inputs = asked["inputs"]
        asked_for = inputs if isinstance(inputs, list) else [inputs]
        chats = [each if isinstance(each, list) else [{"role": "user", "content": each}] for each in asked_for]
        found = [{"generated_text": each["text"]} for each in self._said(chats, asked.get("parameters") or {})]
        return found if isinstance(inputs, list) else found[0]

    def _said(self, chats: Sequence[Any], how: Mapping[str, Any], most: str = "max_new_tokens") -> list[dict[str, Any]]:
        stop = how.get("stop") or []
        samples = how.get("do_sample", True)
        return self.answerer.answer(
            {
                "folder": self.folder,
                "chats": chats,
                "max_tokens": how.get(most) or MOST_TOKENS,
                "temperature": (how.get("temperature") or 0.0) if samples else 0.0,
                "top_p": how.get("top_p") or TOP_P,
                "stop": [stop] if isinstance(stop, str) else stop,
            }
        )


def completion(said: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an answer as a chat completion."""
    sent, new = said["input_tokens"], said["output_tokens"]
    reason = "length" if said["reason"] == "length" else "stop"
    message = {"role": "assistant", "content": said["text"]}
    return {
        "id": "chatcmpl-0",
        "object": "chat.completion",
        "created": int(time.time()),
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": reason}],
        "usage": {"prompt_tokens": sent, "completion_tokens": new, "total_tokens": sent + new},
    }


def main() -> int:
    """Serve until SIGTERM; returns the exit code."""
    torch.set_num_threads(1)
    folder, ended = os.environ.get("SM_MODEL_DIR", MODEL), threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: ended.set())
    try:
        rows.load(folder)
    except Exception as error:  # the endpoint fails at once and says why
        print(f"ERROR {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return 1
    Handler.folder, Handler.answerer = folder, answer.Answerer()
    server = answer.Server((answer.LOOPBACK, int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("model loaded", flush=True)
    while not ended.wait(LOOK_SECONDS):
        pass
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
