"""Streams that are cancelled while their connections are being made."""

import asyncio
import gc
import warnings

import pytest

from agw.kube import Client


@pytest.mark.parametrize("step", range(12))
def test_a_stream_that_is_cancelled_in_its_handshake_leaves_nothing_open(kubeconfig, step):
    """A controller that stops as it begins to lead has a dozen of them. The step is how far they have come."""

    async def run():
        async with Client.find(str(kubeconfig)) as client:

            async def follow():
                async with client.stream("/api/v1/namespaces", {"watch": "1"}, answer_within=10) as chunks:
                    async for _ in chunks:
                        pass

            following = [asyncio.create_task(follow()) for _ in range(15)]
            await asyncio.wait(following, timeout=step * 0.005)
            for each in following:
                each.cancel()
            await asyncio.gather(*following, return_exceptions=True)

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        asyncio.run(run())
        gc.collect()
    assert [str(each.message) for each in seen if "unclosed" in str(each.message)] == []
