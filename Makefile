# Everything runs in .venv, made from the hashed locks; nothing else is needed than Python 3.11-3.13 and make.
PYTHON ?= $(firstword $(foreach v,3.11 3.12 3.13,$(shell command -v python$(v) 2>/dev/null)) python3)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517
# pip is silent meanwhile.
SAY_INSTALLING = echo "Installing $$(grep -c == $(1)) packages into .venv; a minute or two..."

.PHONY: demo test check bench soak lock clean

demo: .venv/demo
	@$(BIN)/latewood materialize '*' -f examples/flights/assets.py
	@$(BIN)/latewood assets
	@echo
	@echo "What to try next:"
	@echo "  . .venv/bin/activate"
	@echo "  make demo                                   # again: nothing is computed twice"
	@echo "  latewood why reports/monthly --partition 2013-03"
	@echo "  latewood lineage reports/monthly --partition 2013-03"
	@echo "  edit clean_delay() in examples/flights/cleaning.py, then"
	@echo "  latewood plan '*' -f examples/flights/assets.py"
	@echo "  latewood db stop                            # the database server, which stays for the next command"

test: .venv/dev
	$(BIN)/python -m pytest -n 3 --dist loadfile -m "not soak"

check: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/dev
	$(BIN)/python tests/bench/run.py

soak: .venv/dev
	$(BIN)/python -m pytest -m soak
	$(BIN)/python -m pytest tests/properties --hypothesis-profile=explore

# Locks hold hashes and no addresses: they say what is installed, not from where.
lock: .venv/dev
	$(BIN)/uv pip compile --quiet pyproject.toml --extra examples --extra build --extra server --universal --generate-hashes --no-header --no-annotate -o requirements.lock
	$(BIN)/uv pip compile --quiet pyproject.toml --extra examples --extra build --extra server --extra dev --universal --generate-hashes --no-header --no-annotate -o requirements-dev.lock

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo: .venv/bin/python requirements.lock pyproject.toml
	@$(call SAY_INSTALLING,requirements.lock)
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev: .venv/bin/python requirements-dev.lock pyproject.toml
	@$(call SAY_INSTALLING,requirements-dev.lock)
	$(PIP) --require-hashes -r requirements-dev.lock
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@ .venv/demo

clean:
	rm -rf .venv
