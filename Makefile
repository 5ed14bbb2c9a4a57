# Everything a person needs: make demo, make test. `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
PYTEST = PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pytest
WORKSPACE ?= demo
SCHEDULES ?= 200

# The install directories of one checkout must not be confused with an activated environment of another.
unexport VIRTUAL_ENV
# Container images set it to be small. The tests type a thousand commands, and each would compile yolops anew.
unexport PYTHONDONTWRITEBYTECODE
export UV_PYTHON_DOWNLOADS = never
# As pip does: a first start that compiles torch, mlflow and ultralytics takes three times as long.
export UV_COMPILE_BYTECODE = 1

# As pip does: a company's own certificate authority is known to the system.
export UV_SYSTEM_CERTS ?= 1
# A directory of wheels that pip knows is one that uv should know: there may be a torch in it that fits this machine.
export UV_FIND_LINKS ?= $(PIP_FIND_LINKS)
# Without an NVIDIA driver on Linux, PyTorch's own CPU build spares gigabytes of CUDA packages.
TORCH_BACKEND ?= $(if $(UV_FIND_LINKS),,$(if $(filter Linux,$(shell uname -s)),auto,))
TORCH := 'torch>=2.13,<2.14' 'torchvision>=0.28,<0.29'
# As many at a time as there are tests that wait minutes for pauses of the provider. They begin; each process is handed a
# second one at once (xdist), so what is short comes last.
AWS_TESTS := $(addprefix tests/e2e/test_,custom_server.py upgrade.py aws_modes.py interrupted_apply.py killed_apply.py \
  options.py plain_terraform.py) tests/policies tests/terraform
CUDA := torch torchvision triton cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas nvidia-cuda-cupti \
  nvidia-cuda-nvrtc nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-curand nvidia-cusolver \
  nvidia-cusparse nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx
COMPILE := pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-emit-find-links --no-header --no-annotate
# For the image of training jobs, with its Python.
COMPILE_JOB = $(subst --universal --python-version 3.11,--python-version 3.12 --python-platform x86_64-manylinux_2_28,$(COMPILE))
# A job searches for nothing: in SageMaker its own tuner does.
WITHOUT_SEARCH := $(addprefix --no-emit-package ,optuna colorlog tqdm)
WITHOUT_TORCH := --overrides requirements/without-torch.in -c requirements/dev.txt

.PHONY: help install demo test coverage faults check lint types layers docs bench lock clean

help:  ## List what can be made.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/uv: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' || \
	  { echo "yolops needs Python 3.11 to 3.14; this is $$($(PYTHON) -V). Try: make PYTHON=python3.13 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

# torch first, so that the build that fits the machine is there before anything else asks for one.
$(VENV)/torch.done: $(BIN)/uv
	$(UV) pip install --quiet --python $(BIN)/python $(if $(TORCH_BACKEND),--torch-backend=$(TORCH_BACKEND)) $(TORCH)
	@touch $@

$(VENV)/install.done: $(VENV)/torch.done requirements/train.txt pyproject.toml
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes --no-deps -r requirements/train.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

$(VENV)/dev.done: $(VENV)/install.done requirements/dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes --no-deps -r requirements/dev.txt
	@touch $@

# checkov brings a hundred packages, an old boto3 among them, so it gets an environment of its own.
$(VENV)/checkov.done: $(BIN)/uv requirements/checkov.txt
	$(PYTHON) -m venv $(VENV)/checkov
	$(UV) pip install --quiet --python $(VENV)/checkov/bin/python --require-hashes --no-deps -r requirements/checkov.txt
	@touch $@

# Both SDKs of SageMaker, for the examples: they exclude each other.
$(VENV)/sagemaker.done: $(BIN)/uv requirements/sagemaker-sdk2.txt requirements/sagemaker-sdk3.txt
	for sdk in sagemaker-sdk2 sagemaker-sdk3; do $(PYTHON) -m venv --without-pip $(VENV)/$$sdk && \
	  UV_COMPILE_BYTECODE=0 $(UV) pip install --quiet --python $(VENV)/$$sdk/bin/python --require-hashes --no-deps \
	  -r requirements/$$sdk.txt || exit 1; done
	@touch $@

$(VENV)/terraform.done: $(BIN)/uv tests/terraform/fetch.py
	@command -v terraform >/dev/null || $(BIN)/python tests/terraform/fetch.py $(BIN)
	@touch $@

# The simulator of policies runs on node; where there is none, its tests say so and skip.
$(VENV)/policies.done: $(BIN)/uv tests/policies/package-lock.json
	@if command -v npm >/dev/null; then mkdir -p $(VENV)/policies && cp tests/policies/package*.json $(VENV)/policies && \
	  npm ci --prefix $(VENV)/policies --silent --no-audit --no-fund --ignore-scripts; fi
	@touch $@

install: $(VENV)/install.done  ## Create .venv with yolops, the local platform and the trainer in it.

demo: install  ## Start the local platform, train a YOLO11 model on a generated dataset, register it as champion.
	@$(BIN)/yolops --workspace $(WORKSPACE) demo

test: check $(VENV)/checkov.done $(VENV)/sagemaker.done $(VENV)/terraform.done $(VENV)/policies.done  ## Set up what the tests need and run all of them.
	$(PYTEST) --numprocesses 2 --dist loadfile $(MEASURED) $(addprefix --ignore=,$(AWS_TESTS))
	$(PYTEST) --numprocesses 10 --dist loadfile --no-loadscope-reorder $(MEASURED) $(AWS_TESTS)

# Whoever watches every line of Python takes a third longer, in each of the processes that the tests start as well.
coverage: $(VENV)/dev.done  ## Run all tests and say which lines of yolops they did not reach.
	$(BIN)/coverage erase
	$(MAKE) test MEASURED='--cov --cov-append --cov-report='
	$(BIN)/coverage report

faults: $(VENV)/dev.done $(VENV)/terraform.done  ## Break the server in 200 seeded schedules; interrupt jobs; kill upgrades and applies; check 10,000 broken datasets.
	YOLOPS_SCHEDULES=$(SCHEDULES) $(PYTEST) --numprocesses 2 tests/faults
	YOLOPS_KILLS=20 $(PYTEST) tests/server/test_upgrade.py
	YOLOPS_INTERRUPTIONS=50 $(PYTEST) tests/rehearsal/test_training_in_a_job.py
	YOLOPS_FUZZ=10000 $(PYTEST) --timeout 3600 tests/datasets/test_fuzz.py tests/datasets/formats/test_hostile.py
	YOLOPS_FAULTS=10 $(PYTEST) --numprocesses 2 tests/e2e/test_killed_apply.py tests/e2e/test_interrupted_apply.py

check: $(VENV)/dev.done lint types layers docs  ## Lint, types, layers, documents.

lint: $(VENV)/dev.done
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/zizmor --offline --quiet .github

types: $(VENV)/dev.done
	$(BIN)/mypy

layers: $(VENV)/dev.done
	$(BIN)/lint-imports --no-cache

docs: $(VENV)/dev.done
	$(BIN)/python docs/generate.py --check
	$(BIN)/python docs/terraform_readmes.py --check
	$(BIN)/zensical build --strict --clean

bench: $(VENV)/dev.done  ## Measure against named peers; each benchmark prints a ratio.
	$(BIN)/python -m benchmarks

lock: $(BIN)/uv  ## Compile requirements/*.txt anew.
	$(UV) $(COMPILE) requirements/uv.in -o requirements/uv.txt
	$(UV) $(COMPILE) pyproject.toml --extra local --extra train $(addprefix --no-emit-package ,$(CUDA)) -o requirements/train.txt
	$(UV) $(COMPILE) pyproject.toml --all-extras --group dev $(addprefix --no-emit-package ,$(CUDA)) -o requirements/dev.txt
	$(UV) $(COMPILE_JOB) pyproject.toml --extra train --extra aws $(WITHOUT_SEARCH) --overrides requirements/without-torch.in -c requirements/dev.txt -o requirements/job.txt
	$(UV) $(COMPILE) requirements/checkov.in -o requirements/checkov.txt
	$(UV) $(COMPILE) requirements/sagemaker-sdk2.in -o requirements/sagemaker-sdk2.txt
	$(UV) $(COMPILE) requirements/sagemaker-sdk3.in -o requirements/sagemaker-sdk3.txt
	$(UV) $(COMPILE) $(WITHOUT_TORCH) examples/sagemaker/job/requirements.in -o examples/sagemaker/job/requirements.txt
	$(UV) $(COMPILE) $(WITHOUT_TORCH) pyproject.toml --extra train --extra aws -o terraform/modules/studio/space/requirements.txt
	$(BIN)/python requirements/lock_server.py

clean:  ## Stop what runs and remove what was made.
	@if [ -x $(BIN)/yolops ] && [ -d $(WORKSPACE) ]; then $(BIN)/yolops --workspace $(WORKSPACE) down; fi
	rm -rf $(VENV) $(WORKSPACE) site .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find src tests benchmarks docs terraform -name __pycache__ -type d -prune -exec rm -rf {} +
