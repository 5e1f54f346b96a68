"""kill -9 of the server: nothing that it started goes on, in every mode, as root and as an ordinary user."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.processes.programs import (
    DAEMON,
    HOST,
    PLUGINS,
    PYTHON,
    alive,
    as_nobody,
    ended,
    kill_all,
    python_of_nobody,
    wait_until,
)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user may use."""
    folder = Path(tempfile.mkdtemp(prefix="sandbox-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def open_plugins() -> Iterator[Path]:
    """The package where another user may read it: a checkout often lies in a folder that is closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="plugins-"))
    folder.chmod(0o755)
    package = PLUGINS / "airflow_finetune"
    shutil.copytree(package / "sandbox", folder / package.name / "sandbox", ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copyfile(package / "__init__.py", folder / package.name / "__init__.py")
    subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def start_host(plugins: Path, folder: Path, mode: str, marker: str, user: str) -> subprocess.Popen[str]:
    python = PYTHON if user == "self" else python_of_nobody()
    if python is None:
        pytest.skip("no interpreter that an ordinary user may start, or no way to become one")
    command = [python, "-c", HOST, str(plugins), str(folder), mode, marker, DAEMON]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.Popen(
        as_nobody(command) if user == "nobody" else command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=folder,
    )


@pytest.mark.parametrize("user", ["self", "nobody"])
@pytest.mark.parametrize("mode", ["mount", "userns", "rewrite"])
def test_nothing_is_left_after_kill_9(
    mode: str, user: str, open_plugins: Path, open_folder: Path, works_here: dict[str, str]
) -> None:
    if mode not in works_here or (user == "nobody" and mode == "mount"):
        pytest.skip("this mode does not work here for this user")
    marker = f"marker-{mode}-{user}"
    with ended(start_host(open_plugins, open_folder, mode, marker, user)) as host:
        assert host.stdout
        said = host.stdout.readline()
        if said != "STARTED\n":
            host.kill()
            pytest.fail(host.communicate()[1])
        log = open_folder / "jobs" / "a" / "log"
        wait_until(lambda: log.exists() and {"daemon", "program"} <= set(log.read_text().split()))
        left = [pid for pid in alive(marker) if pid != host.pid]
        assert len(left) == 2
        shims = children_of(host.pid)
        assert len(shims) == 1
        host.kill()
        host.wait()
        wait_until(lambda: alive(marker) == [])
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in shims))


def test_nothing_is_left_although_a_fork_of_the_server_lives_on(tmp_path: Path) -> None:
    forking = HOST.replace('print("STARTED"', 'os.fork() == 0 and time.sleep(600)\nprint("STARTED"')
    command = [PYTHON, "-c", "import os\n" + forking, str(PLUGINS), str(tmp_path), "rewrite", "marker-fork", DAEMON]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    with ended(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)) as host:
        assert host.stdout
        assert host.stdout.readline() == "STARTED\n"
        log = tmp_path / "jobs" / "a" / "log"
        wait_until(lambda: log.exists() and {"daemon", "program"} <= set(log.read_text().split()))
        (fork,) = [pid for pid in children_of(host.pid) if pid in alive("marker-fork")]
        host.kill()
        host.wait()
        wait_until(lambda: alive("marker-fork") == [fork])
        kill_all([fork])


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_without_the_shim_both_processes_are_left(tmp_path: Path) -> None:
    """The negative control: the same daemon, started plainly."""
    script = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', *sys.argv[1:]]); time.sleep(600)"
    with ended(subprocess.Popen([sys.executable, "-c", script, DAEMON, "marker-control", "600"], text=True)) as host:
        wait_until(lambda: len(alive("marker-control")) == 3)
        host.kill()
        host.wait()
        left = alive("marker-control")
        kill_all(left)
        assert len(left) == 2
        wait_until(lambda: alive("marker-control") == [])


def test_an_ordinary_user_is_told_why_mounting_does_not_work(open_plugins: Path, open_folder: Path) -> None:
    with ended(start_host(open_plugins, open_folder, "mount", "marker-refused", "nobody")) as host:
        _, said = host.communicate(timeout=60)
    assert "The isolation 'mount' does not work here" in said
    assert "unshare: Operation not permitted" in said


@pytest.mark.skipif(shutil.which("unshare") is None, reason="util-linux is not installed")
def test_where_proc_cannot_be_mounted_programs_keep_the_hosts_process_numbers(
    tmp_path: Path, works_here: dict[str, str]
) -> None:
    """As in a container whose engine masks parts of /proc: the kernel then refuses a second, unmasked one."""
    if "userns" not in works_here:
        pytest.skip("the machine itself has no user namespaces")
    script = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1])\n"
        "from airflow_finetune.sandbox.runner.processes import Processes, Program\n"
        "from airflow_finetune.sandbox.settings import Settings\n"
        "state = pathlib.Path(sys.argv[2])\n"
        "processes = Processes(Settings(state_dir=state))\n"
        "print(processes.isolation())\n"
        "ml = state / 'jobs' / 'a' / 'ml'; ml.mkdir(parents=True)\n"
        "command = [sys.executable, '-c', sys.argv[3], 'marker-masked', '0.2']\n"
        "print(processes.start(Program('a', command, {}, ml, '/opt/ml', ml.parent / 'log')).wait(30))"
    )
    masked = 'mount -t tmpfs none /proc/sys && exec unshare -rm "$@"'
    command = ["unshare", "-rm", "sh", "-c", masked, "sh", PYTHON, "-c", script, str(PLUGINS), str(tmp_path), DAEMON]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert "mode='mount', works=True" in said.stdout, said
    assert "without process numbers of its own: mount proc /proc proc: Operation not permitted" in said.stdout
    assert "Exit(code=0, signal=None, reason='exit'" in said.stdout
    assert alive("marker-masked") == []


@pytest.mark.skipif(shutil.which("unshare") is None, reason="util-linux is not installed")
def test_without_any_namespace_programs_run_rewritten(tmp_path: Path, works_here: dict[str, str]) -> None:
    if "userns" not in works_here:
        pytest.skip("the machine itself has no user namespaces: the other tests show it")
    script = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1])\n"
        "from airflow_finetune.sandbox.runner.processes import Processes\n"
        "from airflow_finetune.sandbox.settings import Settings\n"
        "processes = Processes(Settings(state_dir=pathlib.Path(sys.argv[2])))\n"
        "print(processes.isolation().mode, [(each.mode, each.reason) for each in processes.probes()])"
    )
    bare = 'echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all "$@"'
    command = ["unshare", "-r", "sh", "-c", bare, "sh", PYTHON, "-c", script, str(PLUGINS), str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert said.stdout.startswith("rewrite "), said
    assert "unshare: Operation not permitted" in said.stdout
    assert "unshare: No space left on device" in said.stdout
