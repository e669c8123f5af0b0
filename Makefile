# Two commands do everything: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
PEERS := .venv-peers
BIN := $(VENV)/bin

.PHONY: demo test lint generate screenshots bench multitool clean

demo: $(VENV)/.core
	$(BIN)/billproof demo

test: $(VENV)/.dev
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n auto --dist worksteal
	$(BIN)/coverage combine -q
	$(BIN)/coverage report --fail-under=98

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.generate --check
	$(BIN)/python -m fixtures.generate --check
	$(BIN)/billproof rules test

generate: $(VENV)/.dev
	$(BIN)/python -m tools.generate
	$(BIN)/python -m fixtures.generate

screenshots: $(VENV)/.dev
	BILLPROOF_SCREENSHOTS=1 $(BIN)/python -m pytest -p no:xdist tests/report/render/test_pictures.py -k taken

bench: $(VENV)/.dev $(PEERS)/.ready
	$(BIN)/python -m benchmarks.run

# npm may refuse to run the package's own script, which makes the program executable.
multitool: $(VENV)/.dev
	npm install --no-save --silent --prefix $(VENV)/multitool @microsoft/sarif-multitool
	chmod +x $(VENV)/multitool/node_modules/@microsoft/sarif-multitool-*/Sarif.Multitool
	BILLPROOF_MULTITOOL="$$(ls $(CURDIR)/$(VENV)/multitool/node_modules/@microsoft/sarif-multitool-*/Sarif.Multitool)" \
		$(BIN)/python -m pytest tests/report/test_formats.py -k multitool

clean:
	rm -rf $(VENV) $(PEERS) dist build .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(VENV)/bin/python pyproject.toml
	$(BIN)/pip install -q -e .
	touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/pip install -q -e ".[dev]"
	touch $@ $(VENV)/.core

$(PEERS)/.ready: benchmarks/requirements-peers.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install -q --compile -r $<
	touch $@
