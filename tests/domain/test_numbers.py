import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.numbers import is_bsn, is_iban


@pytest.mark.parametrize(
    "iban", ["NL91ABNA0417164300", "DE89370400440532013000", "BE68539007547034", "nl91abna0417164300"]
)
def test_an_iban_has_the_length_of_its_country_and_a_remainder_of_one(iban: str) -> None:
    assert is_iban(iban)


@pytest.mark.parametrize(
    "text",
    [
        "NL92ABNA0417164300",
        "NL91ABNA04171643",
        "ZZ91ABNA0417164300",
        "",
        "NL91 ABNA 0417 1643 00",
        "nl91äbna0417164300",
    ],
)
def test_what_misses_one_of_both_is_no_iban(text: str) -> None:
    assert not is_iban(text)


@pytest.mark.parametrize(
    ("digits", "right"), [("111222333", True), ("123456782", True), ("000000000", False), ("11122233", False)]
)
def test_a_bsn_passes_the_proof_of_eleven(digits: str, right: bool) -> None:  # noqa: FBT001 - a table of cases
    assert is_bsn(digits) is right


@given(st.integers(0, 8), st.integers(1, 9))
def test_one_wrong_digit_breaks_a_bsn(place: int, step: int) -> None:
    wrong = str((int("123456782"[place]) + step) % 10)
    assert not is_bsn("123456782"[:place] + wrong + "123456782"[place + 1 :])
