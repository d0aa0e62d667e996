from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.outbox import pause_after

ATTEMPTS = st.integers(1, 10_000)
ASKED = st.none() | st.timedeltas(timedelta(days=-1), timedelta(days=30))


@pytest.mark.parametrize(
    ("attempts", "pause"), [(1, 2), (2, 4), (3, 8), (9, 512), (10, 900), (11, 900), (10_000, 900)]
)
def test_the_pause_doubles_from_two_seconds_to_a_quarter_of_an_hour(attempts: int, pause: int) -> None:
    assert pause_after(attempts) == timedelta(seconds=pause)


@given(attempts=ATTEMPTS, asked=ASKED)
def test_a_later_attempt_never_comes_after_a_shorter_pause(attempts: int, asked: timedelta | None) -> None:
    assert pause_after(attempts, asked) <= pause_after(attempts + 1, asked)


@given(attempts=ATTEMPTS, asked=ASKED)
def test_what_the_other_side_asks_for_is_kept_up_to_an_hour_and_never_shortens(
    attempts: int, asked: timedelta | None
) -> None:
    pause = pause_after(attempts, asked)
    assert pause >= pause_after(attempts)
    assert pause >= min(asked or timedelta(0), timedelta(hours=1))
    assert pause <= timedelta(hours=1)
