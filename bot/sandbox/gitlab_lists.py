"""Filters, order and pages of GitLab's lists (docs.gitlab.com/api/issues, docs.gitlab.com/api/rest)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

_T = TypeVar("_T")
_PER_PAGE, _MOST_PER_PAGE = 20, 100
_ORDERS = ("created_at", "updated_at", "due_date", "title")


@dataclass(frozen=True, slots=True)
class Page:
    """Which page a client asked for, from 1."""

    number: int
    size: int

    @classmethod
    def asked(cls, query: QueryParams) -> "Page":
        """Read `page` and `per_page`; what is no number counts as not given."""
        number, size = (
            _number(query.get(key), other) for key, other in (("page", 1), ("per_page", _PER_PAGE))
        )
        return cls(max(number, 1), min(max(size, 1), _MOST_PER_PAGE))

    def cut(self, rows: Sequence[_T]) -> list[_T]:
        """Return this page's part of the rows."""
        start = (self.number - 1) * self.size
        return list(rows[start : start + self.size])

    def headers(self, total: int, url: str, query: QueryParams) -> dict[str, str]:
        """Return GitLab's pagination headers."""
        pages = max(-(-total // self.size), 1)
        following = self.number + 1 if self.number < pages else None
        previous = self.number - 1 if self.number > 1 else None
        links = {"prev": previous, "next": following, "first": 1, "last": pages}
        return {
            "X-Page": str(self.number),
            "X-Per-Page": str(self.size),
            "X-Total": str(total),
            "X-Total-Pages": str(pages),
            "X-Next-Page": str(following or ""),
            "X-Prev-Page": str(previous or ""),
            "Link": ", ".join(
                f'<{self._url(url, query, number)}>; rel="{rel}"' for rel, number in links.items() if number
            ),
        }

    def _url(self, url: str, query: QueryParams, number: int) -> str:
        kept = [(key, value) for key, value in query.multi_items() if key not in {"page", "per_page"}]
        return f"{url}?{urlencode([*kept, ('page', number), ('per_page', self.size)])}"


def _number(text: str | None, otherwise: int) -> int:
    return (
        int(text)
        if text and text.isascii() and text.isdigit() and len(text) < len("1000000000")
        else otherwise
    )


def split_names(value: object) -> tuple[str, ...]:
    """Read a list of names: an array, or one text with commas between."""
    names = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    parts = (part for name in names for part in str(name).split(","))
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


def issue_filter(project_id: int, query: QueryParams) -> tuple[str, list[object]]:
    """Return the SQL condition of an issue list, and its values."""
    conditions: list[str] = ["project_id = ?"]
    values: list[object] = [project_id]
    for condition, found in (
        *_plain_conditions(query),
        *_label_conditions(query),
        *_search_conditions(query),
    ):
        conditions.append(condition)
        values += found
    return " AND ".join(conditions), values


_Conditions = list[tuple[str, list[object]]]


def _plain_conditions(query: QueryParams) -> _Conditions:
    found: _Conditions = []
    if query.get("state") in {"opened", "closed"}:
        found.append(("state = ?", [query["state"]]))
    if "confidential" in query:
        found.append(("confidential = ?", [query["confidential"] == "true"]))
    numbers = [
        int(each) for key in ("iids", "iids[]") for each in split_names(query.getlist(key)) if each.isdigit()
    ]
    if numbers:
        found.append((f"iid IN ({', '.join('?' * len(numbers))})", list(numbers)))
    for key, condition in _TIMES.items():
        if key in query:
            found.append((condition, [query[key]]))
    return found


_TIMES: Mapping[str, str] = {
    f"{column}_{side}": f"julianday({column}_at) {sign} julianday(?)"
    for column in ("updated", "created")
    for side, sign in (("after", ">="), ("before", "<="))
}


def _label_conditions(query: QueryParams) -> _Conditions:
    names = split_names([*query.getlist("labels"), *query.getlist("labels[]")])
    if names == ("None",):
        return [("labels = '[]'", [])]
    if names == ("Any",):
        return [("labels <> '[]'", [])]
    has = "EXISTS (SELECT 1 FROM json_each(issues.labels) WHERE json_each.value = ?)"
    return [(has, [name]) for name in names]


def _search_conditions(query: QueryParams) -> _Conditions:
    """Every word (or quoted phrase) must stand somewhere in the title or the description."""
    columns = [
        name for name in split_names(query.get("in", "title,description")) if name in {"title", "description"}
    ]
    words = [quoted or bare for quoted, bare in re.findall(r'"([^"]+)"|(\S+)', query.get("search", ""))]
    condition = " OR ".join(f"{column} LIKE ? ESCAPE '\\'" for column in columns)
    return [(f"({condition})", [_pattern(word)] * len(columns)) for word in words] if columns else []


def _pattern(word: str) -> str:
    escaped = re.sub(r"([%_\\])", r"\\\1", word)
    return f"%{escaped}%"


def issue_order(query: QueryParams) -> str:
    """Return the SQL order of an issue list; the newest first unless asked otherwise."""
    column = query.get("order_by", "created_at")
    column = column if column in _ORDERS else "created_at"
    direction = "ASC" if query.get("sort") == "asc" else "DESC"
    return f"{column} {direction}, id {direction}"
