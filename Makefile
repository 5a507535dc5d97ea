# Commands for developers. Works with make 3.81 (macOS) and any POSIX shell.

PYTHON ?= python3
PORT ?= 8000

VENV = .venv
BIN = $(VENV)/bin
RUNTIME = $(VENV)/requirements.stamp
DEV = $(VENV)/requirements-dev.stamp
SLOW = $(VENV)/requirements-slow.stamp
LOCK = $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'

.PHONY: help run dev lesson test test-slow test-all faults node cover check format docs lock bench bench-http build clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' Makefile

run: $(RUNTIME) ## Serve the API on http://127.0.0.1:8000, or on PORT=…
	@$(BIN)/python -c 'import socket; socket.create_server(("127.0.0.1", $(PORT))).close()' 2>/dev/null \
	|| { echo "Port $(PORT) is taken or not allowed; choose another: make run PORT=…" >&2; exit 1; }
	@FLASK_SKIP_DOTENV=1 $(BIN)/flask --app wsgi run --host 127.0.0.1 --port $(PORT)

dev: $(RUNTIME) ## Serve demo users to a front end in development; options with ARGS='--delay 300 --fail 503:10%'
	@FLASK_SKIP_DOTENV=1 $(BIN)/flask --app wsgi dev --port $(PORT) $(ARGS)

lesson: $(DEV) ## Copy the first lesson on JWT to lesson-1, or another one with N=2
	@FLASK_SKIP_DOTENV=1 $(BIN)/flask --app wsgi lesson start $(or $(N),1)

test: $(DEV) ## Run the API tests on SQLite, in about a minute; select with ARGS='-k word'
	@$(BIN)/pytest -n auto --dist worksteal -m "not slow" $(ARGS)

test-slow: $(SLOW) ## Run the tests that start servers, browsers, other services or many examples
	@$(BIN)/pytest -n auto -m slow $(ARGS)

test-all: test test-slow faults ## Run all tests; on PostgreSQL with TASKAPI_TEST_DATABASE_URL=postgresql:///name

faults: $(DEV) ## Test crashes and restarts, on servers that the tests start
	@$(BIN)/pytest tests/faults $(ARGS)

node: node_modules/.package-lock.json ## Install the npm packages for the tests of the web client, the examples and generated clients

node_modules/.package-lock.json: package-lock.json
	@npm ci --no-audit --no-fund --ignore-scripts

cover: $(SLOW) ## Run the tests and list the lines and branches that no test covers
	@$(BIN)/pytest -n auto --cov $(ARGS)

check: $(DEV) ## Check lint, formatting, types and import rules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(DEV) ## Format the code, and apply the fixes that ruff can make
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(DEV) node ## Generate the documents that are made from the code
	@$(BIN)/python -m docs.generate

bench: $(DEV) ## Measure list, get and create against bare Flask, in process; on PostgreSQL with ARGS='--database postgresql://…'
	@$(BIN)/python -m benchmarks.in_process $(ARGS)

bench-http: $(DEV) ## Measure the same requests over HTTP on the production server, with wrk
	@$(BIN)/python -m benchmarks.over_http $(ARGS)

lock: $(DEV) ## Lock the dependencies; ARGS=--upgrade selects the newest versions
	$(LOCK) $(ARGS) requirements.in --output-file requirements.txt
	$(LOCK) $(ARGS) requirements-dev.in --output-file requirements-dev.txt
	$(LOCK) $(ARGS) requirements-slow.in --output-file requirements-slow.txt

build: $(DEV) ## Build the wheel and the source archive into dist/
	@rm -rf dist
	$(BIN)/python -m build --no-isolation

clean: ## Remove the environment and all generated files; instance/ stays
	@rm -rf $(VENV) node_modules dist *.egg-info .*_cache .coverage .hypothesis

# Remove an environment whose interpreter no longer exists, for example after an upgrade of Python
$(shell test -e $(BIN)/python || rm -rf $(VENV))

# The stamps record which lock file is installed. --no-deps because the lock file is complete; without it, pip 23.2 looks for
# newer versions of packages that are required with an extra, and finds no hash for them
$(RUNTIME): requirements.txt $(BIN)/python
	$(install)
	@touch $@

$(DEV): requirements-dev.txt $(BIN)/python
	$(install)
	@touch $(RUNTIME) $@

$(SLOW): requirements-slow.txt $(DEV)
	$(install)
	@touch $@

define install
@echo "Installing $< into $(VENV)"
@if command -v uv >/dev/null; then \
	uv pip install --quiet --python $(BIN)/python --require-hashes -r $<; \
else \
	{ $(BIN)/python -m pip --version || $(BIN)/python -m ensurepip; } >/dev/null 2>&1; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<; \
fi
endef

# Debian ships ensurepip in a separate package, and the error message of venv itself is a page long
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	|| { echo "$(PYTHON) is not Python 3.11 or later; choose another: make $(MAKECMDGOALS) PYTHON=…" >&2; exit 1; }
	@command -v uv >/dev/null || $(PYTHON) -c 'import ensurepip' 2>/dev/null \
	|| { echo "$(PYTHON) cannot create virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@rm -rf $(VENV)
	@$(PYTHON) -m venv --without-pip $(VENV)
