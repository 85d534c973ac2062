# Dancecam: `make help` lists what there is to do. Each target prepares what it needs; no step comes before.
#
# x86-64 Linux gets PyPI's torch, which brings several GB of CUDA libraries. A machine without an NVIDIA GPU
# can take the smaller build from PyTorch's own index, before the first `make`:
#   python3 -m venv .venv && .venv/bin/pip install torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help live test lint format lock audit gpu-check install-service clean system

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

live: $(VENV)/.installed system ## run the show: the bundled clip drives the demo player, in a web page
	$(BIN)/python run_live.py

# Whole shows run by themselves: they count on time, of which two workers on two cores leave too little.
test: TESTS := $(BIN)/python -m pytest -m "not gpu and not camera and not soak"
test: $(VENV)/.installed-dev system ## run the tests that need no GPU and no camera
	$(TESTS) -n 2 --dist loadfile tests/engines tests/calibration tests/tools
	$(TESTS) tests/realtime tests/test_*.py

lint: $(VENV)/.installed-dev ## check style, format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(VENV)/.installed-dev ## put the code in the project's format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# uv and pip-audit have an environment of their own: what they need is no part of the show.
lock: $(VENV)/lock/.installed ## write requirements.lock anew: every package of requirements.txt and its own, with hashes
	$(VENV)/lock/bin/uv pip compile requirements.txt --output-file requirements.lock --generate-hashes \
	  --universal --python-version 3.11 --custom-compile-command "make lock" --no-emit-index-url --quiet

audit: $(VENV)/.installed ## ask whether a vulnerability is known of any package in requirements.lock
	@if $(MAKE) --silent $(VENV)/lock/.installed >/dev/null 2>&1; \
	  then $(BIN)/python -m tools.audit $(VENV)/lock/bin/pip-audit; \
	  else echo "audit: nothing was audited: pip-audit cannot be installed from here"; fi

$(VENV)/lock/.installed: | $(BIN)/python
	$(BIN)/python -m venv $(VENV)/lock
	$(VENV)/lock/bin/pip install --quiet uv==0.13.9 pip-audit==2.10.1
	@touch $@

# No packages are installed: a machine with a GPU may have its own torch, and reach no registry.
gpu-check: ## check and measure all that only an NVIDIA GPU can show, into gpu.json
	$(or $(wildcard $(BIN)/python),$(PYTHON)) -m tools.gpu_check --out gpu.json

install-service: $(VENV)/.installed system ## make SHOW=show.toml a service of this user
	$(BIN)/python -m tools.service "$(or $(SHOW),$(error name the show file: make install-service SHOW=show.toml))"

clean: ## remove the virtual environment and the caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# OpenCV's wheel expects these from the system.
system: $(VENV)/.installed
	@$(BIN)/python -c "import ctypes; [ctypes.CDLL(name) for name in ('libGL.so.1', 'libglib-2.0.so.0')]" 2>/dev/null || \
	  { echo "OpenCV needs libGL.so.1 and libglib-2.0.so.0: sudo apt install libgl1 libglib2.0-0" >&2; exit 1; }

$(BIN)/python:
	@$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))" || \
	  { echo "$(PYTHON) must be Python 3.11 or 3.12: install it, or name it with make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c "import ensurepip, venv" 2>/dev/null || \
	  { echo "$(PYTHON) cannot make virtual environments: sudo apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Installed once, and again when the pins change. pip is asked twice, as networks fail.
$(VENV)/.installed: requirements.txt | $(BIN)/python
	$(BIN)/pip install -r requirements.txt || $(BIN)/pip install -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed pyproject.toml
	$(BIN)/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['dev'], sep='\n')" > $(VENV)/dev.txt
	$(BIN)/pip install -r requirements.txt -r $(VENV)/dev.txt || $(BIN)/pip install -r requirements.txt -r $(VENV)/dev.txt
	@touch $@
