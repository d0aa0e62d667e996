"""Mail made to break its reader: all of it is answered, within the cuts, and each cut is named."""

import base64
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.mime import parse_headers_only, parse_mail
from bot.domain.quotes import find_signature
from bot.domain.submission import Submission

SAMPLES = [path.read_bytes() for path in sorted((Path(__file__).parents[1] / "mails").glob("*.eml"))]
HEAD = b"From: a@example.org\nMessage-ID: <1@example.org>\n"
FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def assert_lawful(mail: Submission) -> None:
    """Hold a submission against what every reader of it relies on."""
    assert not any(problem.startswith("the mail could not be read") for problem in mail.problems)
    assert len(mail.problems) <= 50
    for text in (mail.text, mail.new_text, mail.quoted_text, mail.subject, mail.from_name or ""):
        assert not FORBIDDEN.search(text)
    for line in (mail.subject, mail.from_name or "", *(file.name for file in mail.attachments)):
        assert "\n" not in line
    if mail.from_address:
        local, _, domain = mail.from_address.rpartition("@")
        assert local
        assert domain
        assert domain == domain.lower()
    assert mail.signature in mail.new_text


def multipart(count: int) -> bytes:
    levels = (
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (level, level) for level in range(count)
    )
    return HEAD + b"".join(levels) + b"Content-Type: text/plain\n\ndeep\n"


HOSTILE = {
    "a megabyte of encoded words in Subject": (
        HEAD + b"Subject: " + b"=?utf-8?q?abc=C3=A9?= " * 50_000 + b"\n\nx",
        ["the header block was cut at 256 kB", "the header Subject was cut at 16 kB"],
    ),
    "a megabyte of To": (
        HEAD + b"To: " + b"a <a@example.org>, " * 60_000 + b"\n\nx",
        ["the header block was cut at 256 kB", "the header To was cut at 16 kB"],
    ),
    "a To of nested comments": (
        HEAD + b"To: " + b"(" * 17_000 + b"\n\nx",
        ["the header To was cut at 16 kB"],
    ),
    "a thousand nested multiparts": (multipart(1000), ["parts below level 50 were left as one file"]),
    "nested forwards": (
        HEAD + b"Content-Type: message/rfc822\n\n" * 500,
        ["parts below level 50 were left as one file"],
    ),
    "a hundred thousand parts": (
        HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 100_000,
        ["parts after the first 1000 were left out"],
    ),
    "an unknown charset": (
        HEAD + b"Content-Type: text/plain; charset=klingon-9\n\n\xe9\xe9n lek in uw pagina",
        ["a text declares a charset that does not exist; read as windows-1252"],
    ),
    "a charset that does not hold": (
        HEAD + b"Content-Type: text/plain; charset=utf-8\n\n\xe9\xe9n lek in uw pagina",
        ["a text does not hold to its declared charset; read as windows-1252"],
    ),
    "a slow codec as charset": (
        HEAD + b"Content-Type: text/plain; charset=punycode\n\n" + b"-aaaa" * 100_000,
        [],
    ),
    "an odd Message-ID": (
        b"From: a@example.org\nMessage-ID: [foo\nIn-Reply-To: <\n\nx",
        ["the Message-ID is malformed"],
    ),
    "an empty multipart/related": (
        HEAD + b"Content-Type: multipart/related; boundary=q\n\n",
        ["a multipart has no parts; read as plain text"],
    ),
    "a multipart without a boundary": (
        HEAD + b"Content-Type: multipart/mixed\n\nhello",
        ["a multipart has no parts; read as plain text"],
    ),
    "twenty thousand newlines": (HEAD + b"\n" * 20_000, ["long runs of blank lines were shortened"]),
    "twenty thousand lines": (
        HEAD + b"\n" + b"a\n" * 20_000,
        ["quotes were looked for in the first 2000 lines only"],
    ),
    "NUL bytes": (HEAD + b"Subject: a\0b\n\na\0b", ["control characters in a text were replaced"]),
    "headers of bare bytes": (
        b"From: J\xe9 <a@example.org>\nMessage-ID: <1@x>\nSubject: \xff\xfe\n\nx",
        ["the header Subject has bytes of no declared charset; read as windows-1252"],
    ),
    "lone surrogates": (
        HEAD + b"Content-Type: text/plain; charset=utf-7\n\n+2AA- hoi",
        ["control characters in a text were replaced"],
    ),
    "broken base64": (
        HEAD + b"Content-Transfer-Encoding: base64\n\nSGVsbG8gd29ybGQhIQ=a",
        ["a part holds broken base64"],
    ),
    "an unknown transfer encoding": (
        HEAD + b"Content-Transfer-Encoding: x-zip\n\nhello",
        ["a part has an unknown transfer encoding"],
    ),
    "attributions without end": (
        HEAD + b"\n" + (b"On 10:00 " + b"wrote " * 45 + b"x:\n") * 2500,
        ["quotes were looked for in the first 2000 lines only"],
    ),
    "a text of signature marks": (HEAD + b"\n" + b"--\n" * 33_000, []),
    "a text of closing words": (HEAD + b"\n" + b"thanks\n" * 28_000, []),
    "a text of almost separators": (HEAD + b"\n" + (b"--" + b" " * 190 + b"-\n") * 1999, []),
    "one line of boundaries": (
        HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b" * 300_000,
        ["a multipart has no parts; read as plain text"],
    ),
    "a thousand parts with endless parameters": (
        HEAD
        + b"Content-Type: multipart/mixed; boundary=b\n\n"
        + (b"--b\nContent-Type: a/b" + b";" * 9000 + b"\n\nx\n") * 300,
        ["a multipart ends without its closing boundary"],
    ),
    "a parameter number beyond sense": (
        HEAD + b"Content-Type: text/plain; name*" + b"9" * 5000 + b"=x\n\nhello",
        [],
    ),
    "HTML nested ten thousand deep": (
        HEAD + b"Content-Type: text/html\n\n" + b"<div>" * 10_000 + b"deep",
        ["an HTML text was read without its layout"],
    ),
    "an HTML table that would take gigabytes": (
        HEAD + b"Content-Type: text/html\n\n<table><tr><td>" + b"x" * 200_000 + b"<tr><td>y" * 20_000,
        ["an HTML text was read without its layout"],
    ),
    "scripts that do not end": (HEAD + b"Content-Type: text/html\n\n" + b"<script>" * 100_000, []),
    "a text of two megabytes": (
        HEAD + b"\n" + b"x" * 2_000_000,
        ["a text over 1 MB was cut; the whole of it is kept as a file"],
    ),
}


@pytest.mark.parametrize(("raw", "problems"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_mail_is_answered_and_its_cuts_are_named(raw: bytes, problems: list[str]) -> None:
    mail = parse_mail(raw)
    assert_lawful(mail)
    assert set(problems) <= set(mail.problems)
    assert mail.from_address == "a@example.org"


def calls_in(function: Callable[[str], object], text: str) -> int:
    """How many calls, and resumptions of generators, a function makes for a text."""
    calls = 0

    def count(_frame: object, event: str, _about: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        function(text)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("line", ["--\n", "thanks\n", "Mvg, Jan\n\n", "\n", "a\n"])
def test_a_signature_is_looked_for_with_work_that_grows_no_faster_than_the_text(line: str) -> None:
    assert calls_in(find_signature, line * 1000) <= 2.1 * calls_in(find_signature, line * 500)


def test_what_lies_below_the_fiftieth_level_is_kept_as_one_file() -> None:
    mail = parse_mail(multipart(60))
    (rest,) = mail.attachments
    assert rest.media_type == "application/octet-stream"
    assert b"deep" in rest.content


def test_a_text_that_was_cut_is_kept_whole_as_a_file() -> None:
    mail = parse_mail(HEAD + b"\n" + b"y" * 1_500_000)
    assert len(mail.text) == 1_000_000
    assert [file.size for file in mail.attachments] == [1_500_000]


def test_no_cut_loses_the_text_of_deep_html() -> None:
    mail = parse_mail(HEAD + b"Content-Type: text/html\n\n" + b"<div>" * 3000 + b"evidence")
    assert mail.text.strip() == "evidence"


def test_problems_hold_no_word_of_the_mail() -> None:
    word = b"zebrafish"
    raw = (
        b"From: zebrafish\nZebrafish: \xff\nMessage-ID: zebrafish\nAuto-Submitted: zebrafish\n"
        b"Content-Type: text/plain; charset=zebrafish\nContent-Transfer-Encoding: zebrafish\n\nzebrafish \xff"
    )
    mail = parse_mail(raw)
    assert len(mail.problems) >= 4
    assert not any(word.decode() in said.lower() for said in (*mail.problems, mail.automatic or ""))


@given(st.binary(max_size=2000))
def test_any_bytes_are_answered(raw: bytes) -> None:
    assert_lawful(parse_mail(raw))
    assert_lawful(parse_headers_only(raw))


@given(
    sample=st.sampled_from(SAMPLES),
    edits=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 60), st.binary(max_size=40)), min_size=1, max_size=6
    ),
)
def test_a_damaged_mail_is_answered(sample: bytes, edits: list[tuple[float, int, bytes]]) -> None:
    raw = sample
    for place, length, new in edits:
        start = int(place * len(raw))
        raw = raw[:start] + new + raw[start + length :]
    assert_lawful(parse_mail(raw, own_hosts=["mx1.example.nl"], own_domains=["example.nl"]))


HEADER_NAMES = [
    "From",
    "To",
    "Subject",
    "Message-ID",
    "References",
    "Received",
    "Date",
    "List-Id",
    "Precedence",
]
HEADER_NAMES += [
    "Content-Type",
    "Content-Disposition",
    "Content-Transfer-Encoding",
    "Return-Path",
    "Reply-To",
]
FRAGMENTS = [
    "=?",
    "?=",
    "?q?",
    "?b?",
    "utf-8",
    "<",
    ">",
    "@",
    '"',
    "(",
    ")",
    "\\",
    ";",
    "*0*=",
    "name",
    "boundary=",
]
FRAGMENTS += [
    "multipart/",
    "mixed",
    "report",
    "text/html",
    "base64",
    "by ",
    "example.nl",
    ",",
    ":",
    " ",
    "é",
    "\x00",
]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(HEADER_NAMES), st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join)
        ),
        max_size=8,
    ),
    st.binary(max_size=100),
)
def test_headers_made_of_fragments_are_answered(headers: list[tuple[str, str]], body: bytes) -> None:
    lines = "".join(f"{name}: {value}\n" for name, value in headers)
    raw = lines.encode() + b"\n" + body
    assert_lawful(parse_mail(raw, own_hosts=["example.nl"], own_domains=["example.nl"]))


@given(
    st.lists(
        st.sampled_from(["a", "> b", "", "On 10:00 X wrote:", "Groet,", "-- ", "From: x", "Sent: y"]),
        max_size=30,
    )
)
def test_every_line_of_a_text_is_new_or_quoted(lines: list[str]) -> None:
    mail = parse_mail(
        HEAD + b"Content-Transfer-Encoding: base64\n\n" + base64.b64encode("\n".join(lines).encode())
    )
    halves = f"{mail.new_text}\n{mail.quoted_text}".split("\n")
    assert sorted(line.rstrip() for line in lines if line) == sorted(line for line in halves if line)
