"""Keeping the reporter out of the tracker (policy promise P8): redaction of texts and safe copies of files.

Replaced by the alias: the reporter's own identifiers, as found in his submission. Masked: other e-mail
addresses outside our own domains, and IBANs and BSNs with a valid checksum. Nothing else is guessed.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.domain.file_insides import look_inside
from bot.domain.files import UnsafeFileError, check_pdf, check_zip, clean_image, read_text, tell_type
from bot.domain.folding import Folded, fold, fold_all
from bot.domain.identifiers import Identifiers, find_identifiers
from bot.domain.redaction import (
    Needle,
    Span,
    address_spans,
    bsn_spans,
    header_spans,
    iban_spans,
    kept_spans,
    key_spans,
    needles,
    own_spans,
    replace_spans,
)
from bot.domain.submission import Attachment, Submission

ADDRESS_MASK = "[e-mail address]"
IBAN_MASK = "[IBAN]"
BSN_MASK = "[BSN]"
_KEY_MASK = "[PGP block of {alias}]"
_MOST_PASSES = 4
_TELLING_LETTERS = 5


def _readable(byte: int) -> int:
    """Fold one byte of Latin-1; the two of a byte order mark become a space."""
    folded = fold(chr(byte)).text if byte < 0xFE else " "  # noqa: PLR2004 - FE FF is the mark
    return ord(folded) if len(folded) == 1 and ord(folded) < 0x100 else byte  # noqa: PLR2004 - a byte


_READABLE = bytes(map(_readable, range(0x100)))


class FileRule(BaseModel):
    """How a safe copy of one media type is made, and how its neutral name ends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    suffix: str = Field(pattern=r"^\.[a-z0-9]{1,8}$")
    treatment: Literal["draw_anew", "redact", "check_pdf", "check_zip"]


class PrivacyRules(BaseModel):
    """What of a submission's files may leave the desk's own store; loaded from `mappings/privacy.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_files: int = Field(ge=0, le=1000)
    max_bytes: int = Field(gt=0)
    max_text_bytes: int = Field(gt=0)
    max_total_bytes: int = Field(gt=0)
    max_pixels: int = Field(gt=0, le=100_000_000)
    safe_types: Mapping[str, FileRule]


@dataclass(frozen=True, slots=True)
class SafeFile:
    """One attachment as the tracker may have it.

    `media_type` is what the content proved to be, `size` that of the original in bytes. `content` is the
    safe copy; None means that the file stays sealed, and `reason` says why in our own words.
    """

    number: int
    media_type: str
    size: int
    suffix: str
    content: bytes | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Redactor:
    """Redacts any text of one submission; made once, used for title, text and text files."""

    alias: str
    own_domains: tuple[str, ...]
    needles: tuple[Needle, ...]
    telling: tuple[Needle, ...]

    @classmethod
    def for_submission(cls, submission: Submission, alias: str, *, own_domains: Sequence[str]) -> "Redactor":
        """Make the redactor of a submission, in which the reporter is called `alias`."""
        return cls.for_identifiers(find_identifiers(submission, own_domains), alias, own_domains=own_domains)

    @classmethod
    def for_identifiers(
        cls, identifiers: Identifiers, alias: str, *, own_domains: Sequence[str]
    ) -> "Redactor":
        """Make a redactor from identifiers that are known already."""
        long = Identifiers(
            names=tuple(name for name in identifiers.names if len(name) >= _TELLING_LETTERS),
            parts=tuple(part for part in identifiers.parts if len(part) >= _TELLING_LETTERS),
            addresses=identifiers.addresses,
            ips=identifiers.ips,
        )
        return cls(alias, tuple(own_domains), needles(identifiers), needles(long))

    def redact(self, text: str) -> str:
        """Replace and mask what promise P8 names; idempotent, and linear in the text."""
        for _ in range(_MOST_PASSES):
            changed = replace_spans(text, self._spans(text))
            if changed == text:
                break
            text = changed
        return text

    def names_reporter(self, content: bytes) -> bool:
        """Tell whether bytes that are not a text name the reporter where anybody can read it, unpacked or not.

        Only long names and addresses count: three letters turn up in any compressed stream by chance.
        UnsafeFileError when it is a zip file that cannot be opened.
        """
        return any(self._is_named_in(piece) for piece in look_inside(content))

    def _is_named_in(self, content: bytes) -> bool:
        plain = content.translate(_READABLE, b"\0")  # without NUL UTF-16 can be read, too
        likely = [needle for needle in self.telling if needle.sign.encode("latin-1", "ignore") in plain]
        text = plain.decode("latin-1") if likely else ""
        return any(re.search(needle.pattern, text) for needle in likely)

    def _spans(self, text: str) -> Iterator[Span]:
        """Find every place, in whatever way the text is read."""
        key_mask = _KEY_MASK.format(alias=self.alias)
        views = fold_all(text)
        own = [span for view in views for span in own_spans(view, self.needles, self.alias)]
        yield from own
        yield from key_spans(text, key_mask)
        yield from header_spans(text, own, self.alias)
        yield from kept_spans(text, (key_mask, self.alias, ADDRESS_MASK, IBAN_MASK, BSN_MASK))
        for view in views:
            yield from self._masked(view)

    def _masked(self, folded: Folded) -> Iterator[Span]:
        yield from address_spans(folded, self.own_domains, ADDRESS_MASK)
        yield from iban_spans(folded, IBAN_MASK)
        yield from bsn_spans(folded, BSN_MASK)


def safe_file(number: int, attachment: Attachment, rules: PrivacyRules, redactor: Redactor) -> SafeFile:
    """Make the safe copy of one attachment, or keep it sealed and say why; never raises on a hostile file."""
    media_type = tell_type(attachment.content, attachment.name, attachment.media_type)
    rule = rules.safe_types.get(media_type)
    try:
        copy = _treat(number, attachment.content, media_type, rules, redactor)
        content, reason = _bounded(copy, rules.max_bytes), None
    except UnsafeFileError as error:
        content, reason = None, str(error)
    return SafeFile(number, media_type, attachment.size, rule.suffix if rule else "", content, reason)


def sealed_file(number: int, attachment: Attachment, reason: str) -> SafeFile:
    """Keep one attachment sealed without a look at what is in it."""
    media_type = tell_type(attachment.content, attachment.name, attachment.media_type)
    return SafeFile(number, media_type, attachment.size, "", None, reason)


def _bounded(copy: bytes, most: int) -> bytes:
    """Let a copy pass that did not grow too large: a picture drawn anew may be far larger than it was."""
    if len(copy) > most:
        raise UnsafeFileError(f"its safe copy is larger than {most} bytes")
    return copy


def _treat(number: int, content: bytes, media_type: str, rules: PrivacyRules, redactor: Redactor) -> bytes:
    """Make the copy in the way that its rule names; UnsafeFileError when there can be none."""
    rule = rules.safe_types.get(media_type)
    if rule is None:
        raise UnsafeFileError("its type is not on the list of safe types")
    if number > rules.max_files:
        raise UnsafeFileError(f"only the first {rules.max_files} files are shown")
    limit = rules.max_text_bytes if rule.treatment == "redact" else rules.max_bytes
    if len(content) > limit:
        raise UnsafeFileError(f"it is larger than {limit} bytes")
    if rule.treatment == "draw_anew":
        return clean_image(content, media_type, rules.max_pixels)
    if rule.treatment == "redact":
        return redactor.redact(read_text(content)).encode("utf-8")
    check_pdf(content) if rule.treatment == "check_pdf" else check_zip(content)
    if redactor.names_reporter(content):
        raise UnsafeFileError("it names the reporter")
    return content
