"""Figures that docs/figures.md shows, each repeated by one command: `python -m benchmarks.NAME`."""
