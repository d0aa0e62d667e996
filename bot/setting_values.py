"""The kinds of value that settings have, each with the sentence that says how it is written."""

import ipaddress
import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator

from bot.domain.outgoing import is_address

_DOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+", re.IGNORECASE)


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _split(value: object) -> object:
    """Read a comma list as it stands in an environment variable."""
    return (
        tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    )


def _address(value: str) -> str:
    if not is_address(value):
        raise ValueError("is not a mail address alone, as in security@example.nl")
    return value


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"[\s\x00-\x1f]", value):
        raise ValueError("is not a web address, as in https://www.example.nl/policy")
    return value.rstrip("/")


def _safe_web_address(value: str) -> str:
    parts = urlsplit(_web_address(value))
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ValueError("must begin with https:// (http:// is allowed to a loopback host only)")
    return value.rstrip("/")


def _domains(value: tuple[str, ...]) -> tuple[str, ...]:
    for domain in value:
        if not _DOMAIN.fullmatch(domain):
            raise ValueError("has something that is not a domain alone, as in example.nl")
    return tuple(domain.lower() for domain in value)


def _some(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError("names nothing; write at least one")
    return value


def _printable(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise ValueError("is blank or has characters that cannot be printed")
    return value


CommaList = Annotated[tuple[str, ...], BeforeValidator(_split)]
DomainList = Annotated[CommaList, AfterValidator(_domains)]
FolderList = Annotated[CommaList, AfterValidator(_some)]
MailAddress = Annotated[str, AfterValidator(_address)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
SafeWebAddress = Annotated[str, AfterValidator(_safe_web_address)]
Name = Annotated[str, AfterValidator(_printable)]
