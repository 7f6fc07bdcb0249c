# make app: install and open the app.  make test: install and pass every test.  make help: the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export HF_HUB_DISABLE_TELEMETRY := 1

.DEFAULT_GOAL := help
.PHONY: help install app test long quick check format docs bench shapes mutants figures clean

help: ## Show this list
	@grep -E '^[a-z]+:.*##' Makefile | awk -F ':.*## ' '{printf "  make %-9s %s\n", $$1, $$2}'

$(VENV)/.app: requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; say which: make app PYTHON=python3.12"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing; torch is large, so the first time takes a few minutes."
	$(BIN)/pip install -r requirements.txt -c constraints.txt || $(BIN)/pip install -r requirements.txt
	$(BIN)/pip install --no-deps -e .
	@touch $@

$(VENV)/.test: $(VENV)/.app
	$(BIN)/pip install -e '.[test]' -c constraints.txt || $(BIN)/pip install -e '.[test]'
	@touch $@

$(VENV)/.docs: $(VENV)/.app
	$(BIN)/pip install -e '.[docs]' -c constraints.txt || $(BIN)/pip install -e '.[docs]'
	@touch $@

install: $(VENV)/.app ## Install into .venv

app: install ## Install and open the app on the demo world
	$(BIN)/streamlit run dashboard/app.py

test: $(VENV)/.test ## Install and pass the tests, browser included, in ten minutes; what takes long is left to make long
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not long" # tiny models gain nothing from more threads

long: $(VENV)/.test ## The tests that make test leaves out: whole trainings, kills, full disks, several processes, the wheel
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist loadfile -m long # much of it waits for other processes

quick: $(VENV)/.test ## The engine's tests but the slow ones, in a minute
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not long" tests/unit

check: $(VENV)/.test ## Format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.test ## Rewrite files in the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.docs ## The documentation as a site in ./site, strictly; it opens without a network
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(VENV)/.test ## Speed, as ratios against the naive way
	$(BIN)/python -m tests.perf

shapes: $(VENV)/.test ## The engine's quick tests, with every array held to its annotation
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not long" --jaxtyping-packages=nast_core,tests.shapes.checked tests/unit

mutants: $(VENV)/.test ## One-line faults in the engine: the tests must notice each; about ten minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.mutants

figures: install ## The demo's figures over three seeds (docs/demo_figures.json); about an hour
	$(BIN)/nast demo figures --seeds 3

clean: ## Remove what make made
	rm -rf $(VENV) build site artifacts .mypy_cache .ruff_cache .hypothesis *.egg-info
