"""Options that all tests share."""

import pytest


def pytest_addoption(parser):
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="rewrite the expected files of golden tests; the diff is the review",
    )


@pytest.fixture
def update_golden(request):
    return request.config.getoption("--update-golden")
