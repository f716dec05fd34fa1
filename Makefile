# Two commands: `make bench` opens the bench on its demo, `make test` passes every test.
# Both make the environment first, and again only when pyproject.toml or constraints.txt change.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.made

.DEFAULT_GOAL := help
.PHONY: help env bench test test-fast check format clean

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "wb needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Try: make PYTHON=python3.12" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ echo "could not make $(VENV): on Debian, apt-get install python3-venv" >&2; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps term-image
	@touch $@

env: $(STAMP) ## Make the environment (.venv)

bench: $(STAMP) ## Open the bench on the embedded demo
	@$(BIN)/wb

# Each worker and each command that a test starts would compile every file anew.
unexport PYTHONDONTWRITEBYTECODE

# Four workers on two cores: about half of a worker's time is waiting for other processes.
WORKERS ?= 4
# The fast tests wait for nothing, and each worker imports torch and reads all tests first.
FAST_WORKERS ?= 2
# Files are begun in the order of tests/conftest.py, the longest first.
SPREAD := --dist loadfile --no-loadscope-reorder

test: $(STAMP) ## Pass every test, offline, on a CPU
	$(BIN)/python -m pytest -n $(WORKERS) $(SPREAD)

test-fast: $(STAMP) ## Pass the tests that open no bench, train nothing and are not slow
	$(BIN)/python -m pytest -n $(FAST_WORKERS) $(SPREAD) -m "not slow" \
		--ignore=tests/workbench/app --ignore=tests/training

check: $(STAMP) ## Lint, types, and the ladder of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/pyright

format: $(STAMP) ## Put the code in its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## Take the environment and the caches away
	rm -rf $(VENV) .pytest_cache .ruff_cache build dist *.egg-info
