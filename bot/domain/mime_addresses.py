"""Who wrote a mail and to whom."""

import re
from collections.abc import Iterable, Sequence
from email.utils import getaddresses

from bot.domain.charset import clean_line
from bot.domain.mime_headers import Headers, decode_words

RECIPIENT_FIELDS = ("to", "cc", "delivered-to", "x-original-to")
ADDRESS = re.compile(r"[^\s<>()\[\],;:\"@\x00-\x1f]{1,128}@[^\s<>()\[\],;:\"@\x00-\x1f]{1,255}")
COMMENT = re.compile(r"\([^()]*\)")
# Google Groups and Mailman write "'Jan' via Security" where the list is the sender (DMARC rewriting).
VIA_LIST = re.compile(r"^['\"]?(?P<name>.*?)['\"]?\s+via\s+.+$", re.IGNORECASE)

NamedAddress = tuple[str | None, str]


def named_addresses_in(values: Iterable[str]) -> list[NamedAddress]:
    """The (name or None, address) pairs of address headers; what is no address is left out."""
    pairs = [pair for value in values for pair in _pairs_in(value)]
    cleaned = [
        (clean_line(decode_words(name), 200) or None, lower_domain(address)) for name, address in pairs
    ]
    return [(name, address) for name, address in cleaned if address]


def addresses_in(values: Iterable[str]) -> tuple[str, ...]:
    """The addresses of address headers, each once, in order."""
    return tuple(dict.fromkeys(address for _, address in named_addresses_in(values)))


def lower_domain(address: str) -> str:
    """Give the address with its domain in lower case, or an empty string when it is no address."""
    address = address.strip().strip("<>").removesuffix(".")
    if not ADDRESS.fullmatch(address):
        return ""
    local, _, domain = clean_line(address).rpartition("@")
    return f"{local}@{domain.lower()}"


def recipients_of(headers: Headers) -> tuple[str, ...]:
    """The addresses a mail was sent or delivered to, each once."""
    return addresses_in(value for name in RECIPIENT_FIELDS for value in headers.all(name))


def sender_of(headers: Headers, own_domains: Sequence[str]) -> tuple[NamedAddress | None, list[str]]:
    """Find the sender, put back where a list of our own rewrote him, and the problems of the From header."""
    senders = named_addresses_in(headers.all("from"))
    if not senders:
        return None, ["the mail has no address in From"]
    problems = ["the mail has several senders; the first is taken"] if len(senders) > 1 else []
    return _put_back(senders[0], headers, own_domains), problems


def belongs_to(host: str, domains: Iterable[str]) -> bool:
    """Whether a host or address domain is one of the domains or lies below one."""
    host = host.lower().strip(". ")
    return any(
        host == domain or host.endswith(f".{domain}") for domain in (d.lower().strip(". ") for d in domains)
    )


def _pairs_in(value: str) -> list[tuple[str, str]]:
    try:
        return getaddresses([value])
    except (RecursionError, ValueError, IndexError):  # nested comments and the like
        return [("", address) for address in ADDRESS.findall(value)]


def _put_back(sender: NamedAddress, headers: Headers, own_domains: Sequence[str]) -> NamedAddress:
    rewritten = VIA_LIST.match(sender[0] or "")
    if not rewritten or not belongs_to(sender[1].rpartition("@")[2], own_domains):
        return sender
    originals = named_addresses_in(headers.all("x-original-from") + headers.all("reply-to"))
    outside = (m for m in originals if not belongs_to(m[1].rpartition("@")[2], own_domains))
    name, address = next(outside, sender)
    return (name if address != sender[1] and name else rewritten["name"] or None), address
