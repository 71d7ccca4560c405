"""One endpoint's health: what is held against it, how long it stays out, how it comes back. Time is an argument."""

import pytest

from agw._fastpath.health import Health

CONNECT, ANSWER = 0, 1
SERVING, EJECTED, TRIAL, RETURNING = range(4)


def ejected(health=None, *, kind=CONNECT, now=0):
    """Fail it until it has earned an ejection, and eject it."""
    health = health or Health()
    while not health.failed(kind, now):
        pass
    health.eject(kind, now)
    return health


def on_trial(**options):
    health = ejected(**options)
    health.begin_trial()
    return health


@pytest.mark.parametrize(("kind", "enough"), [(CONNECT, 3), (ANSWER, 5)])
def test_a_few_failures_in_a_row_earn_an_ejection(kind, enough):
    health = Health()
    assert [health.failed(kind, 0) for _ in range(enough)] == [False] * (enough - 1) + [True]


def test_kinds_add_up():
    health = Health()
    assert [health.failed(kind, 0) for kind in (CONNECT, ANSWER, CONNECT, ANSWER)] == [False, False, False, True]


def test_an_answer_clears_what_was_against_it():
    health = Health()
    for _ in range(100):
        assert not health.failed(CONNECT, 0)
        assert not health.failed(CONNECT, 0)
        assert not health.succeeded(0)
    assert health.quiet


def test_a_connection_that_stands_clears_nothing():
    health = Health()
    for now in range(4):
        assert not health.failed(ANSWER, now)
        assert not health.reached(now)
    assert health.failed(ANSWER, 5)


def test_it_takes_nothing_until_the_back_off_is_over_and_then_one_request():
    health = ejected()
    assert (health.share(0), health.share(999), health.share(1000)) == (0, 0, 1000)
    health.begin_trial()
    assert health.share(1000) == 0
    assert health.out()


def test_the_back_off_doubles_up_to_a_minute():
    health, now, waits = Health(), 0, []
    for _ in range(9):
        ejected(health, now=now)
        before = now
        while not health.share(now):
            now += 100
        waits.append(now - before)
        health.begin_trial()
    assert waits == [1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000]


@pytest.mark.parametrize("kind", [CONNECT, ANSWER])
def test_a_failed_trial_ejects_again(kind):
    health = on_trial()
    assert health.failed(kind, 1000)
    health.eject(kind, 1000)
    assert (health.share(2999), health.share(3000)) == (0, 1000)


def test_a_trial_after_failed_connects_has_succeeded_when_the_connection_stands():
    health = on_trial()
    assert health.reached(1000)
    assert health.state == RETURNING


def test_a_trial_after_bad_answers_needs_an_answer():
    health = on_trial(kind=ANSWER)
    assert not health.reached(1000)
    assert health.state == TRIAL
    assert health.succeeded(1000)
    assert health.state == RETURNING


def test_a_trial_that_proves_nothing_is_followed_by_another_at_once():
    health = on_trial()
    health.end_trial(1000)
    assert health.share(1000) == 1000
    health.begin_trial()
    assert health.share(1000) == 0


def test_the_end_of_a_trial_that_succeeded_changes_nothing():
    health = on_trial()
    health.reached(1000)
    health.end_trial(1500)
    assert health.state == RETURNING


def test_the_share_grows_from_a_tenth_to_the_whole_in_ten_seconds():
    health = on_trial()
    health.reached(1000)
    shares = [health.share(1000 + passed) for passed in range(0, 12_000, 1000)]
    assert shares == [100, 190, 280, 370, 460, 550, 640, 730, 820, 910, 1000, 1000]
    assert not health.out()


def test_one_failure_while_it_returns_is_enough():
    health = on_trial()
    health.reached(1000)
    assert health.failed(ANSWER, 10_999)


def test_after_its_return_it_is_as_patiently_judged_as_any():
    health = on_trial()
    health.reached(1000)
    assert not health.failed(CONNECT, 11_000)
    assert not health.failed(CONNECT, 11_000)
    assert health.failed(CONNECT, 11_000)


def test_each_minute_of_service_forgives_one_ejection():
    health, now = Health(), 0
    for _ in range(3):
        ejected(health, now=now)
        now += 10_000
        health.begin_trial()
    health.succeeded(now)
    assert health.ejections == 3
    left = []
    for _ in range(5):
        now += 60_000
        health.succeeded(now)
        left.append(health.ejections)
    assert left == [3, 2, 1, 0, 0]  # the first answer after its return ends that; the minute counts from there
    assert health.quiet


def test_nothing_more_is_counted_against_one_that_is_out():
    health = ejected()
    assert not any(health.failed(CONNECT, 10) for _ in range(100))
    assert health.share(1000) == 1000


def test_a_late_answer_to_an_older_request_does_not_bring_it_back():
    health = ejected()
    assert not health.succeeded(10)
    assert health.state == EJECTED


def test_a_trial_can_be_made_due():
    health = ejected()
    health.hasten(10)
    assert health.share(10) == 1000
    health = Health()
    health.hasten(10)
    assert health.state == SERVING


def test_down_takes_nothing_whatever_else_is_known():
    health = Health()
    health.mark(down=True)
    assert (health.share(0), health.out(), health.quiet) == (0, True, False)
    health.mark(down=False)
    assert (health.share(0), health.out(), health.quiet) == (1000, False, True)
    ejected(health).mark(down=True)
    health.mark(down=False)
    assert health.share(0) == 0
