# Everything runs in .venv, which the first target that needs it creates.
SYSTEM_PYTHON ?= python3
PYTHON := .venv/bin/python

.PHONY: help demo demo-gradio test check train bench reliability
.DEFAULT_GOAL := help

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/demo  ## open the Streamlit app with the shipped weights
	$(PYTHON) -m streamlit run demo/app.py

demo-gradio: .venv/demo  ## open the Gradio app; host and port from GRADIO_SERVER_NAME and GRADIO_SERVER_PORT
	$(PYTHON) demo/gradio_app.py

test: .venv/developer tests/node_modules  ## run the tests; the browser ones need Chromium, the ones on real tiles data/tgs-salt
	$(PYTHON) -m pytest

check: .venv/developer  ## lint, format, types, and what is known of the dependencies
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) -m pip check
	$(PYTHON) -m reliability.security

reliability: .venv/developer  ## the long forms of what RELIABILITY.md promises: an hour
	$(PYTHON) -m pip install --quiet --editable ".[fuzz]"
	for part in numbers security predict corpus fuzz kill faults distribution; do $(PYTHON) -m reliability.$$part || exit 1; done
	$(PYTHON) -m reliability.load --front gradio
	$(PYTHON) -m reliability.load --front streamlit
	$(PYTHON) -m reliability.load --predictions 2000
	$(PYTHON) -m reliability.load --uploads

train: .venv/demo  ## train on data/tgs-salt, or on invented sections where it is absent
	$(PYTHON) train.py

bench: .venv/demo  ## speed of the shipped network beside a U-Net of the usual size
	$(PYTHON) -m unet bench

.venv/bin/python:
	$(SYSTEM_PYTHON) -m venv .venv

.venv/demo: pyproject.toml | .venv/bin/python
	$(PYTHON) -m pip install --quiet --editable ".[demo]"
	@touch $@

.venv/developer: pyproject.toml | .venv/bin/python
	$(PYTHON) -m pip install --quiet --editable ".[demo,test,check]"
	@touch $@ .venv/demo

# The accessibility checker; without npm its tests skip, saying so.
tests/node_modules: tests/package.json
	if command -v npm >/dev/null; then npm install --prefix tests --no-package-lock --no-fund --no-audit --silent; fi
