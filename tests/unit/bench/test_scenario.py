"""Requests are exactly what the scenario promises."""

from __future__ import annotations

import json
import struct

import httptools
import pytest

from bench.scenario import body, post, request, script


@pytest.mark.parametrize("size", [206, 300, 5000])
def test_a_body_is_json_of_exactly_that_size(size):
    data = body(size)
    assert len(data) == size
    assert json.loads(data)["method"] == "message/send"


def test_a_body_that_cannot_be_that_small_is_refused():
    with pytest.raises(ValueError, match="takes at least"):
        body(20)


class _Seen:
    def __init__(self):
        self.url, self.fields, self.body, self.whole = b"", {}, b"", False

    def on_url(self, url):
        self.url += url

    def on_header(self, name, value):
        self.fields[name.lower()] = value

    def on_body(self, data):
        self.body += data

    def on_message_complete(self):
        self.whole = True


def test_a_request_parses_as_what_it_says():
    seen = _Seen()
    httptools.HttpRequestParser(seen).feed_data(post(key="k1", host="h.example", path="/a/b"))
    assert seen.whole
    assert (seen.url, seen.fields[b"host"]) == (b"/a/b", b"h.example")
    assert seen.fields[b"authorization"] == b"Bearer k1"
    assert len(seen.body) == 300


def test_without_a_key_there_is_no_credential():
    assert b"Authorization" not in post()


def test_script_puts_sizes_before_requests():
    data = script([b"abc", b"de"])
    assert data == struct.pack("<I", 3) + b"abc" + struct.pack("<I", 2) + b"de"


def test_without_a_body_it_is_a_get():
    head = request(0, path="/a")
    assert head.startswith(b"GET /a HTTP/1.1\r\n")
    assert head.endswith(b"\r\n\r\n")
    assert b"Content-" not in head


def test_a_last_request_says_so():
    assert b"Connection: close\r\n" in request(last=True)
    assert b"Connection: keep-alive\r\n" in request()
