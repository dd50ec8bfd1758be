# make demo: the main job, on shipped data and checkpoints. make test: the quick suite. Each sets itself up.
PYTHON ?= python3
VENV ?= .venv
PIP = $(VENV)/bin/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: demo test test-slow bench lint clean

demo: $(VENV)/installed
	$(VENV)/bin/archsim demo

test: $(VENV)/installed-dev
	$(VENV)/bin/python -m pytest -m "not slow"

test-slow: $(VENV)/installed-dev
	$(VENV)/bin/python -m pytest -m slow

# Speeds as ratios within one run, and what a run takes here.
bench: $(VENV)/installed-dev
	$(VENV)/bin/python -m pytest tests/benchmarks -m slow -s -q

lint: $(VENV)/installed-dev
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy

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
