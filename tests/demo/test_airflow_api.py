"""Airflow's API as the demo uses it: a busy server is asked again, a refusal is told at once, nothing is done twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from demo.airflow_api import AirflowApi, ApiError


@contextmanager
def answering(*statuses: int) -> Iterator[tuple[AirflowApi, list[str]]]:
    """Serve these statuses one after the other to whoever has logged in; the last one stays."""
    left, asked = list(statuses), list[str]()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(200 if self.path == "/auth/token" else self.next("POST"))

        def do_GET(self) -> None:
            self.answer(self.next("GET"))

        def next(self, method: str) -> int:
            asked.append(f"{method} {self.path}")
            return left.pop(0) if len(left) > 1 else left[0]

        def answer(self, status: int) -> None:
            body = json.dumps({"access_token": "t", "state": "running"}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield AirflowApi(f"http://127.0.0.1:{server.server_port}", "admin", "secret"), asked
        finally:
            server.shutdown()
            thread.join()


def test_a_question_to_a_busy_server_is_asked_again():
    with answering(503, 500, 200) as (api, asked):
        assert api.run_state("orders", "demo") == "running"
    assert len(asked) == 3


def test_a_refusal_is_told_at_once():
    with answering(403) as (api, asked), pytest.raises(ApiError, match="HTTP 403"):
        api.run_state("orders", "demo")
    assert len(asked) == 1


def test_what_changes_something_is_never_done_twice():
    with answering(503) as (api, asked), pytest.raises(ApiError, match="HTTP 503"):
        api.trigger("orders", "demo")
    assert asked == ["POST /api/v2/dags/orders/dagRuns"]


def test_a_server_that_stays_broken_is_given_up():
    with answering(500) as (api, asked), pytest.raises(ApiError, match="HTTP 500"):
        api.run_state("orders", "demo")
    assert len(asked) == 4


def test_a_task_that_has_handed_nothing_on_has_no_value():
    with answering(404) as (api, _):
        assert api.xcom("orders", "demo", "guard") is None
