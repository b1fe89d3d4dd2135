# Everything starts from nothing: `make serve`, `make test` and `make check` build .venv first.
# The virtual environment holds exactly what requirements-dev.lock names, plus this project, editable.
# pip is plain pip: its own configuration (PIP_* variables, pip.conf) decides where packages come from.

PYTHON ?= python3
ARGS ?=
UV ?= uv
# Test processes. They wait as much as they compute: one more than there are cores, eight at most.
TEST_PROCESSES ?= $(shell n=$$(($$(nproc) + 1)); echo $$((n < 8 ? n : 8)))

VENV := .venv
TRAIN := .venv-train
FUZZ := .venv-fuzz
RUNS ?= 100000
SECONDS ?= 900
BIN := $(VENV)/bin
LOCKED := $(VENV)/.locked
INSTALLED := $(VENV)/.installed
# An idle process takes tests from the end of a busy one: those of a file stay together.
PYTEST := $(BIN)/python -m pytest --numprocesses=$(TEST_PROCESSES) --dist=worksteal
PURE_TESTS := $(addprefix tests/,calibration checks cohort face lists networks render \
	test_api_keys.py test_architecture.py test_errors.py test_evidence.py)
PIP := $(BIN)/python -m pip --disable-pip-version-check

# What Debian leaves out of `python3`, and what mediapipe opens with dlopen even where it draws nothing.
DEBIAN := python3-venv libegl1 libgles2
PROBE := import ctypes, ensurepip, venv; ctypes.CDLL("libEGL.so.1"); ctypes.CDLL("libGLESv2.so.2")

# The service and its tests start many processes: without compiled bytecode, each compiles the program anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup serve test test-fast check check-wheel format bench bench-load bench-bombs bench-chaos fuzz evaluate fit fit-texture lock clean system corpus

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## .venv from the lock file, with .venv/bin/eyeline in it

serve: setup ## the service on 127.0.0.1:8000 (EYELINE_HOST and EYELINE_PORT change that)
	exec $(BIN)/eyeline serve $(ARGS)

test: setup ## the whole test suite (ARGS="-k teeth -x" goes to pytest)
	$(PYTEST) $(ARGS)

test-fast: setup ## the pure core: no network, no database, no service
	$(PYTEST) $(PURE_TESTS) $(ARGS)

check: setup ## format, lint, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST) $(ARGS)

check-wheel: setup ## build a wheel, install it elsewhere, and run what it holds
	$(BIN)/python -m benchmarks.wheel

format: setup ## write the format, and the lint fixes that are safe
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## pictures per second on CORPUS=... (or the fixtures), beside a bare landmarker
	$(BIN)/python -m benchmarks $(if $(CORPUS),"$(CORPUS)") $(ARGS)

bench-load: setup ## the service at three times what it can do, for a minute
	$(BIN)/python -m benchmarks.load $(ARGS)

bench-bombs: setup ## time and memory that every hostile picture costs
	$(BIN)/python -m benchmarks.bombs $(ARGS)

bench-chaos: setup ## the service while databases, disks, processes and receivers fail
	$(BIN)/python -m benchmarks.chaos $(ARGS)

fuzz: $(FUZZ)/.installed ## decoding, guided by coverage (RUNS=100000 SECONDS=900)
	cd $(FUZZ) && PYTHONPATH="$(CURDIR)" nice bin/python -m tests.fuzz.fuzz_picture \
		-runs=$(RUNS) -max_total_time=$(SECONDS) $(ARGS)

# What .venv holds, and the fuzzer, which has no wheels for every machine that the service runs on.
$(FUZZ)/.installed: tests/fuzz/requirements.txt $(INSTALLED)
	@echo "making $(FUZZ)" && $(PYTHON) -m venv --clear $(FUZZ)
	@$(FUZZ)/bin/python -m pip install --quiet --no-deps --require-hashes --only-binary :all: --requirement $<
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
		> "$$($(FUZZ)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/eyeline.pth"
	@touch $@

evaluate: corpus setup ## error rates of the models here on CORPUS=<folder with manifest.csv>
	$(BIN)/eyeline evaluate "$(CORPUS)" $(ARGS)

fit: corpus setup ## write models/calibration.json, cohort.json and canary.json from CORPUS=<folder with manifest.csv>
	$(BIN)/eyeline fit "$(CORPUS)" $(ARGS)

fit-texture: corpus $(TRAIN)/.installed ## train models/*.onnx on CORPUS=<folder>: hours; resumes if interrupted
	$(KEEP_MEMORY) $(TRAIN)/bin/eyeline fit-texture "$(CORPUS)" $(ARGS)

# Every step frees and takes the same gigabyte. glibc would hand it back and have it cleared again
# each time, a fifth of the whole time.
KEEP_MEMORY := MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=17179869184 MALLOC_TOP_PAD_=268435456

# torch and what it needs, in an environment of their own: neither the service nor a test wants them.
$(TRAIN)/.installed: requirements-dev.lock pyproject.toml | system
	@echo "making $(TRAIN)" && $(PYTHON) -m venv --clear $(TRAIN)
	@$(TRAIN)/bin/python -m pip install --quiet --no-deps --require-hashes --only-binary :all: \
		--requirement requirements-dev.lock
	@$(TRAIN)/bin/python -m pip install --quiet --no-build-isolation --editable ".[fit,train]"
	@touch $@

corpus:
	@test -f "$(CORPUS)/manifest.csv" || { echo "give a corpus: make $(MAKECMDGOALS) CORPUS=<folder with manifest.csv>" >&2; exit 2; }

# The first file is what the image holds: the service, and Mastodon's client, which runs inside it.
# One pin for every Python from 3.11 up, on x86_64 and aarch64; the second file only adds to the first.
COMPILE := $(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--fork-strategy fewest --no-annotate --no-header --no-emit-index-url --no-emit-find-links pyproject.toml

lock: ## write both lock files anew (needs uv; ARGS=--upgrade raises the pins)
	$(COMPILE) $(ARGS) --group build --extra mastodon --output-file requirements.lock > /dev/null
	$(COMPILE) $(ARGS) --group build --group dev --extra fit --extra mastodon --extra atproto --extra parquet \
		--constraint requirements.lock \
		--output-file requirements-dev.lock > /dev/null

clean: ## everything that make can make again
	rm -rf $(VENV) $(TRAIN) $(FUZZ) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml app/__init__.py $(LOCKED)
	@$(PIP) install --quiet --no-deps --no-build-isolation --no-index --editable .
	@touch $@

# The stamp is a copy of the lock file, so that only a lock that reads differently costs a new environment.
$(LOCKED): requirements-dev.lock | system
	@cmp -s $< $@ || { echo "making $(VENV) from $<" && $(PYTHON) -m venv --clear $(VENV) \
		&& $(PIP) install --quiet --no-deps --require-hashes --only-binary :all: --requirement $<; }
	@cp $< $@

system:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Eyeline needs Python 3.11 or newer: make PYTHON=python3.12 setup" >&2; exit 1; }
	@if ! $(PYTHON) -c '$(PROBE)' 2> /dev/null; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
			echo "installing $(DEBIAN)"; \
			apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
				apt-get -qq install --yes --no-install-recommends $(DEBIAN) > /dev/null; \
		fi; \
		$(PYTHON) -c '$(PROBE)' 2> /dev/null || { \
			echo "Eyeline needs venv, libEGL and libGLES; on Debian: sudo apt-get install $(DEBIAN)" >&2; exit 1; }; \
	fi
