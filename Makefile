# Two commands do everything: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
PEERS := .venv-peers
BIN := $(VENV)/bin
# Compiled modules are kept, whatever the environment says: hundreds of tests start the command in a process of its own.
unexport PYTHONDONTWRITEBYTECODE
# `make test coverage COVERAGE=1` measures what the gate reaches, `make test soak coverage COVERAGE=1` what both do.
PYTEST := $(BIN)/$(if $(COVERAGE),coverage run,python) -m pytest -n auto --dist worksteal

.PHONY: demo test soak coverage matrix lint generate lock dist page screenshots bench multitool clean

demo: $(VENV)/.core
	$(BIN)/billproof demo

test: $(VENV)/.dev
	$(PYTEST) -m "not soak"

# Hypothesis tries in soak what the gate had no time for.
soak: $(VENV)/.dev
	$(PYTEST) --hypothesis-profile=soak -m "soak or hypothesis"

coverage: $(VENV)/.dev
	$(BIN)/coverage combine -q
	$(BIN)/coverage report --fail-under=98

matrix: $(VENV)/.dev
	$(BIN)/python -m tools.matrix

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.generate --check
	$(BIN)/python -m fixtures.generate --check

# Both without the address of an index: what developers have, and the lowest versions that users may have.
LOCK := $(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --no-emit-index-url pyproject.toml
lock: $(VENV)/.dev
	$(LOCK) --upgrade --extra dev -o requirements.lock
	$(LOCK) --upgrade --no-deps --resolution lowest-direct \
		--extra attest --extra cloud --extra frictionless --extra http --extra sandbox -o requirements-lowest.lock

dist: $(VENV)/.dev
	$(BIN)/python -m tools.dist

# Fetches Pyodide with npm, once.
page: $(VENV)/.dev
	$(BIN)/python -m tools.page

generate: $(VENV)/.dev
	$(BIN)/python -m tools.generate
	$(BIN)/python -m fixtures.generate

screenshots: $(VENV)/.dev
	BILLPROOF_SCREENSHOTS=1 $(BIN)/python -m pytest -p no:xdist -k taken \
		tests/report/render/test_pictures.py tests/spend/test_pictures.py tests/page/test_picture.py

bench: $(VENV)/.dev $(PEERS)/.ready
	$(BIN)/python -m benchmarks.run

# npm may refuse to run the package's own script, which makes the program executable.
multitool: $(VENV)/.dev
	npm install --no-save --silent --prefix $(VENV)/multitool @microsoft/sarif-multitool
	chmod +x $(VENV)/multitool/node_modules/@microsoft/sarif-multitool-*/Sarif.Multitool
	BILLPROOF_MULTITOOL="$$(ls $(CURDIR)/$(VENV)/multitool/node_modules/@microsoft/sarif-multitool-*/Sarif.Multitool)" \
		$(BIN)/python -m pytest tests/report/test_formats.py -k multitool

clean:
	rm -rf $(VENV) $(VENV)-3.* $(VENV)-of-* $(PEERS) dist build .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# hatchling comes from the lock as well, so nothing is built with a version that was not tried.
$(VENV)/.core: $(VENV)/bin/python pyproject.toml requirements.lock
	$(BIN)/pip install -q -c requirements.lock hatchling
	$(BIN)/pip install -q -c requirements.lock --no-build-isolation -e .
	touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml requirements.lock
	$(BIN)/pip install -q -r requirements.lock
	$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	touch $@ $(VENV)/.core

$(PEERS)/.ready: benchmarks/requirements-peers.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install -q --compile -r $<
	touch $@
