"""The serving code answers as AWS's toolkit wants it, batches what arrives together, and survives every request."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from airflow_finetune.containers.serve.answering import questions
from airflow_finetune.containers.serve.answering.batching import Batcher
from airflow_finetune.containers.serve.answering.model import Answerer
from airflow_finetune.containers.serve.answering.questions import BadRequest
from tests.containers.jobs import BASE, CONTAINERS

PROMPTS = [
    "copy: Velmora Kint", "join with -: red blue green", "iso: 14 March 2027", "code\nsee KX-4821 and tell me",
    "upper: table lamp", "digits: seven", "name, count\nI am Tor Zanvik, we are 12", "last: one two three",
]  # fmt: skip


@pytest.fixture(scope="module")
def model() -> Iterator[Answerer]:
    loaded = Answerer.load(BASE)
    yield loaded
    loaded.close()


def ask(model: Answerer, **body: Any) -> Any:
    return json.loads(questions.render(model.answer(questions.parse(json.dumps(body)))))


def test_a_text_gets_one_answer_and_a_list_gets_a_list(model: Answerer) -> None:
    one = ask(model, inputs=PROMPTS[0])
    assert one == [{"generated_text": "Velmora Kint"}]
    assert ask(model, inputs=[PROMPTS[0], PROMPTS[5]]) == [one, [{"generated_text": "7"}]]


def test_a_chat_gets_a_chat_completion(model: Answerer) -> None:
    found = ask(model, messages=[{"role": "user", "content": PROMPTS[0]}], max_tokens=20)
    assert found["choices"][0]["message"] == {"role": "assistant", "content": "Velmora Kint"}
    assert found["choices"][0]["finish_reason"] == "stop"
    assert found["usage"]["total_tokens"] == found["usage"]["prompt_tokens"] + found["usage"]["completion_tokens"]


def test_inputs_may_be_chats_and_are_rendered_as_messages_are(model: Answerer) -> None:
    first = [{"role": "user", "content": PROMPTS[0]}]
    longer = [*first, {"role": "assistant", "content": "Velmora Kint"}, {"role": "user", "content": PROMPTS[5]}]
    alone = [ask(model, messages=chat)["choices"][0]["message"]["content"] for chat in (first, longer)]
    assert ask(model, inputs=first) == ask(model, inputs=PROMPTS[0]) == [{"generated_text": alone[0]}]
    found = ask(model, inputs=[first, longer, PROMPTS[0]])
    assert [each[0]["generated_text"] for each in found] == [*alone, alone[0]]
    told = ask(model, inputs=longer, parameters={"return_full_text": True})[0]["generated_text"]
    assert told.index("Velmora Kint") < told.index(PROMPTS[5]), "the control: the turns before are in the prompt"


def test_one_by_one_and_in_a_batch_greedy_answers_are_equal(model: Answerer) -> None:
    alone = [ask(model, inputs=prompt)[0] for prompt in PROMPTS]
    assert [answer[0] for answer in ask(model, inputs=PROMPTS)] == alone
    assert len({answer["generated_text"] for answer in alone}) == len(PROMPTS)  # not all empty or alike


def test_what_arrives_together_from_several_threads_shares_a_batch(model: Answerer) -> None:
    alone = [ask(model, inputs=prompt) for prompt in PROMPTS]
    before, gate = len(model.batch_sizes), threading.Barrier(len(PROMPTS))

    def one(prompt: str) -> Any:
        gate.wait(30)
        return ask(model, inputs=prompt)

    with ThreadPoolExecutor(len(PROMPTS)) as pool:
        assert list(pool.map(one, PROMPTS)) == alone
    sizes = model.batch_sizes[before:]
    assert sum(sizes) == len(PROMPTS)
    assert len(sizes) < len(PROMPTS)


def test_each_request_keeps_its_own_limits_in_a_shared_batch(model: Answerer) -> None:
    prompts = [questions.parse(json.dumps({"inputs": PROMPTS[0], "parameters": p})) for p in (
        {"max_new_tokens": 2}, {"stop": "Kint"}, {"stop": ["zzz"], "max_new_tokens": 50},
    )]  # fmt: skip
    rows = [model._prompt(request.chats[0], request.options) for request in prompts]
    short, stopped, whole = model._generate(rows)
    assert (short.finish_reason, short.new_tokens) == ("length", 2)
    assert (stopped.finish_reason, stopped.text) == ("stop", "Velmora ")
    assert (whole.finish_reason, whole.text) == ("stop", "Velmora Kint")
    assert "Velmora".startswith(short.text)


def test_sampling_is_asked_for_by_temperature_and_varies(model: Answerer) -> None:
    hot = {"temperature": 3.0, "max_new_tokens": 20}
    found = {ask(model, inputs=PROMPTS[6], parameters=hot)[0]["generated_text"] for _ in range(6)}
    assert len(found) > 1
    cold = {ask(model, inputs=PROMPTS[6])[0]["generated_text"] for _ in range(3)}
    assert len(cold) == 1


def test_the_prompt_stands_before_the_answer_only_where_it_is_asked_for(model: Answerer) -> None:
    found = ask(model, inputs=PROMPTS[0], parameters={"return_full_text": True})
    assert found == [{"generated_text": f"<s>{PROMPTS[0]}<sep>Velmora Kint"}]


def test_a_prompt_that_does_not_fit_is_refused_with_its_length(model: Answerer) -> None:
    with pytest.raises(BadRequest, match=r"prompt: 6\d\d tokens do not fit into the model's context of 512"):
        ask(model, inputs="1" * 600)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{", "no JSON"),
        (b"\xff", "no JSON in UTF-8"),
        ("[" * 100_000, "no JSON"),
        ("[]", "give either"),
        ('{"inputs": "a", "messages": []}', "give either"),
        ('{"inputs": []}', "inputs: give a text"),
        ('{"inputs": ""}', "inputs: give a text"),
        ('{"inputs": ["a", 3]}', "inputs: give a text"),
        (json.dumps({"inputs": ["a"] * 257}), "257 texts are too many"),
        ('{"inputs": [["a"]]}', "messages: each needs a role"),
        ('{"inputs": [[]]}', "none of them empty"),
        ('{"inputs": ["a", {"role": "user", "content": "a"}]}', "inputs: give a text, a chat"),
        ('{"inputs": [{"role": "user", "content": "a"}, "a"]}', "messages: each needs a role"),
        ('{"inputs": "a", "max_new_tokens": 3}', "max_new_tokens: not known beside inputs"),
        ('{"inputs": "a", "parameters": []}', None),
        ('{"inputs": "a", "parameters": [1]}', "parameters: not an object"),
        ('{"inputs": "a", "parameters": {"beams": 3}}', "beams not known"),
        ('{"inputs": "a", "parameters": {"max_new_tokens": 0}}', "not a number from 1"),
        ('{"inputs": "a", "parameters": {"max_new_tokens": 1.5}}', "not a whole number"),
        ('{"inputs": "a", "parameters": {"max_new_tokens": true}}', "not a number"),
        ('{"inputs": "a", "parameters": {"temperature": NaN}}', "not a number"),
        ('{"inputs": "a", "parameters": {"stop": [""]}}', "stop: give"),
        ('{"messages": []}', "not an empty one"),
        ('{"messages": [{"role": "user"}]}', "each needs a text"),
        ('{"messages": [{"role": "root", "content": "a"}]}', "each needs a role"),
        ('{"messages": [{"role": "assistant", "content": "a"}]}', "the last one must be the user's"),
        ('{"messages": [{"role": "user", "content": "a"}], "stream": true}', "not streamed"),
        ('{"messages": [{"role": "user", "content": "a"}], "logprobs": 1}', "logprobs: not known"),
    ],
)
def test_a_bad_request_is_refused_with_what_to_send(body: Any, said: str | None) -> None:
    if said is None:
        assert questions.parse(body)
        return
    with pytest.raises(BadRequest) as refused:
        questions.parse(body)
    assert said in str(refused.value)


def test_other_content_types_are_refused() -> None:
    assert questions.parse('{"inputs": "a"}', "application/json; charset=utf-8")
    with pytest.raises(BadRequest, match="text/csv"):
        questions.parse("a", "text/csv")
    with pytest.raises(BadRequest, match="text/html"):
        questions.render([], "text/html")


def test_a_model_whose_training_was_stopped_is_not_served(tmp_path: Path) -> None:
    shutil.copytree(BASE, tmp_path / "model")
    (tmp_path / "model/training_state.json").write_text('{"finished": false, "steps_done": 5}')
    with pytest.raises(RuntimeError, match="stopped before the end"):
        Answerer.load(tmp_path / "model")


def test_a_failing_batch_fails_its_callers_and_nobody_else() -> None:
    def work(items: Any) -> list[int]:
        if "bad" in items:
            raise ValueError("no")
        return [len(item) for item in items]

    batcher: Batcher[str, int] = Batcher(work, kind=lambda item: item == "bad", wait_seconds=0.05)
    with ThreadPoolExecutor(2) as pool:
        bad, good = pool.submit(batcher.ask, ["bad"]), pool.submit(batcher.ask, ["good", "better"])
        with pytest.raises(ValueError, match="no"):
            bad.result(30)
        assert good.result(30) == [4, 6]
    assert batcher.ask(["again"]) == [5]
    batcher.close()


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Our own server in a process of its own, from a model folder as an endpoint unpacks it."""
    folder = tmp_path_factory.mktemp("endpoint")
    shutil.copytree(BASE, folder / "model")
    shutil.copytree(CONTAINERS / "serve", folder / "model/code")
    with served(folder) as started:
        yield started


class served:
    """A running serve.py; SIGTERM ends it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> int:
        environ = {
            "PATH": os.environ["PATH"], "HOME": str(self.folder), "SAGEMAKER_BIND_TO_PORT": "0",
            "SERVE_HOST": "127.0.0.1", "SM_MODEL_DIR": str(self.folder / "model"),
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "serve.py"], cwd=self.folder / "model/code", env=environ, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        return int(self.process.stdout.readline().split()[-1])

    def __exit__(self, *error: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0
        assert self.process.stdout
        self.process.stdout.close()


def call(port: int, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request(method, path, body, {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    raw = answer.read()
    connection.close()
    return answer.status, json.loads(raw)


def until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_the_server_pings_answers_and_survives_what_it_refuses(port: int) -> None:
    until(lambda: call(port, "GET", "/ping")[0] == 200)
    good = json.dumps({"inputs": PROMPTS[0]}).encode()
    assert call(port, "POST", "/invocations", good) == (200, [{"generated_text": "Velmora Kint"}])
    assert call(port, "POST", "/invocations", b"{")[0] == 400
    assert call(port, "POST", "/invocations", good, Accept="text/html")[0] == 400
    assert call(port, "POST", "/invocations", good, **{"Content-Length": "7000000"})[0] == 413
    assert call(port, "POST", "/else", good)[0] == 404
    assert call(port, "GET", "/else")[0] == 404
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.putrequest("POST", "/invocations")
    connection.endheaders()
    assert connection.getresponse().status == 411
    connection.close()
    assert call(port, "POST", "/invocations", good)[0] == 200


def test_many_clients_at_once_are_all_answered(port: int) -> None:
    until(lambda: call(port, "GET", "/ping")[0] == 200)
    good = json.dumps({"inputs": PROMPTS[0]}).encode()
    with ThreadPoolExecutor(100) as pool:
        found = list(pool.map(lambda _: call(port, "POST", "/invocations", good), range(100)))
    assert found == [(200, [{"generated_text": "Velmora Kint"}])] * 100


def test_a_model_that_cannot_be_loaded_ends_the_server_with_the_reason(tmp_path: Path) -> None:
    environ = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "SAGEMAKER_BIND_TO_PORT": "0", "SERVE_HOST": "127.0.0.1",
        "SM_MODEL_DIR": str(tmp_path),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "serve.py"], cwd=CONTAINERS / "serve", env=environ, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert "ERROR" in done.stderr
    assert str(tmp_path) in done.stderr
