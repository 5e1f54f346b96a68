"""The command line in processes of its own: one READY line, an orderly end, and nothing of the user's AWS inside."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore.config import Config

from airflow_finetune.sandbox.cli.parser import main
from airflow_finetune.sandbox.server import Sandbox

PLUGINS = Path(__file__).parents[2] / "plugins"
SANDBOX = [sys.executable, "-m", "airflow_finetune.sandbox"]
REAL_LOOKING = {
    "AWS_ACCESS_KEY_ID": "AKIAREALLOOKING00000",
    "AWS_SECRET_ACCESS_KEY": "planted-secret",
    "AWS_SESSION_TOKEN": "planted-session",
    "AWS_PROFILE": "production",
    "AWS_DEFAULT_PROFILE": "production",
    "AWS_ROLE_ARN": "arn:aws:iam::999999999999:role/planted",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "/planted/token",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.2/planted",
    "AWS_ENDPOINT_URL_S3": "https://s3.planted.example",
    "AWS_CA_BUNDLE": "/planted/bundle.pem",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "HTTPS_PROXY": "http://proxy.planted.example:3128",
    "http_proxy": "http://proxy.planted.example:3128",
}
PROFILE = """
[profile production]
region = eu-west-1
endpoint_url = https://planted.example
role_arn = arn:aws:iam::999999999999:role/planted
credential_source = Ec2InstanceMetadata
[default]
region = eu-west-1
endpoint_url = https://planted.example
"""
CREDENTIALS = "[production]\naws_access_key_id = AKIAREALLOOKING00000\naws_secret_access_key = planted-secret\n"


def environment(home: Path, **more: str) -> dict[str, str]:
    """A small environment whose home holds no AWS files unless a test puts them there."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {**kept, "HOME": str(home), "TMPDIR": str(home), "PYTHONPATH": str(PLUGINS), **more}


@contextlib.contextmanager
def serving(home: Path, *options: str, **more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with subprocess.Popen(
        [*SANDBOX, "serve", "--port", "0", *options],
        env=environment(home, **more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as server:  # fmt: skip
        assert server.stdout is not None
        try:
            yield server, server.stdout.readline().rstrip("\n")
        finally:
            if server.poll() is None:
                server.terminate()
                server.wait(30)


def verb(home: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SANDBOX, *words], env=environment(home, **more), capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A server that several tests ask questions."""
    home = tmp_path_factory.mktemp("home")
    with serving(home, AIRFLOW_FINETUNE_SANDBOX_TOKEN="chosen") as (_, line):
        yield {"AWS_ENDPOINT_URL": line.removeprefix("READY "), "AIRFLOW_FINETUNE_SANDBOX_TOKEN": "chosen"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_says_ready_on_one_line_and_ends_in_order(tmp_path: Path, number: int) -> None:
    with serving(tmp_path) as (server, line):
        assert line.startswith("READY http://127.0.0.1:")
        url = line.removeprefix("READY ")
        client = boto3.client(
            "freetier", endpoint_url=url, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        with pytest.raises(client.exceptions.ClientError, match="NotImplemented"):
            client.get_free_tier_usage()  # moto prints a line about this
        client.close()
        server.send_signal(number)
        rest, errors = server.communicate(timeout=30)
        assert (server.returncode, rest) == (0, "")
        assert "Traceback" not in errors
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])))
    assert list(tmp_path.glob("sandbox-*")) == []


def test_serve_ends_its_jobs_before_it_ends(tmp_path: Path) -> None:
    program = tmp_path / "image" / "train"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nimport time\nprint('running', flush=True)\ntime.sleep(600)\n")
    program.chmod(0o755)
    with serving(tmp_path, "--image", f"image*={program.parent}") as (server, line):
        options: dict[str, Any] = {
            "endpoint_url": line.removeprefix("READY "), "region_name": "us-east-1",
            "aws_access_key_id": "a", "aws_secret_access_key": "b",
        }  # fmt: skip
        s3, sagemaker = boto3.client("s3", **options), boto3.client("sagemaker", **options)
        s3.create_bucket(Bucket="bucket")
        sagemaker.create_training_job(
            TrainingJobName="job",
            RoleArn="arn:aws:iam::123456789012:role/r",
            AlgorithmSpecification={"TrainingInputMode": "File", "TrainingImage": "image:1"},
            OutputDataConfig={"S3OutputPath": "s3://bucket/out"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 86400},
        )
        tree = psutil.Process(server.pid)
        _until(lambda: any("train" in " ".join(each.cmdline()) for each in tree.children(recursive=True)))
        started = tree.children(recursive=True)
        server.terminate()
        _, errors = server.communicate(timeout=60)
        s3.close()
        sagemaker.close()
    assert server.returncode == 0
    assert "Traceback" not in errors
    assert "Could not connect" not in errors
    assert not [each for each in started if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


def _until(condition: Any) -> None:
    pause = threading.Event()
    for _ in range(600):
        with contextlib.suppress(psutil.NoSuchProcess):
            if condition():
                return
        pause.wait(0.05)
    raise AssertionError("the condition did not become true within 30 s")


def test_the_token_is_written_for_its_user_only(tmp_path: Path) -> None:
    with serving(tmp_path, "--state", str(tmp_path / "state")) as (_, line):
        file = tmp_path / "state" / "token"
        assert file.stat().st_mode & 0o777 == 0o600
        url = line.removeprefix("READY ")
        answer = verb(tmp_path, "status", "--url", url, "--state", str(tmp_path / "state"))
        assert json.loads(answer.stdout)["calls"] == 0
        assert verb(tmp_path, "status", "--url", url, "--token", "wrong").returncode == 1
    assert (tmp_path / "state").is_dir()  # a folder that the person chose stays


def test_a_broken_aws_configuration_of_the_user_breaks_nothing(tmp_path: Path) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[profile [[[\nthis is = no = ini\n\x00")
    (tmp_path / ".aws" / "credentials").write_text("garbage")
    script = "import boto3; print(boto3.client('s3').list_buckets()['Buckets'])"
    answer = verb(tmp_path, "run", "--", sys.executable, "-c", script, AWS_PROFILE="absent")
    assert (answer.returncode, answer.stdout) == (0, "[]\n"), answer.stderr
    for service in ("s3", "logs", "sagemaker"):
        models = tmp_path / ".aws" / "models" / service / "2006-03-01"
        models.mkdir(parents=True)
        (models / "service-2.json").write_text("{broken")  # botocore reads these whatever the configuration says
    with serving(tmp_path, AWS_PROFILE="absent", AWS_CONFIG_FILE=str(tmp_path / ".aws" / "config")) as (_, line):
        assert line.startswith("READY")
        url = line.removeprefix("READY ")
        answer = verb(tmp_path, "logs", "nobody", "--url", url, "--token", _token(tmp_path))
        assert "there is no log of nobody" in answer.stderr


def _token(home: Path) -> str:
    [file] = home.glob("sandbox-*/token")
    return file.read_text()


WATCH = """
    import json, os, socket, sys
    _connect, _sendto, _lookup = socket.socket.connect, socket.socket.sendto, socket.getaddrinfo
    def note(kind, where):
        with open(os.environ["WATCH_LOG"], "a") as log:
            log.write(json.dumps([os.getpid(), kind, str(where)]) + "\\n")
    def connect(self, address):
        note("connect", address[0] if isinstance(address, tuple) else "unix")
        return _connect(self, address)
    def connect_ex(self, address):
        note("connect", address[0] if isinstance(address, tuple) else "unix")
        return socket._socket.socket.connect_ex(self, address)
    def getaddrinfo(host, *more, **most):
        note("lookup", host)
        return _lookup(host, *more, **most)
    socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo = connect, connect_ex, getaddrinfo
"""
PROGRAM = """
    import json, os, sys
    import boto3
    session = boto3.Session()
    seen = {name: value for name, value in os.environ.items() if "planted" in value.lower() or "AKIAREAL" in value}
    for service, call in (("sts", "get_caller_identity"), ("s3", "list_buckets"), ("iam", "list_roles"),
                          ("sagemaker", "list_training_jobs"), ("logs", "describe_log_groups"),
                          ("cloudwatch", "list_metrics"), ("sqs", "list_queues"), ("pricing", "describe_services"),
                          ("service-quotas", "list_services"), ("secretsmanager", "list_secrets")):
        getattr(session.client(service), call)()
    key = session.get_credentials().access_key
    print(json.dumps({"seen": seen, "key": key, "profile": session.profile_name, "region": session.region_name}))
"""


def _watched(home: Path, *command: str, **more: str) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """Run a command with a watch in every Python process; gives where they connected to or looked up."""
    watch = home / "watch"
    watch.mkdir(exist_ok=True)
    (watch / "sitecustomize.py").write_text(textwrap.dedent(WATCH))
    log = home / "connections"
    log.unlink(missing_ok=True)
    path = f"{watch}:{PLUGINS}"
    done = subprocess.run(
        list(command),
        env={**environment(home, **more), "PYTHONPATH": path, "WATCH_LOG": str(log)},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return done, {json.loads(line)[2] for line in log.read_text().splitlines()}


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A home with AWS files that look real."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(PROFILE)
    (tmp_path / ".aws" / "credentials").write_text(CREDENTIALS)
    (tmp_path / "program.py").write_text(textwrap.dedent(PROGRAM))
    return tmp_path


def test_nothing_in_a_run_connects_anywhere_but_loopback(planted: Path) -> None:
    done, places = _watched(planted, *SANDBOX, "run", "--", sys.executable, str(planted / "program.py"), **REAL_LOOKING)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"seen": {}, "key": "sandbox", "profile": "default", "region": "us-east-1"}
    assert places == {"127.0.0.1"}


def test_the_watch_sees_a_program_that_goes_elsewhere(planted: Path) -> None:
    script = (
        "import boto3, botocore.config as c\n"
        "boto3.client('s3', region_name='us-east-1', endpoint_url='http://planted.invalid:9',"
        " aws_access_key_id='a', aws_secret_access_key='b', config=c.Config(retries={'total_max_attempts': 1}))"
        ".list_buckets()"
    )
    done, places = _watched(planted, *SANDBOX, "run", "--", sys.executable, "-c", script)
    assert done.returncode == 1
    assert "planted.invalid" in places


def test_the_planted_credentials_would_be_used_outside(planted: Path) -> None:
    script = "import boto3; print(boto3.Session().get_credentials().access_key)"
    chosen = {name: REAL_LOOKING[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    done, _ = _watched(
        planted, sys.executable, "-c", script + "; import socket; socket.getaddrinfo('localhost', 1)", **chosen
    )
    assert done.stdout.strip() == "AKIAREALLOOKING00000"


@pytest.mark.parametrize(
    ("script", "status"), [("import sys; sys.exit(7)", 7), ("import os; os.kill(os.getpid(), 9)", 137), ("pass", 0)]
)
def test_run_ends_with_the_status_of_its_command_and_leaves_nothing(tmp_path: Path, script: str, status: int) -> None:
    done = verb(tmp_path, "run", "--", sys.executable, "-c", script)
    assert (done.returncode, done.stdout) == (status, "")
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_said_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        done = verb(tmp_path, "serve", "--port", str(other.getsockname()[1]))
    assert (done.returncode, done.stdout) == (1, "")
    assert "in use" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "says"), [(["--speed", "0"], "speed is 0"), (["--spot-trace", "/no/such/file"], "/no/such/file")]
)
def test_a_choice_that_cannot_work_is_refused_in_one_line(tmp_path: Path, options: list[str], says: str) -> None:
    done = verb(tmp_path, "serve", *options)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("sandbox: ")
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_sandbox_of_a_test_leaves_no_folder() -> None:
    with Sandbox() as sandbox:
        folder = sandbox.settings.state_dir
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


def test_run_says_what_it_cannot_run(tmp_path: Path) -> None:
    assert verb(tmp_path, "run").returncode == 2
    assert verb(tmp_path, "run", "--", "no-such-program-anywhere").returncode == 127
    assert verb(tmp_path, "run", "--", str(tmp_path)).returncode == 126
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_on_the_way_through_path_is_no_program_found(tmp_path: Path) -> None:
    (tmp_path / "closed" / "no-such-program-anywhere").mkdir(parents=True)  # exec of a folder is refused, for root too
    path = f"{tmp_path / 'closed'}:{os.environ['PATH']}"
    done = verb(tmp_path, "run", "--", "no-such-program-anywhere", PATH=path)
    assert (done.returncode, done.stderr) == (127, "run: no-such-program-anywhere: no such program\n")


def test_the_output_of_run_is_its_commands_alone(tmp_path: Path) -> None:
    script = (
        "import boto3\n"
        "try: boto3.client('freetier').get_free_tier_usage()\n"  # moto prints a line about this
        "except Exception as error: print(type(error).__name__)"
    )
    assert verb(tmp_path, "run", "--", sys.executable, "-c", script).stdout == "ClientError\n"


def test_run_hands_a_signal_on_to_its_command(tmp_path: Path) -> None:
    script = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\n"
        "print('running', flush=True)\n"
        "while True: time.sleep(0.05)"
    )
    command = [*SANDBOX, "run", "--", sys.executable, "-c", script]
    with subprocess.Popen(command, env=environment(tmp_path), stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "running\n"
        run.terminate()
        assert run.wait(30) == 5
    assert list(tmp_path.iterdir()) == []


def test_doctor_says_what_works(tmp_path: Path) -> None:
    done = verb(tmp_path, "doctor")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()[:3]] == ["mount", "userns", "rewrite"]
    assert "programs are started in: " in done.stdout


def asked(capsys: pytest.CaptureFixture[str], served: dict[str, str], *words: str) -> tuple[int, str, str]:
    """A verb in this process: status, output, errors."""
    chosen = ["--url", served["AWS_ENDPOINT_URL"], "--token", served["AIRFLOW_FINETUNE_SANDBOX_TOKEN"]]
    status = main([*words[:1], *chosen, *words[1:]])
    return (status, *capsys.readouterr())


def test_env_prints_what_a_shell_can_read(served: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    _, output, _ = asked(capsys, served, "env")
    lines = dict(line.removeprefix("export ").split("=", 1) for line in output.splitlines())
    assert served.items() <= lines.items()


def test_faults_are_added_listed_and_cleared(served: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "throttle",
        "service=sagemaker",
        "operation=List*",
        "every=2",
        "match.NameContains=a*",
        "message=slow down",
    ]
    rule = json.loads(asked(capsys, served, "faults", "add", *words)[1])
    assert (rule["kind"], rule["every"], rule["match"]) == ("throttle", 2, {"NameContains": "a*"})
    assert rule["params"] == {"message": "slow down"}
    assert len(json.loads(asked(capsys, served, "faults", "list")[1])["faults"]) == 1
    assert json.loads(asked(capsys, served, "faults", "clear", rule["id"])[1]) == {"faults": []}
    status, output, errors = asked(capsys, served, "faults", "add", "thunder")
    assert (status, output) == (1, "")
    assert "kind is 'thunder'" in errors
    assert asked(capsys, served, "faults", "add", "throttle", "nonsense")[0] == 1
    assert asked(capsys, served, "faults", "add")[0] == 1
    texts = asked(capsys, served, "faults", "add", "server_error", "message=404", "code=5", "status=503")[1]
    assert json.loads(texts)["params"] == {"message": "404", "code": "5", "status": 503}
    assert json.loads(asked(capsys, served, "faults", "clear")[1]) == {"faults": []}


def test_status_bill_calls_and_interrupt_answer(served: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    client = boto3.client(
        "sts", endpoint_url=served["AWS_ENDPOINT_URL"], region_name="us-east-1",
        aws_access_key_id="a", aws_secret_access_key="b", config=Config(retries={"total_max_attempts": 1}),
    )  # fmt: skip
    client.get_caller_identity()
    client.close()
    assert json.loads(asked(capsys, served, "status")[1])["isolation"]
    assert "0.0000 USD  in all" in asked(capsys, served, "bill")[1]
    assert "sts:GetCallerIdentity  ok" in asked(capsys, served, "calls")[1]
    status, _, errors = asked(capsys, served, "interrupt", "nobody")
    assert status == 1
    assert "409" in errors


def test_a_question_to_nobody_is_answered_with_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AIRFLOW_FINETUNE_SANDBOX_TOKEN", raising=False)
    assert main(["status", "--token", "x"]) == 1
    assert "set AWS_ENDPOINT_URL" in capsys.readouterr().err
    assert main(["status", "--url", "http://127.0.0.1:9"]) == 1
    assert "set AIRFLOW_FINETUNE_SANDBOX_TOKEN" in capsys.readouterr().err
    assert main(["status", "--url", "http://127.0.0.1:9", "--token", "x"]) == 1
    assert "nobody answers" in capsys.readouterr().err


def test_copied_alone_it_starts_without_airflow(tmp_path: Path) -> None:
    shutil.copytree(PLUGINS / "airflow_finetune" / "sandbox", tmp_path / "alone" / "sandbox")
    script = (
        "import sys\n"
        "from sandbox.server import Sandbox\n"
        "with Sandbox() as sandbox:\n"
        "    sandbox.world.clients.client('s3', 'us-east-1').list_buckets()\n"
        "    sandbox.world.clients.client('sagemaker', 'us-east-1').list_training_jobs()\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('airflow', 'airflow_finetune', 'torch')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path / "alone", capture_output=True, text=True, timeout=60,
        env={**environment(tmp_path), "PYTHONPATH": str(tmp_path / "alone")},
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


@pytest.mark.long
def test_managed_policies_are_there_when_asked_for(tmp_path: Path) -> None:
    script = (
        "import boto3; print(boto3.client('iam').get_policy("
        "PolicyArn='arn:aws:iam::aws:policy/AmazonSageMakerFullAccess')['Policy']['PolicyName'])"
    )
    done = verb(tmp_path, "run", "--managed-policies", "--", sys.executable, "-c", script)
    assert done.stdout == "AmazonSageMakerFullAccess\n", done.stderr
    assert verb(tmp_path, "run", "--", sys.executable, "-c", script).returncode == 1
