# Everything runs in .venv, made from the hashed locks; nothing else is needed than Python 3.11-3.13 and make. The user
# interface is built by the Node on the PATH, or, where that is none or an old one, by one that is installed into .venv.
PYTHON ?= $(firstword $(foreach v,3.11 3.12 3.13,$(shell command -v python$(v) 2>/dev/null)) python3)
BIN := .venv/bin
# Images often set this variable: then each process of the tests would compile pytest's plugins, before tests/conftest.py
# can say otherwise.
unexport PYTHONDONTWRITEBYTECODE
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517
# pip is silent meanwhile.
SAY_INSTALLING = echo "Installing $$(grep -c == $(1)) packages into .venv; a minute or two..."

UI_SOURCES := $(shell find ui/src ui/public ui/scripts -type f ! -name graphql-env.d.ts ! -name whole.graphql) $(wildcard ui/*.html ui/*.ts ui/*.json)

.PHONY: demo ui screenshots pictures test test-connectors check bench bench-ui soak lock clean

demo: .venv/demo ui
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
	@echo
	@$(BIN)/python examples/show.py

ui: ui/latewood_ui/static/index.html

# Pictures of every page in both themes, to be looked at.
screenshots: .venv/dev ui
	PYTHONPATH=tests:tests/crash $(BIN)/python tests/browser/screenshots.py

# Those of them that README.md shows, which are small and kept with it.
pictures: .venv/dev ui
	PYTHONPATH=tests:tests/crash $(BIN)/python tests/browser/screenshots.py --readme

# Those of the interface's code among them (tests/browser/test_vitest.py).
test: .venv/dev ui
	$(BIN)/python -m pytest -n 4 --dist loadfile -m "not soak"

# Connectors against real servers that are started here. Needs Java 17 or later, found by JAVA_HOME or on the PATH.
test-connectors: .venv/dev .venv/spark/done .venv/bigquery/done
	LATEWOOD_SPARK_PYTHON=$(CURDIR)/.venv/spark/bin/python LATEWOOD_BIGQUERY_PYTHON=$(CURDIR)/.venv/bigquery/bin/python \
		$(BIN)/python -m pytest tests/connectors

# An environment of its own: half a gigabyte that nothing else needs.
.venv/spark/done: .venv/dev requirements-spark.lock
	@echo "Installing Spark into .venv/spark; a minute or two..."
	@$(BIN)/python -m venv .venv/spark
	@.venv/spark/bin/python -m pip install --quiet --disable-pip-version-check --use-pep517 --require-hashes -r requirements-spark.lock
	@touch $@

# The emulator of BigQuery, likewise. It needs no Java.
.venv/bigquery/done: .venv/dev requirements-bigquery.lock
	@echo "Installing an emulator of BigQuery into .venv/bigquery; a minute or two..."
	@$(BIN)/python -m venv .venv/bigquery
	@.venv/bigquery/bin/python -m pip install --quiet --disable-pip-version-check --use-pep517 --require-hashes -r requirements-bigquery.lock
	@touch $@

check: .venv/dev ui
	ui/npm --silent run check
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/dev
	$(BIN)/python tests/bench/run.py

# The web interface in a browser, held against its bars.
bench-ui: .venv/dev ui
	PYTHONPATH=tests:tests/crash $(BIN)/python tests/bench/bars.py

soak: .venv/dev
	$(BIN)/python -m pytest -m soak
	$(BIN)/python -m pytest tests/properties --hypothesis-profile=explore

# Built when something that it is made of has changed; the build fails when the first load outgrows its budget.
ui/latewood_ui/static/index.html: ui/node_modules/.package-lock.json graphql/latewood_graphql/schema.graphql $(UI_SOURCES)
	@ui/npm --silent run build
	@touch $@

ui/node_modules/.package-lock.json: ui/package-lock.json ui/package.json ui/.npmrc .venv/node
	@echo "Installing the packages of the web interface; a minute..."
	@ui/npm --silent ci
	@touch $@

.venv/node: .venv/bin/python requirements-node.lock
	@ui/npm --exists || { echo "Installing Node into .venv..."; \
		$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null; \
		$(PIP) --require-hashes -r requirements-node.lock; }
	@touch $@

# Locks hold hashes and no addresses: they say what is installed, not from where.
lock: .venv/dev
	$(BIN)/uv pip compile --quiet pyproject.toml --extra examples --extra build --extra client --extra server --extra sql --universal --generate-hashes --no-header --no-annotate -o requirements.lock
	$(BIN)/uv pip compile --quiet pyproject.toml --extra examples --extra build --extra client --extra server --extra sql --extra dev --universal --generate-hashes --no-header --no-annotate -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --group node --universal --generate-hashes --no-header --no-annotate -o requirements-node.lock
	$(BIN)/uv pip compile --quiet --group spark --universal --generate-hashes --no-header --no-annotate -o requirements-spark.lock
	$(BIN)/uv pip compile --quiet --group bigquery --universal --generate-hashes --no-header --no-annotate -o requirements-bigquery.lock

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
	rm -rf .venv ui/node_modules ui/latewood_ui/static
