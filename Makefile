# Everything runs in a virtual environment of its own, made on first use from the lock file.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo run test check long bench lock clean

help: ## Show this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Meldpunt needs Python 3.11 or newer; try: make PYTHON=python3.12"; exit 1; }
	@echo "Making $(VENV) (once, about half a minute) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY) ## Show the whole desk on this machine, with nothing to set up (TRACKER=jira for Jira)
	@$(BIN)/meldpunt demo --tracker $(or $(TRACKER),gitlab)

run: $(READY) ## Run the bot with the settings in settings.env
	@$(BIN)/meldpunt run

test: $(READY) ## Run the tests (those that want a server skip where it is missing)
	@$(BIN)/pytest -q -m "not long" -n auto

check: $(READY) ## Lint, types, layers, then the tests
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(MAKE) --no-print-directory test

long: $(READY) ## The full matrix: 50 kills, fuzzers, load (up to 80 minutes)
	@CI=true $(BIN)/pytest -q -n auto -m long
	@$(BIN)/pytest -q -n auto --hypothesis-profile=long tests/domain tests/test_render.py
	@$(BIN)/python -m benchmarks

bench: $(READY) ## Measure, as ratios in one run
	@$(BIN)/python -m benchmarks

lock: ## Pin every dependency with its hashes again (needs uv)
	uv pip compile pyproject.toml $(LOCK) -o requirements.lock
	uv pip compile pyproject.toml $(LOCK) --extra sandbox --group dev -c requirements.lock -o requirements-dev.lock
LOCK := --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet

clean: ## Remove what was made here
	rm -rf $(VENV) demo demo-jira demo-jira-datacenter build .mypy_cache .ruff_cache .pytest_cache .hypothesis
