"""Options that all tests share."""

import signal

import pytest

pytest_plugins = ["tests.cluster.plugin", "tests.e2e.plugin", "tests.wire.table.plugin"]


def pytest_configure():
    # A suite that runs in the background of a script ignores Ctrl-C, and so would every program that it starts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="rewrite the expected files of golden tests; the diff is the review",
    )
    parser.addoption(
        "--cluster",
        action="store_true",
        help="run tests/e2e/cluster too: they install the chart in the cluster of KUBECONFIG, and remove it again",
    )


@pytest.fixture
def update_golden(request):
    return request.config.getoption("--update-golden")
