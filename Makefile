# `make help` lists what there is. Any Python from 3.11 will do; name one with PYTHON=/path/to/python3.
# Kept to what GNU make 3.81 (macOS) and BSD make understand.

PYTHON =
PORT = 8000
HOST = 127.0.0.1
ARGS =
KILLS = 1000
VENV = .venv
BIN = $(VENV)/bin

help: ## this list
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## (.*)/make \1 - \2/'

run: $(VENV)/.installed ## prepare everything and serve on http://127.0.0.1:8000 (another port: make run PORT=8001)
	@exec $(BIN)/python manage.py quickstart --host $(HOST) --port $(PORT) $(ARGS)

test: $(VENV)/.installed-dev ## run the tests (some of them: make test ARGS="tests/projects -k slug")
	@$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

faults: $(VENV)/.installed-dev ## kill the running product 1000 times while students apply (fewer: make faults KILLS=50)
	@KILLS=$(KILLS) $(BIN)/python -m pytest -q -s tests/faults/test_kills.py $(ARGS)

lint: $(VENV)/.installed-dev ## look at the style of the code, change nothing
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

audit: $(VENV)/.installed-dev ## see that everything installed is pinned and has no known vulnerability
	@$(BIN)/python .ci/audit.py

check: lint ## lint, and see that models, migrations and settings agree
	@DATA_DIR="$$(mktemp -d)" && export DATA_DIR && trap 'rm -rf "$$DATA_DIR"' EXIT && \
	$(BIN)/python manage.py check && $(BIN)/python manage.py makemigrations --check --dry-run

messages: $(VENV)/.installed-dev ## collect the words to translate into locale/, and compile them (needs gettext)
	@DATA_DIR="$$(mktemp -d)" && export DATA_DIR && trap 'rm -rf "$$DATA_DIR"' EXIT && \
	$(BIN)/python manage.py makemessages && $(BIN)/python manage.py compilemessages --ignore .venv

clean: ## remove the virtual environment; the data folder stays
	rm -rf $(VENV) .pytest_cache .ruff_cache

# The stamps say that the requirements are installed; they are made anew when a requirements file changed.

$(VENV)/.installed: requirements.txt constraints.txt $(BIN)/python
	@echo "Installing what the product needs (once, and after an upgrade)."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements.txt requirements-dev.txt constraints.txt $(BIN)/python
	@echo "Installing what the product and its tests need (once, and after an upgrade)."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/.installed

$(BIN)/python:
	@found=""; \
	for python in $(PYTHON) python3.11 python3.12 python3.13 python3.14 python3; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found="$$python"; break; fi; \
	  if [ "$$python" = "$(PYTHON)" ]; then break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "This needs Python 3.11 or newer, and none was found. Install it, or name it: make run PYTHON=/its/path" >&2; \
	  exit 1; \
	fi; \
	echo "Making a virtual environment in $(VENV) with $$("$$found" --version)."; \
	if ! "$$found" -m venv --clear $(VENV) >/dev/null; then \
	  echo "Python's venv module does not work here. On Debian and Ubuntu: apt install python3-venv" >&2; \
	  rm -rf $(VENV); exit 1; \
	fi

.PHONY: help run test faults lint audit check messages clean
