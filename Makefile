SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
DONE := $(VENV)/.alframe-setup-done
ARGS ?=
# Three processes on two cores: many tests wait for the processes that they start.
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 3 --dist worksteal

.PHONY: help setup run reproduce quick test test-long test-browser screenshots lint format docs audits estimates people odd-inputs kills page-kills test-slurm test-label-studio bench peers growth safety parity gpu-session lock wheel
help:
	@echo "Use"
	@echo "  make setup      make .venv/ with the locked packages (the other targets call it if it is missing)"
	@echo "  make run        label MNIST end to end; ARGS='key=value ...' for overrides"
	@echo "  make reproduce  run the trials behind the published numbers, 10 minutes of them, and compare;"
	@echo "                  ARGS='--list', '--minutes 60', '--only one_percent', '--all'"
	@echo "Develop"
	@echo "  make quick      the fastest tests, under a minute: after every save"
	@echo "  make lint       ruff, mypy, and the direction of imports"
	@echo "  make test       the tests, under six minutes on two cores; ARGS='-k NAME' for some"
	@echo "  make test-long  the tests that would not fit into these six minutes: kills, searches, a browser"
	@echo "  make test-browser  all tests of the labelling page in Chromium, the long ones too (5 minutes)"
	@echo "  make screenshots  draw docs/assets/page-*.png anew"
	@echo "  make format     apply the formatter and the safe fixes"
	@echo "  make docs       build the documentation into build/site/; ARGS=--serve shows it while you write"
	@echo "Prove (minutes to hours)"
	@echo "  make audits     2,000 simulated audits for every method and error pattern (2 minutes)"
	@echo "  make estimates  2,000 simulated estimates of how many given labels are wrong, for six patterns (2 minutes)"
	@echo "  make odd-inputs 1,000 generated folders with odd names, links, formats and damage (2 minutes)"
	@echo "  make people     300 random sequences of what people do with images and answers (30 minutes)"
	@echo "  make page-kills 500 kills of the labelling page's process: is every saved answer there, once? (20 minutes)"
	@echo "  make kills      240 trials killed at random moments and continued: same labels? (20 minutes)"
	@echo "  make test-slurm  sweeps on a Slurm cluster that is started here (root; 5 to 15 minutes)"
	@echo "  make test-label-studio  its own package reads our tasks, and we read its exports (1 minute, 400 MB)"
	@echo "  make parity     trials computed two ways over seeds: the same but for chance?"
	@echo "Measure"
	@echo "  make bench      training and scoring rates against plain Lightning and raw torch; ARGS=--quick for 3 minutes"
	@echo "  make peers      the same experiments with scikit-activeml, modAL, baal and plain Lightning, which get an"
	@echo "                  environment of their own in build/peers/ (hours); ARGS='--quick --json FILE' for 5 minutes"
	@echo "  make safety     the default trial on data that it was not tuned for (hours); ARGS=--quick for a minute"
	@echo "  make growth     seconds and memory against the sizes of pool and labelled set (long; 5 GB of disk)"
	@echo "  make gpu-session  what needs a GPU, in order of value, for 30 minutes; the same command continues;"
	@echo "                  ARGS='--list', '--minutes 9 --out DIR', '--smoke' tries the commands on a processor"
	@echo "Release"
	@echo "  make lock       compile requirements.lock from pyproject.toml, and requirements-peers.lock"
	@echo "  make wheel      build dist/*.whl"

setup: $(DONE)
$(DONE): requirements.lock pyproject.toml scripts/setup.sh
	@./scripts/setup.sh

run: $(DONE)
	@$(BIN)/python scripts/run.py $(ARGS)

reproduce: $(DONE)
	@$(BIN)/python scripts/reproduce.py $(ARGS)

QUICK := tests/loop $(addprefix tests/unit/,core query auto_label stopping oracle) src/alframe/core
quick: $(DONE)
	@$(PYTEST) -q $(QUICK) $(ARGS)

test: $(DONE) $(AXE)
	@$(PYTEST) --durations=15 $(ARGS)

# axe-core checks the page for accessibility in tests; without it they skip that with a reason.
AXE := build/axe-core/axe.min.js
$(AXE):
	@mkdir -p build/axe-core && cd build/axe-core && { npm pack --silent axe-core@4.14.1 >/dev/null \
	  && tar -xzf axe-core-4.14.1.tgz --strip-components=1 package/axe.min.js package/LICENSE; } || true

test-browser: $(DONE) $(AXE)
	@OMP_NUM_THREADS=1 ALFRAME_PAGE_PHOTOGRAPHS=$${ALFRAME_PAGE_PHOTOGRAPHS:-200} $(BIN)/python -m pytest -n 0 \
	  -m "long or not long" --durations=15 tests/browser $(ARGS)

screenshots: $(DONE)
	@ALFRAME_SCREENSHOTS=docs/assets OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 0 -m "long or not long" \
	  tests/browser/test_screenshots.py $(ARGS)

test-long: $(DONE) $(AXE)
	@$(PYTEST) -m long --durations=15 $(ARGS)

lint: $(DONE)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(DONE)
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

docs: $(DONE)
	@$(BIN)/python scripts/docs.py $(ARGS)

audits: $(DONE)
	@ALFRAME_ALL_AUDITS=1 $(PYTEST) tests/unit/audit -k rarely_false $(ARGS)

estimates: $(DONE)
	@$(BIN)/python scripts/simulate_estimates.py $(ARGS)

odd-inputs: $(DONE)
	@ALFRAME_ODD_INPUTS=1000 $(PYTEST) tests/unit/data/test_odd_folders.py $(ARGS)

people: $(DONE)
	@$(BIN)/python -m tests.support.human_acts $(ARGS)

kills: $(DONE)
	@ALFRAME_ALL_KILLS=1 $(PYTEST) -m "long or not long" tests/integration/test_resume.py -k killed $(ARGS)

page-kills: $(DONE)
	@$(BIN)/python -m tests.support.page_kills $(ARGS)

# Debian's packages; where they cannot be installed or started, the tests are skipped with the reason.
test-slurm: $(DONE)
	@command -v slurmctld >/dev/null || (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
	  --no-install-recommends slurmctld slurmd munge slurm-client) >/dev/null 2>&1 || true
	@ALFRAME_TEST_SLURM=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 0 tests/slurm $(ARGS)

# The package gets an environment of its own: it needs many others.
LABEL_STUDIO := build/label-studio
test-label-studio: $(DONE)
	@UV=$$(command -v uv || echo build/uv/bin/uv); test -x $(LABEL_STUDIO)/bin/python \
	  || { $$UV venv --quiet --python $(BIN)/python $(LABEL_STUDIO) \
	  && $$UV pip install --quiet --python $(LABEL_STUDIO)/bin/python 'label-studio-sdk>=2'; }
	@ALFRAME_LABEL_STUDIO_PYTHON=$(LABEL_STUDIO)/bin/python $(BIN)/python -m pytest -q \
	  tests/integration/test_label_studio.py $(ARGS)

parity: $(DONE)
	@$(BIN)/python scripts/benchmarks/parity.py $(ARGS)

bench: $(DONE)
	@$(BIN)/python scripts/benchmarks/bench.py $(ARGS)

PEERS := build/peers/.alframe-peers-done
$(PEERS): requirements-peers.lock $(DONE)
	@export UV_PYTHON_DOWNLOADS=never; UV=$$(command -v uv || echo build/uv/bin/uv); \
	  $$UV venv --quiet --allow-existing --python $(BIN)/python build/peers && \
	  $$UV pip sync --quiet --python build/peers/bin/python --require-hashes requirements-peers.lock && touch $@

peers: $(DONE) $(PEERS)
	@PYTHONPATH=scripts:scripts/benchmarks:$$PYTHONPATH $(BIN)/python -m peers $(ARGS)

safety: $(DONE)
	@$(BIN)/python scripts/benchmarks/safety.py $(ARGS)

growth: $(DONE)
	@$(BIN)/python scripts/benchmarks/growth.py $(ARGS)

gpu-session: $(DONE)
	@$(BIN)/python scripts/gpu_session.py $(ARGS)

# The pins below are what was measured and tested; everything else is the newest that fits them.
lock: $(DONE)
	@mkdir -p build; printf 'torch==2.11.0\ntorchvision==0.26.0\npytorch-lightning==2.6.6\n' > build/pins.txt
	@UV=$$(command -v uv || echo build/uv/bin/uv); $$UV pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" --extra dev \
	  --constraint build/pins.txt --upgrade pyproject.toml -o requirements.lock
	@# modAL asks for skorch 0.9.0, which does not run with today's scikit-learn; it works with the current one.
	@printf 'skorch>=1.4\n' > build/overrides.txt
	@UV=$$(command -v uv || echo build/uv/bin/uv); $$UV pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command "make lock" \
	  --constraint build/pins.txt --override build/overrides.txt --upgrade scripts/peers/requirements.in \
	  -o requirements-peers.lock

wheel: $(DONE)
	@$(BIN)/python -m hatchling build -t wheel
