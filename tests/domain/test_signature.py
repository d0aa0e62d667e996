"""A signature is believed when it is of a known key, over exactly these bytes, made just now; else it is not."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.signature import (
    Refusal,
    Signature,
    check_signature,
    draft_signature,
    parse_signature,
    parse_signing_keys,
    sign,
)

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
UNIX = int(NOW.timestamp())
KEYS = {"web": "an-invented-word-of-16", "app": "another-invented-word"}
WINDOW = timedelta(minutes=5)
MAC = "0123456789abcdef" * 4


def checked(*values: str, body: bytes = b"{}", now: datetime = NOW) -> Signature | Refusal:
    return check_signature(values, body, KEYS, now, WINDOW)


@given(st.binary(max_size=200), st.sampled_from(sorted(KEYS)), st.integers(min_value=-300, max_value=300))
def test_what_was_signed_within_the_window_is_believed(body: bytes, key_id: str, late: int) -> None:
    value = draft_signature(key_id, KEYS[key_id], UNIX + late, body)
    signature = checked(value, body=body)
    assert isinstance(signature, Signature)
    assert (signature.key_id, signature.signed_at) == (key_id, NOW + timedelta(seconds=late))


@given(st.binary(max_size=50), st.binary(max_size=50), st.integers(1, 10**9), st.integers(1, 10**9))
def test_only_the_same_time_and_body_have_the_same_signature(
    one: bytes, other: bytes, at: int, later: int
) -> None:
    same = (one, at) == (other, later)
    assert (sign(KEYS["web"], at, one) == sign(KEYS["web"], later, other)) is same


def test_the_signature_is_hmac_sha256_over_time_dot_body() -> None:
    expected = hmac.new(b"an-invented-word-of-16", b"1790000000.{}", hashlib.sha256).hexdigest()
    assert draft_signature("web", KEYS["web"], 1790000000, b"{}") == f"t=1790000000,id=web,v1={expected}"


@pytest.mark.parametrize("late", [-301, 301, -86400, 86400])
def test_what_was_signed_too_early_or_too_late_is_stale(late: int) -> None:
    assert checked(draft_signature("web", KEYS["web"], UNIX + late, b"{}")) is Refusal.STALE


def test_another_body_key_time_or_secret_is_forged_and_an_unknown_key_unknown() -> None:
    value = draft_signature("web", KEYS["web"], UNIX, b"{}")
    assert checked(value, body=b"{ }") is Refusal.FORGED
    assert checked(value.replace("id=web", "id=app")) is Refusal.FORGED
    assert checked(value.replace(f"t={UNIX}", f"t={UNIX + 1}")) is Refusal.FORGED
    assert checked(draft_signature("web", "a-guessed-word-of-16", UNIX, b"{}")) is Refusal.FORGED
    assert checked(value.replace("id=web", "id=nobody")) is Refusal.UNKNOWN_KEY


@pytest.mark.parametrize(
    "value",
    [
        "",
        "t=1,id=web",
        f"id=web,t=1,v1={MAC}",
        f"t=1,t=2,id=web,v1={MAC}",
        f"t=1,id=web,v1={MAC},v1={MAC}",
        f"t=1,id=web,v1={MAC},v2={MAC}",
        f"t=1, id=web, v1={MAC}",
        f"t=1,id=web,v1={MAC.upper()}",
        f"t=1,id=web,v1={MAC[:-1]}",
        f"t=1,id=web,v1={MAC}0",
        f"t=0,id=web,v1={MAC}",
        f"t=-1,id=web,v1={MAC}",
        f"t=1.5,id=web,v1={MAC}",
        f"t=01,id=web,v1={MAC}",
        f"t={'9' * 12},id=web,v1={MAC}",
        f"t=\u0661,id=web,v1={MAC}",
        f"t=1,id=,v1={MAC}",
        f"t=1,id={'w' * 33},v1={MAC}",
        f"t=1,id=w b,v1={MAC}",
        f"t=1,id=web,v1={MAC}\n",
    ],
)
def test_anything_but_the_three_parts_in_their_order_is_malformed(value: str) -> None:
    assert checked(value) is Refusal.MALFORMED


def test_the_header_must_be_there_once() -> None:
    value = draft_signature("web", KEYS["web"], UNIX, b"{}")
    assert checked() is checked(value, value) is Refusal.MALFORMED


@given(st.lists(st.text(max_size=120), max_size=2))
def test_whatever_stands_in_the_header_nothing_is_raised(values: list[str]) -> None:
    parse_signature(values)
    assert isinstance(check_signature(values, b"", KEYS, NOW, WINDOW), Refusal)


@given(st.integers(min_value=1, max_value=99_999_999_999))
def test_every_time_that_can_be_written_can_be_read(at: int) -> None:
    signature = parse_signature([f"t={at},id=web,v1={MAC}"])
    assert signature
    assert int(signature.signed_at.timestamp()) == at


def test_keys_are_read_with_colons_in_their_secrets_and_spaces_about_them() -> None:
    keys = parse_signing_keys("web:a:word:with:colons, app.v2-x_1:another-invented-word")
    assert keys == {"web": "a:word:with:colons", "app.v2-x_1": "another-invented-word"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("geheim-geheim-geheim", "key 1 of the list is not id:secret"),
        ("web:geheim-geheim-geheim,", "key 2 of the list is not id:secret"),
        (":geheim-geheim-geheim", "key 1 of the list is not id:secret"),
        ("w b:geheim-geheim-geheim", "key 1 of the list is not id:secret"),
        ("web:geheim", "the secret of key 1 has fewer than 16 characters"),
        ("web:geheim-geheim-geheim,web:geheim-geheim-anders", "key 2 of the list has the id of another"),
    ],
)
def test_a_wrong_list_of_keys_is_told_without_what_stands_in_it(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match="key") as caught:
        parse_signing_keys(text)
    assert problem in str(caught.value)
    assert "geheim" not in str(caught.value)
