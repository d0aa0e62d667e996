"""The kinds of value that settings have, each with the sentence that says how it is written."""

import ipaddress
import re
from typing import Annotated
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr

from bot.domain.outgoing import is_address

_DOMAIN = re.compile(r"(?=.{1,253}\Z)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+", re.IGNORECASE)

# USER:PASSWORD@HOST:PORT/NAME?OPTIONS, where each but the name may be missing; odd characters are percent-encoded.
_POSTGRESQL = re.compile(
    r"postgresql\+psycopg://(?:[^/?#\s@]*@)?(?:\[[0-9a-f:.]+\]|[^/?#\s@:\[\]]*)(?::\d{1,5})?/[^/?#\s]+(?:\?[^#\s]*)?",
    re.IGNORECASE,
)


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


def check_database(address: str) -> str:
    """Give back the address of a database; ValueError when it is none."""
    in_a_file = re.fullmatch(r"sqlite:///.+", address) and ":memory:" not in address
    if in_a_file or _POSTGRESQL.fullmatch(address):
        return address
    raise ValueError("is not the address of a database")


def _database(value: SecretStr) -> SecretStr:
    check_database(value.get_secret_value())
    return value


def keys_beside(database: str) -> str:
    """Name the key database that belongs to a main one when nothing is said: a file beside it.

    A PostgreSQL database is made by a person, with its own backups: there is none that could be guessed.
    """
    if not database.startswith("sqlite:"):
        raise ValueError(
            "is needed beside a PostgreSQL database: make a second database for the keys and name it"
        )
    stem, dot, suffix = database.rpartition(".")
    return f"{stem}-keys{dot}{suffix}" if dot and "/" not in suffix else f"{database}-keys"


def same_database(one: str, other: str) -> bool:
    """Whether two addresses name one database, whoever logs in and however."""
    return _place(one) == _place(other)


def _place(database: str) -> tuple[str, ...]:
    kind, _, rest = database.partition("://")
    if kind == "sqlite":
        return kind, rest
    parts = urlsplit(database)
    asked = parse_qs(parts.query)
    hosts, ports = asked.get("host", [parts.hostname or ""]), asked.get("port", [str(parts.port or 5432)])
    return kind, *hosts, *ports, parts.path


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


DatabaseAddress = Annotated[SecretStr, AfterValidator(_database)]
CommaList = Annotated[tuple[str, ...], BeforeValidator(_split)]
DomainList = Annotated[CommaList, AfterValidator(_domains)]
FolderList = Annotated[CommaList, AfterValidator(_some)]
MailAddress = Annotated[str, AfterValidator(_address)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
SafeWebAddress = Annotated[str, AfterValidator(_safe_web_address)]
Name = Annotated[str, AfterValidator(_printable)]
