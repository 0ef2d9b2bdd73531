# Every target says in `make help` what it does. The variables are where `make run` puts its engine.
SHELL     := /bin/bash
PYTHON    ?= python3
DATA_ROOT ?= /var/lib/wherry
EXEC_ROOT ?= /run/wherry
FLAGS     ?=
PREFIX    ?= /opt/wherry
BIN       := .venv/bin
STAMP     := .venv/.made-from

export PYTHON DATA_ROOT EXEC_ROOT FLAGS PREFIX PEER OURS

.DEFAULT_GOAL := help
.PHONY: help deps venv run stop check test faults parity soak bench wheel lock install uninstall clean

help: ## Show this
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "Variables: DATA_ROOT=$(DATA_ROOT) EXEC_ROOT=$(EXEC_ROOT) FLAGS='wherryd flags' PREFIX=$(PREFIX) PURGE=1"

deps: ## Install the Debian packages that are missing (root)
	@scripts/deps

venv: $(STAMP) ## Make .venv with the locked dependencies, wherryd and wherry
	@:

$(STAMP): requirements.lock pyproject.toml scripts/venv
	@scripts/venv .venv requirements.lock
	@touch $@

run: deps venv ## Start the engine if it is not up, run a first container, show its output (root)
	@scripts/run

stop: ## End the engine that `make run` started (root)
	@scripts/stop

check: venv ## Lint, types, repository tests, unit tests: no root, under a minute
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/pytest tests/repo tests/unit -n 2

test: deps venv check ## Run every test; the real ones need root
	@scripts/need-root "make test"
	@$(BIN)/pytest tests --ignore tests/repo --ignore tests/unit

faults: deps venv ## Break every step in every way and print the table: all cells of the matrix (root)
	@scripts/need-root "make faults"
	@FAULTS=all $(BIN)/pytest tests/faults tests/unit/test_faults_fakes.py

bench: venv ## Compare running engines, interleaved; alone it tells how to use it
	@$(BIN)/python -m bench $(BENCH:%=--parts %) $(ROUNDS:%=--rounds %) $(STEPS_LOG:%=--steps-log %) \
	  $(JSON:%=--json %) $(SVG:%=--svg %) $(SAVED:%=--saved %) $(ENGINES)

soak: deps venv ## Loop the tests of load and crashes for MINUTES (10), with 200 containers a round (root)
	@scripts/need-root "make soak"
	@scripts/soak $(or $(MINUTES),10)

parity: deps venv ## Compare with the dockerd 28 at PEER=unix://…: OURS=unix://… or an engine in a box (root)
	@scripts/need-root "make parity"
	@[ -n "$(PEER)" ] || { echo "make parity needs PEER=unix://… of a dockerd 28 with the containerd image store" >&2; exit 1; }
	@$(BIN)/pytest tests/parity

wheel: venv ## Build the wheel into dist/
	@rm -rf build dist
	@$(BIN)/python -m build --wheel --no-isolation --outdir dist . >/dev/null
	@ls dist/*.whl

lock: venv ## Write the lock files anew from pyproject.toml
	@scripts/lock

install: deps wheel ## Install below PREFIX, with units for systemd (root)
	@scripts/install

uninstall: ## Remove what install made; data stays unless PURGE=1 (root)
	@scripts/uninstall

clean: ## Remove .venv and everything that was built
	@rm -rf .venv build dist wherry.egg-info .mypy_cache .ruff_cache
