"""What is new in a mail and what is quoted, and where its signature is."""

import pytest

from bot.domain.quotes import find_signature, fold_quotes


@pytest.mark.parametrize(
    "attribution",
    [
        "On Tue, 24 Nov 2026 at 10:00, Desk <desk@example.nl> wrote:",
        "On 11/24/26 10:00, Desk wrote:",
        "> On 24 Nov 2026, at 10:00, Desk <desk@example.nl> wrote:",
        "Op di 24 nov 2026 om 10:00 schreef Desk <desk@example.nl>:",
        "Op 24-11-2026 om 10:00 schreef Desk:",
        "Op 24 nov 2026, om 10:00 heeft Desk <desk@example.nl> het volgende geschreven:",
        "Desk <desk@example.nl> schreef op 24 november 2026 om 10:00:",
        "Am 24.11.26 um 10:00 schrieb Desk:",
        "Le mar. 24 nov. 2026 à 10:00, Desk <desk@example.nl> a écrit :",
    ],
)
def test_lines_behind_an_attribution_are_quoted_and_others_stay_new(attribution: str) -> None:
    folded = fold_quotes(f"Above\n\n{attribution}\n> old one\n>> older\n\nBelow\n    indented")
    assert folded.new_text == "Above\n\n\nBelow\n    indented"
    assert folded.quoted_text == f"{attribution}\n> old one\n>> older"


@pytest.mark.parametrize(
    "separator",
    [
        "On Tue, 24 Nov 2026 at 10:00, Desk <desk@example.nl> wrote:",
        "Op di 24 nov 2026 om 10:00 schreef Desk <desk@example.nl>:",
        "-----Original Message-----",
        "-----Oorspronkelijk bericht-----",
        "-------- Doorgestuurd bericht --------",
        "Begin doorgestuurd bericht:",
        "________________________________\nVan: Desk\nVerzonden: dinsdag\nAan: Jan\nOnderwerp: x",
        "*From:* Desk\n*Sent:* Tuesday\n*To:* Jan\n*Cc:* Piet\n*Subject:* x",
    ],
)
def test_all_below_a_separator_is_quoted(separator: str) -> None:
    folded = fold_quotes(f"Above\n\n{separator}\n\nold text\nmore")
    assert folded.new_text == "Above"
    assert folded.quoted_text == f"{separator}\n\nold text\nmore"


@pytest.mark.parametrize(
    "evidence",
    [
        ">>> import os\n>>> os.system('id')",
        "> GET / HTTP/1.1",
        "On the admin page somebody wrote:\nhello",
        "From: ceo@example.nl\nTo: victim@example.org",
        "Op die pagina schreef ik:\n<script>",
        "--------------------------------",
    ],
)
def test_evidence_that_looks_like_a_quote_stays_new(evidence: str) -> None:
    folded = fold_quotes(f"Dear team,\n{evidence}\nthe end")
    assert folded.new_text == f"Dear team,\n{evidence}\nthe end"
    assert folded.quoted_text == ""


@pytest.mark.parametrize(
    ("text", "signature"),
    [
        ("Hallo\n\nMet vriendelijke groet,\nJan\n06-12345678", "Met vriendelijke groet,\nJan\n06-12345678"),
        ("Hello\n\nKind regards,\n\nAnn Lee", "Kind regards,\n\nAnn Lee"),
        ("Hello\n-- \nAnn Lee\n+31 6 12345678", "-- \nAnn Lee\n+31 6 12345678"),
        ("Thanks\n\nmore words\n\nCheers, Ann", "Cheers, Ann"),
        ("Hi\n\nBest,\nAnn\n--\nAnn Lee", "Best,\nAnn\n--\nAnn Lee"),
        ("Mvg\nPiet", "Mvg\nPiet"),
        ("Hello\n\nThanks for looking into this quickly", ""),
        ("Groeten\n" + "log line\n" * 40, ""),
        ("nothing at all", ""),
    ],
)
def test_the_signature_runs_from_the_closing_words_or_the_dashes_to_the_end(
    text: str, signature: str
) -> None:
    assert find_signature(text) == signature
