# `make` alone lists the commands. PATTERN=web_single|synchronous|asynchronous|batch chooses one pattern.
PATTERN ?=
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name))))
UV_VERSION := 0.13.9
PY := .venv/bin/python
UV := .venv/bin/uv
.DEFAULT_GOAL := help
.NOTPARALLEL: # whatever -j stands in MAKEFLAGS: what is installed is used by what follows
MAKEFLAGS += --no-print-directory

# Compiled modules halve the time that a program takes to start.
unexport PYTHONDONTWRITEBYTECODE

PATTERNS := $(or $(PATTERN),web_single synchronous asynchronous batch)
IMAGE_MODELS := $(filter synchronous asynchronous,$(PATTERNS))
ROW_MODELS := $(filter web_single batch,$(PATTERNS))
# The stand-in for TensorFlow Serving answers for both image patterns.
FOLDERS := local $(PATTERNS) $(if $(IMAGE_MODELS),serving)
LOCKS := $(addsuffix /requirements.txt,$(sort $(FOLDERS))) \
	models/requirements$(if $(IMAGE_MODELS),,-iris).txt
ALL_LOCKS := $(addsuffix /requirements.txt,local web_single synchronous serving asynchronous batch models) requirements-dev.txt
IRIS := models/artifacts/iris/1/manifest.json
DIGITS := models/artifacts/digits/1/manifest.json

.PHONY: help demo test test-tools chaos e2e bench up down models secrets k8s-secrets lock format clean install install-all check-pattern python-version

help: ## list the commands
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

demo: check-pattern install $(if $(ROW_MODELS),$(IRIS)) $(if $(IMAGE_MODELS),$(DIGITS)) ## real requests through every pattern (or PATTERN=x), one table, everything stopped again
	@exec $(PY) -m local.demo $(PATTERNS)

up: check-pattern install $(if $(ROW_MODELS),$(IRIS)) $(if $(IMAGE_MODELS),$(DIGITS)) ## run all four in the background, or PATTERN=x in the foreground
	@exec $(PY) -m local.up $(if $(PATTERN),$(PATTERN),--background)

down: ## stop what `make up` left running
	@test ! -x $(PY) || exec $(PY) -m local.up --stop

test: test-tools install-all $(IRIS) $(DIGITS) ## lint, types and the whole suite against real servers
	@$(PY) -m playwright --version >/dev/null # the browser's driver starts
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy .
	$(PY) -m pytest --numprocesses 2 --dist loadfile

test-tools: python-version ## install what the tests need from Debian, or name it in one line
	@sh local/test_tools.sh $(PYTHON)

chaos: install-all $(if $(filter batch,$(PATTERN)),test-tools $(IRIS),$(DIGITS)) ## 50 SIGKILLs among 1,000 jobs of asynchronous, SEED=n repeats a run; or PATTERN=batch: one a second among 100,000 rows
	@exec $(PY) -m $(if $(filter batch,$(PATTERN)),tests.batch.kills,tests.asynchronous.chaos --jobs 1000 --kills 50 $(if $(SEED),--seed $(SEED)))

e2e: install-all $(IRIS) $(DIGITS) ## all four in containers, asked while containers are killed (needs Docker)
	@docker compose version >/dev/null || { echo "Docker with Compose v2 is needed" >&2; exit 1; }
	$(PY) -m pytest tests/e2e/end_to_end.py

bench: test-tools install-all $(IRIS) $(DIGITS) ## measure a pattern side by side with its limit: PATTERN=asynchronous
	@exec $(PY) -m benchmarks.$(or $(PATTERN),asynchronous)

models: install-all $(IRIS) $(DIGITS) ## train what is not there yet

secrets: ## write strong random passwords for docker compose into secrets/, where there are none yet
	@$(call passwords,022,secrets,mysql_password mysql_root_password grafana_admin_password) # containers read them as other users

k8s-secrets: ## the same for k8s/, into k8s/secrets/
	@$(call passwords,077,k8s/secrets,mysql-password mysql-root-password)

# $(1) umask, $(2) folder, which keeps other people out, $(3) files
passwords = mkdir -p $(2) && chmod 700 $(2) && umask $(1) && for name in $(3); do file=$(2)/$$name; \
	test -s $$file || { head -c 24 /dev/urandom | base64 | tr -d '\n' > $$file && echo "written: $$file"; } || exit 1; done

lock: $(UV) ## pin the newest releases again, with hashes
	@UV=$(UV) sh local/lock.sh

format: install-all ## let ruff write the code its way
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

clean: down ## remove the environment, the models and the logs
	@rm -rf .venv .run models/artifacts .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -prune -exec rm -rf {} +

check-pattern:
	@for name in $(PATTERN); do test -f "$$name/Dockerfile" || \
	{ echo "PATTERN=$$name: choose web_single, synchronous, asynchronous or batch" >&2; exit 2; }; done

# Nothing is downloaded again once it is there: uv compares what is installed with the locks.
install: $(UV)
	@$(UV) pip install --python $(PY) --no-deps --require-hashes $(addprefix -r ,$(LOCKS))

install-all: $(UV)
	@$(UV) pip install --python $(PY) --no-deps --require-hashes $(addprefix -r ,$(ALL_LOCKS))

$(UV): | python-version
	@$(PYTHON) -c "import ensurepip" 2>/dev/null || sh local/debian.sh python3-venv
	@$(PYTHON) -m venv --clear .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

python-version:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "Python 3.11, 3.12 or 3.13 is needed; PYTHON=... names one")'

$(IRIS): models/iris.py models/manifest.py models/requirements-iris.txt
	@echo "building models/artifacts/iris"
	@$(PY) -m models.iris

$(DIGITS): models/digits.py models/image_serving.py models/uploads.py models/manifest.py models/requirements.txt
	@echo "building models/artifacts/digits (about a minute)"
	@$(PY) -m models.digits
