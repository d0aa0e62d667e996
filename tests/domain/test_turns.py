"""In a backlog the newest goes beside the oldest, and nobody is left out."""

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.turns import in_turns, turns


@given(st.integers(0, 50))
def test_each_has_its_turn_once(count: int) -> None:
    assert sorted(in_turns(range(count))) == list(range(count))


@given(st.integers(1, 50), st.data())
def test_every_beginning_holds_as_many_of_the_newest_as_of_the_oldest(
    count: int, data: st.DataObject
) -> None:
    taken = data.draw(st.integers(1, count))
    beginning = set(in_turns(range(count))[:taken])
    oldest, newest = set(range(taken // 2)), set(range(count - (taken + 1) // 2, count))
    assert beginning == oldest | newest


@given(st.integers(1, 50), st.data())
def test_no_one_waits_more_than_twice_as_long_as_in_a_plain_queue(count: int, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, count - 1))
    assert in_turns(range(count)).index(place) <= 2 * place + 1


def test_every_second_claim_is_the_newest_and_the_first_is_not() -> None:
    assert list(islice(turns(), 4)) == [False, True, False, True]
