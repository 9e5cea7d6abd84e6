# Each target does all the set-up from a bare clone: only python3 (3.11 or newer) and make are needed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FACES ?= 2000
OUT ?= demo
SEED ?= 0

.PHONY: demo test lint soak bench wheel clean

demo: $(VENV)/ready
	$(BIN)/facecurate demo --out $(OUT) --faces $(FACES) --seed $(SEED)

# Two processes, each with one thread: a file's tests stay in one of them.
test: $(VENV)/ready
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/ready
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

# The issues' full numbers and the learning runs: at most an hour on two cores.
soak: $(VENV)/ready
	$(BIN)/python -m pytest -m soak -rA --timeout 3600

bench: $(VENV)/ready
	for script in benchmarks/[a-z]*.py; do $(BIN)/python $$script || exit 1; done

wheel: $(VENV)/ready
	rm -rf dist
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .

$(VENV)/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "facecurate needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) 2>/dev/null || \
	  { rm -rf $(VENV); uv venv --seed --python $(PYTHON) $(VENV) 2>/dev/null; } || \
	  $(PYTHON) -m virtualenv $(VENV) 2>/dev/null || \
	  { echo "no way to make an environment: install the package python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-deps retinaface-pytorch
	@touch $@

clean:
	rm -rf $(VENV) dist build demo .pytest_cache .mypy_cache .ruff_cache
