"""The language of a report, for the choice of the notices' language; unsure is an answer."""

import re
from functools import cache
from typing import Any

# Fewer candidates make short texts surer; Afrikaans and Frisian would only take from Dutch.
LANGUAGES = ["nl", "en", "de", "fr", "es", "it", "pt", "pl", "tr", "ru", "uk", "sv", "da", "no", "fi", "cs"]
LANGUAGES += ["ro", "hu", "el", "bg", "id", "vi", "ar", "he", "hi", "ja", "ko", "zh"]
SURE = 0.8
FEWEST_LETTERS = 10
LOOK_AT = 4000
NOT_PROSE = re.compile(r"://|[@<>{}=_\\/|#$%^*~`\d]")


def language_of(text: str) -> str | None:
    """Name the language of a text as an ISO 639-1 code, or None when it is short or unclear.

    Links, code and numbers are left out: an English request in a Dutch mail says nothing.
    """
    prose = " ".join(word for word in text[:LOOK_AT].split() if not NOT_PROSE.search(word))
    if sum(letter.isalpha() for letter in prose) < FEWEST_LETTERS:
        return None
    language, probability = _identifier().classify(prose)
    return str(language) if probability >= SURE else None


@cache
def _identifier() -> Any:  # noqa: ANN401 - py3langid carries no types
    # Loading takes half a second and 130 MB: only the child process pays for it.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]  # noqa: PLC0415

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(LANGUAGES)
    return identifier
