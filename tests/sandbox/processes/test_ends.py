"""How programs end: by themselves, asked, killed, over their memory, and with all that they started."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_finetune.sandbox.runner.processes import Process, Program
from airflow_finetune.sandbox.runner.shim.table import Table
from tests.sandbox.processes.programs import DAEMON, PYTHON, alive, ended, wait_until

from .conftest import Workshop

POLITE = """
import signal, sys, time
def stop(number, frame):
    print("asked", flush=True)
    sys.exit(3)
signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
while True:
    time.sleep(0.05)  # in pieces: a signal that comes just before a long sleep waits for its end
"""


def test_the_exit_code_and_the_peak_memory_are_known(workshop: Workshop) -> None:
    end = workshop.run("a", "x = bytearray(60_000_000); raise SystemExit(7)").wait(30)
    assert end
    assert (end.code, end.signal, end.reason) == (7, None, "exit")
    assert 60_000_000 < end.peak_rss_bytes < 200_000_000


def test_a_program_that_dies_by_a_signal_shows_it(workshop: Workshop) -> None:
    end = workshop.run("a", "import os; os.abort()").wait(30)
    assert end
    assert (end.code, end.signal, end.reason) == (None, signal.SIGABRT, "exit")


def test_a_program_that_does_not_exist_ends_with_127_and_says_so(workshop: Workshop) -> None:
    ml = workshop.ml("a")
    end = workshop.processes.start(Program("a", ["no-such-program"], {}, ml, "/", ml.parent / "log")).wait(30)
    assert end
    assert end.code == 127
    assert "The program 'no-such-program' could not be started" in workshop.log("a")


def test_a_folder_that_does_not_exist_ends_with_a_reason(workshop: Workshop) -> None:
    ml = workshop.ml("a")
    process = workshop.processes.start(Program("a", ["/bin/true"], {}, ml, "/opt/ml/none", ml.parent / "log"))
    end = process.wait(30)
    assert end
    assert end.code == 127
    assert "/opt/ml/none" in workshop.log("a") or "ml/none" in workshop.log("a")


def test_a_program_that_is_asked_may_finish_its_work(workshop: Workshop) -> None:
    process = workshop.run("a", POLITE)
    wait_until(lambda: "ready" in workshop.log("a"))
    process.terminate()
    end = process.wait(30)
    assert end
    assert (end.code, end.reason) == (3, "exit")
    assert "asked" in workshop.log("a")


def test_a_program_without_a_handler_dies_of_sigterm_as_it_would_in_a_shell(workshop: Workshop) -> None:
    process = workshop.run("a", "import time; print('ready', flush=True); time.sleep(600)")
    wait_until(lambda: "ready" in workshop.log("a"))
    process.terminate()
    end = process.wait(30)
    assert end
    assert (end.code, end.signal, end.reason) == (None, signal.SIGTERM, "exit")


def test_a_term_right_after_the_start_is_not_lost(workshop: Workshop) -> None:
    process = workshop.run("a", "import time; time.sleep(600)")
    process.terminate()
    end = process.wait(30)
    assert end
    assert end.signal == signal.SIGTERM


def test_a_term_at_any_moment_of_the_start_is_not_lost(workshop: Workshop) -> None:
    processes = [workshop.run(f"p{number}", "import time; time.sleep(600)") for number in range(8)]
    for number, process in enumerate(processes):
        threading.Timer(0.02 * number, process.terminate).start()
    ends = [process.wait(30) for process in processes]
    assert [end and end.signal for end in ends] == [signal.SIGTERM] * len(processes)


def test_killing_ends_a_program_that_ignores_everything_and_its_daemon(workshop: Workshop) -> None:
    process = workshop.run("a", DAEMON, "marker-kill", "600")
    wait_until(lambda: {"daemon", "program"} <= set(workshop.log("a").split()))
    process.terminate()
    assert process.wait(0.3) is None
    assert len(alive("marker-kill")) == 2
    end = process.end()
    assert (end.signal, end.reason) == (signal.SIGKILL, "killed")
    assert alive("marker-kill") == []


def test_a_daemon_of_a_program_that_completed_is_ended_too(workshop: Workshop) -> None:
    end = workshop.run("a", DAEMON, "marker-completed", "0.2").wait(30)
    assert end
    assert (end.code, end.reason) == (0, "exit")
    assert alive("marker-completed") == []


def test_a_program_over_its_memory_is_killed_as_out_of_memory(workshop: Workshop) -> None:
    script = "import time\nkept = bytearray(200_000_000)\nprint('full', flush=True)\ntime.sleep(600)"
    end = workshop.run("a", script, memory_limit_bytes=100_000_000).wait(30)
    assert end
    assert (end.signal, end.reason) == (signal.SIGKILL, "oom")
    assert end.peak_rss_bytes > 100_000_000


def test_memory_is_counted_over_all_processes_of_the_program(workshop: Workshop) -> None:
    script = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        kept = bytearray(40_000_000)
        time.sleep(600)
time.sleep(600)
"""
    end = workshop.run("a", script, memory_limit_bytes=150_000_000).wait(30)
    assert end
    assert end.reason == "oom"


def test_a_program_that_prints_without_end_is_ended_and_its_log_cut(
    make_workshop: Callable[..., Workshop], mode: str
) -> None:
    workshop = make_workshop(mode, log_limit_mb=1)
    (workshop.ml("a").parent / "log").write_text("before\n")
    end = workshop.run("a", "while True: print('x' * 10_000)").wait(30)
    assert end
    assert (end.signal, end.reason) == (signal.SIGKILL, "log")
    said_before = (workshop.ml("a").parent / "log").stat().st_size - 2**20  # by us, and by the sandbox
    assert 0 < said_before < 1_000


def test_a_program_that_prints_too_much_and_ends_by_itself_has_printed_too_much(
    make_workshop: Callable[..., Workshop],
) -> None:
    workshop = make_workshop(log_limit_mb=1)
    within = workshop.run("within", "print('x' * 1_000_000)").wait(30)
    beyond = workshop.run("beyond", "print('x' * 2_000_000)").wait(30)
    assert (within and within.reason, beyond and beyond.reason) == ("exit", "log")


def test_no_core_file_is_written_and_many_files_may_be_open(workshop: Workshop) -> None:
    script = """
from resource import RLIMIT_CORE, RLIMIT_NOFILE, getrlimit
print(getrlimit(RLIMIT_CORE), getrlimit(RLIMIT_NOFILE)[0])
"""
    assert workshop.run("a", script).wait(30)
    core, _, files = workshop.log("a").splitlines()[-1].rpartition(" ")
    assert core == "(0, 0)"
    assert int(files) >= 1024


def test_programs_started_by_threads_that_end_live_on(workshop: Workshop) -> None:
    started: list[Process] = []

    def start(name: str) -> None:
        started.append(workshop.run(name, "import time; print('ready', flush=True); time.sleep(600)"))

    for number in range(4):
        thread = threading.Thread(target=start, args=(f"job-{number}",))
        thread.start()
        thread.join()
    wait_until(lambda: all("ready" in workshop.log(f"job-{number}") for number in range(4)))
    assert [process.poll() for process in started] == [None] * 4
    workshop.processes.stop_all()
    assert all(process.poll() is not None for process in started)


def test_a_shim_that_is_killed_takes_its_program_along(workshop: Workshop) -> None:
    process = workshop.run("a", "import time; print('ready', flush=True); time.sleep(600)", "marker-shim")
    wait_until(lambda: "ready" in workshop.log("a"))
    assert len(alive("marker-shim")) == 1
    process._shim.kill()
    end = process.wait(30)
    assert end
    assert (end.signal, end.reason) == (signal.SIGKILL, "killed")
    wait_until(lambda: alive("marker-shim") == [])


def test_a_process_with_a_recycled_number_is_not_killed(tmp_path: Path) -> None:
    with ended(subprocess.Popen([PYTHON, "-c", "import time; time.sleep(600)"], text=True)) as other:
        table = Table()
        row = table._row(other.pid)
        assert row
        table.kill([(other.pid, "12345")])
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(0.2)
        table.kill([(other.pid, row[0])])
        assert other.wait(30) == -signal.SIGKILL
