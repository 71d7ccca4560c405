"""The copy on disk: whole or not there, and never a reason not to start."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os

import msgspec
import pytest

from agw.dataplane import saved, subscription
from agw.dataplane.logs import Log
from agw.dataplane.saved import NAME, Loaded, load, save
from agw.snapshot.codec import FORMAT, decode_snapshot, encode_in_parts
from agw.snapshot.model import Snapshot
from tests.publish.stage import GATEWAY, data_plane, eventually, route, routes, stage


def test_what_is_saved_is_loaded(tmp_path):
    folder = tmp_path / "a" / "b"
    save(folder, GATEWAY, routes(1, 2))
    assert load(folder, GATEWAY) == Loaded(routes(1, 2))
    assert (folder / NAME).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    save(folder, GATEWAY, {})
    assert load(folder, GATEWAY) == Loaded({})
    assert [path.name for path in folder.iterdir()] == [NAME]


def test_a_large_one_is_encoded_in_small_steps_between_which_others_run(tmp_path, monkeypatch):
    """In one call it held the interpreter, and with it every change that came meanwhile, for as long as it took."""
    given = []
    monkeypatch.setattr(saved.time, "sleep", given.append)
    save(tmp_path, GATEWAY, routes(*range(1000)))
    assert load(tmp_path, GATEWAY).entries == routes(*range(1000))
    assert given == [0] * len(given)
    assert len(given) > 2001 / 64
    assert max(map(len, encode_in_parts(routes(*range(1000))))) < 20_000


@pytest.mark.parametrize("count", [0, 1, 15, 16, 200])
def test_what_is_encoded_in_parts_is_one_snapshot(count):
    entries = routes(*range(count)) if count else {}
    assert decode_snapshot(b"".join(encode_in_parts(entries, 7))) == Snapshot(1, entries)


def test_where_there_is_nothing_nothing_is_said(tmp_path):
    assert load(tmp_path, GATEWAY) == Loaded()
    assert load(tmp_path / "none", GATEWAY) == Loaded()


def test_whatever_is_damaged_is_not_used(tmp_path):
    save(tmp_path, GATEWAY, routes(1))
    path = tmp_path / NAME
    whole = path.read_bytes()
    for at in range(0, len(whole), 7):
        path.write_bytes(whole[:at])
        assert load(tmp_path, GATEWAY).entries is None
        path.write_bytes(whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :])
        found = load(tmp_path, GATEWAY)
        assert found.entries is None
        assert found.reason
    path.write_bytes(whole + b"x")
    assert "damaged" in load(tmp_path, GATEWAY).reason


def test_what_is_of_another_gateway_or_release_is_not_used(tmp_path):
    save(tmp_path, "default/other", routes(1))
    assert "is of Gateway default/other" in load(tmp_path, GATEWAY).reason
    rest = msgspec.msgpack.encode({"gateway": GATEWAY, "snapshot": bytes((FORMAT + 1,)) + b"\x80"})
    (tmp_path / NAME).write_bytes(b"agw-saved 1 " + hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)
    assert f"snapshot format {FORMAT + 1}" in load(tmp_path, GATEWAY).reason
    (tmp_path / NAME).write_bytes(b"agw-saved 2 " + b"0" * 64 + b"\n")
    assert "no copy that this release can read" in load(tmp_path, GATEWAY).reason
    (tmp_path / NAME).unlink()
    (tmp_path / NAME).mkdir()
    assert "Is a directory" in load(tmp_path, GATEWAY).reason


def test_a_save_that_fails_leaves_the_old_copy(tmp_path, monkeypatch):
    save(tmp_path, GATEWAY, routes(1))

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save(tmp_path, GATEWAY, routes(2))
    monkeypatch.undo()
    assert load(tmp_path, GATEWAY) == Loaded(routes(1))
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_nobody_is_led_astray_by_a_link(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / f".{NAME}.new").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        save(tmp_path / "state", GATEWAY, routes(1))
    assert not (tmp_path / "elsewhere").exists()


@pytest.fixture
def told():
    return io.StringIO()


@pytest.fixture
def log(told):
    return Log("debug", stream=told)


def test_only_what_is_in_force_is_saved(tmp_path, log):
    async def run():
        async with stage(tmp_path, log) as front:
            front.publisher.publish(GATEWAY, routes(1))
            front.publisher.lead()
            async with data_plane(front, log, at_once=False) as plane:
                await eventually(lambda: plane.entries == routes(1), "received")
                plane.accept()
                await eventually(lambda: load(tmp_path / "pod-0", GATEWAY).entries == routes(1), "saved")
                front.publisher.publish(GATEWAY, routes(1, 2))
                await eventually(lambda: plane.entries == routes(1, 2), "received")
                plane.refuse("no")
                await eventually(lambda: front.names("refused") == ["pod-0"], "refused")
        assert load(tmp_path / "pod-0", GATEWAY).entries == routes(1)

    asyncio.run(run())


def test_many_changes_are_few_writes_and_the_last_one_is_not_lost(tmp_path, log, monkeypatch):
    writes = []
    monkeypatch.setattr(saved, "save", lambda *given: writes.append(given[2]) or save(*given))

    async def run():
        async with stage(tmp_path, log) as front:
            front.publisher.publish(GATEWAY, routes(0))
            front.publisher.lead()
            async with data_plane(front, log) as plane:
                await eventually(lambda: len(writes) == 1, "the first is saved")
                for number in range(1, 50):
                    front.publisher.publish(GATEWAY, {**routes(0), **route(number)})
                    await eventually(lambda: plane.entries == front.publisher._ledgers[GATEWAY].entries, "received")
                assert len(writes) < 10
        assert load(tmp_path / "pod-0", GATEWAY).entries == {**routes(0), **route(49)}

    asyncio.run(run())


def test_it_starts_from_the_copy_and_nothing_is_sent_that_it_has(tmp_path, log):
    async def run():
        save(tmp_path / "pod-0", GATEWAY, routes(*range(100)))
        async with stage(tmp_path, log) as front, data_plane(front, log) as plane:
            await eventually(lambda: plane.entries == routes(*range(100)), "from the disk")
            await eventually(
                lambda: "from the copy on disk; not connected" in plane.subscription.describe().text, "said"
            )
            front.publisher.publish(GATEWAY, routes(*range(100)))
            front.publisher.lead()
            await eventually(
                lambda: "from the controller; connected" in plane.subscription.describe().text, "confirmed"
            )
            await eventually(lambda: front.publisher.planes(GATEWAY)[0].version == 1, "acknowledged")
            assert len(plane.updates) == 1
            front.publisher.publish(GATEWAY, routes(*range(1, 100)))
            await eventually(lambda: plane.entries == routes(*range(1, 100)), "a change")
            assert plane.updates[-1].changed == route(0).keys()

    asyncio.run(run())


def test_a_folder_that_cannot_be_written_is_a_warning_and_no_more(tmp_path, log, told, monkeypatch):
    async def run():
        (tmp_path / "pod-0").write_text("a file")
        monkeypatch.setattr(subscription, "_SAVE_CALM", 0.01)
        async with stage(tmp_path, log) as front:
            front.publisher.publish(GATEWAY, routes(1))
            front.publisher.lead()
            async with data_plane(front, log):
                for number in range(2, 5):
                    front.publisher.publish(GATEWAY, routes(number))
                    await eventually(lambda: front.publisher.planes(GATEWAY)[:1] != (), "there")
                    await eventually(
                        lambda: front.publisher.planes(GATEWAY)[0].version == front.publisher.version(GATEWAY),
                        "in force",
                    )
                await eventually(lambda: "cannot be saved" in told.getvalue(), "said")
        assert told.getvalue().count("cannot be saved") == 1
        assert "the copy of the last configuration is not used" in told.getvalue()

    asyncio.run(run())


def test_what_could_not_be_saved_is_saved_later(tmp_path, log, monkeypatch):
    async def run():
        monkeypatch.setattr(subscription, "_SAVE_AGAIN", 0.01)
        (tmp_path / "pod-0").write_text("a file where the folder should be")
        async with stage(tmp_path, log) as front:
            front.publisher.publish(GATEWAY, routes(1))
            front.publisher.lead()
            async with data_plane(front, log) as plane:
                await eventually(lambda: plane.subscription._trouble != "", "it cannot be saved")
                (tmp_path / "pod-0").unlink()
                await eventually(lambda: load(tmp_path / "pod-0", GATEWAY).entries == routes(1), "it is saved")

    asyncio.run(run())
