"""The JSON of a form becomes a submission like that of a mail, whatever stands in it."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain.form import (
    CAPTIONS,
    MOST_FILES,
    FormReport,
    TooManyNamesError,
    parse_form,
    parse_form_briefly,
    read_form,
)
from bot.domain.identifiers import find_identifiers
from bot.domain.severity import suggest_severity
from bot.domain.submission import Attachment
from bot.mappings import load_mappings
from tests.builders import FINDING, PIXEL
from tests.rigs.bots import ROOT
from tests.rigs.form import report, written

RULES = load_mappings(ROOT / "mappings").severity
VECTOR = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=15,
)
FIELDS = st.sampled_from(sorted(FormReport.model_fields))
NEARLY = st.builds(
    lambda said: {"description": "Een lek.", **said}, st.dictionaries(FIELDS, JSON, max_size=4)
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


def wrong(said: object) -> list[str]:
    """Where a report is wrong, as pydantic names it."""
    with pytest.raises(ValidationError) as caught:
        read_form(json.dumps(said).encode())
    return [".".join(map(str, fault["loc"])) for fault in caught.value.errors()]


def test_only_the_description_is_required() -> None:
    submission = parse_form(written({"description": FINDING}))
    assert (submission.text, submission.new_text, submission.language) == (FINDING, FINDING, "nl")
    assert submission.subject == "Goedemiddag,"
    assert (submission.from_address, submission.from_name, submission.attachments) == (None, None, ())
    assert submission.problems == ()


def test_everything_that_a_form_may_ask_for_is_in_the_submission() -> None:
    submission = parse_form(
        written(
            report(
                title="SQL-injectie",
                steps="1. Open de zoekpagina\n2. Zoek op '",
                asset="https://portaal.example.nl/zoek",
                category="SQL injection",
                cvss=VECTOR,
                reporter={"name": "Joris Bedacht", "address": "joris@example.org", "language": "en"},
                attachments=[
                    {
                        "name": "scherm.png",
                        "media_type": "image/png",
                        "content": base64.b64encode(PIXEL).decode(),
                    }
                ],
            )
        ),
        language="nl",
    )
    assert submission.text == (
        "In het zoekveld kan ik SQL meegeven.\n\n"
        "Stappen:\n1. Open de zoekpagina\n2. Zoek op '\n\n"
        f"Systeem: https://portaal.example.nl/zoek\nCategorie: SQL injection\nCVSS-vector: {VECTOR}"
    )
    assert (submission.subject, submission.language) == ("SQL-injectie", "en")
    assert (submission.from_name, submission.from_address) == ("Joris Bedacht", "joris@example.org")
    assert submission.attachments == (Attachment("scherm.png", "image/png", PIXEL),)
    assert (submission.asset, submission.category) == ("https://portaal.example.nl/zoek", "SQL injection")
    assert (submission.cvss, submission.steps) == (VECTOR, "1. Open de zoekpagina\n2. Zoek op '")


def test_null_is_the_same_as_left_out() -> None:
    names = [name for name in FormReport.model_fields if name != "description"]
    assert parse_form(written(report(**dict.fromkeys(names)))) == parse_form(written(report()))
    nobody = {"name": None, "address": None, "language": None}
    assert parse_form(written(report(reporter=nobody))) == parse_form(written(report()))


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({}, "description"),
        ({"description": " \n"}, "description"),
        ({"description": 7}, "description"),
        ({"description": "x" * 200_001}, "description"),
        (report(beschrijving="x"), "beschrijving"),
        (report(title=["x"]), "title"),
        (report(cvss="AV:N"), "cvss"),
        (report(cvss=f"{VECTOR} or so"), "cvss"),
        (report(cvss="CVSS:2.0/AV:N/AC:L/Au:N/C:P/I:P/A:P"), "cvss"),
        (report(reporter={"adress": "x@example.org"}), "reporter.adress"),
        (report(reporter={"address": "Jan <jan@example.org>"}), "reporter.address"),
        (report(reporter={"address": "jan@example.org\r\nBcc: x@example.org"}), "reporter.address"),
        (report(reporter={"language": "Dutch"}), "reporter.language"),
        (report(reporter={"language": "nl\n"}), "reporter.language"),
        (report(attachments=[{"name": "x"}]), "attachments.0.content"),
        (report(attachments=[{"content": ""}, {"content": "a"}]), "attachments.1.content"),
        (report(attachments=[{"content": "YQ==\n"}]), "attachments.0.content"),
        (report(attachments=[{"content": "é"}]), "attachments.0.content"),
        (report(attachments=[{"content": "", "name": "x" * 256}]), "attachments.0.name"),
        (report(attachments=[{"content": ""}] * (MOST_FILES + 1)), "attachments"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(said: object, place: str) -> None:
    assert wrong(said) == [place]


@pytest.mark.parametrize(
    ("vector", "severity"),
    [
        (VECTOR, "critical"),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:N/VI:N/VA:N/SC:N/SI:N/SA:N", "none"),
        ("AV:L/AC:H/PR:H/UI:R/S:U/C:L/I:N/A:N", "low"),
    ],
)
@pytest.mark.parametrize("language", sorted(CAPTIONS))
def test_a_vector_suggests_a_severity_as_it_does_in_a_mail(vector: str, severity: str, language: str) -> None:
    submission = parse_form(written(report(cvss=vector)), language=language)
    suggestion = suggest_severity(submission.subject, submission.text, RULES)
    assert suggestion
    assert suggestion.severity == severity


def test_a_category_suggests_a_severity_by_the_words_of_the_mapping() -> None:
    said = report(description="Ik kan de agenda van iedereen zien.")
    assert suggest_severity("", parse_form(written(said)).text, RULES) is None
    suggestion = suggest_severity("", parse_form(written(said | {"category": "Open redirect"})).text, RULES)
    assert suggestion
    assert (suggestion.severity, suggestion.reason) == ("low", 'keyword "open redirect"')


@pytest.mark.parametrize("language", sorted(CAPTIONS))
def test_no_caption_suggests_anything_by_itself(language: str) -> None:
    said = report(description="Dit.", steps="niets", asset="x", category="y")
    assert suggest_severity("", parse_form(written(said), language=language).text, RULES) is None


def test_a_title_is_taken_from_the_first_line_and_cut_between_words() -> None:
    def title(**fields: str) -> str:
        return parse_form(written(report(**fields))).subject

    assert title(title="Een\r\nlek") == "Een lek"
    assert title(title=" ") == "In het zoekveld kan ik SQL meegeven."
    assert title(description="\n \nEerste\nTweede") == "Eerste"
    long = title(description="woord " * 100)
    assert long.endswith("woord …")
    assert len(long) <= 122
    assert title(description="x" * 500) == f"{'x' * 120} …"


def test_the_reporter_s_own_words_about_himself_are_known_for_redaction() -> None:
    text = f"{FINDING}\nMet vriendelijke groet,\nJoris Bedacht\n06-12345678"
    said = report(
        description=text, steps="Zie boven", reporter={"name": "J. Bedacht", "address": "jb@example.org"}
    )
    found = find_identifiers(parse_form(written(said)), ())
    assert "bedacht" in found.parts
    assert found.addresses == ("jb@example.org",)
    assert found.phones == ("0612345678",)


@given(st.binary(max_size=300) | NEARLY.map(written) | JSON.map(lambda said: json.dumps(said).encode()))
def test_whatever_comes_nothing_is_raised_and_both_readers_agree(body: bytes) -> None:
    whole, brief = parse_form(body), parse_form_briefly(body)
    assert (whole.text, whole.subject, whole.problems) == (brief.text, brief.subject, brief.problems)
    try:
        read_form(body)
    except ValidationError:
        assert whole.problems == ("what the form sent is not the JSON of a report",)
    else:
        assert whole.text
        assert whole.problems == ()


@given(TEXT.filter(str.strip), st.lists(st.tuples(TEXT, st.binary(max_size=50)), max_size=3))
def test_no_word_and_no_byte_gets_lost(description: str, files: list[tuple[str, bytes]]) -> None:
    attachments = [
        {"name": name[:255], "content": base64.b64encode(content).decode()} for name, content in files
    ]
    submission = parse_form(written({"description": description, "attachments": attachments}))
    assert submission.text == submission.new_text == description
    assert [file.content for file in submission.attachments] == [content for _, content in files]


def deep(depth: int) -> Any:
    return b'{"description":' + b"[" * depth


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", deep(100_000), b'{"description":"\\ud800"}', b"\xef\xbb\xbf{}"]
)
def test_what_is_no_json_is_told_as_that(body: bytes) -> None:
    with pytest.raises(ValidationError) as caught:
        read_form(body)
    assert [fault["type"] for fault in caught.value.errors()] == ["json_invalid"]


@pytest.mark.parametrize("place", ["whole", "reporter", "file"])
def test_an_object_with_thousands_of_names_is_refused_as_one(place: str) -> None:
    names = {f"n{number}": 1 for number in range(2000)}
    places: dict[str, dict[str, Any]] = {
        "whole": {**names},
        "reporter": {"reporter": names},
        "file": {"attachments": [names]},
    }
    with pytest.raises(TooManyNamesError):
        read_form(json.dumps({"description": "Een lek.", **places[place]}).encode())


def test_a_text_full_of_colons_and_a_hundred_files_are_no_names() -> None:
    files = [{"name": f"{number}.txt", "content": "eA=="} for number in range(100)]
    form = read_form(json.dumps({"description": "a: b\n" * 5000, "attachments": files}).encode())
    assert len(form.attachments or ()) == 100


def test_of_a_list_of_rubbish_the_first_fault_is_enough() -> None:
    assert len(wrong({"description": "Een lek.", "attachments": [0] * 90})) == 1
