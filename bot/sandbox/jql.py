"""The part of Jira's query language that a desk uses: clauses joined by AND, then ORDER BY.

Clauses are turned into SQL over the search index (`found`); only `text ~` looks into the issue itself.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.sandbox.jira_catalogue import LEVELS, PROJECTS, STATUSES

# Times in a query are in the time zone of the account's profile.
ZONE = ZoneInfo("Europe/Amsterdam")
_TOKEN = re.compile(
    r"""\s*(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)'
    |(?P<sign>!=|!~|<=|>=|[=~<>(),])|(?P<word>[^\s"'=!~<>(),]+))""",
    re.VERBOSE,
)
_ORDERS = {
    "created": "found.created_at",
    "createddate": "found.created_at",
    "updated": "found.updated_at",
    "key": "found.project, found.number",
    "issuekey": "found.project, found.number",
    "id": "found.issue_id",
    "status": "found.status_id",
    "summary": "found.summary",
}
_SIGNS = {"=": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


class JqlError(ValueError):
    """The query cannot be carried out; the sentence is Jira's."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query as SQL; `bounded` is whether anything restricts it."""

    where: str
    values: list[object]
    order: str
    bounded: bool


@dataclass(slots=True)
class _Reader:
    """The words of a query, one after another; a word that was quoted is never a keyword."""

    tokens: list[tuple[str, bool]]
    at: int = 0
    where: list[str] = field(default_factory=list)
    values: list[object] = field(default_factory=list)

    def peek(self) -> str:
        word, quoted = self.tokens[self.at] if self.at < len(self.tokens) else ("", False)
        return "" if quoted else word.lower()

    def take(self) -> str:
        if self.at >= len(self.tokens):
            raise JqlError("Error in the JQL Query: Expecting a value but got the end of the query.")
        self.at += 1
        return self.tokens[self.at - 1][0]

    def take_values(self) -> list[str]:
        """Take one value, or those in parentheses."""
        if self.peek() != "(":
            return [self.take()]
        self.take()
        found = [self.take()]
        while self.peek() == ",":
            self.take()
            found.append(self.take())
        self.expect(")")
        return found

    def expect(self, word: str) -> None:
        if self.peek() != word:
            raise JqlError(f"Error in the JQL Query: Expecting '{word}' but got {_shown(self.peek())}.")
        self.take()

    def add(self, sql: str, *values: object) -> None:
        self.where.append(f"({sql})")
        self.values += values


def parse_jql(text: str) -> Query:
    """Read a query; raises JqlError in Jira's words."""
    reader = _Reader(_tokens(text))
    while reader.peek() not in {"", "order"}:
        _read_clause(reader)
        if reader.peek() == "and":
            reader.take()
        elif reader.peek() not in {"", "order"}:
            raise JqlError(f"Error in the JQL Query: Expecting 'AND' but got {_shown(reader.peek())}.")
    order = _read_order(reader)
    return Query(" AND ".join(reader.where) or "1", reader.values, order, bounded=bool(reader.where))


def _tokens(text: str) -> list[tuple[str, bool]]:
    tokens, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if not match:
            raise JqlError(f"Error in the JQL Query: The character {_shown(text[at])} is not allowed here.")
        quoted = match["double"] if match["double"] is not None else match["single"]
        tokens.append(
            (match["sign"] or match["word"], False)
            if quoted is None
            else (re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL), True)
        )
        at = match.end()
    return tokens


def _read_clause(reader: _Reader) -> None:
    name = reader.take()
    read = _FIELDS.get(name.lower())
    if read is None:
        raise JqlError(f"Field '{name}' does not exist or you do not have permission to view it.")
    sign = reader.take().lower()
    if sign == "not":
        reader.expect("in")
        sign = "not in"
    if sign == "is":
        sign = "is not" if reader.peek() == "not" and reader.take() else "is"
    read(reader, sign, reader.take_values())


def _read_order(reader: _Reader) -> str:
    if reader.peek() != "order":
        return "found.created_at DESC, found.issue_id DESC"
    reader.take()
    reader.expect("by")
    parts = []
    while True:
        name = reader.take().lower()
        if name not in _ORDERS:
            raise JqlError(f"Not able to sort using field '{name}'.")
        direction = reader.take().upper() if reader.peek() in {"asc", "desc"} else "ASC"
        parts += [f"{each} {direction}" for each in _ORDERS[name].split(", ")]
        if reader.peek() != ",":
            return ", ".join([*parts, "found.issue_id"])
        reader.take()


def _among(reader: _Reader, column: str, sign: str, values: list[object]) -> None:
    if sign not in {"=", "!=", "in", "not in"}:
        raise JqlError(f"The operator '{sign}' is not supported by the '{column}' field.")
    negation = "NOT " if sign in {"!=", "not in"} else ""
    reader.add(f"{column} {negation}IN ({', '.join('?' * len(values))})", *values)


def _project(reader: _Reader, sign: str, values: list[str]) -> None:
    keys: list[object] = []
    for value in values:
        known = (
            key
            for key, each in PROJECTS.items()
            if value.lower() in {key.lower(), each.id, each.name.lower()}
        )
        key = next(known, None)
        if key is None:
            raise JqlError(f"The value '{value}' does not exist for the field 'project'.")
        keys.append(key)
    _among(reader, "found.project", sign, keys)


def _labels(reader: _Reader, sign: str, values: list[str]) -> None:
    any_of = "SELECT 1 FROM json_each(found.labels) WHERE value COLLATE NOCASE IN"
    if sign in {"is", "is not"}:
        reader.add(f"found.labels {'=' if sign == 'is' else '<>'} '[]'")
    elif sign in {"=", "in"}:
        reader.add(f"EXISTS ({any_of} ({', '.join('?' * len(values))}))", *values)
    elif sign in {"!=", "not in"}:
        # As in Jira, an issue without any label is not found by this.
        reader.add(
            f"found.labels <> '[]' AND NOT EXISTS ({any_of} ({', '.join('?' * len(values))}))", *values
        )
    else:
        raise JqlError(f"The operator '{sign}' is not supported by the 'labels' field.")


def _key(reader: _Reader, sign: str, values: list[str]) -> None:
    if sign in {"<", "<=", ">", ">="}:
        project, _, number = values[0].rpartition("-")
        reader.add(f"found.project = ? AND found.number {sign} ?", project.upper(), _number(number))
    else:
        _among(reader, "found.project || '-' || found.number", sign, [each.upper() for each in values])


def _id(reader: _Reader, sign: str, values: list[str]) -> None:
    if any(not each.isdigit() for each in values):
        return _key(reader, sign, values)
    if sign in {"<", "<=", ">", ">="}:
        return reader.add(f"found.issue_id {sign} ?", _number(values[0]))
    return _among(reader, "found.issue_id", sign, [_number(each) for each in values])


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < len("1000000000")):
        raise JqlError(f"The issue key '{text}' for field 'issuekey' is invalid.")
    return int(text)


def _status(reader: _Reader, sign: str, values: list[str]) -> None:
    _among(reader, "found.status_id", sign, [_id_of(STATUSES, each, "status") for each in values])


def _category(reader: _Reader, sign: str, values: list[str]) -> None:
    names = {"to do": "new", "new": "new", "in progress": "indeterminate", "done": "done"}
    wanted = {names.get(each.lower()) for each in values}
    _among(reader, "found.status_id", sign, [each.id for each in STATUSES if each.category in wanted])


def _level(reader: _Reader, sign: str, values: list[str]) -> None:
    if sign in {"is", "is not"}:
        return reader.add(f"found.security_id {sign} NULL")
    return _among(reader, "found.security_id", sign, [_id_of(LEVELS, each, "level") for each in values])


def _id_of(known: tuple[object, ...], value: str, name: str) -> str:
    for each in known:
        if value.lower() in {str(getattr(each, "id", "")), str(getattr(each, "name", "")).lower()}:
            return str(getattr(each, "id", ""))
    raise JqlError(f"The value '{value}' does not exist for the field '{name}'.")


def _text(reader: _Reader, sign: str, values: list[str]) -> None:
    _contains(reader, sign, values, "issues.summary || ' ' || coalesce(issues.description, '')")


def _summary(reader: _Reader, sign: str, values: list[str]) -> None:
    _contains(reader, sign, values, "found.summary")


def _contains(reader: _Reader, sign: str, values: list[str], column: str) -> None:
    if sign not in {"~", "!~"}:
        raise JqlError(f"The operator '{sign}' is not supported by the 'text' field.")
    words = [word for word in re.findall(r"[\w.@-]+", values[0].strip('"')) if word]
    if not words:
        raise JqlError(f"The text query '{values[0]}' for field 'text' is not allowed to be empty.")
    like = " AND ".join(f"{column} LIKE ? ESCAPE '!'" for _ in words)
    escaped = [re.sub(r"([!%_])", r"!\1", word) for word in words]
    reader.add(f"{'NOT ' if sign == '!~' else ''}({like})", *(f"%{word}%" for word in escaped))


def _moment(column: str) -> Callable[[_Reader, str, list[str]], None]:
    def read(reader: _Reader, sign: str, values: list[str]) -> None:
        if sign not in _SIGNS:
            raise JqlError(f"The operator '{sign}' is not supported by this field.")
        reader.add(f"found.{column} {_SIGNS[sign]} ?", _parse_moment(values[0], column))

    return read


def _parse_moment(text: str, name: str) -> str:
    """Read `2026-11-25`, `2026-11-25 09:30` (in the account's time zone) or `-5m`, `-2h`, `-1d`, `-1w`."""
    relative = re.fullmatch(r"([+-]?)(\d{1,6})([mhdw])", text)
    if relative:
        unit = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}[relative[3]]
        span = timedelta(**{unit: int(relative[2])})
        moment = datetime.now(UTC) + (-span if relative[1] == "-" else span)
    else:
        moment = _absolute(text.replace("/", "-"), name)
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _absolute(text: str, name: str) -> datetime:
    for form in ("%Y-%m-%d %H:%M", "%Y-%m-%d"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=ZONE)
        except ValueError:
            continue
    raise JqlError(
        f"Date value '{text}' for field '{name.removesuffix('_at')}' is invalid. Valid formats include:"
        " 'yyyy/MM/dd HH:mm', 'yyyy-MM-dd HH:mm', 'yyyy/MM/dd', 'yyyy-MM-dd', or a period format e.g. '-5d',"
        " '4w 2d'."
    )


def _shown(text: str) -> str:
    return f"'{text}'" if text else "the end of the query"


_FIELDS: dict[str, Callable[[_Reader, str, list[str]], None]] = {
    "project": _project,
    "labels": _labels,
    "key": _key,
    "issuekey": _key,
    "issue": _id,
    "id": _id,
    "status": _status,
    "statuscategory": _category,
    "level": _level,
    "text": _text,
    "summary": _summary,
    "created": _moment("created_at"),
    "createddate": _moment("created_at"),
    "updated": _moment("updated_at"),
}
