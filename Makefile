# `make demo` completes a phantom skull at 512³; `make test` runs the checks. Each makes .venv first, once.
# `make minkowski` builds MinkowskiEngine into it, `make test-minkowski` compares it with ours and writes docs/minkowski.md.
# PYTHON picks the interpreter (another one makes .venv anew), PIP_ARGS is passed to pip (an index, a cache, --no-index …),
# JOBS is how many processes test at once (2), EXTRAS are of pyproject.toml. TORCH=2.11.0 takes that torch instead of the locked
# one, TORCH=any whichever the index has.
PYTHON ?=
PIP_ARGS ?=
EXTRAS ?= test
JOBS ?= 2
TORCH ?=
export PYTHON PIP_ARGS TORCH
VENV := .venv
BIN := $(VENV)/bin
# torch reads its own sources as text, which fails in an ASCII locale
export PYTHONUTF8 := 1
STAMP := $(VENV)/.installed
SETTINGS := $(EXTRAS) python=$(PYTHON) torch=$(TORCH)
SOURCES := $(shell find kernels -type f) CMakeLists.txt pyproject.toml constraints.txt

MINKOWSKI := $(VENV)/.minkowski

.PHONY: demo test lint minkowski test-minkowski clean

demo: $(STAMP)
	$(BIN)/cranial-sparse phantom --seed 7 --defect parietotemporal --out out/demo/input --overwrite
	$(BIN)/cranial-sparse complete out/demo/input/defective_skull/phantom_007.nrrd --material peek --out out/demo --overwrite
	@echo "open out/demo/phantom_007/report.html"

test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

minkowski: $(MINKOWSKI)

test-minkowski: $(MINKOWSKI)
	$(BIN)/python -m pytest -q tests/sparse_conv/test_backends.py -k minkowski
	$(BIN)/python -m benchmarks.backends --backend minkowski --out docs/minkowski.md

$(MINKOWSKI): scripts/minkowski.sh | $(STAMP)
	@sh scripts/minkowski.sh $(VENV)
	@touch $@

# The stamp holds the settings of the last installation; others than those install again, whatever the dates say.
ifneq ($(SETTINGS),$(shell cat $(STAMP) 2>/dev/null))
.PHONY: $(STAMP)
endif
$(STAMP): $(SOURCES) scripts/install.sh
	@rm -f $@
	@sh scripts/install.sh $(VENV) $(EXTRAS)
	@echo "$(SETTINGS)" >$@

clean:
	rm -rf $(VENV) build out
