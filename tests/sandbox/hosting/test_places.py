"""Where servers run: a local image's own program, every isolation mode, and a server that is killed with -9."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from airflow_finetune.sandbox.runner.endpoints.replica import Limits
from airflow_finetune.sandbox.runner.hosting import Hosting
from airflow_finetune.sandbox.runner.isolation import MODES
from airflow_finetune.sandbox.runner.processes import Processes
from airflow_finetune.sandbox.server import Sandbox
from tests.sandbox.hosting.account import ECHO, IMAGE, ROLE, Account, packed, processes_of, until
from tests.sandbox.processes.programs import ended

SERVE = f"""#!{sys.executable}
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def answer(self):
        body = open("/opt/ml/model/weights", "rb").read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_GET = do_POST = answer

HTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""
VARIANT = {"VariantName": "AllTraffic", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}


class Side:
    """A hosting beside the sandbox's own, on the same account, with other settings."""

    def __init__(self, sandbox: Sandbox, limits: Limits | None, **changes: Any) -> None:
        self.settings = dataclasses.replace(sandbox.settings, **changes)
        self.world = dataclasses.replace(sandbox.world, settings=self.settings, processes=Processes(self.settings))
        self.hosting = Hosting(self.world, limits)
        self.hosting.start()

    def create(self, name: str, container: dict[str, Any]) -> None:
        now = self.world.clock.now()
        times = {"CreationTime": now, "LastModifiedTime": now}
        names = {"EndpointName": name, "EndpointArn": f"arn:{name}", "EndpointConfigName": "c"}
        document = {**names, **times, "EndpointStatus": "Creating"}
        assert self.hosting.create("us-east-1", document, [(VARIANT, container, ())], lambda: None)

    def post(self, name: str, body: bytes) -> bytes:
        _, _, connections = self.hosting.route("us-east-1", name, None)
        return connections.post("/invocations", body, {"Content-Type": "application/json"}).body

    def close(self) -> None:
        self.hosting.close()
        self.world.processes.stop_all()


@pytest.fixture
def beside(sandbox: Sandbox) -> Iterator[Callable[..., Side]]:
    made: list[Side] = []

    def make(limits: Limits | None = None, **changes: Any) -> Side:
        made.append(Side(sandbox, limits, **changes))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize("mode", MODES)
def test_a_local_image_serves_with_its_own_program_in_every_mode(
    account: Account, beside: Callable[..., Side], tmp_path: Path, mode: str
) -> None:
    serve = tmp_path / "serve"
    serve.write_text(SERVE)
    serve.chmod(0o755)
    side = beside(isolation=mode, images=((IMAGE, tmp_path),))
    if not next(probe for probe in side.world.processes.probes() if probe.mode == mode).works:
        pytest.skip(f"{mode} does not work on this machine")
    account.put("plain/weights", "own image")
    source = {"S3Uri": "s3://models/plain/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    side.create("own", {"Image": IMAGE, "ModelDataSource": {"S3DataSource": source}})
    account.wait("own", "InService")
    assert side.post("own", b"x") == b"own image"


def test_a_script_with_literal_paths_serves_without_namespaces(account: Account, beside: Callable[..., Side]) -> None:
    script = ECHO.replace('model_dir + "/weights"', '"/opt/ml/model/weights"')
    uri = account.put("m.tar.gz", packed({"code/inference.py": script, "weights": "literal"}))
    side = beside(isolation="rewrite")
    side.create("e", {"Image": IMAGE, "ModelDataUrl": uri})
    account.wait("e", "InService")
    assert side.post("e", b"1") == b'{"data": 1, "model": "literal"}'
    until(lambda: any(line.startswith("WARNING sandbox: no namespaces here") for line in account.log("e")))


def test_a_server_that_never_answers_its_ping_fails_after_the_limit(
    account: Account, beside: Callable[..., Side]
) -> None:
    uri = account.put("m.tar.gz", packed({"code/inference.py": "import time; time.sleep(600)"}))
    side = beside(Limits(startup_seconds=0.5))
    side.create("mute", {"Image": IMAGE, "ModelDataUrl": uri, "Environment": {"MARKER": "mute"}})
    seen = account.wait("mute", "Failed")
    assert "did not pass the ping health check" in seen["FailureReason"]
    until(lambda: processes_of("mute") == [])


def test_a_server_that_dies_again_and_again_is_given_up(account: Account, beside: Callable[..., Side]) -> None:
    script = ECHO + "\nimport os, threading\nthreading.Timer(0.5, os._exit, [1]).start()\n"
    uri = account.put("m.tar.gz", packed({"code/inference.py": script, "weights": ""}))
    side = beside(Limits(backoff_seconds=0.0, deaths_in_a_row=2))
    side.create("weak", {"Image": IMAGE, "ModelDataUrl": uri})
    account.wait("weak", "InService")
    until(lambda: any("is not started again" in line for line in account.log("weak")))


def test_an_isolation_that_does_not_work_fails_the_endpoint_and_says_so(
    account: Account, beside: Callable[..., Side]
) -> None:
    uri = account.put("m.tar.gz", packed({"code/inference.py": ECHO, "weights": ""}))
    side = beside(isolation="teleport")
    side.create("e", {"Image": IMAGE, "ModelDataUrl": uri})
    assert "'teleport' does not work here" in account.wait("e", "Failed")["FailureReason"]


def test_kill_9_of_the_server_ends_what_serves_an_endpoint(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "airflow_finetune.sandbox", "serve", "--port", "0", "--state", str(tmp_path / "s")]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    plugins = Path(__file__).parents[3] / "plugins"
    environment["PYTHONPATH"] = str(plugins)
    with ended(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)) as server:
        assert server.stdout
        line = server.stdout.readline()
        assert line.startswith("READY http://"), line
        clients: list[Any] = []

        def client(service: str) -> Any:
            keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
            clients.append(boto3.client(service, endpoint_url=line.split()[1], region_name="us-east-1", **keys))
            return clients[-1]

        s3, sagemaker = client("s3"), client("sagemaker")
        s3.create_bucket(Bucket="models")
        s3.put_object(Bucket="models", Key="m.tar.gz", Body=packed({"code/inference.py": ECHO, "weights": "w"}))
        container = {"Image": IMAGE, "ModelDataUrl": "s3://models/m.tar.gz", "Environment": {"MARKER": "kill-9"}}
        sagemaker.create_model(ModelName="m", PrimaryContainer=container, ExecutionRoleArn=ROLE)
        sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[{**VARIANT, "ModelName": "m"}])
        sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="c")
        until(lambda: sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"] == "InService")
        assert len(processes_of("kill-9")) == 1
        server.send_signal(signal.SIGKILL)
        server.wait()
        until(lambda: processes_of("kill-9") == [])
        for each in clients:
            each.close()
