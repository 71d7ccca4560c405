"""Endpoints live outside of tables: what stays the same keeps its connections over a reload, what is gone is forgotten.

Which endpoint is picked has no Python interface: the wire tests see it.
"""

import pytest

from agw._fastpath.pool import Bound, Endpoint, Pool
from agw._fastpath.table import compile_table
from agw.snapshot import model

A, B, C = ("127.0.0.1", 8001), ("127.0.0.1", 8002), ("::1", 8003)


def table(*targets, name="b", weights=None):
    """Compile one backend whose targets have these endpoints."""
    made = tuple(
        model.Target(f"t{i}", "host", 80, weight, tuple(model.Endpoint(*where) for where in endpoints))
        for i, (endpoints, weight) in enumerate(zip(targets, weights or [1] * len(targets), strict=True))
    )
    return compile_table({f"backend/n/{name}": model.Backend(f"n/{name}", targets=made)})


def bound(pool, *tables):
    pool.bind([backend for each in tables for backend in each.backends.values()])
    return pool.endpoints


def test_an_endpoint_is_an_address_and_a_port():
    endpoint = Endpoint("2001:db8::1", 80)
    assert (endpoint.address, endpoint.port) == ("2001:db8::1", 80)


@pytest.mark.parametrize("address", ["", "localhost", "1.2.3", "1.2.3.4.5", "::g", "[::1]", "1.2.3.4:80"])
def test_anything_but_an_ip_literal_is_refused(address):
    with pytest.raises(ValueError, match="does not appear to be"):
        Endpoint(address, 80)


def test_targets_and_weights_belong_together():
    with pytest.raises(ValueError, match="argument 2"):
        Bound([[]], [1, 2])


def test_a_new_pool_is_empty():
    assert Pool().endpoints == {}


def test_each_endpoint_of_each_target_is_there_once():
    assert set(bound(Pool(), table([A, B], [B, C]))) == {A, B, C}


def test_the_key_is_what_the_endpoint_is():
    for (address, port), endpoint in bound(Pool(), table([A, C])).items():
        assert (endpoint.address, endpoint.port) == (address, port)


def test_backends_share_an_endpoint():
    assert set(bound(Pool(), table([A]), table([A, B], name="c"))) == {A, B}


def test_an_endpoint_that_stays_is_the_same_object_after_a_reload():
    pool = Pool()
    before = bound(pool, table([A, B]))
    after = bound(pool, table([B], [C], name="other"))
    assert after[B] is before[B]
    assert set(after) == {B, C}


def test_binding_the_same_table_again_changes_nothing():
    pool, compiled = Pool(), table([A, B])
    before = dict(bound(pool, compiled))
    assert bound(pool, compiled) == before


@pytest.mark.parametrize("targets", [(), ([],), ([], [])])
def test_a_backend_without_endpoints_has_none(targets):
    assert bound(Pool(), table(*targets)) == {}


def test_a_target_of_weight_zero_has_its_endpoints_all_the_same():
    assert set(bound(Pool(), table([A], [B], weights=[0, 1]))) == {A, B}


def test_nothing_is_kept_of_backends_that_are_gone():
    pool = Pool()
    bound(pool, table([A]))
    pool.bind([])
    assert pool.endpoints == {}
