# One command for each habit; `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PATHS := libs services cli tests benchmarks
PROTOS = $(shell cd proto && find stellaops -name '*.proto' | sort)

.PHONY: help setup demo test lint fix bench bench-export bench-import bench-scale bench-download bench-verify canon tamper proto lock tools compat-cosign test-real bad-days chaos

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: Python 3.11 or newer is needed; name one with PYTHON=…"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "error: Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "Setting up $(VENV) (once) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index --editable .
	@touch $@

setup: $(STAMP) ## Install everything that is needed into .venv

demo: $(STAMP) ## Import, export, download and verify on this machine; DATA=folder, KEEP=1
	@$(BIN)/python -m cli.stella.demo $(if $(DATA),--data "$(DATA)") $(if $(KEEP),--keep)

test: $(STAMP) ## Run every test that needs nothing from outside
	@$(BIN)/python -m pytest -m "not cosign and not real_data and not bad_days"

bad-days: $(STAMP) ## Run all tests of bad input and bad days: full disks, moved clocks, database and bus down
	@$(BIN)/python -m pytest tests/bad_days

test-real: $(STAMP) ## Run the tests over real packs: DATA=folder
	@test -d "$(DATA)" || { echo "error: the real packs are not here; name their folder: make test-real DATA=…"; exit 1; }
	@STELLA_DATA="$(DATA)" $(BIN)/python -m pytest -m real_data

lint: $(STAMP) ## Check style, types, imports and contracts
	@$(BIN)/ruff check $(PATHS) tools
	@$(BIN)/ruff format --check $(PATHS) tools
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@PATH="$(abspath $(BIN)):$$PATH" bash tools/check-proto.sh

fix: $(STAMP) ## Format and mend what can be mended by itself
	@$(BIN)/ruff check --fix $(PATHS) tools
	@$(BIN)/ruff format $(PATHS) tools
	@cd proto && ../$(BIN)/buf format --write --path stellaops

proto: $(STAMP) ## Generate code from the contracts
	@PATH="$(abspath $(BIN)):$$PATH" bash tools/generate-proto.sh proto/gen

lock: $(STAMP) ## Write requirements/ from pyproject.toml
	@$(BIN)/python -m pip install --quiet uv
	@for set in "run:" "dev:--group dev"; do \
	  $(BIN)/uv pip compile --quiet pyproject.toml --extra embedded $${set#*:} --generate-hashes --no-emit-index-url \
	    --no-header --universal --python-version 3.11 --output-file requirements/$${set%%:*}.txt; done

tamper: $(STAMP) ## Flip every bit of a small bundle and PLACES=2000 of a large one; STRIDE=n takes each n-th
	@STELLA_TAMPER_STRIDE=$(or $(STRIDE),1) STELLA_TAMPER_PLACES=$(or $(PLACES),2000) \
	  STELLA_TAMPER_MEGABYTES=$(or $(MEGABYTES),50) $(BIN)/python -m pytest -q -s tests/attacks/test_bits.py

bench-verify: $(STAMP) ## Measure verification beside bare hashing and unpacking; DATA=folder
	@$(BIN)/python -m benchmarks.verify $(if $(DATA),--data "$(DATA)")

canon: $(STAMP) ## Hold the ways to canonical JSON against one another; RECORDS=count, NUMBERS=count
	@STELLA_CANON_RECORDS=$(or $(RECORDS),2000000) STELLA_CANON_NUMBERS=$(or $(NUMBERS),1000000) \
	  $(BIN)/python -m pytest -q -s tests/property/libs/common/canon tests/unit/libs/common/canon

tools: ## Build the outside checkers that some tests need
	@bash tools/install.sh

compat-cosign: $(STAMP) tools ## Check signatures with real cosign, v2 and v3
	@$(BIN)/python -m pytest -m cosign

chaos: $(STAMP) ## Kill, stop and restart everything under way: SEEDS=200, FROM=seed, SUITES=3
	@$(BIN)/python -m tests.chaos --seeds $(or $(SEEDS),200) $(if $(FROM),--from $(FROM)) --suites $(or $(SUITES),3)

bench: $(STAMP) ## Measure beside a floor in the same run; DATA=folder
	@$(BIN)/python -m benchmarks.core $(if $(DATA),--data "$(DATA)")

bench-scale: $(STAMP) ## Measure growth and write docs/operations/scale.md; RECORDS=count, DATA=folder, PLACE=folder
	@$(BIN)/python -m benchmarks.scale $(if $(DATA),--data "$(DATA)") $(if $(RECORDS),--records $(RECORDS)) $(if $(PLACE),--place "$(PLACE)")

bench-download: $(STAMP) ## Measure downloads beside nginx
	@$(BIN)/python -m benchmarks.download

bench-import: $(STAMP) ## Measure imports beside a bare loop; DATA=folder, RECORDS=count
	@$(BIN)/python -m benchmarks.importing $(if $(DATA),--data "$(DATA)") $(if $(RECORDS),--records $(RECORDS))

bench-export: $(STAMP) ## Measure exports of the real suite; DATA=folder, RECORDS=count, LONG=1
	@$(BIN)/python -m benchmarks.export $(if $(DATA),--data "$(DATA)") $(if $(RECORDS),--records $(RECORDS)) $(if $(LONG),--long)
