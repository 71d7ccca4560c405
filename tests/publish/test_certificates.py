"""Certificates: made, renewed in time, and trusted by whoever has an older or a newer bundle."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature

from agw.controller.publish.authority import CA_LIFE, SERVER_LIFE, SPREAD, Authority, due
from agw.controller.publish.keeper import Keeper
from agw.dataplane.logs import Log
from agw.snapshot.stream import Parting
from tests.processes.gateway import ROOT
from tests.publish.fleet import environment
from tests.publish.stage import GATEWAY, Memory, data_plane, eventually, routes, stage

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("controller.agw.svc", "127.0.0.1")
DAY = timedelta(days=1)


def issuers(authority):
    return {x509.load_pem_x509_certificate(each).subject for each in x509_pems(authority.bundle)}


def x509_pems(bundle):
    return [part + b"-----END CERTIFICATE-----\n" for part in bundle.split(b"-----END CERTIFICATE-----\n") if part]


def server(authority):
    return x509.load_pem_x509_certificate(authority.server.certificate)


def is_trusted(authority, bundle):
    """Whether somebody with this bundle believes the server's certificate."""
    for pem in x509_pems(bundle):
        with suppress(ValueError, InvalidSignature):
            server(authority).verify_directly_issued_by(x509.load_pem_x509_certificate(pem))
            return True
    return False


def test_the_first_ones():
    authority = due(None, NAMES, NOW)
    names = server(authority).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["controller.agw.svc"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert is_trusted(authority, authority.bundle)
    assert due(authority, NAMES, NOW) is authority
    assert due(authority, NAMES[:1], NOW) is authority  # names more than are asked for are no reason


def test_no_key_is_in_a_representation():
    assert "PRIVATE" not in repr(due(None, NAMES, NOW))


def test_it_is_the_same_after_it_was_kept():
    authority = due(None, NAMES, NOW)
    assert Authority.of_data(authority.to_data()) == authority
    later = due(authority, NAMES, NOW + CA_LIFE * 0.8)
    assert later.next is not None
    assert Authority.of_data(later.to_data()) == later


def test_years_pass_and_nobody_is_cut():
    """A data plane that reads its bundle at least once in SPREAD always believes the server."""
    authority, now, bundle = due(None, NAMES, NOW), NOW, b""
    cas, servers = set(), set()
    while now < NOW + 5 * CA_LIFE:
        bundle = authority.bundle
        now += SPREAD / 2 if authority.next else 10 * SPREAD
        authority = due(authority, NAMES, now)
        assert is_trusted(authority, bundle)
        assert is_trusted(authority, authority.bundle)
        assert server(authority).not_valid_after_utc - now > SERVER_LIFE / 4
        assert len(x509_pems(authority.bundle)) <= 3
        cas.add(authority.ca.certificate)
        servers.add(authority.server.certificate)
    assert 6 <= len(cas) <= 9
    assert len(servers) > 40


def test_new_names_are_a_new_certificate_of_the_same_authority():
    authority = due(None, NAMES, NOW)
    other = due(authority, ("other.svc",), NOW)
    assert other.ca == authority.ca
    assert is_trusted(other, authority.bundle)
    assert other.server != authority.server


def test_an_authority_that_has_ended_is_made_anew():
    authority = due(None, NAMES, NOW)
    later = due(authority, NAMES, NOW + CA_LIFE + DAY)
    assert later.ca != authority.ca
    assert later.retired == ()
    assert is_trusted(later, later.bundle)


@pytest.mark.parametrize("missing", ["ca.crt", "ca.key", "tls.crt", "tls.key"])
def test_what_is_incomplete_or_damaged_is_none(missing):
    data = due(None, NAMES, NOW).to_data()
    other = due(None, NAMES, NOW).to_data()
    with pytest.raises(ValueError, match=r"."):
        Authority.of_data({**data, missing: b"nonsense"})
    with pytest.raises(ValueError, match=r"."):
        Authority.of_data({**data, missing: other[missing]})
    del data[missing]
    with pytest.raises(ValueError, match=missing):
        Authority.of_data(data)


def test_a_damaged_successor_is_left_out():
    old = due(due(None, NAMES, NOW), NAMES, NOW + CA_LIFE * 0.8)
    assert Authority.of_data({**old.to_data(), "next.key": b"nonsense"}).next is None


def test_a_process_that_gave_up_its_rights_can_still_use_its_keys():
    """TLS wants files; what a hardened process has in memory is a file to itself alone."""
    code = (
        "import asyncio, os, io\n"
        "from agw.controller.publish.keeper import Keeper\n"
        "from agw.dataplane.harden import harden\n"
        "from agw.dataplane.logs import Log\n"
        "from tests.publish.stage import Memory\n"
        "keeper = Keeper(Memory(), ('a.svc',), Log(stream=io.StringIO()))\n"
        "asyncio.run(keeper.refresh())\n"
        "keeper.context()\n"
        "if os.getuid() == 0:\n"
        "    os.setgid(65534); os.setuid(65534)\n"
        "harden(core_dumps=False)\n"
        "print(keeper.context().minimum_version.name)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert ended.stdout.strip() == "TLSv1_3", ended.stderr


def test_a_successor_that_signs_already_is_none():
    """Whoever merges instead of replacing keeps its key in the Secret."""
    before = due(due(None, NAMES, NOW), NAMES, NOW + CA_LIFE * 0.8)
    after = due(before, NAMES, NOW + CA_LIFE * 0.8 + 2 * SPREAD)
    assert after.ca == before.next
    merged = Authority.of_data({**before.to_data(), **after.to_data()})
    assert merged == after
    assert due(merged, NAMES, NOW + CA_LIFE * 0.8 + 4 * SPREAD) is merged


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


class Contested(Memory):
    """Somebody else writes first, as often as they are told to."""

    def __init__(self, others):
        super().__init__()
        self.others = list(others)

    async def write(self, data):
        if self.others:
            self.data = self.others.pop(0)
            return False
        return await super().write(data)


def run_keeper(store, clock=None):
    told = io.StringIO()
    keeper = Keeper(store, NAMES, Log(stream=told), clock or Clock())
    return keeper, told


def test_the_first_one_to_write_is_right():
    theirs = due(None, NAMES, NOW)
    store = Contested([theirs.to_data()])
    keeper, _ = run_keeper(store)
    assert asyncio.run(keeper.refresh())
    assert keeper.bundle == theirs.bundle
    assert store.writes == 0
    assert not asyncio.run(keeper.refresh())


def test_what_somebody_else_renewed_is_taken():
    store, clock = Memory(), Clock()
    one, _ = run_keeper(store, clock)
    two, _ = run_keeper(store, clock)

    async def run():
        await one.refresh()
        await two.refresh()
        assert one.bundle == two.bundle
        clock.now += SERVER_LIFE * 0.8
        assert await one.refresh()
        assert await two.refresh()
        assert store.writes == 2

    asyncio.run(run())


def test_what_cannot_be_read_is_made_anew_and_said(tmp_path):
    store = Memory()
    store.data = {"ca.crt": b"nonsense", "ca.key": b"", "tls.crt": b"", "tls.key": b""}
    keeper, told = run_keeper(store)
    assert asyncio.run(keeper.refresh())
    assert "cannot be used, and are replaced" in told.getvalue()
    assert "PRIVATE" not in told.getvalue()


@pytest.mark.parametrize("left", [None, {"ca.crt": b"nonsense"}])
def test_what_was_deleted_is_put_back_as_it_was(left):
    store = Memory()
    keeper, _ = run_keeper(store)

    async def run():
        await keeper.refresh()
        before, bundle = store.data, keeper.bundle
        store.data = left
        assert not await keeper.refresh()
        assert (store.data, keeper.bundle) == (before, bundle)

    asyncio.run(run())


def test_a_store_that_does_not_answer_is_asked_again(monkeypatch):
    class Away(Memory):
        fails = 2

        async def read(self):
            if self.fails:
                self.fails -= 1
                raise OSError("the API server is away")
            return await super().read()

    monkeypatch.setattr("agw.controller.publish.keeper.LOOK", 0.01)
    monkeypatch.setattr("agw.controller.publish.keeper._AGAIN", 0.01)

    async def run():
        keeper, told = run_keeper(Away())
        changed = asyncio.Event()
        task = asyncio.ensure_future(keeper.run(lambda _: changed.set()))
        await asyncio.wait_for(changed.wait(), 30)
        task.cancel()
        assert told.getvalue().count("the API server is away") == 2

    asyncio.run(run())


def test_a_rotation_under_a_running_stream(tmp_path):
    """The authority changes; who reads its bundle again comes back, and who has not yet is still let in before."""

    async def run():
        log = Log("debug", stream=io.StringIO())
        clock = Clock()
        real = datetime.now(UTC)
        clock.now = real - CA_LIFE * 0.8
        keeper = Keeper(Memory(), ("localhost",), log, clock)
        await keeper.refresh()
        async with stage(tmp_path, log, keeper=keeper) as front:
            front.publisher.publish(GATEWAY, routes(1))
            front.publisher.lead()
            clock.now = real - 2 * SPREAD
            assert await keeper.refresh()  # the next authority is trusted, and does not sign yet
            old, both = (tmp_path / "ca.crt").read_bytes(), keeper.bundle
            front.publisher.use(keeper.context())
            async with data_plane(front, log) as plane:
                await eventually(lambda: len(front.names("acknowledged")) == 1, "with the old bundle")
                (tmp_path / "ca.crt").write_bytes(both)
                clock.now = real
                assert await keeper.refresh()  # now it signs
                front.publisher.use(keeper.context())
                part_all(front)
                await eventually(lambda: len(front.names("acknowledged")) == 2, "with the new bundle")
                (tmp_path / "ca.crt").write_bytes(old)
                part_all(front)
                await eventually(lambda: "is not trusted" in plane.subscription.describe().text, "too old a bundle")
                (tmp_path / "ca.crt").write_bytes(b"nonsense")
                await eventually(lambda: "cannot be used" in plane.subscription.describe().text, "no bundle at all")
                (tmp_path / "ca.crt").unlink()
                await eventually(lambda: "No such file" in plane.subscription.describe().text, "none")
                (tmp_path / "ca.crt").write_bytes(keeper.bundle)
                await eventually(lambda: len(front.names("acknowledged")) == 3, "mended")
                assert len(plane.updates) == 1

    asyncio.run(run())


def part_all(front):
    for sessions in front.publisher._sessions.values():
        for session in sessions:
            session.part(Parting.LEAVING, "a restart")


def test_a_name_that_is_not_in_the_certificate_is_not_believed(tmp_path):
    async def run():
        log = Log("debug", stream=io.StringIO())
        keeper = Keeper(Memory(), ("other.svc",), log)
        await keeper.refresh()
        async with stage(tmp_path, log, keeper=keeper) as front:
            front.publisher.lead()
            async with data_plane(front, log) as plane:
                await eventually(lambda: "is not trusted" in plane.subscription.describe().text, "not trusted")

    asyncio.run(run())
