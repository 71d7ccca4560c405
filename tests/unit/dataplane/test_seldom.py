"""What is told seldom: the first time, then once a minute with how often it was."""

from agw.dataplane.seldom import EVERY, MOST, Seldom


def test_the_first_is_told_and_the_others_are_counted():
    seldom = Seldom()
    assert seldom.tell("a", 5.0) == 1
    assert [seldom.tell("a", 5.0 + EVERY - 1) for _ in range(3)] == [0, 0, 0]
    assert seldom.tell("a", 5.0 + EVERY) == 4
    assert seldom.tell("a", 5.0 + EVERY) == 0
    assert seldom.tell("a", 5.0 + 3 * EVERY) == 2


def test_subjects_are_told_apart_and_bounded():
    seldom = Seldom()
    assert [seldom.tell(f"{number}", 0.0) for number in range(MOST)] == [1] * MOST
    assert [seldom.tell(f"{number}", 1.0) for number in range(MOST)] == [0] * MOST
    assert seldom.tell("more", 1.0) == 1
    assert seldom.tell("1", 1.0) == 0
    assert seldom.tell("0", 1.0) == 1, "it gave way"
