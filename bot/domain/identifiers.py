"""What points at the reporter in his own submission (policy promise P8)."""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bot.domain.folding import fold
from bot.domain.mime_addresses import belongs_to
from bot.domain.quotes import CLOSING_WORDS
from bot.domain.submission import Submission

_MOST = 32
_SIGNATURE_LENGTH = 6_000
_SIGN_OFF_LINES = 15
_KEY_LENGTH = 200_000
_NAME_WORDS = 6
_PART_LETTERS = 3

ADDRESS = re.compile(r"[^\W_][\w.!#$*+^{|}~'-]{0,63}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_ARMOUR_HEAD = r"(?:\n(?:>[ ]?)*+[A-Za-z-]{1,20}:[ ][^\n]*)*+(?:\n(?:>[ ]?)*+[ \t]*\r?(?=\n))?"
_ARMOUR_LINE = r"\n(?:>[ ]?)*+[A-Za-z0-9+/=]{%s}[ \t]*\r?(?=\n|\Z)"
# An armoured block, or what is left of one that was cut off.
KEY_BLOCK = re.compile(
    r"(?i)-----BEGIN PGP (?P<kind>PUBLIC KEY BLOCK|SIGNATURE)-----[ \t]*\r?"
    + _ARMOUR_HEAD
    + rf"(?:(?:{_ARMOUR_LINE % '0,80'})*+\n(?:>[ ]?)*+-----END PGP (?P=kind)-----|(?:{_ARMOUR_LINE % '32,80'})*+)"
)
_KEY_LISTING = re.compile(
    r"(?mi)^[> \t]*(?:uid|user id)\b[^\n<>]{0,20}[\s:\]](?P<id>[^\n<>:\]]{2,80} <[^\n<>]{3,120}>)"
)
_SIGN_OFF = re.compile(rf"^{CLOSING_WORDS}(?i:[ ]van)?[ \t]*(?:[,!.\u2013-]+[ \t]*|$)(?P<rest>.*)$")
_PHONE = re.compile(r"(?<![\w.])[+(]?\d(?:[ ().\-/\u00a0]{0,3}\d){7,14}(?!\w)")
_WORD = re.compile(r"[^\W_]+")
_NO_NAME = re.compile(r"[\d@/:\\|<>#=]")


def _words_in(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PARTICLES = _words_in("van von der den des het ten ter ver bin ben ibn abu del dos das the and")
_SMALL_WORDS = _PARTICLES | _words_in("de di da do du la le al el te op 't en")
_ROLES = _words_in(
    "security researcher engineer pentester tester consultant team department ciso manager developer hacker ethical "
    "bug bounty hunter student independent freelance information officer senior junior analyst"
)


@dataclass(frozen=True, slots=True)
class Identifiers:
    """The reporter's own identifiers: whole names, single words of names, addresses, Message-IDs and IP addresses.

    `phones` hold digits only; `message_ids` stand without angle brackets.
    """

    names: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    message_ids: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()


def find_identifiers(submission: Submission, own_domains: Sequence[str]) -> Identifiers:
    """Collect what names the one who sent a submission; an address of `own_domains` in his signature is ours."""
    signature = _signature(submission)
    keys = "\n".join([*_listed_ids(submission.text), *_readable_ids(submission)])[:_SIGNATURE_LENGTH]
    display = ADDRESS.sub(" ", submission.from_name or "")
    signed = [*_signed_names(signature), *ADDRESS.sub(" ", keys).splitlines()]
    written = (address for text in (signature, keys) for address in ADDRESS.findall(text))
    own = [submission.from_address or "", *_addresses(submission.reply_to), *_addresses(submission.from_name)]
    others = (each for each in written if not belongs_to(each.rpartition("@")[2], own_domains))
    # Promise P8 wants every part of the display name; of other names, `van` and the like are left.
    parts = [*_parts(display), *(part for name in signed for part in _parts(name) if part not in _PARTICLES)]
    return Identifiers(
        names=_unique(
            " ".join(words) for name in (display, *signed) if _names_somebody(words := words_of(name))
        ),
        parts=_unique(parts),
        addresses=_unique(address.strip("<> \t").lower() for address in (*own, *others)),
        phones=_unique(re.sub(r"\D", "", phone) for phone in _PHONE.findall(signature)),
        message_ids=_unique([(submission.message_id or "").strip("<> \t")]),
        ips=_unique(submission.origin_ips),
    )


def words_of(name: str) -> list[str]:
    """Split a name into folded words of letters and digits."""
    return _WORD.findall(fold(name[:500]).text)


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    """Keep the first few of a kind: a hostile signature must not make redaction slow."""
    return tuple(dict.fromkeys(value for value in values if value))[:_MOST]


def _addresses(text: str | None) -> list[str]:
    return ADDRESS.findall((text or "")[:_SIGNATURE_LENGTH])


def _parts(name: str) -> list[str]:
    return [word for word in words_of(name) if sum(map(str.isalpha, word)) >= _PART_LETTERS]


def _names_somebody(words: Sequence[str]) -> bool:
    """One letter alone names nobody, nor does a number."""
    name = "".join(words)
    return len(name) > 1 and not name.isdigit()


def _signature(submission: Submission) -> str:
    """Join the signature block that was found and what follows a sign-off near the end of the text."""
    lines = [
        _bare(line)
        for line in (submission.new_text or submission.text).rstrip()[-_SIGNATURE_LENGTH:].splitlines()
    ]
    first = max(0, len(lines) - _SIGN_OFF_LINES)
    start = next((at for at in range(first, len(lines)) if _SIGN_OFF.match(lines[at])), len(lines))
    return "\n".join([submission.signature[:_SIGNATURE_LENGTH], *lines[start:]])


def _bare(line: str) -> str:
    return line.strip("> \t*_-\u2013\u2014")


def _signed_names(signature: str) -> Iterator[str]:
    """Yield the first line of a signature block and the name on or under each sign-off, where they look like names."""
    lines = [bare for line in signature.splitlines() if (bare := _bare(line))]
    candidates = lines[:1]
    for line, following in pairwise([*lines, ""]):
        if sign_off := _SIGN_OFF.match(line):
            candidates.append(sign_off["rest"] or following)
    yield from (line for line in candidates if _looks_like_a_name(line))


def _looks_like_a_name(line: str) -> bool:
    """A few words that begin with a capital or are particles such as `van`, none of them a role."""
    words = line.replace(",", " ").split()
    return (
        0 < len(words) <= _NAME_WORDS
        and not _NO_NAME.search(line)
        and not _SIGN_OFF.match(line)
        and not _ROLES & {word.lower() for word in words}
        and (len(words) == 1 or all(not word[0].islower() or word.lower() in _SMALL_WORDS for word in words))
    )


def _listed_ids(text: str) -> Iterator[str]:
    """Yield the user ids in a key listing (`uid [ultimate] Jan <...>`)."""
    yield from (match["id"] for match in list(_KEY_LISTING.finditer(text[:_KEY_LENGTH]))[:_MOST])


def _readable_ids(submission: Submission) -> Iterator[str]:
    """Yield the readable user ids of public keys in the text and in attachments (RFC 9580, 5.11)."""
    files = (file.content[:_KEY_LENGTH].decode("ascii", "ignore") for file in submission.attachments)
    for text in (submission.text, *files):
        for block in list(KEY_BLOCK.finditer(text))[:_MOST] if "-----BEGIN" in text else ():
            yield from _packet_ids(block[0][:_KEY_LENGTH])


def _packet_ids(block: str) -> Iterator[str]:
    """Yield the texts of user id packets in one armoured key; what cannot be read is passed over."""
    lines = (line.strip("> \t\r") for line in block.split("\n"))
    armour = "".join(line for line in lines if re.fullmatch(r"[A-Za-z0-9+/]+=*", line))
    try:
        packets = base64.b64decode(armour + "===")
    except binascii.Error:
        return
    for match in re.finditer(rb"[\xb4\xcd](?s:(.))", packets):
        user_id = packets[match.end() : match.end() + match[1][0]]
        if b"@" in user_id and re.fullmatch(rb"[^\x00-\x1f\x7f]{3,}", user_id):
            yield user_id.decode("utf-8", "ignore")
