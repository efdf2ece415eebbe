# Everything is set up in .venv on first use; nothing else is asked of the machine than Python 3.9+ and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test lint types pytest coverage packages docs matrix bench bench-workers soak fuzz release clean

help: ## show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.demo ## the main job on a local site with a small production
	@$(BIN)/sgextended demo

# What works on one core, or waits for a package index, goes on beside the rest.
test: $(VENV)/.dev ## everything that CI checks
	@$(MAKE) --no-print-directory -j 2 lint types
	@$(MAKE) --no-print-directory -j 2 pytest packages

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/codespell
	$(BIN)/interrogate --quiet tests

types: $(VENV)/.dev
	$(BIN)/mypy

# A third process uses the time in which tests wait.
# What Python compiled is kept: otherwise each process that a test starts would compile the package anew.
pytest: export PYTHONDONTWRITEBYTECODE =
pytest: $(VENV)/.dev
	$(BIN)/python -m pytest -n 3

coverage: export PYTHONDONTWRITEBYTECODE =
coverage: $(VENV)/.dev ## the tests, measured: fails below 95 %; takes a third longer than the tests alone
	$(BIN)/python -m pytest -n 2 --cov --cov-report=term

packages: $(VENV)/.dev ## the sdist and the wheel are complete, and the wheel works in a clean environment
	$(BIN)/python tests/packages.py

docs: $(VENV)/.docs ## the documentation site, in build/docs; a warning is an error
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --builder html docs build/docs
	@echo "Open build/docs/index.html"

release: $(VENV)/.dev ## show what a release would do; make release RUN=yes makes the commit and the tag
	$(BIN)/python packaging/release.py $(if $(filter yes,$(RUN)),--run)

matrix: $(VENV)/.dev ## the tests on every Python found, with oldest and newest dependencies
	$(BIN)/nox

bench: $(VENV)/.bench ## how fast, beside the official client: table and plots into docs/
	$(BIN)/python benchmarks/run.py

bench-workers: $(VENV)/.bench ## sg.map, beside the official client: tables and plot into docs/
	$(BIN)/python benchmarks/workers.py

soak: $(VENV)/.dev ## ten minutes of 64 threads on one wrapper, on a site that misbehaves
	$(BIN)/python benchmarks/soak.py

fuzz: $(VENV)/.dev ## an hour of requests that nobody should send to a local site
	$(BIN)/python benchmarks/fuzz.py

# The demo needs the program alone; the tests need the tools too.
$(VENV)/.demo: setup.cfg
	@test -d $(VENV) || { echo "Setting up .venv (once) ..."; $(PYTHON) -m venv $(VENV); }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[all]'
	@touch $@

$(VENV)/.dev: setup.cfg
	@test -d $(VENV) || { echo "Setting up .venv (once) ..."; $(PYTHON) -m venv $(VENV); }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.demo

$(VENV)/.bench: $(VENV)/.dev
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@

$(VENV)/.docs: $(VENV)/.dev
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@

clean: ## remove what was set up
	rm -rf $(VENV) .nox build dist *.egg-info .coverage .mypy_cache .pytest_cache .ruff_cache
