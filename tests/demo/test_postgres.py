"""The database of the demo starts from a wheel as any user, and takes everything with it."""

from __future__ import annotations

import os
from pathlib import Path

import psycopg2
import pytest

from demo import postgres
from demo.processes import DemoError, Processes, fit_folder
from tests.demo.left_behind import processes_with


def test_postgresql_answers_on_a_socket_only_and_is_gone_afterwards(tmp_path):
    with Processes() as processes:
        address = postgres.start(processes, tmp_path)
        folder = Path(address.partition("host=")[2])
        assert (folder / postgres.SOCKET).is_socket()
        connection = psycopg2.connect(host=str(folder), user="postgres", dbname="postgres")
        with connection.cursor() as cursor:
            cursor.execute("SHOW listen_addresses")
            assert cursor.fetchone() == ("",)
        connection.close()
        if os.geteuid() == 0:
            assert folder.stat().st_uid == postgres.unprivileged()
        assert processes_with(str(folder))
    assert not processes_with(str(folder))
    assert not folder.exists()


def test_a_folder_whose_path_is_too_long_for_a_socket_is_named(tmp_path):
    long = tmp_path / ("x" * 100)
    long.mkdir()
    with (
        Processes(within=long) as processes,
        pytest.raises(DemoError, match=r"too long a path for a unix socket.*TMPDIR"),
    ):
        postgres.start(processes, tmp_path)


def test_a_temporary_folder_that_is_too_long_or_closed_to_others_is_not_used(tmp_path):
    long, closed, fit = tmp_path / ("x" * 100), Path("/tmp/closed-folder-of-a-test"), Path("/tmp")
    long.mkdir()
    closed.mkdir(mode=0o700, exist_ok=True)
    try:
        assert fit_folder(long) == fit
        assert fit_folder(closed) == fit
        closed.chmod(0o755)
        assert fit_folder(closed) == closed
    finally:
        closed.rmdir()
