"""Open files: up to the hard limit, and no more connections than there are descriptors for."""

import io
import resource
import subprocess
import sys

from agw.dataplane.descriptors import within_limit
from agw.dataplane.logs import Log
from agw.settings import Settings

RAISE = """
import resource
from agw.dataplane.descriptors import raise_limit
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
assert raise_limit() == hard
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def test_the_soft_limit_goes_up_to_the_hard_one():
    told = subprocess.run([sys.executable, "-c", RAISE], capture_output=True, text=True, check=True).stdout
    assert int(told) == resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def test_connections_are_lowered_to_the_descriptors_there_are_and_it_is_said():
    stream = io.StringIO()
    settings = Settings.load({}, {"max_connections": "1000"})
    assert within_limit(settings, 2_064, Log(stream=stream)) is settings
    assert within_limit(settings, 1_064, Log(stream=stream)).max_connections == 500
    assert "open_files=1064 max_connections=500" in stream.getvalue()
    assert within_limit(settings, 10, Log(stream=stream)).max_connections == 1
