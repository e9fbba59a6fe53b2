# Everything a user or developer of Waybill runs. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.waybill-stamp
PY     := $(BIN)/python
PROFILE ?= quick
CONTAINER_ENGINE ?= $(firstword $(notdir $(shell command -v podman docker)) podman)
COMPOSE ?= $(if $(filter docker,$(CONTAINER_ENGINE)),docker compose,podman-compose)
PARTS   ?= image
IMAGE   ?= waybill
GENERATED := shop waybill/v1
SOURCES := waybill products_svc orders_svc client loadtest tools tests

export PATH := $(abspath $(BIN)):$(PATH)

$(STAMP): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Waybill needs Python 3.11 or newer: set PYTHON=python3.11")'
	@echo "setting up $(VENV)"
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock \
	  || { echo "setting up failed; pip says why above. Without a network it needs a mirror: PIP_INDEX_URL" >&2; exit 1; }
	@touch $@

.PHONY: setup
setup: $(STAMP) ## make the virtual environment from the lock

.PHONY: test
test: $(STAMP) ## all tests
	@$(PY) -m pytest -n 3 --dist worksteal -q $(ARGS)

.PHONY: test-engines
test-engines: $(STAMP) ## the suites against real PostgreSQL, Valkey, NATS, Envoy; says what is missing, skips nothing
	@WAYBILL_REQUIRE_PARTS=1 $(PY) -m pytest -n 3 --dist worksteal -q -m engines $(ARGS)

.PHONY: compare
compare: $(STAMP) ## the strategies side by side: table, report; ONLY=cost, VIA=direct,mesh, PROFILE=full, ARGS="--rate 200"
	@$(PY) -m loadtest.compare --profile $(PROFILE) $(if $(ONLY),--only $(ONLY)) $(if $(VIA),--via $(VIA)) $(ARGS)

.PHONY: soak
soak: $(STAMP) ## 100,000 decisions while processes are killed and paused at random; ARGS="--seed 7"
	@$(PY) -m loadtest.change.soak $(ARGS)

.PHONY: compare-diff
compare-diff: $(STAMP) ## what changed between two runs beyond the noise: A=run B=run
	@$(PY) -m loadtest.diff $(A) $(B) $(ARGS)

.PHONY: crosscheck
crosscheck: $(STAMP) ## the comparison's figures against h2load and a packet capture
	@$(PY) -m loadtest.crosscheck $(ARGS)

.PHONY: limits
limits: $(STAMP) ## how long is too long: header limits of every hop; ARGS="--target host:port"
	@$(PY) -m loadtest.limits --json build/limits.json $(ARGS)

.PHONY: limits-check
limits-check: $(STAMP) ## measure again, and fail where a limit moved
	@$(PY) -m loadtest.limits check $(ARGS)

.PHONY: limits-update
limits-update: $(STAMP) ## measure, and write mesh/limits.json, the library's table and what fits of lists of ids
	@$(PY) -m loadtest.limits --update
	@$(PY) -m tools.hop_limits generate
	@$(PY) -m loadtest.id_lists --update

.PHONY: limits-foreign
limits-foreign: ## fetch grpc-js, the foreign endpoint of `make limits`
	@npm install --silent --prefix build/grpc-js @grpc/grpc-js

.PHONY: demo
demo: $(STAMP) ## the story in the terminal: list, order, tamper, revoke, a header that breaks
	@$(PY) -m loadtest.demo

.PHONY: up
up: $(STAMP) ## both services with demo data, and grpcurl lines to paste, until Ctrl-C
	@$(PY) -m loadtest.up $(ARGS)

.PHONY: mesh
mesh: $(STAMP) ## both services behind Envoy sidecars with mutual TLS, until Ctrl-C
	@$(PY) -m loadtest.mesh $(ARGS)

.PHONY: netlab
netlab: $(STAMP) ## every part on a machine of its own (network namespaces, as root), each cut off for a while
	@$(PY) -m loadtest.netlab $(ARGS)

.PHONY: locust
locust: $(STAMP) ## the same load in Locust's web page
	@$(PY) -m loadtest.web $(ARGS)

.PHONY: bench
bench: $(STAMP) ## what issuing and checking cost, beside their primitives
	@$(PY) -m loadtest.bench $(ARGS)

.PHONY: scale
scale: $(STAMP) ## replicas of up to ten million grants, and what millions of users would need
	@$(PY) -m loadtest.scale $(ARGS)

.PHONY: bench-pages
bench-pages: $(STAMP) ## write the newest figures of `make bench` into docs/strategies/
	@$(PY) -m loadtest.bench.pages $(ARGS)

.PHONY: decision-page
decision-page: $(STAMP) ## write the figures of a comparison into docs/strategies/README.md: ARGS=<run>
	@$(PY) -m loadtest.report.decision $(ARGS)

.PHONY: revocation
revocation: $(STAMP) ## revoke to refusal at 200 changes a second, with orders following revocations
	@$(PY) -m loadtest.revocation $(ARGS)

.PHONY: id-lists
id-lists: $(STAMP) ## bytes of a list of ids by encoding, and where each no longer passes
	@$(PY) -m loadtest.id_lists $(ARGS)

.PHONY: exceptions
exceptions: $(STAMP) ## what each strategy cannot do, as a table
	@$(PY) -m tests.contract.exceptions

.PHONY: lint
lint: $(STAMP) ## ruff, import rules, buf
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/buf lint

.PHONY: format
format: $(STAMP) ## rewrite the code in the one style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: type
type: $(STAMP) ## mypy, strict
	@$(BIN)/mypy

.PHONY: proto
proto: $(STAMP) ## generate shop/ and waybill/v1 from protos/
	@$(PY) -m tools.proto generate

.PHONY: proto-check
proto-check: $(STAMP) ## regenerate elsewhere and compare
	@$(PY) -m tools.proto check

.PHONY: hop-limits
hop-limits: $(STAMP) ## generate the library's table of limits from mesh/limits.json
	@$(PY) -m tools.hop_limits generate

.PHONY: hop-limits-check
hop-limits-check: $(STAMP) ## regenerate it and compare
	@$(PY) -m tools.hop_limits check

.PHONY: contracts
contracts: $(STAMP) ## hold the register of contracts to the code, compare with the last release, draw it
	@$(PY) -m tools.contracts draw

.PHONY: contracts-check
contracts-check: $(STAMP) ## the same, and draw nothing
	@$(PY) -m tools.contracts check

.PHONY: check
check: lint type proto-check hop-limits-check contracts-check test ## everything that must hold before a commit

.PHONY: deploy-check
deploy-check: $(STAMP) ## render and validate the Kubernetes manifests, lint Dockerfile and compose files
	@mkdir -p build/deploy-check && cp deploy/check/package.json build/deploy-check/
	@npm install --silent --no-package-lock --prefix build/deploy-check
	@$(PY) -m tools.deploy

.PHONY: image
image: ## build the image; CONTAINER_ENGINE=docker, IMAGE=waybill:0.1.0, IMAGE_FLAGS="--build-arg PYTHON_IMAGE=…"
	@command -v $(CONTAINER_ENGINE) >/dev/null || { echo "$(CONTAINER_ENGINE) is missing: install Docker, or (Debian)" \
	  "apt-get install -y podman netavark aardvark-dns, or name yours: CONTAINER_ENGINE=…"; exit 1; }
	@$(CONTAINER_ENGINE) build $(IMAGE_FLAGS) --label org.opencontainers.image.revision=$$(git rev-parse HEAD) \
	  -f deploy/Dockerfile -t $(IMAGE) .

.PHONY: image-base
image-base: ## a stand-in for the image's base where no registry is reached (root, debootstrap): localhost/python
	@deploy/check/stand_in_base.sh $(CONTAINER_ENGINE) localhost/python

.PHONY: image-engines
image-engines: $(STAMP) ## stand-ins for the engines' images where no registry is reached; ENGINES_FLAGS="--network host"
	@deploy/check/stand_in_engines.sh $(CONTAINER_ENGINE) $(PY) $(ENGINES_FLAGS)

.PHONY: image-check
image-check: $(STAMP) image ## build the image and run it in confined containers; PARTS=image,engines for compose.engines.yaml
	@$(PY) -m tools.image_check --engine $(CONTAINER_ENGINE) --image $(IMAGE) --compose "$(COMPOSE)" --parts $(PARTS)

.PHONY: lock
lock: $(STAMP) ## resolve pyproject.toml into requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --group dev --all-extras pyproject.toml -o requirements.lock $(LOCK_FLAGS)
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --group shop --all-extras pyproject.toml \
	  --constraints requirements.lock -o deploy/requirements.lock $(LOCK_FLAGS)

.PHONY: clean
clean: ## remove what was built
	@rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis $(VENV)

.PHONY: help
help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
