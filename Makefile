# `make help` says what there is. Everything runs in .venv, which is made when it is missing.

SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
PY := $(VENV)/bin/python
# Whole files to each of the workers, one more than there are cores, for tests wait much; in the order
# of tests/conftest.py. Bytecode is kept, or each of the servers that are started would compile
# everything anew.
PYTEST := PYTHONDONTWRITEBYTECODE= $(PY) -m pytest -n $$(($$(nproc) + 1)) --dist loadfile --no-loadscope-reorder

# Long proofs and measurements, one module a line; each runs as `python -m`.
SWEEPS := \
	tests.sweep \
	tests.pictures.sweep \
	tests.store.sweep \
	tests.crash.sweep \
	bench.soak
BENCHES := \
	bench.question \
	bench.stream \
	bench.pictures \
	bench.store \
	bench.crowd \
	bench.answer \
	bench.rerun \
	bench.evidence \
	bench.reading \
	bench.start

# A virtual environment that was copied, or whose Python is gone, is made anew.
ifneq ($(shell $(PY) -c 'import importlib.util as u; print(bool(u.find_spec("pip")))' 2>/dev/null),True)
$(shell rm -f $(VENV)/.run $(VENV)/.test)
endif

.PHONY: help
help: ## Say what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 20

.PHONY: run
run: $(VENV)/.run ## Start the server; SHARE=1 lets the team in, PORT=n, HOST=name, WORKERS=n choose
	@exec $(PY) -m augenblick.launch $(if $(filter-out 0,$(SHARE)),--share) \
		$(if $(PORT),--port $(PORT)) $(if $(HOST),--host $(HOST)) \
		$(if $(WORKERS),--workers $(WORKERS))

.PHONY: test
test: $(VENV)/.test check ## Check everything and run all tests
	@.ci/provide
	@$(PYTEST)

.PHONY: quick
quick: $(VENV)/.test check ## Check everything and run the tests that take no seconds: no process, browser or measurement
	@$(PYTEST) -m quick --ignore tests/browser

.PHONY: check
check: $(VENV)/.test ## Lint, formatting and types
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

.PHONY: bench
bench: $(VENV)/.test ## Measure
	@set -e; for module in $(BENCHES); do echo "== $$module"; $(PY) -m $$module; done

.PHONY: screenshots
screenshots: $(VENV)/.test ## Draw the pictures of the pages anew
	@.ci/provide
	@$(PY) -m bench.screenshots

.PHONY: sweep
sweep: $(VENV)/.test ## The long proofs: faults at every byte, damaged pictures, crashes, an hour's use
	@.ci/provide
	@set -e; for module in $(SWEEPS); do echo "== $$module"; $(PY) -m $$module; done

.PHONY: pins
pins: $(VENV)/.test ## Write constraints.txt from what is installed
	@{ echo '# Everything that is installed, as tested together. Written by `make pins`.'; \
	$(PY) -m pip freeze --exclude pip --exclude setuptools | grep -E '^[A-Za-z0-9_.-]+=='; } > $@.txt
	@mv $@.txt constraints.txt

.PHONY: clean
clean: ## Remove the environment and all caches; data/ stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.run: requirements.txt requirements-no-deps.txt constraints.txt
	@.ci/environment $(VENV) -r requirements.txt
	@touch $@

$(VENV)/.test: requirements.txt requirements-dev.txt requirements-no-deps.txt constraints.txt
	@.ci/environment $(VENV) -r requirements-dev.txt
	@touch $@ $(VENV)/.run
