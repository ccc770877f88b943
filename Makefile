# `make` alone lists the commands. PATTERN=web_single|synchronous|asynchronous|batch chooses one pattern.
PATTERN ?=
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(shell command -v $(name))))
PY := .venv/bin/python
UV := .venv/bin/uv
.NOTPARALLEL: # each step uses what the one before it has installed, whatever MAKEFLAGS says
MAKEFLAGS += --no-print-directory
unexport PYTHONDONTWRITEBYTECODE # compiled modules halve the time that a program takes to start

PATTERNS := $(or $(PATTERN),web_single synchronous asynchronous batch)
# Two patterns serve images of digits, two serve rows of the Iris data.
IMAGES := $(filter synchronous asynchronous,$(PATTERNS))
ROWS := $(filter web_single batch,$(PATTERNS))
IRIS := models/artifacts/iris/1/manifest.json
DIGITS := models/artifacts/digits/1/manifest.json
MODELS := $(if $(ROWS),$(IRIS)) $(if $(IMAGES),$(DIGITS))
LOCKS := $(addsuffix /requirements.txt,local $(PATTERNS) $(if $(IMAGES),serving)) models/requirements$(if $(IMAGES),,-iris).txt
PROCESSES := --numprocesses 4 --dist loadfile --no-loadscope-reorder # of the suite

$(if $(filter-out web_single synchronous asynchronous batch,$(PATTERN)),$(error PATTERN=$(PATTERN): choose web_single, synchronous, asynchronous or batch))

# The arguments of `make lift`, only from the command line: NAME and others may mean something else in the environment.
given = $(if $(filter command,$(origin $(1))),--$(2) "$($(1))")

.PHONY: help demo up down lift test models secrets k8s-secrets clean install install-all

help: ## list the commands
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20
demo: install $(MODELS) ## real requests through every pattern (or PATTERN=x), one table, everything stopped again
	@exec $(PY) -m local.demo $(PATTERNS)
up: install $(MODELS) ## run all four in the background, or PATTERN=x in the foreground
	@exec $(PY) -m local.up $(if $(PATTERN),$(PATTERN),--background)
down: ## stop what `make up` left running
	@test ! -x $(PY) || exec $(PY) -m local.up --stop
lift: install ## a tested service of your own: PATTERN=web_single TO=../churn MODEL=... [NAME= WITHOUT="a b" | ONLY="a b"], SERVING=host:port, or UPDATE=../churn
	@exec $(PY) -m local.lift $(call given,PATTERN,pattern) $(call given,TO,to) $(call given,MODEL,model) $(call given,NAME,name) \
		$(call given,WITHOUT,without) $(call given,ONLY,only) $(call given,GOLDEN,golden) $(call given,LABELS,labels) $(call given,SERVING,serving) $(call given,UPDATE,update)
test: install-all ## lint, types and the whole suite against real servers
	@sh local/prepare_tests.sh $(IRIS) $(DIGITS)
	$(PY) -m pytest $(PROCESSES)
models: install-all $(IRIS) $(DIGITS) ## train the models that do not exist yet
secrets: ## write random passwords, and a certificate and a key for the gateway, into secrets/, where there are none yet
	@exec sh local/secrets.sh docker
k8s-secrets: ## the same for Kubernetes, into folders below k8s/
	@exec sh local/secrets.sh k8s
clean: down ## remove the environment, the models and the logs
	@exec sh local/clean.sh

install-all: LOCKS := $(addsuffix /requirements.txt,local web_single synchronous serving asynchronous batch batch/ray models) requirements-dev.txt
install install-all: $(UV) # uv compares what is installed with the locks, so nothing is downloaded twice
	@$(UV) pip install --python $(PY) --no-deps --require-hashes $(addprefix -r ,$(LOCKS))
$(UV):
	@sh local/venv.sh "$(PYTHON)" 0.13.9
$(IRIS): models/iris.py models/golden.py models/manifest.py models/requirements-iris.txt
	@echo "building models/artifacts/iris" && $(PY) -m models.iris
$(DIGITS): models/digits.py models/digit_files.py models/golden.py models/image_serving.py $(wildcard models/image_files/*.py) models/uploads.py models/manifest.py models/requirements.txt
	@echo "building models/artifacts/digits (about a minute)" && $(PY) -m models.digits

include local/development.mk
