# Daymark. `make run` and `make test` need make and Python 3.11 or 3.12 with venv; everything else comes from the locks.

SHELL := /bin/bash
.DEFAULT_GOAL := help
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

find_python = for name in python3.11 python3.12 python3 python; do \
	if $$name -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null; \
	then command -v $$name; exit 0; fi; done
PYTHON ?= $(shell $(find_python))
BIN := .venv/bin
PIP_INSTALL := -m pip install --quiet --no-deps --require-hashes --requirement
PYTEST := $(BIN)/python -m pytest
# Of the quick suite; each worker keeps the tests that share something costly.
WORKERS ?= 2

RUN_STAMP := .venv/run.stamp
DEV_STAMP := .venv/dev.stamp
EMULATOR_STAMP := .daymark/emulator/installed.stamp
NODE_STAMP := node_modules/installed.stamp
LAYERS_STAMP := build/layers.stamp

.PHONY: help run test test-full mutants bench lint format openapi configuration synth cost iam-diff sbom lock clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

run: $(RUN_STAMP) $(EMULATOR_STAMP) $(NODE_STAMP) ## Run the trading day here and serve it (DATE=2018-02-05 ONCE=1 JSON=1)
	@$(BIN)/daymark run $(if $(DATE),--date $(DATE)) $(if $(filter 1 true yes,$(ONCE)),--once) $(if $(filter 1 true yes,$(JSON)),--json)

test: $(DEV_STAMP) $(EMULATOR_STAMP) $(NODE_STAMP) $(LAYERS_STAMP) ## Run the quick suite (under ten minutes on two cores)
	@$(PYTEST) tests layers/daymark/python --doctest-modules --durations=20 --numprocesses=$(WORKERS) $(PYTEST_ARGS)

test-full: $(DEV_STAMP) $(EMULATOR_STAMP) $(NODE_STAMP) $(LAYERS_STAMP) ## Run every seed, then break every guard (SHARD=2/5 for one part of five)
	@DAYMARK_FULL=1 DAYMARK_SEEDS=10000 $(PYTEST) tests layers/daymark/python --doctest-modules --timeout=7200 --durations=20 $(if $(SHARD),--shard '$(SHARD)') $(PYTEST_ARGS)
	@$(BIN)/python -m tests.mutation $(if $(SHARD),--shard '$(SHARD)') $(MUTANTS)

mutants: $(DEV_STAMP) ## Break the guards one by one; a test must fail (MUTANTS='--sample 20 daymark.core.lots')
	@$(BIN)/python -m tests.mutation $(if $(SHARD),--shard '$(SHARD)') $(MUTANTS)

bench: $(DEV_STAMP) ## Measure against the peers and write benchmarks/results
	@export PATH="$(CURDIR)/$(BIN):$$PATH"; for file in benchmarks/[a-z]*.py; do case $$file in */recording.py|*/readme.py) ;; *) echo "== $$file"; name=$${file#benchmarks/}; PYTHONPATH=functions $(BIN)/python -m "benchmarks.$${name%.py}" || exit 1;; esac; done
	@$(BIN)/python -m benchmarks.readme

lint: $(DEV_STAMP) ## Check style and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

format: $(DEV_STAMP) ## Rewrite the code in the project's style
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

openapi: $(DEV_STAMP) ## Write the description of the REST interface anew, and the client from it
	@$(BIN)/python -m daymark.http.openapi
	@$(BIN)/python -m daymark.client.writing

configuration: $(DEV_STAMP) ## Write docs/configuration.md anew from the settings
	@PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONPATH=layers/daymark/python:functions $(BIN)/python -m cdk.configuration

synth: $(RUN_STAMP) $(NODE_STAMP) ## Synthesise the templates of the embedded cloud into cdk.out
	@PATH="$(CURDIR)/$(BIN):$$PATH" node_modules/.bin/cdk synth --quiet --context target=local --context redis_url=redis://127.0.0.1:6379

layers: $(RUN_STAMP) ## Build the dependency layers for Lambda into build/layers
	@$(BIN)/python -m cdk.layer_build $(LAYERS)

cost: $(DEV_STAMP) ## Print the monthly cost of both regions (PORTFOLIOS=1000 TICKS=1000 SYMBOLS=500 ALL=1 JSON=1 CONTEXT="name=value")
	@PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONPATH=layers/daymark/python:functions $(BIN)/python -m cdk.cost $(if $(PORTFOLIOS),--portfolios $(PORTFOLIOS)) $(if $(TICKS),--ticks $(TICKS)) $(if $(SYMBOLS),--symbols $(SYMBOLS)) $(foreach each,$(CONTEXT),--context $(each)) $(if $(filter 1 true yes,$(ALL)),--all) $(if $(filter 1 true yes,$(JSON)),--json) $(if $(filter 1 true yes,$(PAPER)),--write-paper)

iam-diff: $(RUN_STAMP) ## Print what a change lets somebody do that nobody could before (BASE=main or a folder; CONTEXT="name=value")
	@PYTHONPATH=layers/daymark/python:functions $(BIN)/python -m cdk.iam_diff $(or $(BASE),HEAD) $(foreach each,$(CONTEXT),--context $(each))

sbom: $(RUN_STAMP) ## Write the bill of materials of every lock into build/sbom.json
	@PYTHONPATH=layers/daymark/python:functions $(BIN)/python -m cdk.sbom

lock: ## Rewrite the requirement locks (needs uv)
	@requirements/compile

clean: ## Stop what runs here and forget every state and environment
	@if [ -x $(BIN)/daymark ]; then $(BIN)/daymark down || true; fi
	@rm -rf .daymark .venv node_modules cdk.out build

.venv/bin/python:
	@if [ -z "$(PYTHON)" ]; then echo "Daymark needs Python 3.11 or 3.12 with venv: install one (for example python3.11 and python3.11-venv), or set PYTHON=/path/to/python3.11" >&2; exit 1; fi
	@echo "Creating .venv with $(PYTHON)" >&2
	@"$(PYTHON)" -m venv .venv

# A marker of what is installed: rebuilt when the locks change.
$(RUN_STAMP): requirements/run.txt requirements/prices.txt pyproject.toml | .venv/bin/python
	@echo "Installing the run environment from its lock" >&2
	@$(BIN)/python $(PIP_INSTALL) requirements/run.txt
	@$(BIN)/python $(PIP_INSTALL) requirements/prices.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV_STAMP): requirements/dev.txt $(RUN_STAMP)
	@echo "Installing the development tools from their lock" >&2
	@$(BIN)/python $(PIP_INSTALL) requirements/dev.txt
	@touch $@

$(EMULATOR_STAMP): requirements/emulator.txt | .venv/bin/python
	@echo "Installing the embedded cloud from its lock" >&2
	@$(BIN)/python -m venv --clear .daymark/emulator
	@.daymark/emulator/bin/python $(PIP_INSTALL) requirements/emulator.txt
	@touch $@

$(NODE_STAMP): package-lock.json $(RUN_STAMP)
	@echo "Installing the CDK command line from its lock" >&2
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/npm ci --silent --no-fund --no-audit
	@touch $@

# For Lambda, and for this machine, where their handlers can be imported.
$(LAYERS_STAMP): $(wildcard requirements/layer-*.txt) $(RUN_STAMP)
	@echo "Building the dependency layers from their locks" >&2
	@$(BIN)/python -m cdk.layer_build
	@$(BIN)/python -m cdk.layer_build --here
	@touch $@
