"""The retry budget: a fifth of the requests, something for little traffic, and a limit to what is saved."""

from agw._fastpath.budget import RetryBudget


def taken(budget, now=0):
    """How many retries it pays for at this moment."""
    count = 0
    while budget.take(now):
        count += 1
    return count


def test_it_begins_with_ten_seconds_of_its_reserve():
    assert taken(RetryBudget()) == 100


def test_each_request_earns_a_fifth():
    budget = RetryBudget()
    taken(budget)
    budget.earn(1000)
    assert taken(budget) == 200


def test_ten_a_second_for_nothing():
    budget = RetryBudget()
    taken(budget)
    assert taken(budget, 1000) == 10
    assert taken(budget, 1050) == 0
    assert taken(budget, 1100) == 1


def test_the_reserve_is_not_saved_beyond_ten_seconds():
    budget = RetryBudget()
    taken(budget)
    assert taken(budget, 3_600_000) == 100


def test_time_adds_nothing_to_more_than_the_reserve():
    budget = RetryBudget()
    budget.earn(1000)
    assert taken(budget, 3_600_000) == 300


def test_what_is_earned_has_a_limit():
    budget = RetryBudget()
    budget.earn(1_000_000)
    assert taken(budget) == 1000
