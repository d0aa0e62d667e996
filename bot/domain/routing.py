"""Which tracker takes a report and how it stands there, by mappings/routing.yaml.

Routing decides only where our own team looks. All trackers are ours, so a reporter who names an asset or a
keyword to be read by another group gains nothing by it.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    field_validator,
    model_validator,
)

from bot.domain.folding import fold
from bot.domain.mentions import Mentions, Word, is_host, spell_word
from bot.domain.outgoing import is_address
from bot.domain.severity import Label, Severity

DEFAULT = "default"
SignKind = Literal["recipient", "asset", "keyword"]


def _as_json(value: object) -> object:
    """Read `5`, `true` or `{"id": "7"}` as the JSON that it is; other text stays text, also within lists."""
    if isinstance(value, dict):
        return {key: _as_json(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_json(each) for each in value]
    try:
        found = json.loads(value) if isinstance(value, str) else value
        json.dumps(found, allow_nan=False)
    except (ValueError, RecursionError):
        return value
    return found


def _is_printable(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise ValueError("is blank or has characters that cannot be printed")
    return value


def _is_word(value: str) -> str:
    if not re.search(r"\w", fold(value).text):
        raise ValueError(f'"{value}" has no letter or digit')
    return value


def _is_asset(value: str) -> str:
    if ("." in value and not is_host(value)) or "*" in value.removeprefix("*."):
        raise ValueError(f'"{value}" is neither a host, as portal.example.nl or *.example.nl, nor a word')
    return _is_word(value)


def _is_address(value: str) -> str:
    if not is_address(value):
        raise ValueError(f'"{value}" is not a mail address alone, as in security@example.nl')
    return value


def _stand_once(values: tuple[str, ...]) -> tuple[str, ...]:
    folded = [fold(value).text for value in values]
    for value, each in zip(values, folded, strict=True):
        if folded.count(each) > 1:
            raise ValueError(f'"{value}" stands twice')
    return values


Name = Annotated[str, Field(max_length=100), AfterValidator(_is_printable)]
Sign = Annotated[str, Field(min_length=2, max_length=120)]
Assets = Annotated[tuple[Annotated[Sign, AfterValidator(_is_asset)], ...], AfterValidator(_stand_once)]
Recipients = Annotated[tuple[Annotated[Sign, AfterValidator(_is_address)], ...], AfterValidator(_stand_once)]
Keywords = Annotated[tuple[Annotated[Sign, AfterValidator(_is_word)], ...], AfterValidator(_stand_once)]
Labels = Annotated[tuple[Annotated[Label, AfterValidator(_is_printable)], ...], AfterValidator(_stand_once)]
FieldValue = Annotated[JsonValue, BeforeValidator(_as_json)]


class When(BaseModel):
    """What leads to a route: any one of these is enough."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipients: Recipients = Field(default=(), examples=["[dns@example.nl]"])
    assets: Assets = Field(default=(), examples=['["*.dns.example.nl", portal.example.nl]'])
    keywords: Keywords = Field(default=(), examples=["[nameserver, zone transfer]"])

    @model_validator(mode="after")
    def _names_something(self) -> "When":
        if not (self.recipients or self.assets or self.keywords):
            raise ValueError("names nothing; write assets, recipients or keywords")
        return self


class Destination(BaseModel):
    """Where a report goes and how it stands there; without a tracker it is the first of the settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tracker: Name | None = Field(default=None, examples=["main"])
    labels: Labels = Field(default=(), examples=["[dns]"])
    fields: dict[Name, FieldValue] = Field(default={}, examples=["{customfield_10050: {value: DNS}}"])
    priorities: dict[Severity, Name] = Field(default={}, examples=["{unrated: Medium, critical: Highest}"])
    owner: Name | None = Field(default=None, examples=["dns-team"])
    calendar: Name | None = Field(default=None, examples=["strict"])

    @property
    def json_fields(self) -> tuple[tuple[str, str], ...]:
        """The fields as an issue's draft has them: name, and value as JSON."""
        return tuple((name, json.dumps(value, ensure_ascii=False)) for name, value in self.fields.items())


class Route(Destination):
    """One route; what it leaves out is as in `default`."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$", examples=["dns"])
    when: When = Field(examples=["{keywords: [nameserver]}"])


class RoutingRules(BaseModel):
    """mappings/routing.yaml: the default, and the routes of which the first that matches wins."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    default: Destination = Field(default=Destination(), examples=["{tracker: main, owner: desk}"])
    routes: tuple[Route, ...] = Field(default=(), examples=["[{name: dns, when: {keywords: [dns]}}]"])

    @field_validator("routes")
    @classmethod
    def _have_names_of_their_own(cls, value: tuple[Route, ...]) -> tuple[Route, ...]:
        names = [DEFAULT, *(route.name for route in value)]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f'two routes have the name "{name}"')
        return value

    def destination(self, name: str) -> Destination:
        """Return where a route leads, with what it leaves out taken from the default; `default` for an unknown one."""
        for route in self.routes:
            if route.name == name:
                own = Destination.model_fields.keys() & route.model_fields_set
                return self.default.model_copy(update={each: getattr(route, each) for each in own})
        return self.default

    @property
    def destinations(self) -> Mapping[str, Destination]:
        """Every destination by the key under which it stands in the file."""
        named = {f"routes.{route.name}": self.destination(route.name) for route in self.routes}
        return {DEFAULT: self.default, **named}

    @cached_property
    def words(self) -> Mapping[str, Word]:
        """Every keyword and every asset that is a word, made ready once."""
        written = [word for route in self.routes for word in (*route.when.assets, *route.when.keywords)]
        return {word: spell_word(word) for word in written}


@dataclass(frozen=True, slots=True)
class Choice:
    """The route of a report by name, and the word of the mapping that led there; both None for the default."""

    route: str = DEFAULT
    kind: SignKind | None = None
    word: str | None = None


@dataclass(frozen=True, slots=True)
class Routed:
    """Where a report goes: the choice, what the mapping says of it, and the tracker by name."""

    choice: Choice
    destination: Destination
    tracker: str

    @property
    def facts(self) -> Mapping[str, str | None]:
        """What the record holds of it: words of the mapping alone."""
        choice = self.choice
        because = None if choice.kind is None else f'{choice.kind} "{choice.word}"'
        owner = self.destination.owner
        return {"route": choice.route, "because": because, "tracker": self.tracker, "owner": owner}


def follow(rules: RoutingRules, choice: Choice, trackers: Collection[str]) -> Routed:
    """Look up where a choice leads; a destination without a tracker is the first of `trackers`."""
    destination = rules.destination(choice.route)
    return Routed(choice, destination, destination.tracker or next(iter(trackers)))


def choose_route(
    rules: RoutingRules, *, recipients: Collection[str] = (), asset: str | None = None, text: str = ""
) -> Choice:
    """Return the first route of which a recipient, an asset or a keyword is there; else the default.

    `recipients` are the addresses a mail was sent or delivered to, `asset` is what a form names, `text` all that
    the reporter wrote. Linear in the text. The choice holds words of the mapping, never text of the report.
    """
    if not rules.routes:
        return Choice()
    mentions = Mentions(f"{asset or ''}\n{text}")
    known = {form for address in recipients for form in _forms(address)}
    for route in rules.routes:
        for kind, word in _signs(route.when, known, mentions, rules.words):
            return Choice(route.name, kind, word)
    return Choice()


def _signs(
    when: When, known: Collection[str], mentions: Mentions, words: Mapping[str, Word]
) -> Iterator[tuple[SignKind, str]]:
    """Yield each sign of a route that is there."""
    tests: tuple[tuple[SignKind, Sequence[str], Callable[[str], bool]], ...] = (
        ("recipient", when.recipients, lambda word: word.casefold() in known),
        (
            "asset",
            when.assets,
            lambda word: mentions.name_host(word) if is_host(word) else mentions.name_word(words[word]),
        ),
        ("keyword", when.keywords, lambda word: mentions.name_word(words[word])),
    )
    for kind, listed, is_there in tests:
        yield from ((kind, word) for word in listed if is_there(word))


def _forms(address: str) -> tuple[str, str]:
    """Give an address as it is and without its plus tag: a rule without a tag takes any, one with a tag its own."""
    local, _, domain = address.casefold().rpartition("@")
    return f"{local}@{domain}", f"{local.partition('+')[0]}@{domain}"


def check_routes(rules: RoutingRules) -> Sequence[str]:
    """Say which routes can never be chosen, because each of their signs leads to one before them."""
    return [
        f"routing.yaml: the route {route.name} is never chosen, for all that leads to it leads to a route before it; "
        "move it up or take it out"
        for route in rules.routes
        if all(choice.route != route.name for choice in _sample_choices(rules, route.when))
    ]


def _sample_choices(rules: RoutingRules, when: When) -> Iterator[Choice]:
    """Choose for each sign what holds that sign and as little else as can be."""
    for address in when.recipients:
        yield choose_route(rules, recipients=(address,))
    for word in (*when.assets, *when.keywords):
        yield choose_route(rules, text=word.replace("*.", "any-host-at-all."))
