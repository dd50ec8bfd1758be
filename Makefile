# make demo: the main job, on shipped data and checkpoints. make test: the quick suite. Each sets itself up.
PYTHON ?= python3
VENV ?= .venv
PIP = $(VENV)/bin/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
PYTEST = $(VENV)/bin/python -m pytest
# A process for each core, up to eight; the tests of a file stay together, but for a few (tests/conftest.py).
SIDE_BY_SIDE = --numprocesses logical --maxprocesses 8 --dist loadfile

WEB = dse/report/web
JS = $(VENV)/js

.PHONY: demo test test-slow nightly bench lint check-js js-checked clean

demo: $(VENV)/installed
	$(VENV)/bin/archsim demo

test: $(VENV)/installed-dev
	$(PYTEST) -m "not slow" $(SIDE_BY_SIDE)

test-slow: $(VENV)/installed-dev
	$(PYTEST) -m slow $(SIDE_BY_SIDE) --ignore tests/benchmarks
	$(PYTEST) -m slow tests/benchmarks

# Everything, with twenty times as many drawn examples, and others each time: an hour or two. What it finds it prints
# with a line (`@reproduce_failure`) that draws the same again; put the case itself into a test of its own.
nightly: $(VENV)/installed-dev
	$(PYTEST) --hypothesis-profile nightly $(SIDE_BY_SIDE) --ignore tests/benchmarks
	$(PYTEST) tests/benchmarks

# Speeds as ratios within one run, by itself on the machine, and what a run takes here.
bench: $(VENV)/installed-dev
	$(PYTEST) tests/benchmarks -m slow -s -q

lint: $(VENV)/installed-dev check-js
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

# The scripts of the report: linter, types, and their own tests. Where Node.js is missing they are left unchecked, but
# not under CI.
check-js:
	@if command -v npm > /dev/null; then $(MAKE) --no-print-directory js-checked; \
	elif [ -n "$$CI" ]; then echo "check-js: npm is missing; apt-get install nodejs npm" >&2; exit 1; \
	else echo "check-js: skipped, for npm is missing here (apt-get install nodejs npm)"; fi

js-checked: $(JS)/installed
	cd $(WEB) && $(abspath $(JS))/node_modules/.bin/biome ci --error-on-warnings . $(abspath tests/dse/report/web)
	$(JS)/node_modules/.bin/tsc --project $(WEB)
	node --test tests/dse/report/web/*.test.mjs > $(JS)/tests.log || { cat $(JS)/tests.log; exit 1; }

# Outside the packages: what is in them is shipped, and read by tests.
$(JS)/installed: $(WEB)/package.json $(WEB)/package-lock.json
	@mkdir -p $(JS)
	@cp $^ $(JS)
	npm ci --prefix $(JS) --no-audit --no-fund
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing archsim and what it needs into $(VENV) (a minute or two)"
	@$(PIP) --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing archsim, its test tools and PyTorch into $(VENV) (a few minutes)"
	@$(PIP) --editable '.[dev,train,data,speech,onnx]'
	@touch $@ $(VENV)/installed
