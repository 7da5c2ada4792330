# Two commands do everything: `make up` and `make test`. Whatever they need is installed on the way.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python -m

# Tests that only calculate, and by no clock: they take what the stack tests leave of the processors, which wait much.
# None of them has a database: who waits for one gives up after a while.
NUMBERS := $(shell grep -LwE 'postgres|dsn|pool' $(addsuffix /test_*.py, \
  tests/unit/forecast_review/forecasting tests/unit/lead_routing/scoring tests/unit/quota_approval/planning))
SPARE := $(shell command -v chrt >/dev/null && echo chrt --idle 0) nice -n 19

.PHONY: up down reset test check lint lock wheel clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 10

$(VENV)/.ready: requirements.lock pyproject.toml hatch_build.py workers/control_room/front/package-lock.json
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Fairlead needs Python 3.11 or newer; set PYTHON=/path/to/python3.11.")'
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the locked packages into $(VENV) …"
	@$(RUN) pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(RUN) pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

up: $(VENV)/.ready ## start everything: Camunda, database, workers, sample work
	$(RUN) workers up $(ARGS)

down: $(VENV)/.ready ## stop everything, keep the data
	$(RUN) workers down

reset: $(VENV)/.ready ## stop everything and forget the data
	$(RUN) workers reset --yes

test: $(VENV)/.ready ## all tests: unit, bindings, process (embedded engine), stack (full local Camunda)
	@failed=0; \
	$(RUN) pytest tests/process tests/unit tests/bindings $(NUMBERS:%=--ignore=%) \
	  -n 2 --dist loadscope --no-loadscope-reorder $(ARGS) || failed=$$?; \
	said=$$(mktemp); \
	$(SPARE) $(RUN) pytest $(NUMBERS) -q -o timeout=3000 $(ARGS) >$$said 2>&1 & numbers=$$!; \
	trap 'kill $$numbers 2>/dev/null; rm -f $$said' EXIT; \
	$(RUN) pytest tests/stack tests/chaos $(ARGS) || failed=$$?; \
	wait $$numbers || failed=$$?; \
	cat $$said; \
	exit $$failed

check: $(VENV)/.ready lint ## the fast part: lint, types, import rules, unit tests without database and engine, binding tests
	$(RUN) pytest tests/unit tests/bindings -q -n 2 --dist loadscope -m "not slow" $(ARGS)

lint: $(VENV)/.ready ## ruff, mypy strict, import rules, contracts
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(VENV)/bin/lint-imports
	$(RUN) workers contracts generate --check
	$(RUN) workers contracts compare

wheel: $(VENV)/.ready ## build the wheel and import it from a clean environment
	rm -rf dist build
	$(RUN) build --quiet --wheel --no-isolation
	$(PYTHON) -m venv --clear dist/venv
	dist/venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	dist/venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps dist/*.whl
	cd dist && venv/bin/fairlead --version && venv/bin/python -c 'import workers.gateway, workers.runtime.worker, workers.lead_routing.wiring; from workers.gateway.runbooks import runbook; assert runbook("incident"); from workers.control_room.rendering import address_of; address_of("vendor/bpmn-navigated-viewer.production.min.js")'
	rm -rf dist/venv

lock: $(VENV)/.ready ## lock the versions again after a change of pyproject.toml
	$(RUN) uv pip compile --universal --python-version 3.11 --all-extras --generate-hashes --no-header \
	  --no-emit-index-url --no-annotate pyproject.toml -o requirements.lock

clean: ## remove what was built here
	rm -rf $(VENV) build dist *.egg-info
