import email
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.notices import Notice
from bot.domain.outgoing import draft_mail
from bot.errors import PermanentError

NOTICE = Notice(
    "[CVD-2026-0001] Ontvangstbevestiging", "Goedendag,\n\nWij hebben één melding.\n\n.\nFrom here\n", ("nl",)
)
NOW = datetime(2026, 11, 24, 8, 12, tzinfo=UTC)
MAIL: dict[str, Any] = {
    "sender": "security@example.nl",
    "sender_name": "Meldpunt Kwetsbaarheden België",
    "recipient": "jan@example.org",
    "message_id": "<r1.7f3a@example.nl>",
    "in_reply_to": "<abc@mail.example.org>",
    "references": ["<first@mail.example.org>"],
    "now": NOW,
    "automatic": True,
}


def drafted(notice: Notice = NOTICE, **changes: object) -> EmailMessage:
    values: dict[str, Any] = MAIL | changes
    message = email.message_from_bytes(draft_mail(notice, **values), policy=default)
    assert isinstance(message, EmailMessage)
    assert message.defects == []
    return message


def test_a_receipt_carries_the_headers_of_a_polite_robot() -> None:
    assert dict(drafted().items()) == {
        "To": "jan@example.org",
        "Message-ID": "<r1.7f3a@example.nl>",
        "In-Reply-To": "<abc@mail.example.org>",
        "References": "<first@mail.example.org> <abc@mail.example.org>",
        "From": "Meldpunt Kwetsbaarheden België <security@example.nl>",
        "Subject": "[CVD-2026-0001] Ontvangstbevestiging",
        "Date": "Tue, 24 Nov 2026 08:12:00 +0000",
        "Content-Language": "nl",
        "Auto-Submitted": "auto-replied",
        "X-Auto-Response-Suppress": "All",
        "Content-Type": 'text/plain; charset="utf-8"',
        "Content-Transfer-Encoding": "quoted-printable",
        "MIME-Version": "1.0",
    }


def test_what_a_person_approved_does_not_look_automatic() -> None:
    message = drafted(automatic=False)
    assert "Auto-Submitted" not in message
    assert "X-Auto-Response-Suppress" not in message


def test_the_text_arrives_as_it_was_written() -> None:
    assert drafted().get_content().replace("\r\n", "\n") == NOTICE.body


def test_every_line_ends_in_crlf_and_is_short_ascii() -> None:
    lines = draft_mail(NOTICE, **MAIL).split(b"\r\n")
    assert b"\n" not in b"".join(lines)
    assert all(line.isascii() and len(line) <= 78 for line in lines)


def test_the_same_values_give_the_same_bytes() -> None:
    assert draft_mail(NOTICE, **MAIL) == draft_mail(NOTICE, **MAIL)


@pytest.mark.parametrize(
    "hostile",
    [
        "",
        "abc@example.org",
        "<no-at-sign>",
        "<a@b>\r\nBcc: everyone@example.org",
        "<a b@example.org>",
        "<é@example.org>",
        "<a@b><c@d>",
        f"<{'a' * 300}@example.org>",
    ],
)
def test_a_malformed_message_id_of_the_reporter_is_left_out(hostile: str) -> None:
    message = drafted(in_reply_to=hostile, references=[hostile, "<good@example.org>"])
    assert "In-Reply-To" not in message
    assert message["References"] == "<good@example.org>"


def test_a_mail_without_any_message_id_starts_no_thread() -> None:
    message = drafted(in_reply_to=None, references=[])
    assert "In-Reply-To" not in message
    assert "References" not in message


def test_a_long_thread_keeps_its_first_id_and_its_last() -> None:
    references = [f"<{number}@example.org>" for number in range(500)]
    named = drafted(references=references)["References"].split()
    assert len(named) == 20
    assert named[0] == "<0@example.org>"
    assert named[-2:] == ["<499@example.org>", "<abc@mail.example.org>"]


def test_a_long_message_id_is_neither_folded_nor_encoded() -> None:
    long = f"<{'x' * 199}@{'y' * 199}>"
    assert f"In-Reply-To: {long}\r\n".encode() in draft_mail(NOTICE, **(MAIL | {"in_reply_to": long}))


@pytest.mark.parametrize(
    "recipient",
    [
        "",
        "jan",
        "jan@",
        "@example.org",
        "jan@example.org, eve@example.com",
        "Jan <jan@example.org>",
        "jan@example.org\r\nBcc: eve@example.com",
        "jan@example.org\n",
        "jan@exa mple.org",
        "jän@example.org",
        "jan@bücher.example",
        '"jan jansen"@example.org',
        "jan@[127.0.0.1]",
        "jan@example..org",
        "j" * 65 + "@example.org",
        "jan@" + "a.example." * 30 + "org",
    ],
)
def test_an_odd_address_is_refused_without_being_repeated(recipient: str) -> None:
    with pytest.raises(PermanentError) as caught:
        draft_mail(NOTICE, **(MAIL | {"recipient": recipient}))
    assert (
        str(caught.value)
        == "A mail cannot be sent: the recipient's address is not one that can stand in a header"
    )


@pytest.mark.parametrize(
    "recipient",
    ["o'neil+cvd@sub.example.org", "a@b", "first.last@xn--bcher-kva.example", "x" * 64 + "@example.org"],
)
def test_an_ordinary_address_stands_in_to_as_it_is(recipient: str) -> None:
    assert drafted(recipient=recipient)["To"] == recipient


@pytest.mark.parametrize(
    "changes",
    [
        {"message_id": "<a@b>\r\nBcc: eve@example.com"},
        {"sender": "security"},
        {"sender_name": "Meldpunt\r\nBcc: eve@example.com"},
        {"notice": Notice("a\r\nBcc: eve@example.com", "text", ("nl",))},
    ],
)
def test_nothing_can_add_a_header(changes: dict[str, Any]) -> None:
    with pytest.raises(PermanentError):
        draft_mail(**({"notice": NOTICE} | MAIL | changes))


@given(value=st.text(max_size=80), where=st.sampled_from(["recipient", "in_reply_to", "sender_name"]))
def test_no_hostile_value_adds_a_header_or_raises_anything_else(value: str, where: str) -> None:
    try:
        message = drafted(NOTICE, **{where: value})
    except PermanentError:
        return
    assert set(message.keys()) <= set(drafted().keys())
    assert message["Subject"] == NOTICE.subject


def test_a_date_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        drafted(now=datetime(2026, 11, 24))  # noqa: DTZ001 - what is tested
