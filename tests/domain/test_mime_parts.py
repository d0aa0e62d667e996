"""Our splitter of parts, held against the standard library's parser on all sample mails."""

from email import message_from_bytes
from pathlib import Path

import pytest

from bot.domain.mime_parts import Part, parse_parts

# Reports are left out: the standard library takes their fields for headers of a mail.
SAMPLES = [
    path
    for path in sorted((Path(__file__).parents[1] / "mails").glob("*.eml"))
    if not path.stem.startswith(("bounce_", "read_"))
]


def leaves(root: Part) -> list[tuple[str, bytes]]:
    return [(part.media_type, part.content()[0]) for part in root.walk() if not part.children]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_parts_are_those_that_the_standard_library_finds(path: Path) -> None:
    raw = path.read_bytes()
    expected = [
        (part.get_content_type(), part.get_payload(decode=True))
        for part in message_from_bytes(raw).walk()
        if not part.is_multipart()
    ]
    assert leaves(parse_parts(raw)[0]) == expected


def test_a_boundary_that_begins_like_another_does_not_end_it() -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=a-b\n\n"
        b"--a-b\n\none\n--a-b--\n--a\n\ntwo\n--a--\nepilogue"
    )
    assert leaves(parse_parts(raw)[0]) == [("text/plain", b"one"), ("text/plain", b"two")]


def test_a_boundary_in_the_middle_of_a_line_is_text() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=a\n\n--a\n\nsee --a\nand --a--\n--a--\n"
    assert leaves(parse_parts(raw)[0]) == [("text/plain", b"see --a\nand --a--")]


def test_an_mbox_separator_before_the_headers_is_passed_over() -> None:
    part, problems = parse_parts(b"From someone Mon Nov 23\nSubject: x\n\nbody")
    assert part.headers.line("subject") == "x"
    assert problems == []
