# Shoal needs Linux, make and python3 (3.11+, with venv). Everything else is installed into this folder.
#   make demo     the main job on a simulated platform: find, judge, act, reverse
#   make test     every check and every test
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
UV := .tools/bin/uv
UV_VERSION := 0.13.9
BIN := $(VENV)/bin
PACKAGES := graph gnn api ingest
export VIRTUAL_ENV := $(CURDIR)/$(VENV)

.PHONY: help install demo test check types lint imports docs docs-check lock lock-neo4j bench bench-install figures clean

help:  ## list what can be made
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

$(UV):
	$(PYTHON) -c 'import sys; sys.exit("Shoal needs Python 3.11 or newer; this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.installed: $(UV) requirements.lock pyproject.toml
	test -x $(BIN)/python || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	@# compiled now: where Python is told to write no bytecode, as containers often do, each command would compile anew
	$(UV) pip sync --quiet --require-hashes --compile-bytecode requirements.lock
	$(UV) pip install --quiet --no-deps --no-build-isolation --offline --editable .
	touch $@

$(VENV)/.neo4j: $(VENV)/.installed graph/neo4j.lock
	$(BIN)/shoal provision
	touch $@

install: $(VENV)/.installed $(VENV)/.neo4j  ## install everything; the command is then .venv/bin/shoal

demo: install  ## simulate a platform, find its networks, act on one and take it back
	$(BIN)/shoal demo

test: check install  ## every check and every test
	$(BIN)/python -m pytest

check: lint types imports docs-check  ## ruff, strict types, import contracts, documentation

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed
	$(BIN)/mypy

imports: $(VENV)/.installed
	$(BIN)/lint-imports

docs-check: $(VENV)/.installed
	$(BIN)/python docs/reference.py --check

docs: $(VENV)/.installed  ## write the generated reference pages anew
	$(BIN)/python docs/reference.py

lock: $(UV)  ## resolve the Python dependencies anew
	$(UV) pip compile pyproject.toml --all-extras --generate-hashes --universal --python-version 3.11 --no-header --no-annotate --quiet --upgrade -o requirements.lock

lock-neo4j: $(VENV)/.installed  ## resolve the Maven artifacts anew
	$(BIN)/shoal lock-neo4j

bench/.venv/.installed: $(UV) requirements.lock bench/requirements.lock pyproject.toml
	test -x bench/.venv/bin/python || $(UV) venv --quiet --python $(PYTHON) bench/.venv
	VIRTUAL_ENV=$(CURDIR)/bench/.venv $(UV) pip sync --quiet --require-hashes requirements.lock bench/requirements.lock
	VIRTUAL_ENV=$(CURDIR)/bench/.venv $(UV) pip install --quiet --no-deps --no-build-isolation --offline --editable .
	touch $@

bench-install: bench/.venv/.installed  ## install what the benchmarks compare with, apart from the product

bench: bench/.venv/.installed  ## compare with peers and limits, and print the quality tables (about a quarter of an hour)
	bench/.venv/bin/python bench/everything.py $(LARGE)

lock-bench: $(UV) requirements.lock  ## resolve the benchmarks' peers anew, to the product's own versions
	$(UV) pip compile bench/requirements.in --constraint requirements.lock --generate-hashes --universal --python-version 3.11 --no-header --no-annotate --quiet --upgrade -o bench/requirements.lock

clean:  ## remove what was installed
	rm -rf $(VENV) bench/.venv .tools .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build *.egg-info
