# `make demo` completes a phantom skull at 512³; `make test` runs the checks. Each makes .venv first, once.
# PYTHON picks the interpreter, PIP_ARGS is passed to pip (an index, a cache, --no-index …), EXTRAS are of pyproject.toml.
PYTHON ?= python3
PIP_ARGS ?=
EXTRAS ?= test
VENV := .venv
BIN := $(VENV)/bin
# torch reads its own sources as text, which fails in an ASCII locale
export PYTHONUTF8 := 1
STAMP := $(VENV)/.installed
SOURCES := $(shell find kernels -type f) CMakeLists.txt pyproject.toml constraints.txt

.PHONY: demo test lint clean

demo: $(STAMP)
	$(BIN)/cranial-sparse phantom --seed 7 --defect parietotemporal --out out/demo/input
	$(BIN)/cranial-sparse complete out/demo/input/defective_skull/phantom_007.nrrd --out out/demo --overwrite
	@echo "open out/demo/phantom_007/report.html"

test: $(STAMP)
	$(BIN)/python -m pytest -q

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

$(STAMP): $(SOURCES)
	@PYTHON="$(PYTHON)" PIP_ARGS="$(PIP_ARGS)" sh scripts/install.sh $(VENV) $(EXTRAS)
	@touch $@

clean:
	rm -rf $(VENV) build out
