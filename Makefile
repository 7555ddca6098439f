# make demo    the main job on real digits: train, fit, generate, simulate, compare, report
# make test    the test suite
# Both first make the environment they need in .venv, with Python, g++, make and perl alone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help setup demo test lint verify bench wheel clean

help:
	@sed -n 's/^# //p' Makefile
	@echo "make lint    ruff and mypy"
	@echo "make verify  the whole verification campaign; writes docs/verification.md"
	@echo "make bench   benchmarks; writes docs/benchmarks.md"
	@echo "make wheel   build the wheel and run the main job from it, elsewhere"

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@command -v g++ >/dev/null || { echo "g++ is not installed: apt install g++ (or your system's like)"; exit 1; }
	@command -v perl >/dev/null || { echo "perl is not installed: apt install perl (Verilator is started by it)"; exit 1; }
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 12) else "Python 3.11 or 3.12 is needed, for example make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: setup
	$(BIN)/hwcodesign run digits

test: setup
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

verify: setup
	$(BIN)/python -m tests.campaign --write docs/verification.md

bench: setup
	$(BIN)/python -m benchmarks.throughput --write docs/benchmarks.md

wheel: setup
	sh tests/wheel.sh

clean:
	rm -rf build dist $(VENV)
