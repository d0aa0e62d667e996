"""What a PDF or a zip file holds inside, unpacked within a bound, so that it can be looked through.

A look and no proof: what is encrypted, lies in an archive within, or lies beyond the bounds is not seen.
"""

import binascii
import io
import re
import zipfile
import zlib
from collections.abc import Iterator

from bot.domain.files import refusing

_MOST_BYTES = 32_000_000  # packed and unpacked together
_MOST_OF_ONE = 2_000_000
_MOST_PIECES = 200
_CHUNK = 4096
_RAW = -zlib.MAX_WBITS
# A zlib stream begins with a byte that says "deflated" (RFC 1950 section 2.2).
_STREAM = re.compile(rb"stream\r?\n(?=[\x08\x18\x28\x38\x48\x58\x68\x78])")
_HEX_STRING = re.compile(rb"<(?P<digits>[0-9A-Fa-f][0-9A-Fa-f\s]{5,}+)>")
_LOCAL_HEADER = 30


def look_inside(content: bytes) -> Iterator[bytes]:
    """Yield a file as it is, and then what a PDF or zip has packed; UnsafeFileError for a broken zip."""
    yield content
    if content.startswith(b"%PDF-"):
        yield _hex_strings(content)
        for unpacked in _unpacked(content, _streams(content), zlib.MAX_WBITS):
            yield unpacked
            yield _hex_strings(unpacked)
    elif content.startswith(b"PK\x03\x04"):
        entries = _entries(content)
        yield "\n".join(entry.filename for entry in entries).encode("latin-1", "ignore")
        yield from _unpacked(content, _deflated(content, entries), _RAW)


def _streams(content: bytes) -> Iterator[int]:
    """Yield where the compressed streams of a PDF begin (ISO 32000, 7.3.8 and 7.4.4)."""
    return (match.end() for match in _STREAM.finditer(content))


def _entries(content: bytes) -> list[zipfile.ZipInfo]:
    with refusing("the zip file could not be read"), zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.infolist()


def _deflated(content: bytes, entries: list[zipfile.ZipInfo]) -> Iterator[int]:
    """Yield where the data of deflated entries begin (APPNOTE 4.3.7); stored ones are seen as they are."""
    for entry in entries:
        if entry.compress_type == zipfile.ZIP_DEFLATED:
            header = content[entry.header_offset : entry.header_offset + _LOCAL_HEADER]
            lengths = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
            yield entry.header_offset + _LOCAL_HEADER + sum(lengths)


def _unpacked(content: bytes, starts: Iterator[int], window: int) -> Iterator[bytes]:
    left = _MOST_BYTES
    for _, start in zip(range(_MOST_PIECES), starts, strict=False):
        unpacked, read = _inflate(content, start, window)
        yield unpacked
        left -= read + len(unpacked)
        if left <= 0:
            return


def _inflate(content: bytes, start: int, window: int) -> tuple[bytes, int]:
    """Inflate what is whole of a stream within the bound of one; give it and how many bytes were read."""
    inflater, unpacked, at = zlib.decompressobj(window), bytearray(), start
    packed = memoryview(content)
    while at < len(packed) and not inflater.eof and len(unpacked) < _MOST_OF_ONE > at - start:
        try:
            unpacked += inflater.decompress(packed[at : at + _CHUNK], _MOST_OF_ONE - len(unpacked))
        except zlib.error:
            break
        at += _CHUNK
    return bytes(unpacked), at - start


def _hex_strings(content: bytes) -> bytes:
    """Read the strings of a PDF that are written as hexadecimal digits (ISO 32000, 7.3.4.3)."""
    strings = (b"".join(match["digits"].split()) for match in _HEX_STRING.finditer(content))
    return b"\n".join(binascii.unhexlify(digits + b"0" * (len(digits) % 2)) for digits in strings)
