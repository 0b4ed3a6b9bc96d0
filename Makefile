# Needs Python 3.11 to 3.14 with its venv module, and a package index. Everything else goes into .venv,
# from the hash-pinned lists in requirements/ (see docs/decisions/0001-build-and-locks.md).

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null && echo "$$p" && break; done)
MODELS := $(VENV)/share/strop/models
ARGS ?=
AGE ?= 7 days

# Settings of the caller that would send packages elsewhere than .venv, or loosen the lock. Where
# packages come from (index, proxy, certificates) stays the caller's.
unexport PIP_TARGET PIP_PREFIX PIP_ROOT PIP_USER PIP_CONSTRAINT PIP_BUILD_CONSTRAINT PIP_REQUIREMENT PIP_EDITABLE
unexport PIP_NO_DEPS PIP_NO_BINARY PIP_DRY_RUN PIP_PRE PIP_UPGRADE PIP_PYTHON PIP_REQUIRE_VIRTUALENV PIP_REQUIRE_HASHES
unexport UV_CONSTRAINT UV_OVERRIDE UV_BUILD_CONSTRAINT UV_NO_BINARY UV_PRERELEASE UV_PYTHON UV_SYSTEM_PYTHON UV_TARGET
unexport UV_PREFIX UV_REQUIRE_HASHES UV_EXCLUDE_NEWER UV_RESOLUTION UV_CUSTOM_COMPILE_COMMAND VIRTUAL_ENV CONDA_PREFIX
unexport PYTHONHOME PYTHONPATH

# uv does not read pip's settings: hand it pip's index and certificate, where uv has none of its own.
UV := if [ -z "$$UV_DEFAULT_INDEX$$UV_INDEX_URL" ]; then \
	index=$${PIP_INDEX_URL:-$$($(BIN)/python -m pip config get global.index-url 2>/dev/null)}; \
	if [ -n "$$index" ]; then export UV_DEFAULT_INDEX="$$index"; fi; fi; \
	if [ -z "$$SSL_CERT_FILE" ] && [ -n "$$PIP_CERT" ]; then export SSL_CERT_FILE="$$PIP_CERT"; fi; \
	$(BIN)/uv pip
INSTALL = $(UV) install --quiet --python $(BIN)/python --compile-bytecode
LOCK = $(UV) compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock" --exclude-newer "$(AGE)"

.PHONY: help demo demo-full portfolio test check house bench fmt lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.base ## the first run: 8 + 8 documents, the embedded model, no key
	@$(BIN)/strop model install --to $(MODELS)
	@$(BIN)/python examples/catalogue/demo.py $(ARGS)

demo-full: $(VENV)/.base ## the same on 40 + 40 documents, with the table that stands in README.md
	@$(BIN)/strop model install --to $(MODELS)
	@$(BIN)/python examples/catalogue/demo.py --full $(ARGS)

portfolio: $(VENV)/.base ## tables, atlas, charts, deck, site and code at size in one run, with faults on the way
	@$(BIN)/python examples/portfolio/run.py $(ARGS)

# Many tests start the command: compiled first, also where PYTHONDONTWRITEBYTECODE is set, it starts a third faster.
# Two processes: a good part of the time is waiting, for children, retries and locks. A file stays in one of them, so
# that what its tests share (an engine's weights, a server) is made once; files go out in the order of their names and
# not by their number of tests, since the longest hold few. Another -n in ARGS wins: -n 0 for --pdb and for snapshots.
test: $(VENV)/.dev ## the whole suite (ARGS="-k name" for a part)
	@$(BIN)/strop model install --to $(MODELS)
	@$(BIN)/python -m compileall -q src
	@$(BIN)/python -m pytest -rs -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(VENV)/.dev ## format, lint, strict types, import contracts; all four, also after one failed
	@failed=; \
	$(BIN)/ruff format --check . || failed="$$failed format"; \
	$(BIN)/ruff check . || failed="$$failed lint"; \
	$(BIN)/pyright || failed="$$failed types"; \
	$(BIN)/lint-imports || failed="$$failed contracts"; \
	if [ -n "$$failed" ]; then echo "make check: failed:$$failed" >&2; exit 1; fi

house: $(VENV)/.bootstrap ## the longest files and functions, and every import cycle
	@$(BIN)/python tools/house.py

bench: $(VENV)/.dev ## every script under benchmarks/ that needs no key
	@for script in $(filter-out benchmarks/widesearch.py,$(wildcard benchmarks/*.py)); do echo "== $$script"; $(BIN)/python "$$script" $(ARGS) || exit 1; done

fmt: $(VENV)/.dev ## format, and mend what the linter can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: $(VENV)/.bootstrap ## new versions into requirements/, none younger than AGE (7 days)
	@$(LOCK) --upgrade --all-extras --group dev pyproject.toml -o requirements/dev.txt
	@$(LOCK) --upgrade -c requirements/dev.txt --extra all pyproject.toml -o requirements/all.txt
	@$(LOCK) --upgrade -c requirements/dev.txt pyproject.toml -o requirements/base.txt
	@$(LOCK) --upgrade -c requirements/dev.txt --group pyproject.toml:bootstrap -o requirements/bootstrap.txt
	@sed -i.old '/^#    make lock$$/a\
	# No release younger than $(AGE) on '"$$(date -u +%Y-%m-%d)"'.' requirements/*.txt && rm -f requirements/*.old
	@if grep -nE '://|^ *--(index|extra-index|default-index|find-links)' requirements/*.txt; then \
		echo 'make lock: a lock names an address; locks must install from any index' >&2; exit 1; fi

clean: ## remove .venv, caches and what the examples wrote
	rm -rf $(VENV) dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache examples/*/out
	find . -path ./.git -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.bootstrap: requirements/bootstrap.txt
	@if [ -z "$(PYTHON)" ]; then \
		echo "make: strop needs Python 3.11 to 3.14; found: $$(python3 --version 2>&1 || true)." >&2; \
		echo "Install one, or name it: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; fi
	@if ! [ -x $(BIN)/python ] || ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
		echo "making $(VENV) with $$($(PYTHON) --version)"; \
		$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); \
			echo "make: '$(PYTHON) -m venv' failed; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }; fi
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
	@touch $@

$(VENV)/.base: $(VENV)/.bootstrap requirements/all.txt pyproject.toml
	@echo "installing what strop needs (requirements/all.txt)"
	@$(INSTALL) --require-hashes -r requirements/all.txt
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

# dev.txt holds all.txt at the same versions, so that one step serves both.
$(VENV)/.dev: $(VENV)/.bootstrap requirements/dev.txt requirements/all.txt pyproject.toml
	@echo "installing what strop and its tests need (requirements/dev.txt)"
	@$(INSTALL) --require-hashes -r requirements/dev.txt
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $(VENV)/.base $@
