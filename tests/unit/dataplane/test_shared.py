"""The memory that a worker and the supervisor share: of a size that neither can change."""

from __future__ import annotations

import os

import pytest

from agw.dataplane.shared import SharedMemory


@pytest.fixture
def shared():
    memory = SharedMemory.create(0)
    yield memory
    memory.close()


@pytest.mark.parametrize("size", [0, 1 << 20])
@pytest.mark.parametrize("name", ["counters", "records"])
def test_whoever_has_the_descriptor_cannot_resize_it(shared, name, size):
    region = getattr(shared, name)
    with pytest.raises(PermissionError):
        os.ftruncate(region.fd, size)
    assert len(region.memory[:]) == os.fstat(region.fd).st_size


def test_both_sides_see_the_same(shared):
    other = SharedMemory.attach(*map(os.dup, shared.fds))
    other.counters.memory[:8] = b"\x05" + bytes(7)
    assert shared.values()[0] == 5
    other.close()
