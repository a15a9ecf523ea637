# `make run` and `make test` do all their own set-up in .venv; they need Python 3.11 or newer, its venv, and pip.

# The first interpreter that runs and is new enough: one on the path may be a version manager's shim that fails.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: run test test-slow check lint bench docs interop mutation clean help

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

# Without kills: that the broken clients fail is about the scenarios, and takes longer than the verdicts. `make test`
# checks each kill in one variant, `make test-slow` and `gapless run` in all.
run: $(VENV)/.runs ## Run the scenario suite against our client, and show the verdicts
	@echo "== gapless run --no-kills: every scenario, in every generation and cursor mode"
	@$(BIN)/gapless run --no-kills

# Tests start many processes. Each would compile gapless anew where Python is told to keep nothing that it compiled.
test test-slow: export PYTHONDONTWRITEBYTECODE :=

test: $(VENV)/.ready lint ## Everything that must hold before a commit, in a few minutes
	@echo "== tests, and mypy --strict beside them"
	@$(BIN)/mypy >$(VENV)/mypy.txt 2>&1 & types=$$!; \
	$(BIN)/pytest -n auto --dist worksteal -m "not slow"; tests=$$?; \
	wait $$types; types=$$?; echo "== mypy --strict"; cat $(VENV)/mypy.txt; exit $$((tests || types))

test-slow: $(VENV)/.ready ## What takes longer: many drawn worlds, every Python found
	@echo "== slow tests"
	@$(BIN)/pytest -n auto --dist worksteal -m slow

check: $(VENV)/.ready lint ## What needs no test: ruff, mypy --strict
	@echo "== mypy --strict"
	@$(BIN)/mypy

lint: $(VENV)/.ready
	@echo "== ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .

bench: $(VENV)/.ready ## Measure, against the commit before (BENCH="--against REV") and a peer: time, memory, schedules per second
	@$(BIN)/python -m tests.benchmarks.wire $(BENCH)
	@$(BIN)/python -m tests.benchmarks.window
	@$(BIN)/python -m tests.benchmarks.explore rate
	@$(BIN)/python -m tests.benchmarks.prove
	@$(BIN)/python -m tests.benchmarks.lockstep
	@$(BIN)/python -m tests.benchmarks.realserver

docs: $(VENV)/.ready ## Write docs/reference/ anew, and the outputs that README and docs show
	@$(BIN)/python -m tests.docs

interop: $(VENV)/.ready ## The published SDK and agent server at both ends; writes docs/interop.md and docs/fidelity.md
	@$(BIN)/python -m tests.interop $(INTEROP)

mutation: $(VENV)/.ready ## Change the client's core, one change at a time, and see whether the catalog notices: hours
	@$(BIN)/python -m tests.mutation $(MUTATION)

clean: ## Remove the environment and everything that tools left
	rm -rf $(VENV) build dist .venv-interop-* .venv-mutation .venv-peer .gapless .hypothesis .mypy_cache .pytest_cache .ruff_cache *.egg-info

# Set up $(VENV) with these extras. `make run` needs half of what the tests need, and does not wait for the rest.
define set_up
	@test -n "$(PYTHON)" || { echo "gapless needs Python 3.11 or newer on the path; none was found" >&2; exit 2; }
	@echo "== setting up $(VENV) with $$($(PYTHON) --version), pinned by requirements.txt"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -u -m pip install --disable-pip-version-check --progress-bar off -c requirements.txt -e '.[$(1)]' \
	  >$(VENV)/install.txt 2>&1 & install=$$!; seconds=0; \
	while kill -0 $$install 2>/dev/null; do \
	  sleep 1; seconds=$$((seconds + 1)); \
	  test $$((seconds % 5)) -ne 0 || echo "   $$seconds s: $$(grep -E '^ *(Collecting|Downloading|Processing|Building|Installing) ' $(VENV)/install.txt | tail -n 1 | cut -c 1-90)"; \
	done; \
	wait $$install || { tail -n 40 $(VENV)/install.txt >&2; exit 2; }
	@touch $(VENV)/.runs
endef

$(VENV)/.runs: pyproject.toml requirements.txt
	$(call set_up,harness)

$(VENV)/.ready: pyproject.toml requirements.txt
	$(call set_up,dev)
	@touch $@
