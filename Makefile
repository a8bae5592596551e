# The same words in README, CONTRIBUTING and CI.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test drills drawn soak check bench fuzz lock clean

run: $(VENV)/run.stamp  ## the whole pipeline on this machine, with a small world to probe
	$(BIN)/vedette up $(ARGS)

test: $(VENV)/dev.stamp  ## every test; real servers included where they are installed
	$(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

soak: $(VENV)/dev.stamp  ## crashes and outages for an hour and more; VEDETTE_CRASH_KILLS and VEDETTE_CRASH_SEED vary them
	PYTHONPATH=tests $(BIN)/python -m simulation --seconds 300
	VEDETTE_SOAK=1 $(BIN)/python -m pytest -s -m soak $(ARGS)

drills: $(VENV)/dev.stamp  ## the days that were, on real processes; five minutes of a machine with nothing else to do
	VEDETTE_SOAK=1 $(BIN)/python -m pytest -s -m soak tests/up/test_up_outages.py $(ARGS)

drawn: $(VENV)/dev.stamp  ## 240 drawn outages, seen by small fleets; some minutes of two cores
	VEDETTE_SOAK=1 $(BIN)/python -m pytest -s -m soak tests/replay/test_drawn_outages.py $(ARGS)

check: $(VENV)/dev.stamp  ## format, lint, types, import layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest tests/test_layers.py

bench: $(VENV)/dev.stamp  ## one JSON object a line; beside the peers that are installed
	PYTHONPATH=tests $(BIN)/python -m benchmarks $(ARGS)

fuzz: $(VENV)/dev.stamp  ## made-up input for every parser of what targets send: a minute, or ARGS="--seconds 600"
	PYTHONPATH=tests $(BIN)/python -m fuzz $(ARGS)

$(VENV)/run.stamp: requirements/run.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Vedette needs Python 3.11 or newer; $(PYTHON) is older. Try: make run PYTHON=python3.12" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "No venv could be made. On Debian: apt-get install python3-venv" >&2; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements/dev.txt
	@touch $@

lock:  ## renew requirements/*.txt from requirements/*.in (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header requirements/run.in -o requirements/run.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header -c requirements/run.txt requirements/dev.in -o requirements/dev.txt

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
