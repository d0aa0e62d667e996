import pytest

from bot.domain.notices import languages_for


@pytest.mark.parametrize(
    ("language", "languages"),
    [
        ("nl", ("nl",)),
        ("NL", ("nl",)),
        ("nl-BE", ("nl",)),
        ("en", ("en",)),
        ("fr", ("en",)),
        ("nds", ("en",)),
        ("", ("en",)),
        (None, ("nl", "en")),
    ],
)
def test_a_reporter_is_answered_in_dutch_in_english_or_when_unsure_in_both(
    language: str | None, languages: tuple[str, ...]
) -> None:
    assert languages_for(language) == languages
