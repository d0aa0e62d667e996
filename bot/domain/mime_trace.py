"""What the stamps of mail servers tell: when a host of ours took a mail in, and where it was sent from."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address, ip_network
from itertools import chain, islice

from bot.domain.mime_addresses import COMMENT, belongs_to
from bot.domain.mime_headers import Headers

ORIGIN_FIELDS = ("x-originating-ip", "x-sender-ip")
MOST_IPS = 8
WRITTEN_BY = re.compile(r"\bby\s+([^\s;]+)", re.IGNORECASE)
SENT_FROM = re.compile(r"\s*from\s(?P<hop>.*?)(?:\sby\s|;|\Z)", re.IGNORECASE | re.DOTALL)
HOST = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
IP = re.compile(r"(?i)(?<![\w.:-])(?:ipv6:)?(?P<ip>[0-9a-f.:]{3,45})(?![\w.:-])")
# Addresses that many networks use within: they name nobody, and text about a finding is full of them.
INNER = tuple(
    ip_network(net)
    for net in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
        "::/8",
        "fc00::/7",
        "fe80::/10",
        "ff00::/8",
    )
)


def own_received_at(headers: Headers, own_hosts: Sequence[str]) -> datetime | None:
    """The UTC time of the topmost `Received` stamp that a host of ours wrote (RFC 5321 section 4.4)."""
    hosts = {host.lower().strip(". ") for host in own_hosts}
    for stamp in headers.all("received"):
        path, _, date = stamp.rpartition(";")
        by = WRITTEN_BY.search(COMMENT.sub(" ", path))
        if by and by[1].lower().strip(".") in hosts:
            return utc_of(COMMENT.sub(" ", date))
    return None


def stamped_at(headers: Headers) -> Iterator[datetime]:
    """Yield the UTC time of each `Received` stamp that has one, the topmost (latest) first, whoever wrote it."""
    for stamp in headers.all("received"):
        if at := utc_of(COMMENT.sub(" ", stamp.rpartition(";")[2])):
            yield at


def origin_ips_of(headers: Headers, own: Sequence[str]) -> tuple[str, ...]:
    """The public IP addresses a mail was sent from, a few at most, in their shortest spelling.

    They stand in X-Originating-IP and in the lowest `Received` stamp with one; a hop from a host of our
    `own` (hosts or domains) is passed over, for its address is ours and may be what the report is about.
    """
    told = (ip for field in ORIGIN_FIELDS for value in headers.all(field) for ip in _public_ips(value))
    hops = (hop["hop"] for stamp in reversed(headers.all("received")) if (hop := SENT_FROM.match(stamp)))
    outside = (hop for hop in hops if not any(belongs_to(host, own) for host in HOST.findall(hop)))
    first = next((ips for hop in outside if (ips := list(_public_ips(hop)))), [])
    return tuple(islice(dict.fromkeys(chain(first, told)), MOST_IPS))


def _public_ips(text: str) -> Iterator[str]:
    for match in IP.finditer(text):
        try:
            ip = ip_address(match["ip"])
        except ValueError:
            continue
        ip = getattr(ip, "ipv4_mapped", None) or ip
        if not any(ip in net for net in INNER):
            yield str(ip)


def utc_of(date: str) -> datetime | None:
    """Read a date of a mail (RFC 5322 section 3.3, or as in the first line of an mbox); without offset it is UTC."""
    try:
        moment = parsedate_to_datetime(date.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
