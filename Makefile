# Needs git, make and Python 3.11 or newer; everything else is installed into .venv.

PYTHON ?=
LAB_ARGS ?=
TEST_ARGS ?=

.DEFAULT_GOAL := help
DOCS_ARGS ?= --serve

.PHONY: help demo test quick coverage docs lab ci clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-9s%s\n", $$1, $$2}' Makefile

demo: .venv/.ready-demo ## backtest a strategy, trade it on paper, compare the two
	@.venv/bin/python examples/demo.py

test: .venv/.ready-test ## run the whole test suite
	@if [ -n "$(TEST_ARGS)" ]; then .venv/bin/python -m pytest $(TEST_ARGS); else \
		.venv/bin/python -m pytest tests/browser && \
		.venv/bin/python -m pytest --ignore tests/browser -n auto --dist loadfile; fi

quick: .venv/.ready-test ## check style and types and run the fast tests, in about a minute
	@.venv/bin/python -m ruff check -q . && .venv/bin/python -m ruff format --check -q .
	@.venv/bin/python -m mypy
	@.venv/bin/python -m pytest -q -x -m "not kernel and not browser" tests/architecture tests/model tests/sim tests/finance tests/core

coverage: .venv/.ready-test ## run all tests except the browser's, and show files with lines that no test runs
	@rm -rf build/coverage && mkdir -p build/coverage
	@.venv/bin/python -m coverage run -m pytest -q -m "not browser" -n auto --dist loadfile $(TEST_ARGS)
	@.venv/bin/python -m coverage combine -q
	@.venv/bin/python -m coverage report $(if $(TEST_ARGS),--fail-under=0,)

docs: .venv/.ready-docs ## build the documentation and serve it on this machine
	@.venv/bin/python scripts/build_docs.py $(DOCS_ARGS)

lab: .venv/.ready-lab ## open JupyterLab on the quickstart notebook
	@.venv/bin/python -m jupyterlab --ServerApp.root_dir=. \
		$$([ "$$(id -u)" != 0 ] || echo --allow-root) $(LAB_ARGS) notebooks/01_quickstart.ipynb

ci: ## run all checks of CI, without installing system packages
	@.ci/run --without-system-packages

clean: ## remove .venv and all build output
	@rm -rf .venv build dist demo-output .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# A stamp file for each set of packages; a change of pyproject.toml makes it stale.
.venv/.ready-%: pyproject.toml scripts/make_venv.sh
	@PYTHON="$(PYTHON)" sh scripts/make_venv.sh $*
