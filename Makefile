# make train   trains a network on the bundled digits;  make test   runs the tests;  make help   lists the rest
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := runs/digits
WHEELS := wheels
CUDA_BIN = $(or $(CUDA_HOME),/usr/local/cuda)/bin
# The tests start the program more than a hundred times, so its modules are compiled, whatever the environment says.
PYTEST = PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses auto --dist worksteal
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help install train test test-fast lint docs site test-tools soak pycuda gpu-check clean
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /make \1:/p' $(MAKEFILE_LIST) | awk -F: '{ printf "%-16s %s\n", $$1, $$2 }'

install: $(VENV)/installed ## install hw5 into .venv
	@echo "hw5 is installed: $(BIN)/hw5 --help"

train: install ## train a network on the bundled digits, evaluate it, and plot the curves
	$(BIN)/hw5 train --model mlp --hidden 128 --out $(RUN)/model.npz --plot $(RUN)/curve.png
	$(BIN)/hw5 eval $(RUN)/model.npz

test: docs ## install what the tests need, and run all tests on all cores
	$(PYTEST)

test-fast: test-tools ## run all tests except those marked slow
	$(PYTEST) -m 'not slow'

docs: test-tools ## update the tables in docs/ that are generated from the code
	@$(BIN)/python docs/tables.py

test-tools: install $(VENV)/installed-dev

lint: test-tools ## check style, imports and the types of the public API
	$(BIN)/ruff check
	$(BIN)/ruff format --check hw5 cli tests docs
	$(BIN)/mypy

site: test-tools ## build the documentation as a site
	$(BIN)/sphinx-build -W --keep-going -q -c docs -b html . site
	@echo "the site is site/README.html"

soak: test-tools ## fuzz each reader by 20,000 mutated files and 10,000 guided by coverage, kill 300 trainings per device, send 500 signals, and plant 800 faults in kernels
	@$(INSTALL) --editable '.[fuzz]' || echo "Atheris could not be installed: no fuzz is guided by coverage"
	HW5_FUZZ=20000 HW5_GUIDED=10000 HW5_KILLS=300 HW5_SIGNALS=500 $(BIN)/python -m pytest -s tests/faults
	$(BIN)/python -m tests.mutation kernels --sample 800

pycuda: install ## build PyCUDA into .venv, and wheels for a machine without a network; needs nvcc, but no GPU
	$(ADD_PYCUDA)

gpu-check: test-tools ## run everything that needs a GPU, and record the results
	$(BIN)/python benchmarks/gpu_check.py

clean: ## remove .venv, runs and wheels
	rm -rf $(VENV) runs $(WHEELS)

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "hw5 needs Python 3.10 or newer, and $(PYTHON) was not found: install it, or run make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "hw5 needs Python 3.10 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1): run make PYTHON=/path/to/a/newer/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) lacks the venv module: install it (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)

$(VENV)/installed: setup.cfg pyproject.toml hw5/__init__.py | $(BIN)/python
	$(INSTALL) --editable '.[plot]'
	@$(ADD_CUDA)
	@touch $@

# PyCUDA is compiled when it is installed, which needs CUDA's toolkit. Without it, or a driver, hw5 works on the CPU.
ADD_PYCUDA = PATH="$(CUDA_BIN):$$PATH" $(BIN)/python benchmarks/wheels.py $(WHEELS) && \
    $(INSTALL) --find-links $(WHEELS) --editable '.[cuda]'

define ADD_CUDA
if ! $(PYTHON) -c 'import ctypes; ctypes.CDLL("libcuda.so.1")' 2>/dev/null; then \
    echo "no NVIDIA driver was found: hw5 will use the CPU"; \
elif ! PATH="$(CUDA_BIN):$$PATH" command -v nvcc >/dev/null; then \
    echo "an NVIDIA driver was found, but no nvcc: hw5 will use the CPU; to use the GPU, install the CUDA toolkit and run make install again"; \
elif echo "an NVIDIA driver and nvcc were found: building PyCUDA, which takes a minute or two"; \
    { $(ADD_PYCUDA); } >$(VENV)/cuda.log 2>&1; then \
    $(BIN)/hw5 doctor | tail -n 1; \
else \
    echo "hw5 will use the CPU, because PyCUDA could not be built: $$(tail -n 1 $(VENV)/cuda.log) (see $(VENV)/cuda.log)"; \
fi
endef

$(VENV)/installed-dev: $(VENV)/installed
	$(INSTALL) --editable '.[dev]'
	@touch $@
