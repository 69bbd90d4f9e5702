# Everything here needs only make and Python 3.11+ with its headers and venv; `make PYTHON=python3.13 ...`
# names another Python. All that is installed goes into .venv in this folder.

PYTHON = python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
BENCH = $(filter-out _%,$(basename $(notdir $(wildcard benchmarks/*.py))))
EXPERIMENT = intra_function few_or_many breakdown synchronisation end_to_end
PEERS := $(patsubst experiments/environments/%.txt,$(STAMPS)/peers-%,$(wildcard experiments/environments/*.txt))
NATIVE := CMakeLists.txt $(wildcard native/* native/*/*)

# The user's own choice, else the first compiler there is, else the one in the ziglang wheel.
ifeq ($(origin CXX),default)
  CXX := $(shell command -v c++ || command -v g++ || command -v clang++ || echo $(CURDIR)/tools/zig/c++)
endif
export CXX
ifeq ($(CXX),$(CURDIR)/tools/zig/c++)
  COMPILER := $(STAMPS)/zig
endif

.DELETE_ON_ERROR:
.PHONY: help install demo test lint bench experiments wheel arm64 clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /  make \1	/'

install: $(STAMPS)/burly ## Build burly and install it, editable, into .venv

demo: $(STAMPS)/burly ## Train on a photograph and on digits, on two Lithops functions
	$(BIN)/burly demo

test: $(STAMPS)/test ## Run the tests; ARGS= goes to pytest
	$(BIN)/python -m pytest $(ARGS)

lint: $(STAMPS)/lint ## Check style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(STAMPS)/bench ## Measure burly against its peers (minutes); BENCH=ancestor picks one
	@for name in $(BENCH); do echo "--- $$name"; $(BIN)/python benchmarks/$$name.py || exit 1; done

experiments: $(STAMPS)/experiments $(PEERS) ## Repeat the paper's experiments (about 20 minutes, Linux, as root); EXPERIMENT=synchronisation picks one
	@for name in $(EXPERIMENT) page; do echo "--- $$name"; $(BIN)/python experiments/$$name.py || exit 1; done

wheel: $(STAMPS)/venv $(COMPILER) ## Build a wheel into dist/ and try it in an environment of its own
	rm -rf dist $(VENV)/smoke
	$(PIP) wheel --no-deps --wheel-dir dist .
	$(PYTHON) -m venv $(VENV)/smoke
	$(VENV)/smoke/bin/python -m pip --quiet --disable-pip-version-check install dist/burly-*.whl
	cd $(VENV)/smoke && bin/python $(CURDIR)/tools/smoke.py
	rm -rf $(VENV)/smoke

arm64: $(STAMPS)/test ## Build for arm64 and run the golden bits and the kernels' tests under emulation (Debian)
	bash tools/arm64.sh

clean: ## Remove everything that was built or installed here
	rm -rf $(VENV) build dist demo-output .pytest_cache .mypy_cache .ruff_cache .hypothesis

# --- what the targets above stand on; a stamp says that a step was done ------------------------------
$(STAMPS)/venv: tools/check_python.py
	@command -v $(PYTHON) >/dev/null || { echo "no $(PYTHON) here: burly needs Python 3.11 or newer \
	(apt-get install python3 python3-venv python3-dev), or name one with PYTHON="; exit 1; }
	@$(PYTHON) tools/check_python.py
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade "pip>=25.1"
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/zig: $(STAMPS)/venv
	$(PIP) install ziglang
	@touch $@

$(STAMPS)/burly: $(STAMPS)/venv $(COMPILER) pyproject.toml $(NATIVE)
	$(PIP) install --editable .
	@touch $@

$(PEERS): $(STAMPS)/peers-%: $(STAMPS)/venv experiments/environments/%.txt
	$(PYTHON) -m venv $(VENV)/peers/$*
	$(VENV)/peers/$*/bin/python -m pip --disable-pip-version-check --quiet install -r experiments/environments/$*.txt
	@touch $@

$(STAMPS)/test $(STAMPS)/lint $(STAMPS)/bench $(STAMPS)/experiments: $(STAMPS)/%: $(STAMPS)/burly
	$(PIP) install --group $*
	@touch $@
