# `make demo` and `make test` need only Python 3.11+ and make: everything else goes into $(VENV).
VENV ?= .venv
BIN := $(VENV)/bin
# On a terminal pip shows what it downloads; in a log only what goes wrong.
PIP_SHOWS := $(shell test -t 2 && echo --progress-bar on || echo --quiet)
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$python; break; }; done)

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow live check format bench

help: ## Show these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## Make the virtual environment with what running needs
demo: $(VENV)/.installed ## Three demo shops, a supplier feed and Dagster, until Ctrl-C
	@exec $(BIN)/inventory-pipeline demo

test: $(VENV)/.developing ## Run every test but the slow ones (PostgreSQL comes from a wheel)
	@$(BIN)/pytest --numprocesses 2 --dist loadfile

test-slow: $(VENV)/.developing ## Run the tests that take minutes: a power cut in every step of a sync
	@$(BIN)/pytest --numprocesses 2 --dist load -m slow -o faulthandler_timeout=1200

live: $(VENV)/.developing ## Install real platforms from npm, sync them, and compare with what they say (needs Node.js 20)
	@$(BIN)/pytest -m live inventory_pipeline_tests/live -o faulthandler_timeout=1200

check: $(VENV)/.developing ## Lint, format, types, import rules, Dagster definitions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-cache
	$(BIN)/deptry --extend-exclude "inventory_pipeline_tests|benchmarks" .
	$(BIN)/deptry --ignore DEP002,DEP004 .
	folder=$$(mktemp -d) && trap "rm -rf $$folder" EXIT \
		&& INVENTORY_DATA_DIR=$$folder $(BIN)/dg check defs

format: $(VENV)/.developing ## Format the code and mend what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.benchmarking ## Speed and memory against a floor and dlt (a quarter of an hour)
	@$(BIN)/python -m benchmarks.speed
	@$(BIN)/python -m benchmarks.alerts
	@$(BIN)/python -m benchmarks.starting

# The stamps make the second `make` quick; a change of either file installs again.
$(VENV)/.installed: pyproject.toml constraints.txt
	@$(call make_venv)
	@$(BIN)/python -m pip install --disable-pip-version-check $(PIP_SHOWS) --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.developing: pyproject.toml constraints.txt
	@$(call make_venv)
	@$(BIN)/python -m pip install --disable-pip-version-check $(PIP_SHOWS) --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/.installed

$(VENV)/.benchmarking: pyproject.toml constraints.txt
	@$(call make_venv)
	@$(BIN)/python -m pip install --disable-pip-version-check $(PIP_SHOWS) --constraint constraints.txt --editable '.[bench]'
	@touch $@ $(VENV)/.installed

define make_venv
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	|| { echo "Python 3.11 or newer is needed and was not found: make PYTHON=/path/to/python3.11" >&2; exit 1; }; \
	test -x $(BIN)/python || { echo "Making $(VENV) with $(PYTHON); the first time takes a minute or two"; $(PYTHON) -m venv $(VENV); }
endef
