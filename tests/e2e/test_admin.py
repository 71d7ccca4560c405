"""The admin port as a web page in the user's browser would meet it: it can neither read nor drain."""

import pytest

from tests.e2e.gateway import FOO
from tests.e2e.people import get

PAGES = ["/livez", "/readyz", "/metrics", "/config", "/agents"]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    "fields",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},
        {"Host": "evil.example:15000", "Origin": "http://evil.example:15000"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_another_origin_reads_nothing(scene, path, fields):
    _, front = scene.pair("1")
    status, body = get(front.admin, path, fields)

    assert 400 <= status < 500
    assert b"agw_" not in body
    assert b"entries" not in body


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": "0"},
        {"Origin": "https://evil.example", "X-Agw-Admin": "1"},
        {"Host": "evil.example", "X-Agw-Admin": "1"},
    ],
)
def test_another_origin_cannot_drain(scene, fields):
    _, front = scene.pair("1")

    assert 400 <= get(front.admin, "/drain", fields, "POST")[0] < 500
    assert get(front.admin, "/readyz")[0] == 200


def test_a_preflight_is_not_granted(scene):
    _, front = scene.pair("1")
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}

    assert 400 <= get(front.admin, "/drain", asked, "OPTIONS")[0] < 500


def test_the_configuration_shows_no_key(scene):
    _, front = scene.pair("1")
    status, body = get(front.admin, "/config")

    assert status == 200
    assert b"test-a2a" in body
    assert FOO.encode() not in body
    assert b"redacted" in body
