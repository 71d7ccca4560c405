"""Where listener ports are served, and what is said when they cannot be."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from agw.dataplane.ports import PortError, PortTable, Wanted, first_free_port, open_port, owner_of, parse_listen, plan
from agw.settings import Address
from agw.snapshot.model import Backend, Listener

LOOPBACK = Address("127.0.0.1", 0)


@pytest.mark.parametrize(
    "text", ["80", "80=", "=127.0.0.1:1", "0=127.0.0.1:1", "x=127.0.0.1:1", "80=8080", "99999=a:1"]
)
def test_what_listen_does_not_take(text):
    with pytest.raises(ValueError, match="LISTENER_PORT=HOST:PORT"):
        parse_listen(text)


def test_listen():
    assert parse_listen("80=127.0.0.1:8080") == (80, Address("127.0.0.1", 8080))
    assert parse_listen("443=[::1]:8443") == (443, Address("::1", 8443))


def test_wanted_ports_follow_the_listeners():
    wanted = Wanted()
    http, other = Listener("a/b", "x", 80), Listener("a/b", "y", 81)
    assert wanted.follow({"x": http, "y": other, "z": Listener("a/b", "z", 443, "HTTPS")}) == {80, 81}
    assert wanted.follow({"x": http}, {"y", "z"}) == {80}
    assert wanted.follow({"x": Backend("a/b"), "y": other}, {"x", "y"}) == {81} == wanted.ports
    assert wanted.follow({"y": http}, frozenset()) == {81}
    assert wanted.follow({}) == frozenset()


def test_privileged_ports_move_up_and_others_stay():
    assert plan([80, 443, 8081], {}, "127.0.0.1", 1024) == {
        8081: Address("127.0.0.1", 8081),
        80: Address("127.0.0.1", 8080),
        443: Address("127.0.0.1", 8443),
    }


def test_with_the_right_to_bind_none_moves():
    assert plan([80], {}, "0.0.0.0", 1) == {80: Address("0.0.0.0", 80)}


def test_listen_overrides():
    assert plan([80], {80: Address("10.0.0.1", 81)}, "::", 1024) == {80: Address("10.0.0.1", 81)}


def test_ports_that_stay_are_opened_before_those_that_move():
    assert list(plan([80, 8080, 443], {}, "127.0.0.1", 1024)) == [8080, 80, 443]


def test_the_first_free_port_is_what_the_kernel_says():
    with socket.socket() as sock:
        try:
            sock.bind(("127.0.0.1", 1))
        except PermissionError:
            assert first_free_port() > 1
        else:
            assert first_free_port() == 1


def test_all_sockets_share_one_port_and_are_ready_for_workers():
    opened = open_port(80, LOOPBACK, 3)
    try:
        assert {sock.getsockname() for sock in opened.sockets} == {("127.0.0.1", opened.address.port)}
        for sock in opened.sockets:
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            assert not sock.getblocking()
            assert not os.get_inheritable(sock.fileno())
        with socket.create_connection(("127.0.0.1", opened.address.port)):
            pass
    finally:
        opened.close()


def test_any_address_takes_both_families():
    opened = open_port(80, Address("::", 0), 1)
    try:
        for address in ["127.0.0.1", "::1"] if socket.has_dualstack_ipv6() else ["127.0.0.1"]:
            with socket.create_connection((address, opened.address.port)):
                pass
    finally:
        opened.close()


def test_any_address_is_of_ipv4_where_the_kernel_has_no_ipv6(monkeypatch):
    class Without(socket.socket):
        def __init__(self, family=-1, *rest, **options):
            if family == socket.AF_INET6:
                raise OSError(errno.EAFNOSUPPORT, "no such family")
            super().__init__(family, *rest, **options)

    monkeypatch.setattr(socket, "socket", Without)
    opened = open_port(80, Address("::", 0), 2)
    try:
        assert {sock.getsockname() for sock in opened.sockets} == {("0.0.0.0", opened.address.port)}
    finally:
        opened.close()


def test_a_busy_port_is_refused_even_where_its_owner_would_share_it():
    with socket.socket() as busy:
        busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        assert owner_of(port) == os.getpid()
        with pytest.raises(PortError) as caught:
            open_port(80, Address("127.0.0.1", port), 2)
    problem = caught.value.problem
    assert problem.code == "AGW3001"
    assert f"127.0.0.1:{port} is in use" in problem.message
    assert "--listen 80=" in problem.hint


def test_an_address_that_is_not_here():
    with pytest.raises(PortError, match="AGW3002"):
        open_port(80, Address("192.0.2.1", 8080), 1)
    with pytest.raises(PortError, match="AGW3002"):
        open_port(80, Address("no such name.invalid", 8080), 1)


def test_the_table_opens_closes_and_takes_back():
    table = PortTable({80: LOOPBACK, 81: LOOPBACK}, "127.0.0.1", 1)
    assert [opened.port for opened in table.open({80, 81})] == [80, 81]
    address = table.bound[81]
    assert table.close(frozenset({80})) == [81]
    assert (table.leaving, set(table.bound)) == ((81,), {80})
    assert [opened.address for opened in table.open({80, 81})] == [address]
    assert table.leaving == ()
    table.close(frozenset())
    table.release(81)
    assert table.leaving == (80,)
    table.close_all()


def test_two_listener_ports_at_one_place_are_told_apart_from_a_strangers_port():
    table = PortTable({}, "127.0.0.1", 1)
    table._listen_map = {80: LOOPBACK}
    table.open({80})
    taken = table.bound[80]
    table._listen_map = {80: taken, 81: taken}
    assert table.open({80, 81}) == []
    assert "by another listener of this gateway" in table.problems[0].message
    assert table.open({80}) == []
    assert table.problems == ()
    table.close_all()
