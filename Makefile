# Every target does its own set-up: a machine with python3 and make can run `make demo`; `make test` also needs node
# and npm. Nothing is downloaded but packages from the ordinary registries, at the versions that lock/ names.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
EXTENSION := extensions/labextension
WIDGETS := extensions/widgets
RUNTIME := $(VENV)/.runtime
DEVELOPMENT := $(VENV)/.development
FRONT_END := audit_lab/labextension/package.json
PANEL := $(VENV)/.panel
PEERS := build/peers
COMPILE := --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 --no-header --no-annotate
INSTALL := HATCH_BUILD_NO_HOOKS=true $(UV) pip install --quiet --reinstall --python $(BIN)/python --no-deps --no-build-isolation -e .
JLPM := PATH="$(CURDIR)/$(BIN):$$PATH" jlpm

# Behind a proxy with its own certificate authority, uv must trust what the system trusts, as pip does.
export UV_SYSTEM_CERTS := true

# The tests start hundreds of interpreters, which need not compile every module again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lab check check-python check-typescript test-python test-browser system-packages soak \
	benchmarks peers peers-oracles sample-data lock pictures wheel clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

demo: $(RUNTIME) ## investigate the sample incident from end to end, and verify the evidence
	@$(BIN)/audit-lab demo --log sample_data/flights --out out/demo

lab: $(PANEL) ## open JupyterLab on the sample investigation (LAB_OPTIONS=... are handed to it)
	$(BIN)/jupyter lab $(LAB_OPTIONS) notebooks/01_investigate_an_incident.ipynb

test: system-packages check test-python test-browser ## everything: Python, TypeScript, browser, notebooks

check: $(DEVELOPMENT) ## both languages' style and types
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target check-python check-typescript

check-python: $(DEVELOPMENT) ## style, types and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check-typescript: $(EXTENSION)/node_modules/.yarn-state.yml $(WIDGETS)/node_modules/.yarn-state.yml ## types and unit tests of the front ends
	cd $(EXTENSION) && $(JLPM) lint && $(JLPM) test
	cd $(WIDGETS) && $(JLPM) lint && $(JLPM) test

# Files are dealt out as they stand: sorted by how many tests they have, the pages, few tests that take long, would come
# last, and one process would wait for the other.
test-python: $(DEVELOPMENT)
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not browser and not soak"

test-browser: $(DEVELOPMENT) wheel
	AUDIT_LAB_WHEEL=$$(ls build/wheel/audit_lab-*.whl) $(BIN)/pytest -m "browser and not soak"

system-packages: $(DEVELOPMENT)
	@$(BIN)/python .ci/system_packages.py

soak: $(DEVELOPMENT) ## tests that run for minutes; the last result is kept in tests/soak/
	@$(BIN)/pytest -m soak -q --no-header > tests/soak/last_result.txt; status=$$?; cat tests/soak/last_result.txt; exit $$status

benchmarks: $(RUNTIME) ## measure; results stand in benchmarks/
	$(BIN)/python benchmarks/start_up.py

peers: $(PEERS)/.installed ## install Evidently and NannyML apart, for tests/peers/ and benchmarks/drift.py (1.7 GB)

peers-oracles: $(DEVELOPMENT) peers ## take the results of Evidently and NannyML that tests/peers/ keeps again
	$(BIN)/python tests/peers/oracles.py

sample-data: $(RUNTIME) ## build the sample logs again, from their public sources
	$(BIN)/python sample_data/build.py --out sample_data

pictures: $(DEVELOPMENT) wheel ## take the pictures of the README again
	AUDIT_LAB_PICTURES=1 AUDIT_LAB_WHEEL=$$(ls build/wheel/audit_lab-*.whl) $(BIN)/pytest -m "browser and not soak"

wheel: $(FRONT_END)
	@rm -rf build/wheel
	$(UV) build --quiet --wheel --no-build-isolation --out-dir build/wheel

lock: $(RUNTIME) ## resolve the pins again
	$(UV) pip compile lock/uv.in $(COMPILE) -o lock/uv.txt
	$(UV) pip compile pyproject.toml --all-extras --group test $(COMPILE) -o lock/test.txt
	$(UV) pip compile lock/peers.in $(COMPILE) --no-emit-package nvidia-nccl-cu12 -o lock/peers.txt
	$(UV) pip compile pyproject.toml --extra avro --extra delta --extra duckdb --extra models --group build -c lock/test.txt $(COMPILE) -o lock/runtime.txt

clean: ## remove whatever the other targets made
	rm -rf $(VENV) build dist out audit_lab/labextension audit_lab/widgets/static $(EXTENSION)/node_modules $(EXTENSION)/lib $(EXTENSION)/*.tsbuildinfo \
		$(WIDGETS)/node_modules

$(UV): lock/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "audit_lab needs Python 3.11 or newer; this is %s. Name another: make PYTHON=python3.12 ..." % sys.version.split()[0])'
	@$(PYTHON) -m venv $(VENV) || { echo "python3 cannot make a virtual environment; on Debian: apt install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r lock/uv.txt
	@touch $@

# The Python package is installed in place, without its front end: the library and the command line need none.
$(RUNTIME): $(UV) lock/runtime.txt pyproject.toml
	@echo "setting up $(VENV) (about 1.4 GB, once) ..."
	@$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r lock/runtime.txt
	@$(INSTALL)
	@touch $@

$(DEVELOPMENT): $(RUNTIME) lock/test.txt
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r lock/test.txt
	@touch $@

# Exactly what is pinned: the library for graphics cards, half a gigabyte that nothing here calls, is left out of it.
$(PEERS)/.installed: $(UV) lock/peers.txt
	@$(UV) venv --quiet --clear --python $(BIN)/python $(PEERS)
	@$(UV) pip sync --quiet --python $(PEERS)/bin/python --require-hashes lock/peers.txt
	@touch $@

%/node_modules/.yarn-state.yml: $(RUNTIME) %/package.json %/yarn.lock
	@command -v node >/dev/null || { echo "the front end needs node 20.19 or newer, and npm"; exit 1; }
	cd $* && $(JLPM) install --immutable
	@touch $@

$(FRONT_END): $(EXTENSION)/node_modules/.yarn-state.yml $(shell find $(EXTENSION)/src $(EXTENSION)/style $(EXTENSION)/schema $(WIDGETS)/src -type f 2>/dev/null)
	cd $(EXTENSION) && $(JLPM) build:prod
	@touch $@

# Installed in place once more: now that the front end is there, it is put where JupyterLab looks for it.
$(PANEL): $(FRONT_END)
	@$(INSTALL)
	@touch $@
