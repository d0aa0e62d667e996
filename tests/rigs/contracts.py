"""The vendors' published documents, and holding a request or an answer against them."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests
from jsonschema import Draft7Validator  # type: ignore[import-untyped]  # it ships without types
from openapi_core import Config, OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest
from openapi_core.validation.request.exceptions import ParameterValidationError
from openapi_core.validation.schemas.exceptions import InvalidSchemaValue
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7
from requests_toolbelt import MultipartEncoder  # type: ignore[import-untyped]  # as above

BESIDE = Path(__file__).parents[2].parent / "shared" / "contracts"
FOLDER = Path(os.environ.get("MELDPUNT_CONTRACTS", BESIDE))
PAGE = Path(__file__).parents[2] / "docs" / "contracts.md"
GITLAB = ("gitlab.json", "gitlab-v3-more.json")
JIRA = ("jira-cloud-v3.json",)
# The first document wants uploads as JSON, which GitLab itself does not take; the second has them right.
MISTAKEN = ("gitlab.json", "/api/v4/projects/{id}/uploads", "post")

needs_documents = pytest.mark.skipif(
    "MELDPUNT_CONTRACTS" not in os.environ and not BESIDE.exists(),
    reason="the vendors' documents are not here (MELDPUNT_CONTRACTS names their folder)",
)


class AtNoPort(RequestsOpenAPIRequest):
    """A request as if it went to the server that the documents name."""

    @property
    def host_url(self) -> str:
        return "http://127.0.0.1"

    @property
    def body(self) -> bytes | None:
        sent: Any = self.request.body
        if isinstance(sent, MultipartEncoder):
            # It streams and is used up by now; the same fields make the same bytes.
            again: bytes = MultipartEncoder(sent.fields, sent.boundary_value).to_string()
            return again
        return super().body


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path, as the first document that knows it describes it."""

    document: str
    method: str
    path: str

    @property
    def described(self) -> Mapping[str, Any]:
        """What the document says of it."""
        operation: Mapping[str, Any] = read_document(self.document)["paths"][self.path][self.method.lower()]
        return operation

    def deviations(self, request: requests.PreparedRequest) -> set[str]:
        """Say in a few words each what the document does not allow, or does not know."""
        wrong: set[str] = set()
        for error in _api(self.document).iter_request_errors(AtNoPort(request)):
            wrong |= _in_words(error)
        return wrong | {f"unknown {place} {name}" for place, name in self._unknown(request)}

    def _unknown(self, request: requests.PreparedRequest) -> Iterator[tuple[str, str]]:
        """Find names that the document lacks: a validator lets them pass."""
        query = {
            each["name"].removesuffix("[]")
            for each in self.described.get("parameters", ())
            if each["in"] == "query"
        }
        sent = parse_qsl(str(request.url).partition("?")[2], keep_blank_values=True)
        yield from (("query", name) for name, _ in sent if name.removesuffix("[]") not in query)
        if "json" in request.headers.get("Content-Type", ""):
            fields = json.loads(request.body or b"{}")
            yield from (("body", name) for name in fields.keys() - self._fields())

    def _fields(self) -> set[str]:
        content = self.described.get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        if "$ref" in schema:
            schema = read_document(self.document)["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return set(schema.get("properties", ()))


@cache
def read_document(name: str) -> dict[str, Any]:
    """Read a document, without its ways to log in: the library knows only some and warns of the others."""
    document: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    document.pop("security", None)
    document.pop("servers", None)
    document["components"].pop("securitySchemes", None)
    mistaken, path, method = MISTAKEN
    if name == mistaken:
        del document["paths"][path][method]
    return document


@cache
def read_schema(name: str) -> Draft7Validator:
    """Read one of GitLab's own schemas of answers, with those that it refers to."""
    folder = FOLDER / "gitlab-schemas"
    resources = [
        (
            path.relative_to(folder).as_posix(),
            Resource.from_contents(json.loads(path.read_text(encoding="utf-8")), DRAFT7),
        )
        for path in folder.rglob("*.json")
    ]
    registry: Registry[Any] = Registry().with_resources(resources)
    return Draft7Validator({"$ref": name}, registry=registry, format_checker=Draft7Validator.FORMAT_CHECKER)


def find_operation(method: str, path: str, documents: tuple[str, ...] = GITLAB) -> Operation | None:
    """Find what describes a request to an encoded path without its query; the plainest template wins."""
    for name in documents:
        paths: Mapping[str, Mapping[str, Any]] = read_document(name)["paths"]
        fitting = matching(path, {each for each, methods in paths.items() if method.lower() in methods})
        if fitting:
            return Operation(name, method.upper(), fitting)
    return None


def table(heading: str) -> list[tuple[str, ...]]:
    """Read the rows of the table under a heading of docs/contracts.md, without their back-ticks."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [tuple(cell.strip(" `") for cell in row) for row in rows[2:]]


def plain(path: str) -> str:
    """Write a path with its parameters unnamed, for the documents name them differently."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def matching(path: str, templates: set[str]) -> str | None:
    """Find the template of a path; the one with the fewest parameters where several fit."""
    fitting = [
        each
        for each in sorted(templates)
        if re.fullmatch(re.escape(plain(each)).replace(r"\{\}", "[^/]+"), path)
    ]
    return min(fitting, key=lambda each: each.count("{"), default=None)


@cache
def _api(name: str) -> OpenAPI:
    # The documents themselves are not quite valid; that is not what is tested.
    return OpenAPI.from_dict(read_document(name), config=Config(spec_validator_cls=None))


def _in_words(error: Exception) -> set[str]:
    if isinstance(error, ParameterValidationError):
        return {f"{error.location} {error.name}"}
    if isinstance(error.__cause__, InvalidSchemaValue):
        places = (getattr(each, "absolute_path", ()) for each in error.__cause__.schema_errors)
        return {f"body {place[0] if place else 'as a whole'}" for place in places}
    return {f"{type(error).__name__}: {error}"}
