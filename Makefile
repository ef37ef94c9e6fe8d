# Everything runs in .venv, which the first target that needs it creates.
SYSTEM_PYTHON ?= python3
PYTHON := .venv/bin/python

.PHONY: help demo demo-gradio test check train bench reliability
.DEFAULT_GOAL := help

# A .venv that is broken, half-made or of another Python than SYSTEM_PYTHON asks for is made anew.
ifneq ($(filter-out help,$(MAKECMDGOALS)),)
PRINT := import sys; print(*sys.version_info[:3], sep='.') if sys.version_info >= (3, 11) else None
HAS := $(shell $(PYTHON) -c "import pip; $(PRINT)" 2>/dev/null)
ifeq (,$(and $(HAS),$(filter file,$(origin SYSTEM_PYTHON))))  # nothing usable, or another one was named
WANTS := $(shell $(SYSTEM_PYTHON) -c "$(PRINT)" 2>/dev/null)
$(if $(WANTS),,$(error expected Python 3.11 or later, got $(SYSTEM_PYTHON); name one, as in make SYSTEM_PYTHON=python3.12))
ifneq ($(HAS),$(WANTS))
$(shell rm -rf .venv)
endif
endif
endif

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/demo  ## open the Streamlit app with the shipped weights
	$(PYTHON) -m unet demo

demo-gradio: .venv/demo  ## open the Gradio app; host and port from GRADIO_SERVER_NAME and GRADIO_SERVER_PORT
	$(PYTHON) -m unet demo --gradio

test: .venv/developer tests/node_modules  ## run the tests; the browser ones need Chromium, the ones on real tiles data/tgs-salt
	$(PYTHON) -m pytest

check: .venv/developer tests/node_modules  ## lint, format, types, layers, and what is known of the dependencies
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports --no-cache
	$(PYTHON) -m pip check
	.ci/audit $(PYTHON)
	if [ -x tests/node_modules/.bin/tsc ]; then npm run --silent --prefix tests check; else \
	  echo "no npm: the viewer's JavaScript is not checked" >&2; fi

reliability: .venv/developer  ## the long forms of what RELIABILITY.md promises; they take long
	$(PYTHON) -m pip install --quiet --editable ".[fuzz]"
	$(PYTHON) -m pytest -m reliability --numprocesses 0

train: .venv/demo  ## train on data/tgs-salt, or on synthetic sections where it is absent
	$(PYTHON) train.py

bench: .venv/demo  ## speed of the shipped network beside a U-Net of the usual size
	$(PYTHON) -m unet bench

.venv/bin/python:
	$(SYSTEM_PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }

.venv/demo: pyproject.toml | .venv/bin/python
	@rm -f $@
	$(PYTHON) -m pip install --quiet --editable ".[demo,fast]"
	@touch $@

.venv/developer: pyproject.toml | .venv/bin/python
	@rm -f $@ .venv/demo
	$(PYTHON) -m pip install --quiet --editable ".[demo,test,check]"
	@touch $@ .venv/demo

# The accessibility checker, and the checks of the viewer's JavaScript; without npm they are skipped, saying so.
tests/node_modules: tests/package.json
	if command -v npm >/dev/null; then npm install --prefix tests --no-package-lock --no-fund --no-audit --silent || \
	  echo "npm could not install axe and the JavaScript checks: they are skipped" >&2; fi
