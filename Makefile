# Amulet-AI: `make demo` shows the whole way on real photographs, `make test` guards it.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO := .demo
HOSTILE := .hostile

.DEFAULT_GOAL := help
.PHONY: help env demo test lint types contracts unit hostile-images

help:
	@echo "make env    the environment in $(VENV) (once)"
	@echo "make demo   inspect, split, augment, extract, train, evaluate, predict on real photographs"
	@echo "make test   lint, types, import contracts, tests with coverage"
	@echo "make hostile-images   fetch the test images of Pillow, broken ones among them, and say how to test on them"

env: $(STAMP)

$(STAMP): pyproject.toml requirements/base.txt requirements/train.txt requirements/serve.txt requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit("amulet-ai needs Python >= 3.11, this is " + sys.version.split()[0] + ": call make PYTHON=python3.12, say") if sys.version_info < (3, 11) else None'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "this Python cannot make environments: install them first (on Debian or Ubuntu: apt-get install python3-venv)"; exit 2; }
	@echo "installing into $(VENV): once, and a few minutes for torch"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25"
	$(BIN)/python -m pip install --quiet --editable ".[train,serve,dev]"
	@touch $(STAMP)

demo: $(STAMP)
	@$(BIN)/python benchmarks/demo.py --output-dir $(DEMO)

test: lint types contracts unit

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

contracts: $(STAMP)
	$(BIN)/lint-imports

unit: $(STAMP)
	$(BIN)/pytest --cov --cov-report=term:skip-covered

hostile-images: $(HOSTILE)/images
	@echo "AMULET_AI_HOSTILE_IMAGES=$(HOSTILE)/images $(BIN)/pytest tests/properties/test_hostile_files.py"
	@echo "$(BIN)/python benchmarks/hostile.py $(HOSTILE)/images"

# the source package of a fixed version, unpacked by Python's own safe filter, and of it the images alone
$(HOSTILE)/images: | $(STAMP)
	@mkdir -p $(HOSTILE)
	$(BIN)/python -m pip download --quiet --no-deps --no-binary pillow --dest $(HOSTILE) pillow==12.1.0
	@rm -rf $(HOSTILE)/unpacked && mkdir $(HOSTILE)/unpacked
	@$(BIN)/python -c 'import sys, tarfile; package = tarfile.open(sys.argv[1]); package.extractall(sys.argv[2], [m for m in package if "/Tests/images/" in m.name], filter="data")' $(HOSTILE)/pillow-12.1.0.tar.gz $(HOSTILE)/unpacked
	@mv $(HOSTILE)/unpacked/pillow-12.1.0/Tests/images $@
