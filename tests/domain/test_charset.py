"""Declared charsets, wrong ones, and characters that no store takes."""

import pytest

from bot.domain.charset import clean_line, clean_text, decode_bytes


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        (b"\x80 \x93x\x94", "iso-8859-1", "€ “x”"),
        (b"\x81", "windows-1252", "\x81"),
        (b"\xc3\xa9", "us-ascii", "é"),
        (b"\xc3\xa9", None, "é"),
        ("привет".encode("koi8-r"), "KOI8-R", "привет"),
        ("한국".encode("cp949"), "ks_c_5601-1987", "한국"),
        (b"\xff\xfea\x00", "utf-16", "a"),
    ],
)
def test_a_text_is_read_in_its_declared_charset_without_a_problem(
    data: bytes, charset: str | None, text: str
) -> None:
    assert decode_bytes(data, charset) == (text, None)


@pytest.mark.parametrize(
    "charset", ["klingon", "base64", "rot13", "punycode", "idna", "unicode_escape", "\0", "x" * 999]
)
def test_what_is_no_charset_of_mail_is_passed_over_and_named(charset: str) -> None:
    text, problem = decode_bytes(b"Er staat \xe9\xe9n lek open", charset)
    assert text == "Er staat één lek open"
    assert problem == "a text declares a charset that does not exist; read as windows-1252"


def test_a_longer_text_of_no_charset_is_guessed() -> None:
    russian = "Здравствуйте, я нашёл уязвимость на вашем сайте. " * 4
    text, problem = decode_bytes(russian.encode("koi8-r"), None)
    assert text == russian
    assert problem is not None


def test_a_clean_text_has_plain_line_ends_and_no_control_characters() -> None:
    assert clean_text("a\r\nb\rc\tü") == ("a\nb\nc\tü", None)
    assert clean_text("a\x00b\ud800") == ("a\ufffdb\ufffd", "control characters in a text were replaced")


def test_a_clean_line_is_one_line_that_reads_as_it_is_written() -> None:
    assert clean_line(" a\r\n b\x00\u202ecod.exe\u200b ") == "a b cod.exe"
    assert len(clean_line("x" * 5000, 255)) == 255
