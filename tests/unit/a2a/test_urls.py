"""Which URLs of a card lead to the gateway, to the backend behind it, or elsewhere."""

import pytest

from agw.a2a.urls import Place, PublicBase, locate, normal_host, parse_address, path_is_under, publish

BASE = PublicBase.parse("https://agents.example.com/hello")
HOSTS = frozenset({"demo-a2a-agent-server", "10.0.0.7", "origin.example.net", "2001:db8::7"})


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://example.com", "http://example.com"),
        ("HTTPS://Example.COM./", "https://example.com"),
        ("https://example.com:443/a/b/", "https://example.com/a/b"),
        ("http://example.com:443", "http://example.com:443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[2001:DB8::1]:8080/x", "http://[2001:db8::1]:8080/x"),
        ("http://a_b.example", "http://a_b.example"),
    ],
)
def test_a_base_is_read_and_written_in_one_form(url, text):
    assert str(PublicBase.parse(url)) == text


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "//example.com",
        "ftp://example.com",
        "https://",
        "https://:80",
        "https://example.com:0",
        "https://example.com:65536",
        "https://example.com:x",
        "https://user:secret@example.com",
        "https://example.com?x=1",
        "https://example.com/#top",
        "https://example.com/a//b",
        "https://example.com/../b",
        "https://example.com/a b",
        'https://example.com/"',
        "https://exa mple.com",
        "https://example.com\r\nX: y",
        "https://*.example.com",
    ],
)
def test_what_is_no_base_is_refused(url):
    with pytest.raises(ValueError, match=r"\w"):
        PublicBase.parse(url)


def test_a_base_from_a_listener():
    assert str(PublicBase.of("http", "127.0.0.1", 8080)) == "http://127.0.0.1:8080"
    assert str(PublicBase.of("http", "agents.example.com", 80)) == "http://agents.example.com"
    assert str(PublicBase.of("https", "::1", 8443, "/p")) == "https://[::1]:8443/p"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://agents.example.com/hello", Place.PUBLIC),
        ("https://agents.example.com:443/hello/", Place.PUBLIC),
        ("https://AGENTS.example.com./hello/a2a?x#y", Place.PUBLIC),
        ("https://agents.example.com/hello-v2", Place.FOREIGN),
        ("https://agents.example.com/", Place.FOREIGN),
        ("http://agents.example.com/hello", Place.FOREIGN),
        ("https://agents.example.com:8443/hello", Place.FOREIGN),
        ("http://demo-a2a-agent-server:9999/", Place.OURS),
        ("http://DEMO-a2a-agent-server.:1/", Place.OURS),
        ("https://origin.example.net/a2a", Place.OURS),
        ("http://user:pw@origin.example.net:81", Place.OURS),
        ("http://10.0.0.7", Place.OURS),
        ("http://[2001:DB8:0::7]:9999/", Place.OURS),
        ("http://localhost:9999", Place.OURS),
        ("http://agent.localhost/", Place.OURS),
        ("http://127.0.0.1:9999/", Place.OURS),
        ("http://127.8.9.10/", Place.OURS),
        ("http://127.1:9999/", Place.OURS),
        ("http://0x7f000001:9999/", Place.OURS),
        ("http://2130706433/", Place.OURS),
        ("http://[::1]:9999/", Place.OURS),
        ("http://[::ffff:127.0.0.1]/", Place.OURS),
        ("http://0.0.0.0:9999/", Place.OURS),
        ("http://[::]:9999/", Place.OURS),
        ("http://169.254.1.1/", Place.OURS),
        ("http://*:9999/", Place.OURS),
        ("http://other/", Place.OURS),
        ("http://other.ns.svc/", Place.OURS),
        ("http://other.ns.svc.cluster.local:80/", Place.OURS),
        ("http://other.ns.svc.corp.internal/", Place.OURS),
        ("http://host.docker.internal:9999/", Place.OURS),
        ("//localhost/a2a", Place.OURS),
        ("http:///localhost/", Place.OURS),
        (" http://localhost/ ", Place.OURS),
        ("localhost:9999", Place.OURS),
        ("dns:///localhost:9999", Place.OURS),
        ("wss://localhost/ws", Place.OURS),
        ("https://partner.example.org/a2a", Place.FOREIGN),
        ("https://localhost.example.org/", Place.FOREIGN),
        ("https://demo-a2a-agent-server.example.org/", Place.FOREIGN),
        ("http://10.0.0.8/", Place.FOREIGN),
        ("http://8.8.8.8/", Place.FOREIGN),
        ("partner.example.org:443", Place.FOREIGN),
    ],
)
def test_where_a_url_leads(url, place):
    assert locate(parse_address(url), BASE, HOSTS) is place


@pytest.mark.parametrize("url", ["", "/a2a", "a2a", "?x", "#y", "https://", "mailto:x@example.com", "unix:/run/a.sock"])
def test_a_url_without_a_host_leads_nowhere(url):
    assert parse_address(url) is None


def test_a_bare_host_is_an_address_for_grpc_alone():
    assert parse_address("demo-a2a-agent-server") is None
    assert parse_address("demo-a2a-agent-server", grpc=True).host == "demo-a2a-agent-server"


@pytest.mark.parametrize(
    ("base", "url", "public"),
    [
        ("https://x.example/hello", "http://localhost:9999", "https://x.example/hello"),
        ("https://x.example/hello", "http://localhost:9999/", "https://x.example/hello/"),
        (
            "https://x.example/hello",
            "http://localhost:9999/a2a/v1?tenant=a%2Fb#c",
            "https://x.example/hello/a2a/v1?tenant=a%2Fb#c",
        ),
        ("https://x.example/hello", "http://localhost/hello/a2a", "https://x.example/hello/a2a"),
        ("https://x.example/hello", "http://localhost/hello-v2", "https://x.example/hello/hello-v2"),
        ("https://x.example/hello", "http://localhost?x=1", "https://x.example/hello?x=1"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:9999/a//b/../c", "http://127.0.0.1:8080/a//b/../c"),
        ("http://127.0.0.1:8080", "localhost:9999/a", "http://127.0.0.1:8080/a"),
        ("http://127.0.0.1:8080", "http://root:pw@localhost/", "http://127.0.0.1:8080/"),
    ],
)
def test_publishing_keeps_all_but_the_authority_and_doubles_no_path(base, url, public):
    assert publish(parse_address(url), PublicBase.parse(base)) == public


@pytest.mark.parametrize(
    ("path", "inner", "url", "public"),
    [
        ("/hello", "", "http://agent:9999/", "https://x.example/hello/"),
        ("/hello", "", "http://agent:9999/hello/rpc", "https://x.example/hello/hello/rpc"),
        ("/hello", "/v1", "http://agent:9999/v1/rpc?x", "https://x.example/hello/rpc?x"),
        ("/hello", "/v1", "http://agent:9999/v1", "https://x.example/hello"),
        ("/hello", "/v1", "http://agent:9999/v10", "https://x.example/hello/v10"),
        ("/hello", "/v1", "http://agent:9999/hello/rpc", "https://x.example/hello/rpc"),
        ("", "/v1", "http://agent:9999/v1/rpc", "https://x.example/rpc"),
        ("/hello", "/hello/v1", "http://agent:9999/hello/v1/rpc", "https://x.example/hello/rpc"),
    ],
)
def test_what_the_gateway_rewrites_goes_the_same_way_back(path, inner, url, public):
    assert publish(parse_address(url), PublicBase("https", "x.example", path, inner)) == public


def test_a_prefix_is_compared_by_segments():
    assert path_is_under("/weather", "/weather")
    assert path_is_under("/weather/x", "/weather")
    assert path_is_under("/weather?x", "/weather")
    assert not path_is_under("/weather-v2", "/weather")
    assert path_is_under("", "")


def test_hosts_have_one_form():
    assert normal_host("[::FFFF:10.0.0.1]") == "10.0.0.1"
    assert normal_host("LocalHost.") == "localhost"
    assert normal_host("256.256.256.256") == "256.256.256.256"
