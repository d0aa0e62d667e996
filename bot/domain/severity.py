"""The severities, their labels, and what a report suggests about its own, from mappings/severity.yaml.

A suggestion sets no clock and no priority (only a person sets severity); it is shown with its reason.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from itertools import islice
from typing import Annotated

from cvss import CVSS3, CVSS4, CVSSError  # type: ignore[import-untyped]  # the package has no types
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)


class Severity(StrEnum):
    """How bad it is, the worst first; `unrated` until a person has decided."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NONE = "none"
    UNRATED = "unrated"


_WORST_FIRST = tuple(Severity)
_RATED = _WORST_FIRST[:-1]


def _is_rated(value: Severity) -> Severity:
    if value is Severity.UNRATED:
        raise ValueError("unrated cannot stand here")
    return value


RatedSeverity = Annotated[Severity, AfterValidator(_is_rated)]
Words = tuple[Annotated[str, Field(min_length=2, max_length=60)], ...]
Label = Annotated[str, Field(min_length=1, max_length=255)]
Priority = Annotated[str, Field(pattern=r"^P[1-5]$")]
Score = Annotated[Decimal, Field(ge=0, le=10)]


class SeverityRules(BaseModel):
    """mappings/severity.yaml: labels, CVSS bands, and the words that suggest a severity."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: dict[Severity, Label] = Field(examples=['{high: "severity::high"}'])
    suggested_labels: dict[RatedSeverity, Label] = Field(examples=['{high: "suggested::high"}'])
    bands: dict[RatedSeverity, Score] = Field(examples=["{high: 7.0}"])
    vrt: dict[Priority, RatedSeverity] = Field(min_length=5, examples=["{P1: critical}"])
    stated_after: Words = Field(min_length=1, examples=["[severity, ernst]"])
    stated: dict[RatedSeverity, Words] = Field(examples=["{high: [high, hoog]}"])
    keywords: dict[RatedSeverity, Words] = Field(examples=["{medium: [xss, cross-site scripting]}"])

    @field_validator("labels", "suggested_labels", "bands")
    @classmethod
    def _has_every_severity(
        cls, value: dict[Severity, object], info: ValidationInfo
    ) -> dict[Severity, object]:
        wanted = _WORST_FIRST if info.field_name == "labels" else _RATED
        if missing := [severity for severity in wanted if severity not in value]:
            raise ValueError(f"has no line for {', '.join(missing)}")
        return value

    @field_validator("bands")
    @classmethod
    def _falls_to_zero(cls, value: dict[Severity, Decimal]) -> dict[Severity, Decimal]:
        floors = [value[severity] for severity in _RATED]
        if floors != sorted(set(floors), reverse=True) or floors[-1] != 0:
            raise ValueError("the lowest scores must fall from critical to none, and none must be 0")
        return value

    @field_validator("stated", "keywords")
    @classmethod
    def _says_each_word_once(cls, value: dict[Severity, Words]) -> dict[Severity, Words]:
        words = [word.lower() for listed in value.values() for word in listed]
        for word in words:
            if words.count(word) > 1:
                raise ValueError(f'"{word}" stands twice')
        return value

    @model_validator(mode="after")
    def _has_no_label_twice(self) -> "SeverityRules":
        labels = [*self.labels.values(), *self.suggested_labels.values()]
        for label in labels:
            if labels.count(label) > 1:
                raise ValueError(f'two severities have the label "{label}"')
        return self

    @cached_property
    def patterns(self) -> "_Patterns":
        """The rules as regular expressions, made once."""
        return _make_patterns(self)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the report suggests, and why, in words that hold no text of the report."""

    severity: Severity
    reason: str


def band(score: Decimal, rules: SeverityRules) -> Severity:
    """Return the severity whose CVSS band holds `score`; ValueError outside 0 to 10."""
    for severity in _RATED:
        if rules.bands[severity] <= score <= 10:  # noqa: PLR2004 - the top of the CVSS scale
            return severity
    raise ValueError("a CVSS score lies between 0 and 10")


def read_vector(text: str) -> str | None:
    """Return a CVSS vector (v3.0, v3.1, v4.0) in its normal form; None when the text is not one valid vector."""
    match = _VECTOR.fullmatch(text.strip())
    scored = _score_vector(match[1], match[2].upper()) if match else None
    return scored[0] if scored else None


def suggest_severity(title: str, text: str, rules: SeverityRules) -> Suggestion | None:
    """Return the worst severity of the strongest kind of evidence that the report holds, or None.

    A valid CVSS vector (FIRST, v3.0, v3.1, v4.0) is stronger than a stated severity, and that is stronger
    than a keyword. Takes time in proportion to the length of the text, which may be hostile. The reason
    holds at most a validated vector, a score between 0 and 10, or a word of the mapping.
    """
    report = f"{title}\n{text}"
    for find in (_find_vectors, _find_stated, _find_keywords):
        worst = min(find(report, rules), key=lambda each: _WORST_FIRST.index(each.severity), default=None)
        if worst:
            return worst
    return None


# Atomic groups and bounded counts keep every pattern below linear.
_LETTERS = re.compile(r"[^\W_]+")
_METRIC = r"[A-Z]{1,3}:[A-Z]{1,6}"
_VECTOR = re.compile(
    rf"(?:CVSS:(3\.[01]|4\.0)/|(?<![\w/:])(?=AV:))({_METRIC}(?:/{_METRIC}){{7,39}})",
    re.IGNORECASE | re.ASCII,
)
_NUMBER = r"(10(?:[.,]0)?|[0-9](?:[.,][0-9])?)(?![\w)]|[.,][0-9]|/[a-z])"
_DECIMAL = r"(10(?:[.,]0)?|[0-9][.,][0-9])(?![\w)]|[.,][0-9]|/[a-z])"
_VERSION = r"(?:[ _-]?(?:v|version )?(?:[234]\.[01]|[234])(?![0-9]|[.,][0-9]))?+"
_FILL = r"[\W_]{0,6}(?:(?:base|basis|overall)[ -]?)?(?:score|rating)?[\W_]{0,6}(?:(?:of|is|van)\s)?"
_PRIORITY = re.compile(r"(?<![\w/.?&$=-])(P[1-5])(?![\w=\[(]|[.-]\w)")
_MOST_VECTORS = 50


@dataclass(frozen=True, slots=True)
class _Keywords:
    """The keywords of one severity; a text without one of the `beginnings` as a word of its own has none."""

    severity: Severity
    words: tuple[str, ...]
    pattern: re.Pattern[str]
    beginnings: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Patterns:
    """The mapping's words, compiled for lower-case text; a text without any of the `signs` states nothing."""

    signs: tuple[str, ...]
    word: re.Pattern[str]
    score: re.Pattern[str]
    keywords: tuple["_Keywords", ...]
    stated: dict[str, Severity]


def _make_patterns(rules: SeverityRules) -> _Patterns:
    stated = {word.lower(): severity for severity, words in rules.stated.items() for word in words}
    after, words = _any_of(rules.stated_after), _any_of(stated)
    return _Patterns(
        signs=("cvss", *(word.lower() for word in rules.stated_after)),
        word=re.compile(
            rf"(?<!\w)(?:(?:{after})[\W_]{{1,12}}({words})|({words})[\s-]{{1,3}}(?:{after}))(?!\w)"
        ),
        score=re.compile(rf"(?<!\w)(?:cvss{_VERSION}{_FILL}{_NUMBER}|(?:{after}){_FILL}{_DECIMAL})"),
        keywords=tuple(
            _Keywords(severity, words, _pattern_of_keywords(words), _beginnings_of(words))
            for severity, words in rules.keywords.items()
            if words
        ),
        stated=stated,
    )


def _any_of(words: tuple[str, ...] | dict[str, Severity]) -> str:
    """Return an alternation in which a longer word wins from its own beginning."""
    longest_first = sorted((word.lower() for word in words), key=len, reverse=True)
    return "|".join(re.escape(word) for word in longest_first) or "(?!)"


def _pattern_of_keywords(words: tuple[str, ...]) -> re.Pattern[str]:
    """Return a pattern with a group for each word; a space stands for any gap, a plural s is allowed."""
    groups = ("(" + r"[\s_-]{1,3}".join(map(re.escape, word.lower().split())) + ")" for word in words)
    return re.compile(rf"(?<!\w)(?:{'|'.join(groups)})s?(?!\w)")


def _beginnings_of(words: tuple[str, ...]) -> frozenset[str]:
    """Return how keywords begin, each with its plural, which only a keyword of one word can have."""
    first = {match[0] if (match := _LETTERS.match(word.lower())) else "" for word in words}
    return frozenset(first | {f"{word}s" for word in first})


def _find_vectors(report: str, rules: SeverityRules) -> Iterator[Suggestion]:
    if "av:" not in report.lower():  # every vector has it, and looking for it is far quicker
        return
    candidates = dict.fromkeys(match.groups() for match in _VECTOR.finditer(report))
    for version, metrics in islice(candidates, _MOST_VECTORS):
        scored = _score_vector(version, metrics.upper())
        if scored:
            vector, score = scored
            yield Suggestion(band(score, rules), f"CVSS vector {vector} scores {score}")


def _score_vector(version: str | None, metrics: str) -> tuple[str, Decimal] | None:
    """Return the normalised vector and its base score, or None when it is not valid."""
    version = version or ("4.0" if "/VC:" in metrics else "3.1")
    for urgency in ("Clear", "Green", "Amber", "Red"):
        metrics = metrics.replace(f"/U:{urgency.upper()}", f"/U:{urgency}")
    try:
        read = (CVSS4 if version == "4.0" else CVSS3)(f"CVSS:{version}/{metrics}")
    except (CVSSError, KeyError):  # the package's own text search expects a KeyError too
        return None
    return str(read.clean_vector()), Decimal(str(read.base_score))


def _find_stated(report: str, rules: SeverityRules) -> Iterator[Suggestion]:
    patterns, lower = rules.patterns, report.lower()
    stated = any(sign in lower for sign in patterns.signs)
    for match in patterns.word.finditer(lower) if stated else ():
        word = match[1] or match[2]
        yield Suggestion(patterns.stated[word], f'the reporter states "{word}"')
    for match in patterns.score.finditer(lower) if stated else ():
        score = Decimal((match[1] or match[2]).replace(",", "."))
        yield Suggestion(band(score, rules), f"the reporter states a CVSS score of {score}")
    for match in _PRIORITY.finditer(report):
        yield Suggestion(rules.vrt[match[1]], f"the reporter states priority {match[1]}")


def _find_keywords(report: str, rules: SeverityRules) -> Iterator[Suggestion]:
    lower = report.lower()
    # Trying every keyword at every place is slow; most reports lack even the beginning of most keywords.
    there = {"", *_LETTERS.findall(lower)}
    for keywords in rules.patterns.keywords:
        match = None if there.isdisjoint(keywords.beginnings) else keywords.pattern.search(lower)
        if match and match.lastindex:
            yield Suggestion(keywords.severity, f'keyword "{keywords.words[match.lastindex - 1]}"')
