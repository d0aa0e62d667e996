"""A repeat is told from a replay: a used signature serves only the request it was made for."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.repeats import Accepted, Verdict, judge, parse_idempotency_key


def known(name: str, body: str) -> Accepted:
    at = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
    return Accepted(name, body, "CVD-2026-0001", at, date(2026, 11, 25))


@pytest.mark.parametrize(
    ("used_for", "body", "key", "verdict"),
    [
        # What was used, what was accepted under this name, whether there is a key: what it is.
        (None, None, "key", Verdict.NEW),
        (None, None, "", Verdict.NEW),
        (None, "same", "key", Verdict.REPEAT),
        ("name", "same", "key", Verdict.REPEAT),
        (None, "other", "key", Verdict.REUSED),
        ("name", "other", "key", Verdict.REUSED),
        ("another", None, "key", Verdict.REPLAYED),
        ("another", "same", "key", Verdict.REPLAYED),
        ("another", None, "", Verdict.REPLAYED),
        ("name", "same", "", Verdict.REPLAYED),
        ("name", None, "", Verdict.REPLAYED),
        # Its signature is forgotten, but not the report it made.
        (None, "same", "", Verdict.REPLAYED),
    ],
)
def test_what_a_request_is(used_for: str | None, body: str | None, key: str, verdict: Verdict) -> None:
    accepted = known("name", body) if body else None
    assert judge(name="name", keyed=bool(key), body="same", used_for=used_for, known=accepted) is verdict


@given(st.sampled_from([None, "name", "another"]), st.sampled_from([None, "same", "other"]))
def test_no_signature_without_a_key_ever_serves_twice(used_for: str | None, body: str | None) -> None:
    accepted = known("name", body) if body else None
    verdict = judge(name="name", keyed=False, body="same", used_for=used_for, known=accepted)
    assert (verdict is Verdict.NEW) is (used_for is None and accepted is None)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ([], None),
        (["8e03978e-40d5-43e8-bc93-6894a57f9324"], "8e03978e-40d5-43e8-bc93-6894a57f9324"),
        (['"8e03978e-40d5"'], "8e03978e-40d5"),
        (["a" * 200], "a" * 200),
    ],
)
def test_a_key_is_read_with_quotes_and_without(values: list[str], key: str | None) -> None:
    assert parse_idempotency_key(values) == key


@pytest.mark.parametrize(
    "values", [[""], ['""'], ["a b"], ['"a'], ["a\u00e9"], ["a" * 201], ["a", "a"], ['"a"b'], ["a\n"]]
)
def test_what_is_not_one_key_is_refused(values: list[str]) -> None:
    with pytest.raises(ValueError, match="is not one word"):
        parse_idempotency_key(values)
