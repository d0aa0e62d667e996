"""How values become the bytes that are sealed, and back: JSON by pydantic, bytes in it as base64.

Fields tell the members of a union apart: each is read with no field missing and none too many.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from bot.domain.outbox import Payload
from bot.errors import PermanentError

T = TypeVar("T")

_CONFIG = ConfigDict(extra="forbid", ser_json_bytes="base64", val_json_bytes="base64")


@dataclass(frozen=True, slots=True)
class Words:
    """What of a report came from outside."""

    __pydantic_config__: ClassVar[ConfigDict] = _CONFIG

    title: str
    text: str
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Contact:
    """What of a reporter is personal."""

    __pydantic_config__: ClassVar[ConfigDict] = _CONFIG

    address: str | None
    name: str | None
    language: str | None


PAYLOADS: TypeAdapter[Payload] = TypeAdapter(Payload, config=_CONFIG)
WORDS: TypeAdapter[Words] = TypeAdapter(Words)
CONTACTS: TypeAdapter[Contact] = TypeAdapter(Contact)


def dump(adapter: TypeAdapter[T], value: T) -> bytes:
    """Write a value; PermanentError when a text in it is no Unicode (half a surrogate pair)."""
    try:
        return adapter.dump_json(value)
    except (PydanticSerializationError, UnicodeEncodeError) as error:
        raise PermanentError(
            "a text holds half a character (a lone surrogate) and cannot be stored"
        ) from error


def load(adapter: TypeAdapter[T], written: bytes) -> T:
    """Read a value; PermanentError when another version of the bot wrote it in another form."""
    try:
        return adapter.validate_json(written)
    except ValidationError as error:
        kinds: Any = sorted({fault["type"] for fault in error.errors(include_input=False, include_url=False)})
        # `from None`: the exception quotes what it could not read.
        raise PermanentError(
            f"a stored value has a form this version cannot read ({', '.join(kinds)})"
        ) from None
