"""What the agent is told of the client: what is believed of whom, loops, request ids, traces, the PROXY header."""

import socket
import struct

import pytest

from agw._fastpath.forwarding import Forwarding
from tests.wire.gateway import OK, entries, replies, serving, until

HERE = "127.0.0.0/8"
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ID = b"X-Request-Id: "


def get(*lines, version=b"1.1"):
    fields = b"".join(line + b"\r\n" for line in (b"Host: a.example", *lines))
    return b"GET / HTTP/" + version + b"\r\n" + fields + b"\r\n"


async def exchange(*lines, version=b"1.1", **rules):
    """Send one request; give what reached the agent and what came back."""
    async with serving(replies(OK), forwarding=Forwarding(**rules)) as gateway:
        client = await gateway.client(get(*lines, version=version))
        answer = await client.response()
        [request] = gateway.requests()
        return request, answer


CHAINS = {
    "edge": (0, [b"6.6.6.6"], b"127.0.0.1"),
    "one hop": (1, [b"6.6.6.6, 10.0.0.1"], b"10.0.0.1, 127.0.0.1"),
    "fewer entries than hops": (3, [b"10.0.0.1"], b"10.0.0.1, 127.0.0.1"),
    "several lines": (2, [b"6.6.6.6", b"10.0.0.1", b"10.0.0.2"], b"10.0.0.1, 10.0.0.2, 127.0.0.1"),
    "odd white space": (2, [b",10.0.0.1 ,,\t10.0.0.2,"], b"10.0.0.1, 10.0.0.2, 127.0.0.1"),
    "an entry that is no address": (3, [b"10.0.0.1, evil, 10.0.0.2"], b"10.0.0.2, 127.0.0.1"),
    "only nonsense": (3, [b"a" * 9000, b"<script>"], b"127.0.0.1"),
    "empty": (2, [b""], b"127.0.0.1"),
    "IPv6 and ports": (2, [b"[2001:db8::1]:80, 10.0.0.1:5"], b"[2001:db8::1]:80, 10.0.0.1:5, 127.0.0.1"),
    "as many as may be": (32, [b", ".join([b"10.0.0.1"] * 60)], b", ".join([b"10.0.0.1"] * 32 + [b"127.0.0.1"])),
}


@pytest.mark.parametrize(("hops", "chain", "expected"), CHAINS.values(), ids=CHAINS)
async def test_the_chain(hops, chain, expected):
    request, _ = await exchange(*(b"X-Forwarded-For: " + value for value in chain), trusted_hops=hops)
    assert request.one("x-forwarded-for") == expected


async def test_hops_are_counted_for_trusted_peers_alone_where_any_are_named():
    line = b"X-Forwarded-For: 10.0.0.1"
    request, _ = await exchange(line, trusted_hops=1, trusted_peers=["192.0.2.0/24"])
    assert request.one("x-forwarded-for") == b"127.0.0.1"
    request, _ = await exchange(line, trusted_hops=1, trusted_peers=[HERE])
    assert request.one("x-forwarded-for") == b"10.0.0.1, 127.0.0.1"


@pytest.mark.parametrize("name", [b"X-Forwarded-For", b"x-forwarded-for", b"X_Forwarded_For", b"X-Forwarded_For"])
async def test_a_chain_under_an_alias_is_none(name):
    request, _ = await exchange(name + b": 6.6.6.6")
    assert [value for key, value in request.fields if b"forwarded" in key.lower() and value == b"6.6.6.6"] == []


@pytest.mark.parametrize(
    ("lines", "trusted", "proto", "port"),
    [
        ([b"X-Forwarded-Proto: https"], False, b"http", b"80"),
        ([b"X-Forwarded-Proto: https"], True, b"https", b"443"),
        ([b"X-Forwarded-Proto: HTTPS"], True, b"https", b"443"),
        ([b"X-Forwarded-Proto: http"], True, b"http", b"80"),
        ([b"X-Forwarded-Proto: https, http"], True, b"http", b"80"),
        ([b"X-Forwarded-Proto: https"] * 2, True, b"http", b"80"),
        ([b"X-Forwarded-Proto: httpsx"], True, b"http", b"80"),
        ([b"X-Forwarded-Proto: javascript"], True, b"http", b"80"),
        ([b"X-Forwarded-Proto:"], True, b"http", b"80"),
        ([], True, b"http", b"80"),
    ],
)
async def test_the_protocol_is_a_trusted_peers_word(lines, trusted, proto, port):
    request, _ = await exchange(*lines, trusted_peers=[HERE] if trusted else [])
    assert request.one("x-forwarded-proto") == proto
    assert request.one("x-forwarded-port") == port


@pytest.mark.parametrize("trusted", [False, True])
async def test_host_and_port_are_never_the_clients(trusted):
    async with serving(replies(OK), forwarding=Forwarding([HERE] if trusted else [])) as gateway:
        client = await gateway.client(
            b"GET / HTTP/1.1\r\nHost: a.example:8443\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\n"
            b"X-Forwarded-Host: evil\r\nForwarded: for=6.6.6.6;host=evil\r\n\r\n"
        )
        await client.response()
        [request] = gateway.requests()
        assert request.one("x-forwarded-host") == b"a.example:8443"
        assert request.one("x-forwarded-port") == b"8443"
        assert request.one("forwarded") is None


SPOKEN = [
    b"X-Real-IP",
    b"True-Client-IP",
    b"CF-Connecting-IP",
    b"X-Original-URL",
    b"X-Rewrite-URL",
    b"X-HTTP-Method-Override",
]


@pytest.mark.parametrize("name", [*SPOKEN, b"Proxy"])
@pytest.mark.parametrize("trusted", [False, True])
async def test_what_only_a_trusted_peer_may_say(name, trusted):
    for spelt in (name, name.lower(), name.upper()):
        request, _ = await exchange(spelt + b": /x", trusted_peers=[HERE] if trusted else [])
        assert request.one(name.decode()) == (b"/x" if trusted and name != b"Proxy" else None)


@pytest.mark.parametrize(
    ("chain", "node"),
    [
        ([], b""),
        ([b"10.0.0.1"], b"for=10.0.0.1, "),
        ([b"10.0.0.1:5, 10.0.0.2"], b'for="10.0.0.1:5", for=10.0.0.2, '),
        ([b"2001:db8::1, [2001:db8::2]:80"], b'for="[2001:db8::1]", for="[2001:db8::2]:80", '),
    ],
)
async def test_forwarded_says_what_the_other_fields_say(chain, node):
    request, _ = await exchange(
        *(b"X-Forwarded-For: " + value for value in chain), b"Forwarded: for=evil", b"X-Forwarded-Proto: https",
        trusted_hops=2, trusted_peers=[HERE], forwarded=True,
    )  # fmt: skip
    assert request.one("forwarded") == node + b'for=127.0.0.1;host="a.example";proto=https'


async def test_a_host_of_any_length_fits():
    async with serving(replies(OK), forwarding=Forwarding(forwarded=True)) as gateway:
        host = b"a" * 15_000
        client = await gateway.client(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
        await client.response()
        [request] = gateway.requests()
        assert request.one("x-forwarded-host") == host
        assert request.one("forwarded") == b"for=127.0.0.1;proto=http"


# --- Via ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "loops"),
    [
        ([], False),
        ([b"Via: 1.1 nginx, 1.0 squid (agw-own)"], False),
        ([b"Via: 1.1 agw-own"], True),
        ([b"Via: 1.0 fred, 1.1 agw-own (x)"], True),
        ([b"Via: 1.0 fred", b"Via:  HTTP/1.1\tagw-own ,1.1 last"], True),
        ([b"Via: 1.1 agw-other"], False),
        ([b"Via: 1.1 agw-own2, 1.1 xagw-own, 1.1 agw-ow"], False),
        ([b"Via: 1.1 agw-own.example"], False),
        ([b"Via: " + b", ".join(b"1.1 agw-%d" % n for n in range(7))], False),
        ([b"Via: 1.1 agw-%d" % n for n in range(8)], True),
        ([b"Via: " + b", ".join([b"1.1 agw"] * 8)], True),
        ([b"Via: " + b", ".join([b"1.1 flagwaver, 1.1 agwx"] * 8)], False),
        ([b"Via: agw-own"], False),
        ([b"Via: ,,  ,"], False),
        ([b"Via:"], False),
    ],
)
async def test_a_loop_is_our_own_pseudonym_or_too_many_gateways(lines, loops):
    async with serving(replies(OK), forwarding=Forwarding(pseudonym="agw-own")) as gateway:
        client = await gateway.client(get(*lines))
        answer = await client.response()
        assert answer.status == (508 if loops else 200)
        if not loops:
            [request] = gateway.requests()
            assert request.all("via") == [line[4:].strip() for line in lines] + [b"1.1 agw-own"]
        else:
            assert gateway.received() == b""
            # The connection is none the worse for it.
            await client.send(get())
            assert (await client.response()).status == 200


async def test_gateways_in_a_row_are_no_loop_and_a_ring_is_one():
    async with (
        serving(replies(OK), forwarding=Forwarding(pseudonym="agw-two")) as second,
        serving(replies(OK), forwarding=Forwarding(pseudonym="agw-one")) as first,
    ):
        first.swap(entries(second.port))
        client = await first.client(get())
        assert (await client.response()).status == 200
        [request] = second.requests()
        assert request.all("via") == [b"1.1 agw-one", b"1.1 agw-two"]
        second.swap(entries(first.port))
        assert (await (await first.client(get())).response()).status == 508
        assert len(second.requests()) == 1


async def test_via_can_be_switched_off():
    request, _ = await exchange(b"Via: 1.1 fred", pseudonym="")
    assert request.all("via") == [b"1.1 fred"]


async def test_via_tells_the_version_that_was_received():
    request, _ = await exchange(version=b"1.0")
    assert request.one("via") == b"1.0 agw"


# --- X-Request-Id -------------------------------------------------------------------------------------------------

IDS = {
    "plain": ([ID + b"abc-DEF_1.2"], b"abc-DEF_1.2"),
    "longest": ([ID + b"x" * 128], b"x" * 128),
    "shortest": ([ID + b"x"], b"x"),
    "too long": ([ID + b"x" * 129], None),
    "empty": ([ID], None),
    "a space": ([ID + b"a b"], None),
    "markup": ([ID + b"<b>"], None),
    "quoted": ([ID + b'"a"'], None),
    "not ASCII": ([ID + b"\xe9"], None),
    "twice": ([ID + b"a", ID + b"a"], None),
    "a list": ([ID + b"a,b"], None),
    "none": ([], None),
}


@pytest.mark.parametrize(("lines", "kept"), IDS.values(), ids=IDS)
async def test_a_request_id_of_a_trusted_peer_is_kept_where_it_is_one(lines, kept):
    request, answer = await exchange(*lines, trusted_peers=[HERE])
    found = request.one("x-request-id")
    assert answer.one("x-request-id") == found
    assert found == kept if kept else len(found) == 32


async def test_a_request_id_of_anybody_else_is_ours_and_new_each_time():
    async with serving(replies(OK)) as gateway:
        client = await gateway.client()
        found = []
        for _ in range(3):
            await client.send(get(ID + b"mine"))
            found.append((await client.response()).one("x-request-id"))
        assert len({*found}) == 3
        assert all(len(value) == 32 for value in found)
        assert [request.one("x-request-id") for request in gateway.requests()] == found


async def test_answers_of_our_own_echo_it_and_an_agents_own_is_dropped():
    stray = b"HTTP/1.1 200 OK\r\nX-Request-Id: stray\r\nx-request-id: other\r\nContent-Length: 0\r\n\r\n"
    async with serving(replies(stray), forwarding=Forwarding([HERE])) as gateway:
        client = await gateway.client(get(ID + b"mine"))
        assert (await client.response()).one("x-request-id") == b"mine"
        for path in (b"/key", b"/broken", b"/empty"):
            await client.send(get(ID + b"mine").replace(b"GET /", b"GET " + path))
            assert (await client.response()).one("x-request-id") == b"mine"
        # A kept id is of one request: the next is not called so.
        await client.send(get())
        assert (await client.response()).one("x-request-id") != b"mine"
        await client.send(b"GET / HTTP/9.9\r\n\r\n")
        assert len((await client.response()).one("x-request-id")) == 32


# --- trace context ------------------------------------------------------------------------------------------------

STATE = b"rojo=1,congo=2"
TRACES = {
    "sound": ([b"traceparent: " + TRACE, b"tracestate: " + STATE], True, True),
    "any case of the names": ([b"TraceParent: " + TRACE, b"TRACESTATE: " + STATE], True, True),
    "two lines of state": ([b"traceparent: " + TRACE, b"tracestate: a=1", b"tracestate: b=2"], True, True),
    "state without parent": ([b"tracestate: " + STATE], False, False),
    "two parents": ([b"traceparent: " + TRACE, b"traceparent: " + TRACE, b"tracestate: " + STATE], False, False),
    "malformed parent": ([b"traceparent: " + TRACE.upper(), b"tracestate: " + STATE], False, False),
    "other version": ([b"traceparent: 01" + TRACE[2:], b"tracestate: " + STATE], False, False),
    "malformed state": ([b"traceparent: " + TRACE, b"tracestate: =1"], True, False),
    "one malformed state of two": ([b"traceparent: " + TRACE, b"tracestate: a=1", b"tracestate: a=2"], True, False),
    "empty state": ([b"traceparent: " + TRACE, b"tracestate:"], True, False),
    "nominated": ([b"Connection: traceparent", b"traceparent: " + TRACE], True, False),
}


@pytest.mark.parametrize(("lines", "parent", "state"), TRACES.values(), ids=TRACES)
@pytest.mark.parametrize("trusted", [False, True])
async def test_trace_context_passes_sound_or_not_at_all(lines, parent, state, trusted):
    request, _ = await exchange(*lines, trusted_peers=[HERE] if trusted else [])
    assert request.all("traceparent") == ([TRACE] if parent else [])
    sent = [line.partition(b": ")[2] for line in lines if line.lower().startswith(b"tracestate")]
    assert request.all("tracestate") == (sent if state else [])


# --- what is matched is what is forwarded -------------------------------------------------------------------------


async def test_our_fields_cannot_be_nominated_away():
    names = (
        b"X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Host, X-Forwarded-Port, Via, X-Request-Id, Forwarded, Host"
    )
    request, _ = await exchange(b"Connection: " + names, b"Via: 1.1 fred", forwarded=True)
    for name in names.decode().split(", "):
        assert request.all(name), name
    assert request.all("via") == [b"1.1 fred", b"1.1 agw"]


# --- the PROXY protocol -------------------------------------------------------------------------------------------


def proxied(source="192.0.2.7", port=1234, *, command=0x21):
    block = socket.inet_aton(source) * 2 + struct.pack(">HH", port, 80)
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([command, 0x11]) + struct.pack(">H", len(block)) + block


@pytest.mark.parametrize("step", [1, 7, 16, 27, 28, 29, 10_000])
async def test_a_proxy_header_is_whose_connection_it_is(step):
    data = proxied() + get() * 2
    async with serving(replies(OK), proxies=[HERE]) as gateway:
        client = await gateway.client()
        await client.send(*(data[at : at + step] for at in range(0, len(data), step)))
        for _ in range(2):
            assert (await client.response()).status == 200
        assert [request.one("x-forwarded-for") for request in gateway.requests()] == [b"192.0.2.7"] * 2


async def test_trust_is_in_the_client_that_the_header_names():
    for trusted, expected in (["192.0.2.0/24"], b"https"), ([HERE], b"http"):
        async with serving(replies(OK), proxies=[HERE], forwarding=Forwarding(trusted)) as gateway:
            client = await gateway.client(proxied() + get(b"X-Forwarded-Proto: https"))
            await client.response()
            assert gateway.requests()[0].one("x-forwarded-proto") == expected


async def test_a_balancers_own_connection_is_its_own():
    async with serving(replies(OK), proxies=[HERE]) as gateway:
        client = await gateway.client(proxied(command=0x20) + get())
        await client.response()
        assert gateway.requests()[0].one("x-forwarded-for") == b"127.0.0.1"


@pytest.mark.parametrize(
    "data", [get(), b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n" + get(), b"\r\n\r\n\0\r\nQUIT\r" + get()]
)
async def test_where_it_is_required_nothing_else_is_read(data):
    async with serving(replies(OK), proxies=[HERE]) as gateway:
        for pieces in (data,), tuple(data[at : at + 1] for at in range(len(data))):
            client = await gateway.client()
            await client.send(*pieces)
            assert (await client.rest()).startswith(b"HTTP/1.1 400 ")
        assert gateway.received() == b""


@pytest.mark.parametrize("proxies", [(), ("192.0.2.0/24",)])
async def test_nobody_else_may_send_one(proxies):
    async with serving(replies(OK), proxies=proxies) as gateway:
        client = await gateway.client(proxied() + get())
        assert (await client.rest()).startswith(b"HTTP/1.1 400 ")
        assert gateway.received() == b""


async def test_a_second_one_is_no_request():
    async with serving(replies(OK), proxies=[HERE]) as gateway:
        client = await gateway.client(proxied() + proxied() + get())
        assert (await client.rest()).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("data", [b"", proxied()[:5], proxied()[:-1]])
async def test_one_that_does_not_come_ends_the_connection_at_the_deadline(data):
    async with serving(replies(OK), proxies=[HERE], header_deadline_ms=100, keepalive_idle_ms=100_000) as gateway:
        client = await gateway.client(data)
        assert await client.rest() == b""
        await until(lambda: gateway.reactor.live()["connections"] == 0, "closed")
