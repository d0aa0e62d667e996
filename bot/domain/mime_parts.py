"""The parts of a mail, split by their boundaries within fixed cuts (RFC 2046).

The standard library's parser recurses without limit and copies each level; this one keeps offsets into
the raw bytes, reads at most 1,000 parts and 50 levels, and leaves what lies deeper as one file.
"""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message

from bot.domain.charset import clean_line
from bot.domain.mime_headers import Headers, decode_words, parse_header_block

PARTS_LIMIT = 1000
DEPTH_LIMIT = 50
NAME_LIMIT = 255
DELIMITER_TAIL = 80
DESCRIPTION_LIMIT = 3000
NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
PLAIN_ENCODINGS = {"", "7bit", "8bit", "binary"}


@dataclass(frozen=True, slots=True)
class Part:
    """One node of a mail: a leaf with content, or a container with children; offsets point into `raw`."""

    headers: Headers
    media_type: str
    params: dict[str, str]
    name: str
    attached: bool
    raw: bytes = field(repr=False)
    start: int
    end: int
    children: tuple["Part", ...] = ()

    def content(self) -> tuple[bytes, str | None]:
        """Undo the transfer encoding (RFC 2045 section 6); the second value is the problem."""
        encoding = (self.headers.first("content-transfer-encoding") or "").split(";")[0].strip().lower()
        data = self.raw[self.start : self.end]
        if encoding == "base64":
            return _from_base64(data)
        if encoding == "quoted-printable":
            return binascii.a2b_qp(data), None
        return data, None if encoding in PLAIN_ENCODINGS else "a part has an unknown transfer encoding"

    def walk(self) -> Iterator["Part"]:
        """Yield this part and all below it, in the order of the mail."""
        yield self
        for child in self.children:
            yield from child.walk()


def parse_parts(raw: bytes) -> tuple[Part, list[str]]:
    """Split a whole mail into its parts; never raises, names each cut and defect."""
    splitter = _Splitter()
    return splitter.part(raw, 0, len(raw), 0), splitter.problems


class _Splitter:
    """Counts the parts of one mail and gathers its problems."""

    def __init__(self) -> None:
        self.count = 0
        self.problems: list[str] = []

    def part(self, raw: bytes, start: int, end: int, depth: int) -> Part:
        self.count += 1
        block = parse_header_block(raw, start, end)
        self.problems += block.problems if depth == 0 else [p for p in block.problems if "cut" in p]
        media_type, params, name, attached = _described(block.headers)
        leaf = Part(block.headers, media_type, params, name, attached, raw, block.body_start, end)
        if not media_type.startswith("multipart/") and media_type not in ("message/rfc822", "message/global"):
            return leaf
        if depth >= DEPTH_LIMIT:
            self.problems.append(f"parts below level {DEPTH_LIMIT} were left as one file")
            return _as_type(leaf, "application/octet-stream")
        children = self._children(leaf, depth)
        return (
            Part(block.headers, media_type, params, name, attached, raw, leaf.start, end, children)
            if (children or media_type == "message/rfc822")
            else _as_type(leaf, "text/plain")
        )

    def _children(self, leaf: Part, depth: int) -> tuple[Part, ...]:
        if not leaf.media_type.startswith("multipart/"):
            data, _ = leaf.content()
            return (self.part(data, 0, len(data), depth + 1),)
        children = []
        for start, end in self._spans(leaf):
            if self.count >= PARTS_LIMIT:
                self.problems.append(f"parts after the first {PARTS_LIMIT} were left out")
                break
            children.append(self.part(leaf.raw, start, end, depth + 1))
        if not children:
            self.problems.append("a multipart has no parts; read as plain text")
        return tuple(children)

    def _spans(self, leaf: Part) -> Iterator[tuple[int, int]]:
        """Yield the (start, end) of each body part between the delimiter lines (RFC 2046 section 5.1.1)."""
        boundary = leaf.params.get("boundary", "").rstrip().encode("utf-8", "replace")
        opened = None
        for start, end, closing in _delimiters(leaf, b"--" + boundary) if boundary else ():
            if opened is not None:
                yield opened, max(opened, start)
            opened = None if closing else end
            if closing:
                return
        if opened is not None:
            self.problems.append("a multipart ends without its closing boundary")
            yield opened, leaf.end


def _delimiters(leaf: Part, marker: bytes) -> Iterator[tuple[int, int, bool]]:
    """Yield for each delimiter line where it starts, where the line after it starts, and if it closes."""
    raw, position = leaf.raw, leaf.start
    while (found := raw.find(marker, position, leaf.end)) >= 0:
        position = found + len(marker)
        # Only a short tail is looked at: one endless line of markers must not take quadratic time.
        horizon = min(leaf.end, position + DELIMITER_TAIL)
        newline = raw.find(b"\n", position, horizon)
        if newline < 0 and horizon < leaf.end:
            continue
        line_end = leaf.end if newline < 0 else newline + 1
        tail = raw[position:line_end].strip()
        if (found == leaf.start or raw[found - 1 : found] == b"\n") and tail in (b"", b"--"):
            yield found - len(_line_break(raw, leaf.start, found)), line_end, tail == b"--"
            position = line_end


def _line_break(raw: bytes, start: int, end: int) -> bytes:
    before = raw[max(start, end - 2) : end]
    return before if before == b"\r\n" else before[-1:]


def _described(headers: Headers) -> tuple[str, dict[str, str], str, bool]:
    """Read media type, parameters, file name (RFC 2231 or 2047) and disposition of a part."""
    message = Message()
    for name in ("content-type", "content-disposition"):
        if (value := headers.first(name)) is not None:
            message[name] = value[:DESCRIPTION_LIMIT]  # the standard library reads it in quadratic time
    try:
        params = {str(k).lower(): _plain(v) for k, v in message.get_params(failobj=[])[1:]}
        name = clean_line(decode_words(message.get_filename("")), NAME_LIMIT)
        return message.get_content_type(), params, name, message.get_content_disposition() == "attachment"
    except ValueError:  # an RFC 2231 section number or charset beyond sense
        return "application/octet-stream", {}, "", True


def _plain(value: str | tuple[str | None, str | None, str]) -> str:
    return value if isinstance(value, str) else value[2]


def _as_type(part: Part, media_type: str) -> Part:
    return Part(
        part.headers, media_type, part.params, part.name, part.attached, part.raw, part.start, part.end
    )


def _from_base64(data: bytes) -> tuple[bytes, str | None]:
    try:
        return binascii.a2b_base64(data), None
    except binascii.Error:
        letters = NO_BASE64.sub(b"", data)
        letters = letters[: len(letters) - (len(letters) % 4 == 1)]
        return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4)), "a part holds broken base64"
