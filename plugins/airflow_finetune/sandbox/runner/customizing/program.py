"""How a program of the zoo is started: by the name of its module, whatever package this folder is part of."""

from __future__ import annotations

import sys
from pathlib import Path

SANDBOX = __name__.rsplit(".", 3)[0]
"""This package's name: another one when the sandbox's folder was copied to another place."""
ROOT = Path(__file__).resolve().parents[2 + len(SANDBOX.split("."))]
"""The folder that the package is imported from."""
START = (
    "import importlib, runpy, sys; sys.path.insert(0, sys.argv.pop(1)); module = sys.argv.pop(1); "
    "importlib.import_module(module.partition('.')[0]); del sys.path[0]; "
    "runpy.run_module(module, run_name='__main__', alter_sys=True)"
)
"""Finds this very package, though another copy may be installed, and lets no folder hide the standard library."""
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
"""Two threads beside a busy neighbour are many times slower than one."""
TAIL_CHARACTERS = 600
MISSING = (
    "The sandbox's models need torch and transformers: pip install 'airflow-finetune[sandbox,training]', in the "
    "environment that the sandbox runs in"
)


def command(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module of the zoo, for example ``tune``, without importing it here."""
    return [sys.executable, "-P", "-c", START, str(ROOT), f"{SANDBOX}.zoo.{module}", *arguments]


def explained(log: Path) -> str:
    """Return why a program ended, from the end of its log."""
    try:
        tail = log.read_text(encoding="utf-8", errors="replace")[-TAIL_CHARACTERS:]
    except OSError:
        tail = ""
    return MISSING if "ModuleNotFoundError" in tail else tail.strip() or "it ended without a word"
