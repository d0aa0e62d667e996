"""What a PDF or zip holds inside is looked through, within a bound."""

import contextlib
import io
import random
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.file_insides import look_inside
from bot.domain.files import UnsafeFileError
from bot.domain.privacy import Redactor
from bot.domain.submission import Submission

NAME = b"Joris van Bedacht"
REDACTOR = Redactor.for_submission(
    Submission(from_address="x@example.org", from_name=NAME.decode(), origin_ips=("203.0.113.7",)),
    "reporter-1",
    own_domains=(),
)


def pdf(*parts: bytes) -> bytes:
    return b"%PDF-1.7\n" + b"\n".join(parts) + b"\n%%EOF\n"


def stream(content: bytes) -> bytes:
    return b"<< /Filter /FlateDecode >>\nstream\r\n" + zlib.compress(content) + b"\nendstream"


def zipped(**entries: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        pdf(b"/Author <" + NAME.hex().encode() + b">"),
        pdf(b"/Author <" + NAME.hex(" ").upper().encode() + b">"),
        pdf(b"/Author <FEFF" + NAME.decode().encode("utf-16-be").hex().encode() + b">"),
        pdf(stream(b"BT (" + NAME + b") Tj ET")),
        pdf(stream(b"niets"), stream(b"BT <" + NAME.hex().encode() + b"> Tj ET")),
        pdf(stream(b"vanaf 203.0.113.7")),
        pdf(stream(NAME * 2000)[:-40]),
        zipped(**{"log.txt": b"door " + NAME}),
        zipped(**{"leeg.txt": b"", "Joris van B\u00e9dacht.txt": b"x"}),
    ],
)
def test_a_file_that_names_the_reporter_inside_is_known_by_it(content: bytes) -> None:
    assert REDACTOR.names_reporter(content)


def test_a_file_that_names_nobody_inside_passes() -> None:
    assert not REDACTOR.names_reporter(pdf(b"/Author <416e6e61>", stream(b"BT (Anna) Tj ET")))
    assert not REDACTOR.names_reporter(zipped(**{"log.txt": b"door Anna"}))


def test_what_unpacks_beyond_the_bound_is_looked_at_no_further() -> None:
    bomb = zlib.compress(b"\0" * 30_000_000, 9)
    for content in (
        pdf(*[stream(b"\0" * 3_000_000)] * 60),
        pdf(b"stream\n" + bomb),
        pdf(*[stream(b"a")] * 5000),
    ):
        pieces = list(look_inside(content))
        assert len(pieces) <= 2 + 2 * 200
        assert sum(map(len, pieces)) <= len(content) + 34_000_000


def test_streams_that_unpack_to_nothing_are_not_read_over_and_over() -> None:
    nothing = b"stream\nx\x9c" + b"\0\0\0\xff\xff" * 20
    pieces = list(look_inside(pdf(nothing * 20_000)))
    assert len(pieces) <= 2 + 2 * 200


def test_bytes_that_cannot_be_unpacked_are_one_piece() -> None:
    noise = pdf(random.Random(1).randbytes(200_000))
    assert [piece for piece in look_inside(noise) if piece] == [noise]


@given(
    st.binary(max_size=300),
    st.sampled_from([pdf(stream(NAME)), zipped(a=NAME, b=NAME * 50)]),
    st.integers(0, 400),
)
def test_a_damaged_file_is_refused_or_looked_through_and_nothing_else(
    noise: bytes, whole: bytes, at: int
) -> None:
    with contextlib.suppress(UnsafeFileError):
        for _ in look_inside(whole[:at] + noise + whole[at + len(noise) :]):
            pass
