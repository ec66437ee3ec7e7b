# make train   trains a network on the bundled digits;  make test   runs the tests;  make help   lists the rest
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := runs/digits
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help install train test clean
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /make \1:/p' $(MAKEFILE_LIST) | awk -F: '{ printf "%-14s %s\n", $$1, $$2 }'

install: $(VENV)/installed ## set up .venv with hw5 in it
	@echo "hw5 is installed: $(BIN)/hw5 --help"

train: install ## train 64-128-10 on the bundled digits, evaluate it, and draw the curve
	$(BIN)/hw5 train --model mlp --hidden 128 --out $(RUN)/model.npz --plot $(RUN)/curve.png
	$(BIN)/hw5 eval $(RUN)/model.npz

test: install $(VENV)/installed-dev ## install what the tests need and run them all
	$(BIN)/python -m pytest

clean: ## remove .venv and runs
	rm -rf $(VENV) runs

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "hw5 needs Python 3.10 or newer, and there is no $(PYTHON): install it, or say make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "hw5 needs Python 3.10 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1): say make PYTHON=/path/to/a/newer/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) lacks its venv module: install it (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)

$(VENV)/installed: setup.cfg pyproject.toml | $(BIN)/python
	$(INSTALL) --editable '.[plot]'
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(INSTALL) --editable '.[dev]'
	@touch $@
