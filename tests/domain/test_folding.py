import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.folding import fold, fold_all


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("JORIS", "joris"),
        ("Jos\u00e9 \u0130stanbul Stra\u00dfe", "jose istanbul strasse"),
        ("a%40b %2540 %252540 100% %zz", "a@b @ @ 100% %zz"),
        ("J%C3%BCrgen %ff", "jurgen \ufffd"),
        ("a=\r\nb=\nc =x", "abc =x"),
        ("&#64;&#x40;\\u0040 &amp;", "@@@ &amp;"),
        ("a\u200b\u00ad\u202eb\x1b", "ab"),
        ("&#9999999;&#xd800;", "\ufffd\ufffd"),
    ],
)
def test_a_text_is_read_as_the_eye_and_a_browser_read_it(text: str, folded: str) -> None:
    assert fold(text).text == folded


@pytest.mark.parametrize(
    ("text", "found", "place"),
    [
        ("x a%40b y", "a@b", "a%40b"),
        ("x Jos\u00e9 y", "jose", "Jos\u00e9"),
        ("x Jose\u0301 y", "jose", "Jose\u0301"),
        ("x a\u200bb y", "ab", "a\u200bb"),
        ("x %C3%BC y", "u", "%C3%BC"),
        ("x Stra\u00dfe", "strass", "Stra\u00df"),
    ],
)
def test_what_is_found_in_the_folded_text_has_its_place_in_the_original(
    text: str, found: str, place: str
) -> None:
    folded = fold(text)
    start = folded.text.index(found)
    begins, stops = folded.span(start, start + len(found))
    assert text[begins:stops] == place


def test_a_text_that_can_be_read_in_several_ways_is_folded_in_each() -> None:
    assert [each.text for each in fold_all("abc")] == ["abc"]
    assert [each.text for each in fold_all("%41\u200bb\u2122")] == [
        "abtm",
        "ab\u2122",
        "a\0b\u2122",
        "%41btm",
        "%41b\u2122",
        "%41\0b\u2122",
    ]


@given(st.text() | st.text("a%4=\n\u0301\u200b\u00e9&#;", max_size=30))
def test_each_folded_character_comes_from_one_place_and_places_never_go_back(text: str) -> None:
    for folded in fold_all(text):
        places = [folded.span(at, at + 1) for at in range(len(folded.text))]
        assert all(0 <= start < end <= len(text) for start, end in places)
        assert places == sorted(places)
