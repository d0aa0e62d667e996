"""What the mails of Thunderbird, Gmail, Outlook and Apple Mail say to the desk."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.domain.mime import parse_headers_only, parse_mail
from bot.domain.submission import Kind, Submission, submission_json

MAILS = Path(__file__).parents[1] / "mails"
PNG_BYTES = b"\x89PNG\r\n\x1a\n"


def read(name: str) -> Submission:
    raw = (MAILS / f"{name}.eml").read_bytes()
    return parse_mail(raw, own_hosts=["MX1.example.nl"], own_domains=["example.nl"])


@pytest.mark.parametrize("path", sorted(MAILS.glob("*.eml")), ids=lambda path: path.stem)
def test_an_ordinary_mail_is_read_without_a_problem(path: Path) -> None:
    expected = ("the mail has no Message-ID",) if path.stem == "bounce_qmail" else ()
    assert parse_mail(path.read_bytes()).problems == expected


def test_a_dutch_report_from_thunderbird_is_understood() -> None:
    mail = read("thunderbird_nl_report")
    assert mail.from_address == "sanne.devries@example.org"
    assert mail.from_name == "Sanne de Vries"
    assert mail.subject == "Kwetsbaarheid in klantportaal: facturen van anderen inzien via één parameter"
    assert mail.language == "nl"
    assert mail.message_id == "<0b2f1c77-9d0e-4a53-b1c4-2d7a54d1c0aa@example.org>"
    assert mail.recipients == ("security@example.nl",)
    assert mail.encrypted is False
    assert mail.signed is False
    assert mail.automatic is None


def test_the_soft_line_breaks_of_a_flowed_mail_are_joined_and_its_hard_ones_kept() -> None:
    text = read("thunderbird_nl_report").text
    assert "Door het nummer in de adresbalk te veranderen kan ik facturen van andere klanten inzien." in text
    assert "Stappen:\n  1. Log in op het klantportaal.\n  2. Open een factuur.\n" in text


def test_the_signature_block_begins_at_the_closing_words_and_stays_in_the_new_text() -> None:
    mail = read("thunderbird_nl_report")
    assert mail.signature.startswith("Met vriendelijke groet,\n\nSanne de Vries\n06-12345678\n--")
    assert mail.signature.endswith("tel. +31 6 12345678")
    assert mail.new_text.endswith(mail.signature)


def test_an_attachment_keeps_its_name_split_over_two_rfc_2231_pieces() -> None:
    (picture,) = read("thunderbird_nl_report").attachments
    assert picture.name == "schermafbeelding één.png"
    assert picture.media_type == "image/png"
    assert picture.content.startswith(PNG_BYTES)


def test_our_own_received_stamp_gives_the_time_and_the_senders_do_not() -> None:
    assert read("thunderbird_nl_report").own_received_at == datetime(2026, 11, 23, 8, 0, 12, tzinfo=UTC)
    assert read("gmail_en_report").own_received_at == datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    assert read("outlook_nl_report").own_received_at is None


def test_a_forged_stamp_below_ours_or_in_a_comment_does_not_move_the_time() -> None:
    raw = (
        b"Received: from x (by mx1.example.nl) by evil.example; Mon, 1 Jan 2001 00:00:00 +0000\r\n"
        b"Received: from y by MX1.Example.NL. with ESMTP; Mon, 23 Nov 2026 09:00:00 +0100 (CET)\r\n"
        b"Received: from z by mx1.example.nl; Mon, 1 Jan 2001 00:00:00 +0000\r\n\r\n"
    )
    assert parse_mail(raw, own_hosts=["mx1.example.nl"]).own_received_at == datetime(
        2026, 11, 23, 8, 0, tzinfo=UTC
    )


def test_of_plain_text_and_html_gmail_s_plain_text_is_read() -> None:
    mail = read("gmail_en_report")
    assert "The parameter *q* is written into the page" in mail.text
    assert mail.text.count("Hello team") == 1
    assert mail.language == "en"
    assert mail.attachments == ()
    assert mail.recipients == ("security@example.nl", "desk@example.nl")


def test_a_dutch_gmail_reply_is_split_at_its_attribution_over_two_lines() -> None:
    mail = read("gmail_nl_reply")
    assert mail.new_text.endswith("Groet, Ján")
    assert mail.quoted_text.startswith("Op di 24 nov 2026 om 10:00 schreef Meldpunt")
    assert mail.quoted_text.endswith(">")
    assert mail.signature == "Groet, Ján"
    assert mail.from_name == "Ján Jansen"
    assert mail.references == ("<receipt-1@meldpunt.example.nl>", "<CAKold@mail.gmail.example>")


def test_an_exchange_mail_in_windows_1252_keeps_its_euro_and_its_inline_picture() -> None:
    mail = read("outlook_nl_report")
    assert "facturen van € 1.500" in mail.text
    assert "Beste collega\N{RIGHT SINGLE QUOTATION MARK}s" in mail.text
    assert [file.name for file in mail.attachments] == ["image001.png"]
    assert mail.automatic is None
    assert "020 - 555 01 23" in mail.signature


def test_an_outlook_reply_is_split_at_its_rule_and_header_lines() -> None:
    mail = read("outlook_en_reply")
    assert mail.new_text.endswith("Regards,\nRobin")
    assert "From: Security Desk <security@example.nl>\nSent: 24 November 2026" in mail.quoted_text


def test_an_html_reply_of_dutch_outlook_is_split_and_keeps_the_address_of_its_link() -> None:
    mail = read("outlook_nl_html_reply")
    assert (
        "zie deze pagina <https://portaal.example.nl/test>. Hartelijk dank voor de coördinatie."
        in mail.new_text
    )
    assert mail.quoted_text.startswith("Van: Meldpunt <security@example.nl>\nVerzonden:")
    assert "margin" not in mail.text


def test_apple_mail_s_files_inside_an_alternative_are_not_lost() -> None:
    mail = read("applemail_en_inline")
    assert [file.name for file in mail.attachments] == [
        "Scherm\xadafbeelding 2026-11-28 om 10.00.00.png",
        "tables.txt",
    ]
    assert mail.attachments[1].content == b"users\r\ninvoices\r\n"
    assert mail.text.count("The first picture shows the error") == 1
    assert mail.signature == "Best,\nKim"


def test_an_iphone_reply_whose_attribution_is_itself_quoted_is_split() -> None:
    mail = read("applemail_nl_reply")
    assert mail.new_text.endswith("Verstuurd vanaf mijn iPhone")
    assert "Werkt dit ook zonder in te loggen?" in mail.quoted_text


def test_answers_below_and_between_quotes_stay_new_and_keep_their_indentation() -> None:
    mail = read("thunderbird_en_bottom_posted")
    assert mail.new_text.startswith("I used Firefox on Debian.")
    assert "    curl -s https://api.example.nl/v1/me \\\n        -H 'X-Debug: 1'" in mail.new_text
    assert "Which browser" in mail.quoted_text
    assert "> And which account?" in mail.quoted_text
    assert mail.signature == "--\nTaylor Reed"
    assert mail.references == ("<first@example.org>", "<ask-2@meldpunt.example.nl>")


def test_an_html_only_report_becomes_text_as_its_reader_sees_it() -> None:
    mail = read("html_only_en")
    assert "GET /?next=https://evil.example HTTP/1.1\n    Host: login.example.nl" in mail.text
    assert "here <https://login.example.nl/?next=https://evil.example>." in mail.text
    for unseen in ("alert(1)", "color:red", "hidden words", "<p>"):
        assert unseen not in mail.text
    assert mail.reply_to == "jamie.private@example.com"
    assert mail.from_name == "Morgan, Jamie"


def test_latin_1_in_headers_and_text_is_read() -> None:
    mail = read("latin1_nl")
    assert mail.from_name == "Renée Brüll"
    assert mail.subject == "Fout in de coördinatiepagina"
    assert "ook één\ntelefoonnummer" in mail.text


def test_a_forwarded_mail_is_kept_as_a_file_and_its_text_and_pictures_are_read() -> None:
    mail = read("forwarded_message")
    assert mail.new_text.startswith("Deze melding kwam bij de klantenservice binnen.")
    assert mail.quoted_text == "Via de zoekpagina kan ik bestellingen van anderen zien."
    assert mail.quoted_text in mail.text
    assert [(file.name, file.media_type) for file in mail.attachments] == [
        ("lek.eml", "message/rfc822"),
        ("bewijs.png", "image/png"),
    ]


def test_winmail_dat_is_listed() -> None:
    (file,) = read("outlook_winmail").attachments
    assert (file.name, file.media_type, file.size) == ("winmail.dat", "application/ms-tnef", 68)


@pytest.mark.parametrize(
    ("name", "encrypted", "signed"),
    [
        ("pgp_mime_encrypted", True, False),
        ("pgp_inline_encrypted", True, False),
        ("pgp_mime_signed", False, True),
        ("pgp_inline_signed", False, True),
        ("gmail_en_report", False, False),
    ],
)
def test_openpgp_mail_is_flagged(name: str, *, encrypted: bool, signed: bool) -> None:
    mail = read(name)
    assert (mail.encrypted, mail.signed) == (encrypted, signed)
    assert mail.authenticated is None


def test_the_sender_that_our_own_list_rewrote_is_put_back() -> None:
    mail = read("own_list")
    assert (mail.from_name, mail.from_address) == ("Daan Melder", "daan@example.org")
    assert mail.automatic is None


def test_a_sender_elsewhere_cannot_pass_for_another_by_writing_via() -> None:
    raw = b"From: Ann via Security <mallory@example.com>\nReply-To: ann@example.org\n\nhello"
    assert parse_mail(raw, own_domains=["example.nl"]).from_address == "mallory@example.com"


def test_of_several_senders_the_first_is_taken_and_it_is_said() -> None:
    mail = parse_mail(b"From: A <a@EXAMPLE.org>, b@example.org\nMessage-ID: <1@x>\n\nhello")
    assert mail.from_address == "a@example.org"
    assert mail.problems == ("the mail has several senders; the first is taken",)


@pytest.mark.parametrize(
    "value", ["", "nobody", "a@b@", "<>", "undisclosed-recipients:;", "=?utf-8?q?a=40b?="]
)
def test_a_from_without_an_address_gives_no_sender_and_it_is_said(value: str) -> None:
    mail = parse_mail(f"From: {value}\nMessage-ID: <1@x>\n\nhello".encode())
    assert (mail.from_address, mail.from_name) == (None, None)
    assert mail.problems == ("the mail has no address in From",)


def test_an_address_hidden_in_a_display_name_is_not_taken() -> None:
    mail = parse_mail(b"From: =?utf-8?q?ann=40example=2Eorg=2C?= <mallory@example.com>\n\nhello")
    assert mail.from_address == "mallory@example.com"
    assert mail.from_name == "ann@example.org,"


def test_a_subject_cannot_break_its_line_or_turn_the_direction() -> None:
    mail = parse_mail(b"Subject: =?utf-8?q?a=0D=0ABcc:_x=00=E2=80=AEb?=\n =?utf-8?q?c?=\n\nhello")
    assert mail.subject == "a Bcc: x bc"


def test_a_letter_split_over_two_encoded_words_is_joined() -> None:
    assert parse_mail(b"Subject: =?utf-8?b?w6k=?= =?utf-8?q?=C3?= =?utf-8?q?=A9?=\n\n").subject == "éé"


def test_references_hold_each_id_once_in_order_and_the_one_replied_to() -> None:
    mail = parse_mail(b"References: <a@x> <b@x>\n <a@x>\nIn-Reply-To: Your mail <c@x> of Monday\n\n")
    assert mail.references == ("<a@x>", "<b@x>", "<c@x>")


def test_bytes_that_are_no_mail_are_all_text() -> None:
    mail = parse_mail(b"hello there\nno headers at all")
    assert mail.text == "hello there\nno headers at all"
    assert "the headers end without a blank line" in mail.problems


def test_a_forward_within_the_text_is_quoted_text() -> None:
    raw = b"From: a@example.org\n\nSee below.\n\n---------- Forwarded message ---------\nFrom: B <b@example.org>\n\nOld"
    mail = parse_mail(raw)
    assert mail.new_text == "See below."
    assert mail.quoted_text.endswith("Old")


def test_headers_only_tells_what_the_headers_say() -> None:
    raw = (MAILS / "gmail_nl_reply.eml").read_bytes()
    mail, whole = parse_headers_only(raw), parse_mail(raw)
    assert mail.text == ""
    assert mail.problems == ("only the headers were read",)
    for key in ("from_address", "from_name", "subject", "message_id", "references", "recipients"):
        assert getattr(mail, key) == getattr(whole, key)


def test_the_json_of_a_submission_has_every_key_and_null_for_what_is_not_known() -> None:
    found = submission_json(read("thunderbird_nl_report"), Kind.REPORT)
    assert " ".join(found) == (
        "kind from from_name subject text language new_text quoted_text attachments message_id references "
        "encrypted signed authenticated bounce problems"
    )
    assert found["kind"] == "report"
    assert found["authenticated"] is None
    assert found["bounce"] is None
    assert set(found["attachments"][0]) == {"name", "media_type", "size", "sha256"}
    bounce = submission_json(read("bounce_postfix"), Kind.BOUNCE)["bounce"]
    assert set(bounce) == {"status", "recipient", "permanent", "original_message_id"}
