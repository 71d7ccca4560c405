"""Who gives way at a port whose seats are all taken, and on which addresses it listens."""

from __future__ import annotations

import errno
import socket

import pytest

from agw import listening
from agw.listening import ANY_IPV4, Seats, address_of, everywhere


class House:
    """Seats, and who had to leave them."""

    def __init__(self, most, of_one):
        self.seats = Seats(most, of_one)
        self.left = []
        self.taken = {}

    def come(self, *names):
        """Let connections come; the first letter of a name is its peer."""
        for name in names:
            self.taken[name] = self.seats.take(name[0], lambda name=name: self.left.append(name))


def test_a_peer_with_more_than_its_share_loses_its_own_first_one():
    house = House(most=10, of_one=2)
    house.come("a1", "b1", "a2", "a3", "a4")
    assert house.left == ["a1", "a2"]
    assert len(house.seats) == 3


def test_of_a_full_house_the_one_with_most_gives_way():
    house = House(most=4, of_one=3)
    house.come("k1", "a1", "a2", "b1", "p1", "p2")
    assert house.left == ["a1", "p1"]
    assert len(house.seats) == 4


def test_who_comes_stays_however_many_others_there_are():
    house = House(most=4, of_one=3)
    house.come(*(f"{peer}1" for peer in "abcdefgh"))
    assert house.left == ["a1", "b1", "c1", "d1"]


def test_the_silent_leave_before_those_that_are_being_answered():
    house = House(most=10, of_one=2)
    house.come("a1", "a2")
    house.taken["a1"].busy = True
    house.come("a3")
    assert house.left == ["a2"]
    house.taken["a3"].busy = True
    house.come("a4")
    assert house.left == ["a2", "a1"]


def test_a_seat_is_given_back_once():
    house = House(most=2, of_one=2)
    house.come("a1", "b1")
    for _ in range(2):
        house.seats.give_back(house.taken["a1"])
    house.come("c1")
    assert house.left == []
    house.seats.clear()
    assert house.left == ["b1", "c1"]
    assert len(house.seats) == 0


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        (("10.0.0.1", 1), "10.0.0.1"),
        (("::ffff:10.0.0.1", 1, 0, 0), "10.0.0.1"),
        (("2001:db8::1", 1, 0, 0), "2001:db8::1"),
        (("fe80::1%eth0", 1, 0, 2), "fe80::1"),
        ("", ""),
        (None, ""),
        ((), ""),
    ],
)
def test_an_address_in_one_form(peer, address):
    assert address_of(peer) == address


@pytest.mark.parametrize("number", sorted(listening.NO_IPV6))
def test_ipv4_where_the_kernel_has_no_ipv6(monkeypatch, number):
    class Without(socket.socket):
        def __init__(self, family=-1, *rest, **options):
            if family == socket.AF_INET6 and number == errno.EAFNOSUPPORT:
                raise OSError(number, "no such family")
            super().__init__(family, *rest, **options)

        def bind(self, address):
            if self.family == socket.AF_INET6:
                raise OSError(number, "no such address")
            super().bind(address)

    monkeypatch.setattr(socket, "socket", Without)
    with everywhere(0) as sock:
        assert sock.getsockname()[0] == ANY_IPV4


def test_a_port_that_is_taken_is_not_taken_for_a_missing_family():
    with everywhere(0) as first, pytest.raises(OSError, match="in use") as caught:
        everywhere(first.getsockname()[1])
    assert caught.value.errno == errno.EADDRINUSE
