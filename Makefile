# make run    label MNIST (or, where it cannot be had, scikit-learn's digits)
# make test   the tests, under six minutes on two cores
# make bench  how fast training and scoring are, against what a user would write first
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
DONE := $(VENV)/.alframe-setup-done
ARGS ?=

.PHONY: help setup run reproduce test audits kills bench growth parity lint format lock wheel
help:
	@echo "make setup      .venv/ with the locked packages (the other targets call it when it is missing)"
	@echo "make run        label MNIST end to end; ARGS='key=value ...' for overrides"
	@echo "make reproduce  trials that the README and docs claim, as many as fit into 10 minutes, claim beside result;"
	@echo "                ARGS='--list', '--minutes 60', '--only one_percent', '--all'"
	@echo "make test       tests"
	@echo "make audits     2,000 simulated audits for every method and error pattern (2 minutes)"
	@echo "make kills      240 trials killed at random moments and started again, until the labels are there (20 minutes)"
	@echo "make bench      rates against a plain Lightning script and the raw loop; ARGS=--quick for 3 minutes"
	@echo "make lint       ruff, mypy and the direction of imports"
	@echo "make growth     seconds and memory against pool and labelled set (long; 5 GB of disk)"
	@echo "make parity     trials two ways over seeds: do they differ by more than chance? (ARGS='--pair precisions')"
	@echo "make lock       compile requirements.lock anew from pyproject.toml"
	@echo "make wheel      dist/*.whl"

setup: $(DONE)
$(DONE): requirements.lock pyproject.toml scripts/setup.sh
	@./scripts/setup.sh

run: $(DONE)
	@$(BIN)/python scripts/run.py $(ARGS)

reproduce: $(DONE)
	@$(BIN)/python scripts/reproduce.py $(ARGS)

test: $(DONE)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 $(ARGS)

audits: $(DONE)
	@ALFRAME_ALL_AUDITS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 tests/unit/audit -k seldom_false $(ARGS)

kills: $(DONE)
	@ALFRAME_ALL_KILLS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 tests/integration/test_resume.py -k killed $(ARGS)

bench: $(DONE)
	@$(BIN)/python scripts/benchmarks/bench.py $(ARGS)

lint: $(DONE)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(DONE)
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

growth: $(DONE)
	@$(BIN)/python scripts/benchmarks/growth.py $(ARGS)

parity: $(DONE)
	@$(BIN)/python scripts/benchmarks/parity.py $(ARGS)

wheel: $(DONE)
	@$(BIN)/python -m hatchling build -t wheel

# The pins below are what was measured and tested; everything else is the newest that fits them.
lock: $(DONE)
	@mkdir -p build; printf 'torch==2.11.0\ntorchvision==0.26.0\npytorch-lightning==2.6.6\n' > build/pins.txt
	@UV=$$(command -v uv || echo build/uv/bin/uv); $$UV pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" --extra dev \
	  --constraint build/pins.txt --upgrade pyproject.toml -o requirements.lock
