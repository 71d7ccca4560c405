# The commands of the project. `make demo` and `make test` need nothing but a Linux machine; each makes .venv, builds the
# compiled modules and goes on. Nothing is done again that has not changed.
#
#   VARIANT=release|trained|debug|sanitised   which build of the compiled modules (make test VARIANT=debug)
#   TESTS=path ARGS='-k name'         which tests, and more flags for pytest
#   PROCESSES=auto|0|N                how many run tests side by side, at most 8 (0: one after another, as -s wants it)
#   EVERY=1|N                         tests/wire/table cuts its inputs at every place, or at every Nth (its feeds.py)
#   AGAINST=main                      which revision (make bench-guard)
#   FUZZ=request TIME=600             which harness (make fuzz), and seconds of each
#   PYTHON=python3.12                 which interpreter .venv is made with

VARIANT ?= release
TESTS ?= tests
ARGS ?=
PROCESSES ?= auto
EVERY ?= $(EVERY_$(VARIANT))
TIME ?= 3600
IMAGE ?= agw:dev
AGAINST ?= main

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --no-input --no-compile --root-user-action=ignore
SOURCES := $(wildcard agw/_fastpath/*.pyx agw/_fastpath/*.pxd agw/_fastpath/*.h)
SOURCES_trained := $(wildcard training/*.py)

# AddressSanitizer must be the first library of the process; CPython itself leaks on purpose at exit.
RUN_sanitised = LD_PRELOAD="$$($${CC:-cc} -print-file-name=libasan.so)" PYTHONMALLOC=malloc \
	ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1
RUN = $(RUN_$(VARIANT))
# A processor that has no tests left takes over some of another's; what each took is kept for `make slowest`.
PYTEST = WIRE_TABLE_EVERY=$(EVERY) $(RUN) $(PY) -m pytest --numprocesses $(PROCESSES) --maxprocesses 8 --dist worksteal \
	--junit-xml build/tests/$(VARIANT).xml

# How a table is cut does not depend on how it was compiled, but what a check costs does.
EVERY_release = 1
EVERY_trained = 1
EVERY_debug = 3
EVERY_sanitised = 8

.DELETE_ON_ERROR:
.PHONY: help demo test failures slowest packages e2e walkthrough conformance probes build debug sanitised lint format types bench bench-guard trouble soak micro locust docs dist image clean distclean FORCE

help:  ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

demo: build $(VENV)/.demo  ## a real agent behind the gateway, and a conversation with it
	@$(VENV)/bin/agw demo

test: build $(VENV)/.dev $(VENV)/.demo  ## the whole test suite (TESTS=path, ARGS='-k name', VARIANT=debug)
	@$(PYTEST) $(TESTS) $(ARGS)

failures:  ## which tests failed, of what has run last in each variant
	@$(PY) tools/failures.py build/tests/*.xml

slowest:  ## which tests took longest, of what has run last in each variant
	@$(PY) tools/slowest.py build/tests/*.xml

e2e: build $(VENV)/.dev $(VENV)/.demo  ## the official SDKs as servers and clients; and on a cluster (AGW_CLUSTER=folder, or KUBECONFIG)
	@$(PYTEST) tests/e2e $(ARGS)
	@$(MAKE) --no-print-directory walkthrough

walkthrough: build $(VENV)/.dev $(VENV)/.demo  ## the seed's walkthrough on a cluster (AGW_CLUSTER=folder, or KUBECONFIG)
	@if [ -n "$(AGW_CLUSTER)$(KUBECONFIG)" ]; then \
		tools/cluster up && $(PY) -m tests.e2e.environments >/dev/null && \
		tools/cluster run $(abspath $(PY)) -m pytest tests/e2e/cluster --cluster $(ARGS); \
	else echo "!!! NOT RUN ON A CLUSTER: set AGW_CLUSTER to a folder of scripts, or KUBECONFIG (tools/cluster)"; fi

conformance: build $(VENV)/.dev  ## the Gateway API's own suite (AGW_CLUSTER=folder); its report goes to docs/conformance
	@tools/cluster up && tools/conformance $(ARGS)

probes: build $(VENV)/.dev  ## how soon a cluster serves a change, and what requests notice of faults (ARGS='--only route --quick')
	@tools/cluster up && tools/cluster install && tools/cluster run $(abspath $(PY)) -m bench.cluster $(ARGS)

build: build/built  ## the compiled modules, release variant (VARIANT=trained: compiled twice, by profiles; see training/)
packages: build $(VENV)/.dev $(VENV)/.demo  ## what tests, linters and the demo need, into .venv
debug:  ## the compiled modules with bounds checks, asserts and object counters
	@$(MAKE) --no-print-directory build VARIANT=debug
sanitised:  ## the compiled modules with AddressSanitizer and UndefinedBehaviorSanitizer
	@$(MAKE) --no-print-directory build VARIANT=sanitised

fuzz: build/fuzz/built  ## harnesses of the parsers, an hour each (FUZZ=request, TIME=seconds, ARGS=--short)
	@nice -n 10 $(PY) -m fuzz $(FUZZ) $(if $(TIME),--time $(TIME)) $(ARGS)

converse: build $(VENV)/.dev  ## seeded conversations with the whole data plane (ARGS='--count 100000', VARIANT=debug)
	@$(RUN) $(PY) -m fuzz.conversations $(ARGS)

COMPILED := tests/unit/fastpath tests/wire tests/differential
coverage:  ## lines of the native parser that tests reach (ARGS=--missing); fails below 95 %
	@$(MAKE) --no-print-directory build VARIANT=debug
	@$(PY) tools/coverage.py --forget
	@$(MAKE) --no-print-directory test VARIANT=debug TESTS="$(COMPILED)" ARGS=-q
	@$(PY) tools/coverage.py $(ARGS)

covered:  ## the same table, of what has run in the debug variant already
	@$(PY) tools/coverage.py $(ARGS)

lint: $(VENV)/.dev  ## ruff with everything on, its formatter, cython-lint
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@PATH="$(VENV)/bin:$$PATH" cython-lint agw fuzz bench/micro

format: $(VENV)/.dev  ## format and fix what ruff can
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

types: build $(VENV)/.dev $(VENV)/.demo  ## mypy --strict, and the stubs against the compiled modules
	@$(PY) -m mypy
	@$(PY) -m mypy.stubtest --concise --ignore-disjoint-bases --ignore-unused-allowlist \
		--allowlist tests/house/stubtest.txt $(patsubst agw/_fastpath/%.pyx,agw._fastpath.%,$(wildcard agw/_fastpath/*.pyx))

bench: build $(VENV)/.bench  ## agw beside nginx, HAProxy and a bare relay (ARGS='--scenarios all'; --list names them)
	@$(PY) -m bench $(ARGS)

bench-guard: build $(VENV)/.bench  ## fails where a request costs more than at another commit, beyond noise (AGAINST=main)
	@$(PY) -m bench.guard --against $(AGAINST) $(ARGS)

trouble: build $(VENV)/.bench  ## what agw, nginx and HAProxy do under trouble (ARGS='--only held,stale --quick')
	@$(PY) -m bench.trouble $(ARGS)

soak: build $(VENV)/.bench  ## an hour of everything at once: what grows, leaks, fails or is mixed up (TIME=seconds)
	@$(PY) -m bench.soak --time $(TIME) $(ARGS)

micro: build $(VENV)/.bench $(VENV)/.dev  ## hot functions in ns and instructions; parse, match, key check; a changed route
	@$(PY) -m pytest bench/micro $(ARGS)

locust: build $(VENV)/.bench $(VENV)/.demo  ## A2A users against the gateway; writes an HTML report
	@$(PY) -m bench.locust_run $(ARGS)

docs: build $(VENV)/.dev  ## write the generated pages of docs/ again
	@$(PY) docs/generate.py

dist: $(VENV)/.dev  ## sdist and wheel in dist/
	@rm -rf dist
	@$(PY) -m build

image:  ## the container image (docker, podman or buildah), trained (ARGS='--build-arg VARIANT=release': a third sooner)
	@tool=$$(command -v docker || command -v podman || command -v buildah) \
		|| { echo "no docker, podman or buildah here" >&2; exit 1; }; \
	"$$tool" build -t $(IMAGE) $(ARGS) .

clean:  ## remove what was built
	@rm -rf build dist agw/_fastpath/*.so *.egg-info .mypy_cache .ruff_cache .pytest_cache

distclean: clean  ## and the virtual environment
	@rm -rf $(VENV)

# What the targets above need, each made once. `build/variant` changes only when another variant is asked for.

$(PY):
	@echo "[1/4] Python, compiler, headers"
	@sh tools/prepare
	@echo "[2/4] virtual environment in $(VENV), Cython"
	@python=$$(sh tools/prepare --python) && "$$python" -m venv $(VENV)
	@$(PY) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
		>$(VENV)/build-requires.txt
	@$(PIP) -r $(VENV)/build-requires.txt || { rm -rf $(VENV); exit 1; }

build/variant: FORCE
	@mkdir -p build
	@[ "$$(cat $@ 2>/dev/null)" = "$(VARIANT)" ] || echo "$(VARIANT)" >$@

# What training imports is named by the very file that says when it is needed.
build/built: $(PY) build/variant setup.py $(SOURCES) $(SOURCES_$(VARIANT))
	@echo "[3/4] compiled modules, $(VARIANT)"
	@[ $(VARIANT) != trained ] || $(PIP) $$(AGW_BUILD=trained $(PY) -c \
		'import runpy; print(*runpy.run_path("setup.py")["needed"]())')
	@AGW_BUILD=$(VARIANT) $(PY) setup.py --quiet build_ext --inplace
	@touch $@

# Not in the source tree, so that it stands beside whatever variant is there.
build/fuzz/built: $(PY) setup.py fuzz/covered.txt $(SOURCES) $(wildcard fuzz/*.pyx fuzz/*.pxd)
	@sh tools/prepare-fuzz
	@echo "[3/4] compiled modules, fuzz"
	@AGW_BUILD=fuzz $(PY) setup.py --quiet build_ext --build-lib build/fuzz/lib
	@touch $@

$(VENV)/.demo $(VENV)/.dev $(VENV)/.bench: $(VENV)/.%: pyproject.toml | build/built
	@echo "[4/4] Python packages for $*"
	@AGW_BUILD=$(VARIANT) $(PIP) --no-build-isolation --editable '.[$*]'
	@touch $@
