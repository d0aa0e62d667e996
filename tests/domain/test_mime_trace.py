"""What the stamps of mail servers tell."""

from datetime import UTC, datetime

import pytest

from bot.domain.mime import parse_headers_only, parse_mail
from bot.domain.privacy import Redactor

OWN_HOSTS, OWN_DOMAINS = ["mx1.example.nl"], ["example.nl"]
OURS = (
    "Received: from mail.example.org (mail.example.org [198.51.100.25])\n"
    " by mx1.example.nl; Mon, 23 Nov 2026 09:00:12 +0100\n"
)


def origin_ips(headers: str) -> tuple[str, ...]:
    raw = f"From: a@example.org\n{headers}\nhallo".encode()
    return parse_mail(raw, own_hosts=OWN_HOSTS, own_domains=OWN_DOMAINS).origin_ips


@pytest.mark.parametrize(
    ("headers", "ips"),
    [
        ("", ()),
        (OURS, ("198.51.100.25",)),
        (
            OURS + "Received: from [192.168.1.5] (dsl [203.0.113.7]) by mail.example.org;\n Mon\n",
            ("203.0.113.7",),
        ),
        (
            OURS + "Received: from laptop ([IPv6:2001:DB8:0:0::7])\n\tby mail.example.org; Mon\n",
            ("2001:db8::7",),
        ),
        (
            OURS + "Received: from laptop (localhost [127.0.0.1]) by mail.example.org; Mon\n",
            ("198.51.100.25",),
        ),
        (OURS + "Received: by mail.example.org with SMTP id 203.0.113.9; Mon\n", ("198.51.100.25",)),
        (OURS + "Received: from laptop ([::ffff:203.0.113.7]) by mail.example.org; Mon\n", ("203.0.113.7",)),
        ("X-Originating-IP: [203.0.113.8]\n", ("203.0.113.8",)),
        ("X-Originating-IP: 10.0.0.8\n", ()),
        ("X-Originating-IP: 999.1.2.3, :::, ...\n", ()),
    ],
)
def test_where_a_mail_was_sent_from_is_the_public_address_of_its_first_hop(
    headers: str, ips: tuple[str, ...]
) -> None:
    assert origin_ips(headers) == ips


def test_the_address_of_a_host_of_ours_is_not_his_for_a_report_may_be_about_it() -> None:
    form = "Received: from portaal.example.nl (portaal.example.nl [203.0.113.80]) by mx1.example.nl; Mon\n"
    assert origin_ips(form) == ()
    assert origin_ips(form + "X-Originating-IP: 203.0.113.8\n") == ("203.0.113.8",)


def test_few_addresses_are_taken_of_many() -> None:
    many = "".join(f"X-Originating-IP: 203.0.113.{number}\n" for number in range(250))
    assert len(origin_ips(many)) == 8


def test_a_mail_from_his_own_line_is_redacted_of_its_address_and_the_target_stays() -> None:
    raw = (
        "From: a@example.org\nReceived: from x ([203.0.113.7]) by mail.example.org; Mon\n\n"
        "curl vanaf 203.0.113.7 naar 198.51.100.80"
    )
    sent = parse_mail(raw.encode())
    redactor = Redactor.for_submission(sent, "reporter-1", own_domains=OWN_DOMAINS)
    assert redactor.redact(sent.text) == "curl vanaf reporter-1 naar 198.51.100.80"


def test_a_mail_of_which_only_the_headers_were_read_keeps_the_time_and_the_origin_it_had() -> None:
    raw = (OURS + "From: a@example.org\n\nhallo").encode()
    known = parse_headers_only(raw, own_hosts=OWN_HOSTS, own_domains=OWN_DOMAINS)
    assert known.own_received_at == datetime(2026, 11, 23, 8, 0, 12, tzinfo=UTC)
    assert known.own_received_at == parse_mail(raw, own_hosts=OWN_HOSTS).own_received_at
    assert known.origin_ips == ("198.51.100.25",)
    assert parse_headers_only(raw).own_received_at is None
