"""A publisher and its data planes: what travels, and what does not."""

from __future__ import annotations

import asyncio
import io

import pytest

from agw.dataplane.logs import Log
from tests.publish.stage import GATEWAY, TOKEN, data_plane, eventually, route, routes, stage


@pytest.fixture
def told():
    return io.StringIO()


@pytest.fixture
def log(told):
    return Log("debug", stream=told)


def test_a_data_plane_gets_what_is_published_and_acknowledges_it(tmp_path, log, told):
    async def run():
        async with stage(tmp_path, log) as front:
            front.publisher.publish(GATEWAY, routes(1, 2))
            front.publisher.lead()
            async with data_plane(front, log) as plane:
                await eventually(lambda: plane.entries == routes(1, 2), "the first")
                await eventually(lambda: front.publisher.planes(GATEWAY)[0].version == 1, "it is acknowledged")
                front.publisher.publish(GATEWAY, routes(1, 3), route(2).keys() | route(3).keys())
                await eventually(lambda: plane.entries == routes(1, 3), "the second")
                await eventually(lambda: front.publisher.planes(GATEWAY)[0].version == 2, "it is acknowledged")
                assert plane.updates[-1].changed == route(2).keys() | route(3).keys()
            await eventually(lambda: front.names("gone") == ["pod-0"], "it has gone")
            assert front.names("connected") == ["pod-0"]
            assert front.publisher.planes(GATEWAY) == ()

    asyncio.run(run())
    assert TOKEN not in told.getvalue()
    print(told.getvalue())
