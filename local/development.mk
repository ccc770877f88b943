# The commands for work on the code itself; the Makefile includes them.
BATCH := $(filter batch,$(PATTERN))

.PHONY: lint coverage exhaustive test-tools estimators chaos e2e bench lock format

lint: install-all ## lint and types
	.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy .
coverage: test-tools install-all $(IRIS) $(DIGITS) ## the suite again, measuring the lines of the four patterns in every process; fails below the floor in pyproject.toml
	@exec sh local/coverage.sh $(PY) $(PROCESSES)
exhaustive: test-tools install-all $(IRIS) $(DIGITS) ## what takes too long for `make test`: each optional part removed alone, many choices of parts lifted, killed Ray clusters, all benchmarks, InceptionV3
	$(PY) -m pytest --numprocesses 2 -m exhaustive
test-tools: ## install what the tests need from Debian, or name it in one line
	@sh local/python_version.sh "$(PYTHON)"
	@sh local/test_tools.sh "$(PYTHON)"
estimators: install-all ## package every classifier and regressor of scikit-learn: served right, or refused
	@exec $(PY) -m models.gallery.estimators
chaos: $(if $(BATCH),test-tools) install-all $(if $(BATCH),$(IRIS),$(DIGITS)) ## 50 SIGKILLs among 1,000 jobs of asynchronous, SEED=n repeats a run, REDIS=cluster or acl; PATTERN=batch: one a second among 100,000 rows
	@exec $(PY) -m $(if $(BATCH),tests.batch.kills,tests.asynchronous.chaos --jobs 1000 --kills 50 $(if $(SEED),--seed $(SEED)) $(if $(REDIS),--redis $(REDIS)))
e2e: install-all $(IRIS) $(DIGITS) ## all four in containers, with requests while containers are killed (needs Docker)
	@docker compose version >/dev/null || { echo "Docker with Compose v2 is needed" >&2; exit 1; }
	$(PY) -m pytest tests/e2e/end_to_end.py
bench: test-tools install-all $(IRIS) $(DIGITS) ## measure all four next to their limits and write benchmarks/RESULTS.md, PEERS=1 adds other programs; PATTERN=x prints one
	@exec $(PY) -m benchmarks $(PATTERN) $(if $(filter-out 0,$(PEERS)),--peers)
lock: $(UV) ## pin the newest releases again, with hashes
	@UV=$(UV) sh local/lock.sh
format: install-all ## format the code with ruff
	.venv/bin/ruff check --fix . && .venv/bin/ruff format .
