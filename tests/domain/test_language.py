"""The language of short, long and unclear texts."""

import pytest

from bot.domain.language import language_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Ik heb een lek gevonden op uw website, zie de stappen hieronder.", "nl"),
        ("I found a leak on your website, see the steps below.", "en"),
        ("Ich habe eine Sicherheitslücke auf Ihrer Webseite gefunden.", "de"),
        ("Via GET /search?q=<script>alert(1)</script> kan ik scripts uitvoeren in uw pagina.", "nl"),
        ("", None),
        ("XSS", None),
        ("Hallo", None),
        ("GET /a HTTP/1.1 Host: example.org Cookie: a=b", None),
        ("https://example.org/this/is/a/long/english/address/that/says/nothing", None),
        ("1234567890 1234567890", None),
    ],
)
def test_a_language_is_named_when_it_is_sure(text: str, language: str | None) -> None:
    assert language_of(text) == language
