"""Environments of other people's programs, made once and kept in .venvs for the next run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.clients.embedded import PROJECT

PIPS_OWN = {"PIP_FIND_LINKS": "UV_FIND_LINKS", "PIP_INDEX_URL": "UV_DEFAULT_INDEX"}
"""Where packages come from is pip's affair; uv is told under its own names."""
UV = Path(sys.executable).with_name("uv")


class DoesNotResolve(Exception):
    """The requirement has no version for this Python; the text is what the resolver said."""


def environment_with(requirement: str, name: str) -> Path:
    """Returns the folder of an environment of this Python that holds only a requirement and what it needs.

    Raises:
        DoesNotResolve: nothing of the requirement fits this Python.
    """
    folder = PROJECT / ".venvs" / name
    ready = folder / "ready"
    said = f"{requirement} on {sys.version}"
    if not ready.exists() or ready.read_text() != said:
        environment = os.environ | {
            theirs: os.environ[pips] for pips, theirs in PIPS_OWN.items() if os.environ.get(pips)
        }
        make = [UV, "venv", "--quiet", "--clear", "--python", sys.executable, folder]
        subprocess.run(make, env=environment, check=True)
        install = [UV, "pip", "install", "--quiet", "--python", folder / "bin" / "python", requirement]
        done = subprocess.run(install, env=environment, capture_output=True, text=True, check=False)
        if "No solution found" in done.stderr:
            raise DoesNotResolve(done.stderr.strip())
        assert done.returncode == 0, done.stderr
        ready.write_text(said)
    return folder
