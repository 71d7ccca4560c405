"""Which endpoint is picked, which ones are left out, and what a reload keeps.

Endpoints live outside of tables: what stays the same keeps its connections and its health, what is gone is forgotten.
"""

from collections import Counter

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


def backend(compiled):
    """What the pool has bound to a table's only backend."""
    [found] = compiled.backends.values()
    assert isinstance(found.bound, Bound)
    return found.bound


def where(endpoint):
    return endpoint and (endpoint.address, endpoint.port)


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


def test_a_backend_keeps_its_budget_over_tables():
    pool, first, second = Pool(), table([A]), table([B])
    bound(pool, first)
    bound(pool, second)
    assert backend(first) is backend(second)
    assert [where(endpoint) for endpoint in backend(second).targets[0].endpoints] == [B]


def test_a_table_that_comes_back_has_its_endpoints_again():
    pool, first, second = Pool(), table([A]), table([B])
    for each in (first, second, first):
        bound(pool, each)
    assert set(pool.endpoints) == {A}
    assert where(pool.pick(backend(first), None, 0)) == A


def test_nothing_is_kept_of_backends_that_are_gone():
    pool = Pool()
    bound(pool, table([A]))
    pool.bind([])
    assert pool.endpoints == {}


def serving(*targets, weights=None, most=0):
    """A pool of one backend, and what it has bound to it."""
    pool, compiled = Pool(), table(*targets, weights=weights)
    bound(pool, compiled)
    pool.most = most
    return pool, backend(compiled)


def picks(pool, back, *, avoid=None, now=0, times=2000):
    """How often each endpoint is picked; each exchange is over before the next one begins."""
    return Counter(where(pool.pick(back, pool.endpoints.get(avoid), now)) for _ in range(times))


def eject(pool, place, now=0):
    """Let it fail connects until it is out, or the floor keeps it."""
    for _ in range(3):
        pool.failed(pool.endpoints[place], 0, now)


def places(count):
    return [("127.0.0.1", 9000 + i) for i in range(count)]


def out(pool):
    return {place for place, endpoint in pool.endpoints.items() if endpoint.health.out()}


def test_all_are_picked_alike():
    pool, back = serving(places(4))
    assert all(400 < count < 600 for count in picks(pool, back).values())


def test_the_less_busy_of_two_is_picked():
    pool, back = serving([A, B])
    pool.endpoints[A].active = 1
    assert set(picks(pool, back)) == {B}


def test_the_busiest_of_many_is_never_picked():
    pool, back = serving(places(5))
    pool.endpoints["127.0.0.1", 9002].active = 9
    assert ("127.0.0.1", 9002) not in picks(pool, back)


def test_targets_share_by_weight():
    pool, back = serving([A], [B], [C], weights=[6, 2, 0])
    shares = picks(pool, back, times=4000)
    assert 2800 < shares[A] < 3200
    assert C not in shares


def test_a_target_with_nothing_in_service_leaves_its_share_to_the_others_by_weight():
    pool, back = serving([A], [B], [C], weights=[50, 3, 1])
    pool.mark_down([A])
    shares = picks(pool, back, times=4000)
    assert set(shares) == {B, C}
    assert 2800 < shares[B] < 3200


def test_another_one_than_that_which_failed():
    pool, back = serving([A, B])
    assert set(picks(pool, back, avoid=A)) == {B}
    pool, back = serving([A], [B], weights=[99, 1])
    assert set(picks(pool, back, avoid=A)) == {B}


def test_the_same_one_where_there_is_no_other():
    pool, back = serving([A])
    assert set(picks(pool, back, avoid=A)) == {A}


def test_the_same_one_rather_than_one_that_is_out():
    pool, back = serving([A, B])
    eject(pool, B)
    assert set(picks(pool, back, avoid=A)) == {A}


def test_an_ejected_one_is_left_out_then_tried_once():
    pool, back = serving([A, B])
    eject(pool, A)
    assert (out(pool), pool.ejected) == ({A}, 1)
    assert set(picks(pool, back, now=999)) == {B}
    pool.endpoints[B].active = 1
    assert [where(pool.pick(back, None, 1000)) for _ in range(5)].count(A) == 1


def test_an_ejection_and_a_return_are_logged(caplog):
    caplog.set_level("INFO")
    pool, back = serving([A, B])
    eject(pool, A)
    while where(pool.pick(back, None, 1000)) != A:
        pass
    pool.reached(pool.endpoints[A], 1000)
    assert [record.getMessage() for record in caplog.records] == [
        "endpoint 127.0.0.1 port 8001 is left out for 1 s: connecting failed",
        "endpoint 127.0.0.1 port 8001 works again",
    ]


def test_it_returns_slowly():
    pool, back = serving([A, B])
    eject(pool, A)
    while where(pool.pick(back, None, 1000)) != A:
        pass
    pool.reached(pool.endpoints[A], 1000)
    assert pool.ejected == 0
    pool.endpoints[B].active = 1  # so that only its share decides
    assert 120 < picks(pool, back, now=1000)[A] < 280
    assert 1000 < picks(pool, back, now=7000)[A] < 1400
    assert picks(pool, back, now=11_000)[A] == 2000


def test_one_that_returns_takes_all_where_nobody_else_can():
    pool, back = serving([A, B])
    eject(pool, A)
    while where(pool.pick(back, None, 1000)) != A:
        pass
    pool.reached(pool.endpoints[A], 1000)
    pool.mark_down([B])
    assert set(picks(pool, back, now=1000)) == {A}


@pytest.mark.parametrize(("count", "most"), [(1, 0), (2, 1), (3, 1), (4, 2), (9, 4)])
def test_never_the_last_and_never_over_half(count, most):
    pool, back = serving(places(count))
    for _ in range(10):
        for place in places(count):
            eject(pool, place)
    assert len(out(pool)) == pool.ejected == most
    assert None not in picks(pool, back)


def test_the_floor_holds_in_each_target_that_has_it():
    pool, _ = serving([A, B, C], [A])
    eject(pool, A)
    eject(pool, B)
    assert out(pool) == {B}


def test_one_that_checks_found_down_counts_for_the_floor():
    pool, _ = serving([A, B])
    pool.mark_down([A])
    eject(pool, B)
    assert out(pool) == {A}


def test_one_that_is_down_and_fails_is_ejected_once_and_comes_back_once():
    pool, back = serving([A, B])
    pool.mark_down([A, B])
    eject(pool, A)
    assert pool.ejected == 1
    while where(pool.pick(back, None, 1000)) != A:
        pass
    pool.reached(pool.endpoints[A], 1000)
    assert pool.ejected == 0
    pool.mark_down([])
    assert out(pool) == set()


def test_when_the_floor_keeps_one_that_fails_the_others_are_tried_again():
    pool, back = serving([A, B])
    eject(pool, A)
    assert A not in picks(pool, back, now=10)
    eject(pool, B, now=10)
    assert A in picks(pool, back, now=10)


def test_health_outlives_a_reload_and_ends_with_the_endpoint():
    pool = Pool()
    bound(pool, table([A, B]))
    eject(pool, A)
    bound(pool, table([A, B, C]))
    assert (out(pool), pool.ejected) == ({A}, 1)
    endpoint = pool.endpoints[A]
    bound(pool, table([B, C]))
    assert pool.ejected == 0
    pool.failed(endpoint, 0, 0)
    pool.succeeded(endpoint, 5000)
    assert pool.ejected == 0
    bound(pool, table([A, B]))
    assert out(pool) == set()


def test_one_that_left_the_slices_is_not_picked_by_exchanges_of_the_old_table():
    pool, old = Pool(), table([A, B])
    bound(pool, old)
    bound(pool, table([B]))
    assert set(picks(pool, backend(old))) == {B}


def test_an_exchange_whose_backend_is_gone_may_try_again_where_it_was():
    pool, compiled = Pool(), table([A])
    bound(pool, compiled)
    endpoint = pool.endpoints[A]
    pool.bind([])
    assert pool.pick(backend(compiled), endpoint, 0) is endpoint
    assert pool.pick(backend(compiled), None, 0) is None
    assert not pool.full


def test_with_everything_down_everything_is_used():
    pool, back = serving([A, B])
    pool.mark_down([A, B])
    assert min(picks(pool, back)[place] for place in (A, B)) > 800
    pool.endpoints[A].active = 1
    assert set(picks(pool, back)) == {B}
    pool.mark_down([])
    assert out(pool) == set()


def test_an_endpoint_that_comes_is_down_where_checks_said_so_before():
    pool = Pool()
    pool.mark_down([A])
    bound(pool, table([A, B]))
    assert out(pool) == {A}


def test_a_busy_one_is_left_out_and_all_busy_is_said():
    pool, back = serving([A, B], most=2)
    pool.endpoints[A].slots = 2
    assert set(picks(pool, back)) == {B}
    assert not pool.full
    pool.endpoints[B].slots = 2
    assert set(picks(pool, back)) == {None}
    assert pool.full


def test_all_busy_does_not_send_requests_to_one_that_is_out():
    pool, back = serving([A, B], most=1)
    eject(pool, A)
    pool.endpoints[B].slots = 1
    assert set(picks(pool, back)) == {None}
    assert pool.full


def test_a_busy_target_leaves_its_share_to_the_others():
    pool, back = serving([A], [B], weights=[9, 1], most=1)
    pool.endpoints[A].slots = 1
    assert set(picks(pool, back)) == {B}


def test_a_backend_without_endpoints_has_nothing_to_wait_for():
    pool, back = serving([])
    assert pool.pick(back, None, 0) is None
    assert not pool.full
