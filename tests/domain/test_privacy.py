import re
import unicodedata
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.privacy import PrivacyRules, Redactor, safe_file
from bot.domain.submission import Attachment, Submission

ALIAS = "reporter-7f3a"
OWN = ("example.nl",)
RULES = PrivacyRules.model_validate(yaml.safe_load(Path("mappings/privacy.yaml").read_text("utf-8")))
SIGNATURE = "Met vriendelijke groet,\nJoris Bedacht-Verzonnen\n+31 (0)6 1234 5678\njoris@thuis.example.org\n"
JORIS = Submission(
    from_address="joris.bedacht@example.org",
    from_name="Joris van Bedacht",
    reply_to="jb@post.example.org",
    message_id="<melding-1@laptop.example.org>",
    text=f"Hallo.\n\n{SIGNATURE}",
    signature=SIGNATURE,
)


def redact(text: str, submission: Submission = JORIS) -> str:
    return Redactor.for_submission(submission, ALIAS, own_domains=OWN).redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "Joris van Bedacht",
        "JORIS VAN BEDACHT",
        "joris.van.bedacht",
        "Joris\nvan\n> Bedacht",
        "Joris",
        "bedacht",
        "Jo\u200bris",
        "J\u00f3ris",
        "Jo\u0301ris",
        "\uff2a\uff4f\uff52\uff49\uff53",
        "%4Aoris",
        "%254Aoris",
        "&#74;oris",
        "Jo=\nris",
        "joris.bedacht@example.org",
        "Joris.Bedacht@Example.ORG",
        "joris.bedacht%40example.org",
        "joris.bedacht%2540example.org",
        "joris.bedacht\\u0040example.org",
        "joris.bedacht&#64;example.org",
        "joris.bedacht&#x40;example.org",
        "joris.\u200bbedacht@example.org",
        "joris.bedacht@exam=\r\nple.org",
        "joris.bedacht [at] example [dot] org",
        "jb@post.example.org",
        "joris@thuis.example.org",
        "melding-1@laptop.example.org",
        "Verzonnen",
        "06-12345678",
        "0612345678",
        "+31612345678",
        "0031 6 12 34 56 78",
    ],
)
def test_the_reporters_own_identifiers_become_the_alias_in_every_disguise(text: str) -> None:
    assert redact(f"gemeld ({text}) door mij") == f"gemeld ({ALIAS}) door mij"


@pytest.mark.parametrize(
    "text",
    [
        "Jorissen en Onbedacht zijn andere woorden",
        "stuur het naar security@example.nl of team@desk.example.nl",
        "npm install lodash@4.17.21 en user@localhost",
        "open https://example.com@evil.example.net/ en ssh://git@code.example.net/x",
        "rekening NL92ABNA0417164300 klopt niet",
        "nummer 123456789 en 000000000 zijn geen BSN",
        "bestelling 1112223330, versie 1.111222333 en id x111222333",
        "bel 0800-1234 of +31 20 765 4321",
        "een \u200b leeg teken en %zz en 100%",
    ],
)
def test_nothing_else_is_guessed(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("klant anna@example.com", "klant [e-mail address]"),
        ("?mail=anna%40example.com&x=1", "?mail=[e-mail address]&x=1"),
        ("xjoris.bedacht@example.org", ALIAS),
        ("anna@example.nl.example.com", "[e-mail address]"),
        ("IBAN NL91 ABNA 0417 1643 00 is mine", "IBAN [IBAN] is mine"),
        ("nl91abna0417164300", "[IBAN]"),
        ("DE89370400440532013000", "[IBAN]"),
        ("bsn=111222333&x", "bsn=[BSN]&x"),
        ("BSN 1112.22.333.", "BSN [BSN]."),
        ("bsn%20111222333", "bsn%20[BSN]"),
        ("bsn 111\u200b222333", "bsn [BSN]"),
    ],
)
def test_addresses_of_others_and_numbers_with_a_right_checksum_are_masked(text: str, shown: str) -> None:
    assert redact(text) == shown


SENT_FROM = Submission(from_address="x@example.org", origin_ips=("203.0.113.7", "2001:db8:0:1::a"))


@pytest.mark.parametrize(
    "text",
    [
        "203.0.113.7",
        "203[.]0[.]113[.]7",
        "203%2E0%2E113%2E7",
        "2001:db8:0:1::a",
        "2001:DB8:0:1::A",
        "2001:db8::1:0:0:0:a",
        "2001:0db8:0000:0001:0000:0000:0000:000a",
        "2001:db8:0:1:0:0:0:a",
    ],
)
def test_the_ip_addresses_his_mail_came_from_become_the_alias_in_every_spelling(text: str) -> None:
    assert redact(f"log: {text}, [{text}]:443 IPv6:{text}.", SENT_FROM) == (
        f"log: {ALIAS}, [{ALIAS}]:443 IPv6:{ALIAS}."
    )


@pytest.mark.parametrize(
    "text",
    [
        "203.0.113.70 en 1203.0.113.7 en 203.0.113.7.1 en 1.203.0.113.7",
        "2001:db8:0:1::a1 en 2001:db8:0:1::a:b en 2001:db8:0:1:: en 12001:db8:0:1::a",
        "198.51.100.4 en 2001:db8::80",
    ],
)
def test_an_ip_address_of_a_target_stays(text: str) -> None:
    assert redact(text, SENT_FROM) == text


def test_every_part_of_the_display_name_of_three_letters_or_more_goes_and_shorter_ones_stay() -> None:
    anna = Submission(from_address="a@example.org", from_name="Anna de Test")
    assert redact("de test van anna, een testje", anna) == f"de {ALIAS} van {ALIAS}, een testje"


def test_a_name_without_spaces_between_words_is_found_inside_a_sentence() -> None:
    reporter = Submission(from_address="w@example.org", from_name="\u738b\u5c0f\u660e")
    assert redact("\u6211\u662f\u738b\u5c0f\u660e\u3002", reporter) == f"\u6211\u662f{ALIAS}\u3002"


def test_headers_of_his_own_mail_are_emptied_and_those_of_others_are_not() -> None:
    text = (
        "Mijn mail:\n"
        "> From: JB <jb@post.example.org>\n"
        "> To: security@example.nl\n"
        "> Received: from laptop ([192.0.2.7])\n"
        ">  by mx.example.net; Mon, 23 Nov 2026\n"
        "> X-Test: blijft\n"
        "\n"
        "De aanval:\n"
        "From: bank@example.com\n"
        "Received: from evil.example.net ([192.0.2.9])\n"
    )
    assert redact(text) == (
        "Mijn mail:\n"
        f"> From: {ALIAS}\n"
        "> To: security@example.nl\n"
        f"> Received: {ALIAS}\n"
        "> X-Test: blijft\n"
        "\n"
        "De aanval:\n"
        "From: [e-mail address]\n"
        "Received: from evil.example.net ([192.0.2.9])\n"
    )


def test_a_received_line_that_names_him_is_emptied_wherever_it_stands() -> None:
    text = "Received: from [192.0.2.7] by mx.example.net\n\tfor <joris.bedacht@example.org>; Mon\nklaar"
    assert redact(text) == f"Received: {ALIAS}\nklaar"


KEY = """-----BEGIN PGP PUBLIC KEY BLOCK-----
X-Made-By: iets

tCJQaWV0IEdlaGVpbSA8cGlldEBwcml2LmV4YW1wbGUub3JnPg==
-----END PGP PUBLIC KEY BLOCK-----"""


def test_a_public_key_goes_as_a_whole_and_its_readable_user_id_is_his_name_too() -> None:
    sent = Submission(from_address="x@example.org", text=f"Piet Geheim meldt\n{KEY}\neinde")
    assert redact(sent.text, sent) == f"{ALIAS} meldt\n[PGP block of {ALIAS}]\neinde"
    assert redact("mail piet@priv.example.org", sent) == f"mail {ALIAS}"


def test_a_key_that_was_cut_off_goes_as_far_as_it_reaches() -> None:
    cut = KEY.rpartition("\n")[0]
    assert (
        redact(f"voor\n{cut}\n\nGewone tekst hier.") == f"voor\n[PGP block of {ALIAS}]\n\nGewone tekst hier."
    )


def test_a_key_listing_in_the_text_names_him() -> None:
    listing = "uid           [ultimate] Klaas Schaduw <ks@example.org>"
    sent = Submission(from_address="x@example.org", text=f"{listing}\n")
    assert redact(f"{listing} Schaduw", sent) == f"uid           [ultimate] {ALIAS} <{ALIAS}> {ALIAS}"


@pytest.mark.parametrize(
    "signature",
    [
        "Groeten, Sanne",
        "Kind regards,\n\nSanne Bedenksel",
        "Sanne Bedenksel\nPentester\n",
        "-- \nSanne",
        "Mvg\nSanne",
    ],
)
def test_the_name_under_a_text_is_his_even_when_the_mail_names_somebody_else(signature: str) -> None:
    sent = Submission(from_address="h4x0r@example.org", from_name="h4x0r", signature=signature)
    assert redact("Ik ben Sanne, ook h4x0r genoemd", sent) == f"Ik ben {ALIAS}, ook {ALIAS} genoemd"


def test_the_role_in_a_signature_is_no_name() -> None:
    sent = Submission(from_address="x@example.org", signature="Kind regards,\nSecurity Researcher\nAcme")
    assert redact("your security is weak, researcher", sent) == "your security is weak, researcher"


def test_an_address_of_ours_in_his_signature_stays_ours() -> None:
    sent = Submission(from_address="x@example.org", signature="Groeten,\nSanne\nsecurity@example.nl")
    assert redact("security@example.nl", sent) == "security@example.nl"


@pytest.mark.parametrize("name", ["Reporter", "Mail Address", "Key Block of", "Pgp Iban", "Bsn"])
def test_a_name_that_looks_like_what_redaction_writes_does_not_grow(name: str) -> None:
    sent = Submission(from_address="x@example.org", from_name=name, text=KEY)
    once = redact(f"{name} anna@example.com NL91ABNA0417164300 111222333\n{KEY}", sent)
    assert redact(once, sent) == once
    assert once.endswith(f"[e-mail address] [IBAN] [BSN]\n[PGP block of {ALIAS}]")


def eye(text: str) -> str:
    """What a reader makes of a text, written apart from the code under test."""
    seen = unicodedata.normalize("NFKD", unquote(unquote(text)))
    kept = (sign for sign in seen if unicodedata.category(sign) not in {"Cf", "Cc", "Mn"} or sign.isspace())
    return "".join(kept).casefold()


DISGUISES = (
    "Joris", "van Bedacht", "BEDACHT", "joris.bedacht@example.org", "joris.bedacht%40example.org", "J\u200doris",
    "jb@post.example.org", "06-12345678", "+31 6 12345678", "anna@example.com", "NL91 ABNA 0417 1643 00",
    "111222333", ALIAS, "[e-mail address]", "[BSN]", "From: ", "Received: ", "\n", " ", "@", ".", "-", "%", "=\n", "x",
    "\u200b", "\u0301", "<", ">", "\n>", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n", "ada",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(DISGUISES) | st.text(max_size=6), max_size=14).map("".join)


@given(TEXTS)
def test_after_redaction_no_identifier_is_left_and_a_second_one_changes_nothing(text: str) -> None:
    once = redact(text)
    assert redact(once) == once
    for left in (once.casefold(), eye(once)):
        assert "joris.bedacht@example.org" not in left
        assert "jb@post.example.org" not in left
        assert re.search(r"(?<![^\W\d_])(?:joris|bedacht|verzonnen)(?![^\W\d_])", left) is None


@given(st.text(), st.text(max_size=30), st.text(max_size=100))
def test_redaction_is_stable_for_any_text_name_and_signature(text: str, name: str, signature: str) -> None:
    sent = Submission(from_address="x@example.org", from_name=name, signature=signature, text=text)
    once = redact(f"{text} {name} {signature}", sent)
    assert redact(once, sent) == once


@pytest.mark.parametrize(
    "piece",
    [
        "Joris ",
        "a@",
        "%25",
        "Jo\u200b",
        "From: Joris\n",
        "nl91 ",
        "0 ",
        "-----BEGIN PGP SIGNATURE-----\n",
        "\u0301",
    ],
)
def test_a_long_hostile_text_is_redacted_like_a_short_one(piece: str) -> None:
    sent = Submission(
        from_address="a@example.org", from_name="Joris", text=piece * 20_000, signature=piece * 20_000
    )
    assert redact(piece * 20_000 + "\n\nJoris", sent).endswith(f"\n\n{ALIAS}")


PNG_HEAD = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("name", "declared", "content", "reason"),
    [
        ("a.exe", "text/plain", b"MZ\x90\x00", "not on the list"),
        ("a.txt", "text/plain", b"<!DOCTYPE html><script>1</script>", "not on the list"),
        ("a.svg", "text/plain", b"hallo", "not on the list"),
        ("a.txt", "text/html", b"hallo", "not on the list"),
        ("a.txt", "text/plain", b"caf\xe9", "not on the list"),
        ("a.eml", "message/rfc822", b"From: x", "not on the list"),
        ("a.png", "image/png", PNG_HEAD + b"kapot", "could not be read"),
        ("a.pdf", "application/pdf", b"%PDF-1.7 ... %%EOF <script>", "does not end"),
        ("a.zip", "application/zip", b"PK\x03\x04 kapot", "could not be read"),
        ("a.pdf", "application/pdf", b"%PDF-1.7 /Author (Joris van Bedacht) %%EOF", "names the reporter"),
        (
            "a.pdf",
            "application/pdf",
            b"%PDF-1.7 /Author (\xfe\xff\0B\0e\0d\0a\0c\0h\0t) %%EOF",
            "names the reporter",
        ),
        ("a.txt", "text/plain", b"a" * (RULES.max_text_bytes + 1), "larger than"),
    ],
)
def test_what_cannot_be_made_safe_stays_sealed_with_our_own_reason(
    name: str, declared: str, content: bytes, reason: str
) -> None:
    redactor = Redactor.for_submission(JORIS, ALIAS, own_domains=OWN)
    file = safe_file(3, Attachment(name, declared, content), RULES, redactor)
    assert file.content is None
    assert reason in (file.reason or "")
    assert (file.number, file.size) == (3, len(content))


def test_a_text_file_is_redacted_and_a_pdf_that_names_nobody_passes() -> None:
    redactor = Redactor.for_submission(JORIS, ALIAS, own_domains=OWN)
    text = safe_file(
        1, Attachment("log.csv", "application/octet-stream", b"\xef\xbb\xbfnaam,Joris\r\n"), RULES, redactor
    )
    assert (text.content, text.suffix, text.media_type) == (
        f"naam,{ALIAS}\r\n".encode(),
        ".txt",
        "text/plain",
    )
    pdf = b"%PDF-1.7\n1 0 obj\n%%EOF\n"
    assert safe_file(2, Attachment("x", "x/y", pdf), RULES, redactor).content == pdf


def test_files_beyond_the_most_stay_sealed() -> None:
    redactor = Redactor.for_submission(JORIS, ALIAS, own_domains=OWN)
    attachment = Attachment("a.txt", "text/plain", b"hallo")
    assert safe_file(RULES.max_files, attachment, RULES, redactor).content == b"hallo"
    assert safe_file(RULES.max_files + 1, attachment, RULES, redactor).content is None


@pytest.mark.parametrize("text", ["J\u200doris\U000116b6A", "J\u200doris\u2122A", "J\u200doris\u0301 A"])
def test_a_name_with_something_invisible_in_it_and_a_sign_behind_it_goes_too(text: str) -> None:
    assert "oris" not in redact(text)
