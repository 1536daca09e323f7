# `make run` and `make test` set up what they need; `make help` lists all targets.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= auto
PORT ?= 8000
IDE := graph/graphiql/dist/index.html
IDE_TRIED := graph/graphiql/dist/.tried
IDE_ELSEWHERE := /graphql loads GraphiQL from the internet instead.
IDE_SOURCES := $(wildcard graph/graphiql/*.* graph/graphiql/examples/*)

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: install $(IDE_TRIED) ## Set up and serve on 127.0.0.1:8000 with sample data
	@TIDEGRAPH_ENV=$${TIDEGRAPH_ENV:-development} exec $(BIN)/tidegraph serve --port $(PORT) --migrate --seed

install: $(VENV)/.installed ## Create .venv and install Tidegraph into it

install-dev: $(VENV)/.installed-dev ## Also install what tests and checks need

graphiql: ## Build GraphiQL, if npm is installed
	@[ -e $(IDE) ] || rm -f $(IDE_TRIED)
	@$(MAKE) --silent $(IDE_TRIED)

package: install-dev graphiql ## Build an sdist and a wheel into dist/
	@$(BIN)/python -m hatchling build

test: install-dev $(IDE_TRIED) ## Set up and run all tests, on SQLite and TiDB
	@[ -n "$$TIDEGRAPH_TEST_TIDB_URL" ] || $(PYTHON) tests/tidb/build.py || [ "$$TIDEGRAPH_TEST_TIDB" != required ]
	@$(BIN)/pytest -n $(JOBS) $(ARGS)

test-faults: install-dev ## Test exactly-once writes under faults (10 minutes)
	@[ -n "$$TIDEGRAPH_TEST_TIDB_URL" ] || $(PYTHON) tests/tidb/build.py || [ "$$TIDEGRAPH_TEST_TIDB" != required ]
	@TIDEGRAPH_TEST_FAULTS=full $(BIN)/pytest -n $(JOBS) -m proof $(ARGS)

test-sqlite: install-dev ## Run the quick tests, on SQLite only
	@$(BIN)/pytest -n $(JOBS) -m "not tidb and not browser and not tools" $(ARGS)

tidb: ## Build tidb-server for the tests, once per machine (15 min)
	@$(PYTHON) tests/tidb/build.py

lint: install-dev ## Check format, style, types, imports and schema.graphql
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/tidegraph schema | diff -u schema.graphql - || (echo "schema.graphql is outdated: run make schema."; exit 1)

bench: install-dev ## Benchmark against two other servers (10 minutes)
	@$(BIN)/python -m bench.run

bench-hostile: install-dev ## Send hostile requests, measure stalls and memory (20 min)
	@$(BIN)/python -m bench.hostile $(ARGS)

format: install-dev ## Format, and fix lint errors
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schema: install-dev ## Regenerate schema.graphql
	$(BIN)/tidegraph schema > schema.graphql

constraints: install-dev ## Regenerate constraints.txt from the installed packages
	$(BIN)/pip freeze --exclude-editable | grep -v '^tidegraph' > constraints.txt

clean: ## Remove .venv and all build output
	rm -rf $(VENV) graph/graphiql/dist graph/graphiql/node_modules tests/clients/*/{node_modules,build,generated,.venv} .mypy_cache .ruff_cache .pytest_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	(echo "Tidegraph needs Python 3.11 or later, as in: make run PYTHON=python3.12"; exit 1)
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV), once (about a minute)."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing into $(VENV), once (about a minute)."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,asyncmy]'
	@touch $@ $(VENV)/.installed

# A failed build is repeated only by `make graphiql` or after a change, not by each `make run`.
$(IDE_TRIED): $(IDE_SOURCES)
	@if ! command -v npm >/dev/null; then echo "npm is not installed: $(IDE_ELSEWHERE)"; exit; fi; \
	echo "Building GraphiQL, once (about half a minute)."; \
	(cd graph/graphiql && npm ci --silent --fetch-retries=1 --fetch-retry-mintimeout=1000 && \
	npm run --silent build -- --logLevel warn) || \
	{ rm -f $(IDE); echo "GraphiQL could not be built: $(IDE_ELSEWHERE)"; }; \
	mkdir -p $(@D) && touch $@

.PHONY: help run install install-dev graphiql package bench bench-hostile test test-faults test-sqlite tidb lint format schema constraints clean
