"""Finding what must not be shown, as places in a text, and putting something else there.

Every search is linear in the text; places that overlap become one, so that no end of an identifier stays.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from itertools import combinations

from bot.domain.folding import Folded, fold
from bot.domain.identifiers import KEY_BLOCK, Identifiers
from bot.domain.mime_addresses import belongs_to
from bot.domain.numbers import iban_length, is_bsn, is_iban

_KEPT, _OWN, _MASKED = range(3)
_GAP = r"[\s().\-/]{0,3}"
_AT = r"\s{0,2}(?:@|[\[({<]\s?at\s?[\])}>])\s{0,2}"
_DOT = r"(?:\.|\s?[\[({]\s?(?:dot|punt|\.)\s?[\])}]\s?)"
_PHONE_CORE = 8
_NO_SPACES_BETWEEN_WORDS = "\u2e80"
_LETTER = rf"[^\W\d_{_NO_SPACES_BETWEEN_WORDS}-\U0010ffff]"

_COUNTRY_CODE = re.compile(rf"(?<!\d)(?:\+|\((?=\d{{1,5}}\)))?(?:\d{_GAP}){{0,7}}\Z")
_LONGEST_BEFORE = 40
_NOTHING = re.compile(r"\Z")
_AT_DOMAIN = re.compile(r"@(?P<domain>[\w-]++(?:\.[\w-]++)*?\.[^\W\d_][\w-]++(?:\.[^\W\d_][\w-]++)*)")
_LOCAL_SIGNS = frozenset(".!#$*+^{|}~'-_")
_LOGIN = re.compile(r"(?:https?|ftp|ssh)://[^\s/?#@]*\Z")
_IBAN = re.compile(r"(?<![a-z0-9])(?=(?P<country>[a-z]{2})\d\d)")
_SEPARATOR = re.compile(r"[\s.+-]")
_BSN = re.compile(r"(?<!\w)(?<!\d[.,-])(?:\d{9}|\d{4}\.\d{2}\.\d{3})(?!\w)(?![.,-]\d)")
_HEADER = re.compile(
    r"(?m)^(?:>[ ]?)*+[ \t]*+(?P<name>[A-Za-z][A-Za-z-]*+):(?P<value>.*(?:\n(?:>[ ]?)*+[ \t]++\S.*)*+)"
)
_SENDER = frozenset({"from", "reply-to", "sender", "return-path", "van", "x-sender", "x-original-from"})
_TRACE = _SENDER | {"received", "message-id", "x-originating-ip", "x-sender-ip", "x-received"}


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place in a text that becomes `instead`; the lowest `rank` wins where places overlap."""

    start: int
    end: int
    rank: int
    instead: str


@dataclass(frozen=True, slots=True)
class Needle:
    """An identifier to look for in folded text: `sign` must occur in it for `pattern` to match.

    What `before` matches up to there belongs to it too, and must match if it is given. Patterns are compiled
    when their sign was found: most texts name nobody, and compiling is slow.
    """

    sign: str
    pattern: str
    before: re.Pattern[str] | None = None


def needles(identifiers: Identifiers) -> tuple[Needle, ...]:
    """Make ready the search for a reporter's identifiers."""
    return (
        *(
            _address_needle(address)
            for address in identifiers.addresses
            if re.fullmatch(r"[^@]+@[^@]+", address)
        ),
        *(_name_needle(name.split()) for name in (*identifiers.names, *identifiers.parts)),
        *(_phone_needle(phone) for phone in identifiers.phones),
        *(_ip_needle(ip) for ip in identifiers.ips),
        *(Needle(plain, re.escape(plain)) for plain in map(_fold, identifiers.message_ids) if "@" in plain),
    )


def own_spans(folded: Folded, found: Sequence[Needle], alias: str) -> Iterator[Span]:
    """Find the reporter's identifiers."""
    for needle in found:
        if needle.sign in folded.text:
            for match in re.finditer(needle.pattern, folded.text):
                before = needle.before or _NOTHING
                if begin := before.search(
                    folded.text, max(0, match.start() - _LONGEST_BEFORE), match.start()
                ):
                    yield Span(*folded.span(begin.start(), match.end()), _OWN, alias)


def address_spans(folded: Folded, own_domains: Sequence[str], mask: str) -> Iterator[Span]:
    """Find e-mail addresses outside our domains; the log-in part of a URL is not one."""
    text = folded.text
    for match in _AT_DOMAIN.finditer(text) if "@" in text else ():
        start = match.start()
        while start and (text[start - 1].isalnum() or text[start - 1] in _LOCAL_SIGNS):
            start -= 1
        login = start == match.start() or _LOGIN.search(text, max(0, start - 100), match.start())
        if not login and not belongs_to(match["domain"], own_domains):
            yield Span(*folded.span(start, match.end()), _MASKED, mask)


def iban_spans(folded: Folded, mask: str) -> Iterator[Span]:
    """Find IBANs with a valid checksum, also in groups."""
    for match in _IBAN.finditer(folded.text):
        length = iban_length(match["country"])
        whole = length and _grouped(length).match(folded.text, match.start())
        if whole and is_iban(_SEPARATOR.sub("", whole[0])):
            yield Span(*folded.span(*whole.span()), _MASKED, mask)


def bsn_spans(folded: Folded, mask: str) -> Iterator[Span]:
    """Find BSNs that stand as a number of their own."""
    for match in _BSN.finditer(folded.text):
        if is_bsn(match[0].replace(".", "")):
            yield Span(*folded.span(*match.span()), _MASKED, mask)


def kept_spans(text: str, words: Sequence[str]) -> Iterator[Span]:
    """Find what redaction itself writes; it stays as it is, whatever name it looks like."""
    for word in words:
        start = text.find(word)
        while start >= 0:
            yield Span(start, start + len(word), _KEPT, word)
            start = text.find(word, start + len(word))


def key_spans(text: str, mask: str) -> Iterator[Span]:
    """Find armoured public keys and signatures: they carry user ids in an encoding that anyone can undo."""
    for match in KEY_BLOCK.finditer(text) if "-----" in text else ():
        yield Span(*match.span(), _OWN, mask)


def header_spans(text: str, own: Sequence[Span], alias: str) -> Iterator[Span]:
    """Find the values of mail headers that tell of the reporter's own mail, quoted in the text.

    His is a header with one of his identifiers in it, and every trace header in a block whose sender he is.
    """
    starts = sorted(span.start for span in own)
    for block in _header_blocks(text) if starts else ():
        his = [header for header in block if _touches(header, starts)]
        sent_by_him = any(header["name"].lower() in _SENDER for header in his)
        for header in block if sent_by_him else his:
            if header["name"].lower() in _TRACE and header["value"].strip() not in {"", alias}:
                yield Span(*header.span("value"), _OWN, f" {alias}")


def replace_spans(text: str, spans: Iterable[Span]) -> str:
    """Replace places, those that overlap as one."""
    pieces, at = [], 0
    for span in _united(sorted(spans)):
        pieces += [text[at : span.start], span.instead]
        at = span.end
    return "".join([*pieces, text[at:]])


def _united(spans: Iterable[Span]) -> Iterator[Span]:
    """Unite places that overlap; touching ones stay apart."""
    last: Span | None = None
    for span in spans:
        if last is None or span.start >= last.end:
            if last is not None:
                yield last
            last = span
        else:
            winner = min(last, span, key=lambda one: one.rank)
            last = Span(last.start, max(last.end, span.end), winner.rank, winner.instead)
    if last is not None:
        yield last


def _fold(text: str) -> str:
    return fold(text).text


def _address_needle(address: str) -> Needle:
    """Match an address, also written as `jan [at] example [dot] org`."""
    local, domain = _fold(address).split("@", 1)
    labels = _DOT.join(map(re.escape, domain.split(".")))
    return Needle(domain.split(".")[0], f"{_DOT.join(map(re.escape, local.split('.')))}{_AT}{labels}")


def _name_needle(words: Sequence[str]) -> Needle:
    """Match a name as whole words; scripts without spaces between words have no word edge."""
    left = f"(?<!{_LETTER})" if words[0][0] < _NO_SPACES_BETWEEN_WORDS else ""
    right = f"(?!{_LETTER})" if words[-1][-1] < _NO_SPACES_BETWEEN_WORDS else ""
    return Needle(words[0], left + r"[\W_]{1,4}".join(map(re.escape, words)) + right)


def _phone_needle(digits: str) -> Needle:
    """Match a phone number by its last digits, with any country code and grouping before them."""
    core = _GAP.join(digits[-_PHONE_CORE:])
    return Needle("", rf"{core}(?!\d)", _COUNTRY_CODE)


def _ip_needle(ip: str) -> Needle:
    """Match an IP address as a whole, one of version 6 in every spelling (RFC 4291 section 2.2)."""
    if "." in ip:
        octets = ip.split(".")
        return Needle(octets[0], rf"(?<!\d)(?<!\d\.){_DOT.join(octets)}(?!\d|\.\d)")
    groups = [group.lstrip("0") or "0" for group in ip_address(ip).exploded.split(":")]
    spellings = [":".join(groups)]
    for start, end in combinations(range(len(groups) + 1), 2):
        if set(groups[start:end]) == {"0"}:
            spellings.append(f"{':'.join(groups[:start])}::{':'.join(groups[end:])}")
    padded = "|".join(re.sub(r"\b(?=\w)", "0{0,3}", spelling) for spelling in spellings)
    return Needle(groups[0], rf"(?<![0-9a-f])(?:{padded})(?![0-9a-f]|:[0-9a-f:])")


@lru_cache(maxsize=64)
def _grouped(length: int) -> re.Pattern[str]:
    """Match so many letters and digits as one word, each after at most one separator."""
    return re.compile(rf"[a-z0-9](?:[\s.+-]?[a-z0-9]){{{length - 1}}}(?![a-z0-9])")


def _header_blocks(text: str) -> Iterator[list[re.Match[str]]]:
    """Yield runs of header lines that follow one another."""
    block: list[re.Match[str]] = []
    for header in _HEADER.finditer(text):
        if block and header.start() != block[-1].end() + 1:
            yield block
            block = []
        block.append(header)
    if block:
        yield block


def _touches(header: re.Match[str], starts: Sequence[int]) -> bool:
    """Tell whether a place begins in the header's value."""
    start, end = header.span("value")
    return bisect_left(starts, start) < bisect_left(starts, end)
