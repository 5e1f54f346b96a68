"""Entry point of a process that knows this folder's path and nothing else of the package."""

import os.path
import sys

# This folder is the package ``shim`` for it; pathlib would double the time that the start takes.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from shim.watch import main  # type: ignore[import-not-found, unused-ignore]  # noqa: E402 - found by the line above

main()
