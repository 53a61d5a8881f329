# Each target sets up what it needs in .venv first; on later calls that takes no time.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test slow gpu check fix
.DEFAULT_GOAL := help

help:  ## Say what there is to make
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1	/' | expand -t 16

demo: $(VENV)/.dcgan  ## Train on drawn faces, a few minutes, and say which picture to open
	$(BIN)/dcgan train faces --preset demo
	$(BIN)/dcgan sample runs/faces/model.safetensors runs/faces/sheet.png --seeds 0-63
	@echo "Open runs/faces/sheet.png: new faces. The way there: runs/faces/samples/"

test: $(VENV)/.dev  ## Run the tests (all but the slow ones and those for a GPU)
	$(BIN)/python -m pytest -n auto

slow: $(VENV)/.dev  ## Run the tests that take minutes
	$(BIN)/python -m pytest -m slow

gpu: $(VENV)/.dev  ## Run the tests for a GPU, on a machine that has one
	$(BIN)/python -m pytest -m gpu

check: $(VENV)/.dev  ## Lint, format, types, and which way imports point
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(VENV)/.dev  ## Mend what the linter and the formatter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# PyTorch goes first and alone, so that the pinned build is taken and nothing replaces it.
$(VENV)/.torch: constraints.txt
	@echo "Setting up $(VENV) with PyTorch and the package; this takes a minute or more."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -r constraints.txt
	@touch $@

$(VENV)/.dcgan: $(VENV)/.torch pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.dcgan
	@echo "Adding what the tests and the checks need."
	$(BIN)/python -m pip install --quiet --editable ".[all,test,lint]"
	@touch $@
