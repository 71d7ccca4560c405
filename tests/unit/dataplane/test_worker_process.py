"""What a worker process has loaded once it could serve."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys
from agw.dataplane.worker_process import without_openssl
without_openssl()
import agw.dataplane.worker
{then}
"""


def run(then):
    """What is printed by `then` in a process like a worker's, of which nothing is loaded but by agw.

    Without `site` (`-S`), since what an environment starts by itself is none of agw's: an editable installation, as `make
    test` makes one, imports pathlib before any program does.
    """
    argv = [sys.executable, "-S", "-c", PROGRAM.format(then=then)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("library", ["libcrypto", "libstdc++", "libffi", "_re2"])
def test_a_worker_maps_no_library_that_it_does_not_use(library):
    maps = run("print(open('/proc/self/maps').read())")

    assert "uvloop" in maps  # so that the question means something
    assert library not in maps


@pytest.mark.parametrize("module", ["_hashlib", "_ssl", "click", "ctypes", "pathlib", "re2", "watchfiles", "yaml"])
def test_a_worker_has_no_module_that_it_does_not_use(module):
    assert run(f"print({module!r} in sys.modules)") == "False"


def test_ssl_is_there_for_whoever_imports_it_later():
    assert run("import ssl; print(ssl.create_default_context().__class__.__module__)") == "ssl"


def test_a_transport_with_tls_says_why_there_is_none():
    said = run(
        "import uvloop\n"
        "from uvloop.loop import SSLProtocol\n"
        "try: SSLProtocol(uvloop.new_event_loop(), None, None, None)\n"
        "except Exception as error: print(type(error).__name__, error)"
    )

    assert said.startswith("RuntimeError")
