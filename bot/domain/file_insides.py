"""What a PDF or a zip file holds inside, unpacked within a bound, so that it can be looked through.

A look, no proof: what lies beyond the bounds, is encrypted or is drawn as a picture is not seen.
"""

import binascii
import io
import re
import zipfile
import zlib
from collections.abc import Iterator

_MOST_BYTES = 16_000_000
_MOST_PIECES = 200
_MOST_OF_ONE = 2_000_000
# A zlib stream that deflates in the usual window begins with one of these (RFC 1950 section 2.2).
_DEFLATED = re.compile(rb"stream\r?\n(?=[\x08-\x78][\x01\x5e\x9c\xda])")
_HEX_STRING = re.compile(rb"<([0-9A-Fa-f][0-9A-Fa-f\s]{5,4000})>")


def look_inside(content: bytes) -> Iterator[bytes]:
    """Yield a file's bytes as they are, and what a PDF or zip has packed or written as hex digits in them."""
    yield content
    if content.startswith(b"%PDF-"):
        yield from _in_pdf(content)
    elif content.startswith(b"PK\x03\x04"):
        yield from _in_zip(content)


def _in_pdf(content: bytes) -> Iterator[bytes]:
    """Yield hex strings and inflated streams (ISO 32000, 7.3.4.3 and 7.4.4)."""
    yield _hex_strings(content)
    left = _MOST_BYTES
    for _, match in zip(range(_MOST_PIECES), _DEFLATED.finditer(content), strict=False):
        inflated = _inflated(content, match.end(), min(left, _MOST_OF_ONE))
        left -= len(inflated)
        yield inflated
        yield _hex_strings(inflated)
        if left <= 0:
            return


def _hex_strings(content: bytes) -> bytes:
    strings = (b"".join(match[1].split()) for match in _HEX_STRING.finditer(content))
    return b"\n".join(binascii.unhexlify(digits + b"0" * (len(digits) % 2)) for digits in strings)


def _inflated(content: bytes, start: int, most: int) -> bytes:
    """Inflate the stream that starts there, as far as it is whole."""
    inflater = zlib.decompressobj()
    whole = bytearray()
    ...
    return bytes(whole)


def _in_zip(content: bytes) -> Iterator[bytes]:
    """Yield the names of all entries, and the contents of those that are deflated (others are seen as they are)."""
    left = _MOST_BYTES
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
        yield "\n".join(entry.filename for entry in entries).encode("latin-1", "ignore")
        deflated = [entry for entry in entries if entry.compress_type == zipfile.ZIP_DEFLATED]
        for entry in deflated[:_MOST_PIECES]:
            ...
