# `make` or `make help` lists the targets. CI calls the same targets as people do.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install run dev test lint prose bench requirements task-definitions

PYTHON ?= python3
PORT ?= 8000
TOKEN_FILE := var/demo-token
ENV ?= dev
APP_TAG ?= 1.0.0

BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check
PYTEST := $(BIN)/pytest --ds tests.settings -n 2 --dist loadgroup --durations 20 --durations-min 1
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate

# An environment made by `make install` has everything that the service needs to run.
INSTALLED := $(if $(wildcard .venv/installed-dev),.venv/installed-dev,.venv/installed-job)

help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: .venv/installed-dev .venv/installed-deploy ## Create .venv with everything for development, and the deploy command (PYTHON=python3.12 selects the interpreter)

run: $(INSTALLED) ## Start the service with a demo course on SQLite; needs Python 3.11 or newer (PORT=8000)
	@$(BIN)/python manage.py demo --port $(PORT) --token-file $(TOKEN_FILE)
	@echo "Starting the service; press Ctrl+C to stop it."
	@exec $(BIN)/gunicorn config.wsgi:application -c docker/gunicorn.conf.py -w 2 -b 127.0.0.1:$(PORT)

dev: $(INSTALLED) ## Start the same with autoreload, error pages and readable logs (PORT=8000)
	@$(BIN)/python manage.py demo --port $(PORT) --token-file $(TOKEN_FILE)
	@exec $(BIN)/python manage.py runserver $(PORT)

run dev: export DJANGO_SETTINGS_MODULE ?= config.settings.local
dev: export DEBUG ?= true
dev: export LOG_FORMAT ?= console

test: lint .venv/installed-deploy ## Lint and run all tests; TEST_DATABASE_CONNECTION, TEST_BROKER_URL and TEST_DOCKER=1 add the tests that need them
	@if [ -n "$$TEST_DATABASE_CONNECTION" ]; then \
		echo "On PostgreSQL, what depends on the database:"; \
		TEST_DATABASE="$$TEST_DATABASE_CONNECTION" $(PYTEST) tests/integration tests/api; \
	elif [ "$$CI" = true ]; then \
		echo "TEST_DATABASE_CONNECTION is not set, and CI=true leaves nothing out" >&2; exit 1; \
	else \
		echo "Left out: the tests on PostgreSQL, because TEST_DATABASE_CONNECTION is not set."; \
	fi
	@if [ -z "$$TEST_BROKER_URL" ] && [ "$$CI" != true ]; then \
		echo "Left out: the tests on RabbitMQ, because TEST_BROKER_URL is not set."; \
	fi
	@if [ -z "$$TEST_DOCKER" ]; then \
		echo "Left out: the tests with containers, because TEST_DOCKER is not set."; \
	fi
	@echo "On SQLite, the whole suite:"
	@TEST_DATABASE= $(PYTEST)

lint: export DJANGO_SETTINGS_MODULE = tests.settings
lint: .venv/installed-dev .venv/installed-deploy ## Check style, types, import contracts, prose, migrations and gunicorn's configuration
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/prose.py
	$(BIN)/python manage.py check --fail-level WARNING
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/gunicorn --check-config -c docker/gunicorn.conf.py config.wsgi:application

prose: export DJANGO_SETTINGS_MODULE = tests.settings
prose: .venv/installed-dev ## Find sentences and lines that are too long in the pages, help texts and messages
	$(BIN)/python docs/prose.py

bench: .venv/installed-dev ## Measure the service on PostgreSQL and print the table
	$(BIN)/python -m benchmarks

task-definitions: ## Render the task definitions with Terraform, without AWS (ENV=dev APP_TAG=1.0.0)
	@PYTHON=$(PYTHON) terraform/app/task_definitions/render $(ENV) $(APP_TAG) var/task-definitions/$(ENV)

requirements: .venv/installed-dev ## Lock requirements/*.in again, with hashes; versions that still fit are kept
	$(LOCK) requirements/runtime.in --output-file requirements/runtime.txt
	$(LOCK) requirements/job.in --constraint requirements/runtime.txt --output-file requirements/job.txt
	$(LOCK) requirements/dev.in --constraint requirements/job.txt --output-file requirements/dev.txt
	$(LOCK) deploy/requirements.in --constraint requirements/dev.txt --output-file deploy/requirements.txt

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "$(PYTHON) is not Python 3.11 or newer; name one that is: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "$(PYTHON) cannot make a virtual environment; on Debian, install python3-venv" >&2; exit 1; }

# One line a package: a silent minute looks like a hang. The pipe must not hide that pip failed.
.venv/installed-%: SHELL := bash
STEPS := awk '/^(Collecting|Processing) / { sub(".*/", "", $$2); print "  " $$2; fflush() } \
	/^Installing collected packages/ { print "  unpacking them"; fflush() }'

# Editable, so that changes take effect at once.
.venv/installed-deploy: deploy/requirements.txt deploy/pyproject.toml | .venv/bin/python .venv/installed-dev
	@echo "Installing the deploy command and its $$(grep -c == $<) packages into .venv"
	@set -o pipefail; $(PIP) --require-hashes -r $< | $(STEPS)
	@$(PIP) --quiet --no-deps --editable ./deploy
	@touch $@

.venv/installed-%: requirements/%.txt | .venv/bin/python
	@echo "Installing the $$(grep -c == $<) packages of $< into .venv"
	@set -o pipefail; $(PIP) --require-hashes -r $< | $(STEPS)
	@touch $@
