"""When a change is over: times in, reports out."""

from __future__ import annotations

from agw.cli.unrest import BURST, PATIENCE, QUIET, UNFINISHED, Sign, Unrest


def test_nothing_is_due_where_nothing_was_heard() -> None:
    assert Unrest().due is None


def test_a_rename_is_over_after_a_burst_and_a_burst_is_one_report() -> None:
    unrest = Unrest()
    unrest.hear([Sign("a")], 10.0)
    assert unrest.due == 10.0 + BURST
    unrest.hear([Sign("b"), Sign("c")], 10.01)
    assert unrest.due == 10.01 + BURST
    assert unrest.take() == {"a", "b", "c"}
    assert unrest.due is None
    assert unrest.take() == frozenset()


def test_a_file_that_is_written_is_waited_for_until_it_is_closed() -> None:
    unrest = Unrest()
    unrest.hear([Sign("a", UNFINISHED)], 10.0)
    unrest.hear([Sign("b")], 10.1)
    assert unrest.due == 10.0 + UNFINISHED
    unrest.hear([Sign("a", QUIET)], 10.2)
    assert unrest.due == 10.2 + QUIET
    assert unrest.take() == {"a", "b"}


def test_a_change_of_attributes_does_not_end_a_write() -> None:
    unrest = Unrest()
    unrest.hear([Sign("a", UNFINISHED), Sign("a", BURST, final=False)], 10.0)
    assert unrest.due == 10.0 + UNFINISHED


def test_a_writer_that_never_rests_is_reported_in_the_end() -> None:
    unrest = Unrest()
    for tenth in range(40):
        unrest.hear([Sign("a", UNFINISHED)], tenth / 10)
    assert unrest.due == PATIENCE
    unrest.take()
    unrest.hear([Sign("a", UNFINISHED)], 4.0)
    assert unrest.due == 4.0 + UNFINISHED


def test_one_vague_sign_makes_a_report_of_anything() -> None:
    unrest = Unrest()
    unrest.hear([Sign("a"), Sign("b", vague=True)], 10.0)
    assert unrest.take() is None
    unrest.hear([Sign("a")], 11.0)
    assert unrest.take() == {"a"}
