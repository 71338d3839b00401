# Every command of the project; `make` lists them. Nothing but Python 3.11 and make is needed.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= $(shell command -v python3.11 || echo python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check install --quiet
STAMPS := $(VENV)/.stamps
CLIP   ?=
ARGS   ?=

.PHONY: help install demo test check bench train lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMPS)/install ## install qoed at .venv/bin/qoed, from hash-pinned packages

demo: install ## two minutes: a live ladder with injected faults, scores and alerts (CLIP=path for your video)
	$(BIN)/qoed demo $(if $(CLIP),--clip "$(CLIP)") $(ARGS)

test: $(STAMPS)/train $(STAMPS)/dev ## run all tests (ARGS="-k name" for some)
	@# Tests that send signals to their own process get one without native inference threads.
	$(if $(ARGS),,$(BIN)/python -m pytest tests/test_service.py)
	@# Two at a time: most of them wait for real servers and streams.
	$(BIN)/python -X faulthandler -m pytest $(if $(ARGS),$(ARGS),-n 2 --dist loadfile --ignore=tests/test_service.py)

check: $(STAMPS)/train $(STAMPS)/dev ## lint, format, types, import rules, test docstrings, systemd sandbox
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/interrogate --quiet --whitelist-regex '^test_' tests
	@if command -v systemd-analyze >/dev/null; then \
	  systemd-analyze security --offline=true --threshold=15 --no-pager systemd/qoed.service | tail -n 1; \
	else echo "systemd sandbox NOT checked: systemd-analyze is not installed"; fi

bench: $(STAMPS)/train $(STAMPS)/dev ## measure: decode cost, network throughput, renditions per core
	$(BIN)/python bench $(ARGS)

train: $(STAMPS)/train ## train, evaluate and export the quality network (resumes)
	$(BIN)/qoed-train all $(ARGS)

lock: $(STAMPS)/dev ## renew requirements.lock and requirements-dev.lock
	$(BIN)/python -m uv --version >/dev/null 2>&1 || $(PIP) uv
	$(call compile,requirements.lock,--extra standalone)
	$(call compile,requirements-dev.lock,--extra standalone --extra dev)

clean: ## remove the environment and every cache
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# hatchling and editables build the editable install, so they are pinned with the rest.
compile = printf 'hatchling\neditables\n' | $(BIN)/python -m uv pip compile --quiet --universal \
  --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
  --custom-compile-command 'make lock' $(2) --output-file $(1) pyproject.toml -

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

$(STAMPS)/install: requirements.lock pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	@mkdir -p $(@D) && touch $@

$(STAMPS)/dev: requirements-dev.lock $(STAMPS)/install
	$(PIP) --require-hashes -r requirements-dev.lock
	@mkdir -p $(@D) && touch $@

$(STAMPS)/train: requirements-train.txt $(STAMPS)/install
	$(PIP) -r requirements-train.txt
	@mkdir -p $(@D) && touch $@
