# What a developer does with this project. `make help` lists it.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
export OMP_NUM_THREADS := 1
WORKERS ?= 2
CHOSEN := $(if $(PIPELINE),--pipeline "$(PIPELINE)") $(if $(DATA),--data "$(DATA)")
PYTEST := .venv/bin/python -m pytest -n $(WORKERS) --dist loadfile --durations=15

.PHONY: help setup lint test test-long demo ui locks wheel clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

setup: ## make .venv from the hashed lock of the Python found (3.11 to 3.13; PYTHON=... chooses)
	@scripts/setup

lint: setup ## formatting, style, types, import rules, Dockerfile
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/hadolint Dockerfile
	.venv/bin/python -m pytest -n 0 tests/contracts/test_imports.py

test: setup ## everything that takes seconds
	$(PYTEST) -m "not long"

test-long: setup ## what takes minutes or needs an environment of its own
	$(PYTEST) -m long

demo: setup ## raw data to a verdict in a real Airflow on the embedded AWS (PIPELINE=FILE DATA=PATH: yours)
	.venv/bin/python -m demo $(CHOSEN)

ui: setup ## the same Airflow, left open in the browser for trying by hand, until Ctrl-C
	.venv/bin/python -m demo --stay $(CHOSEN)

locks: setup ## resolve locks/ again (LOCK_FLAGS=--upgrade takes the newest of everything)
	scripts/locks $(LOCK_FLAGS)

wheel: setup ## build dist/airflow_finetune-*.whl
	.venv/bin/uv build --quiet --wheel --out-dir dist

clean: ## remove what make made, .venv included
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
