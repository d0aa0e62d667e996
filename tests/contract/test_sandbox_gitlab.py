"""The sandbox's GitLab, held against what GitLab publishes about its API.

python-gitlab makes the calls; each request is checked against GitLab's OpenAPI documents, each answer
against GitLab's response schemas where there is one, and else against the property names of the documents
(whose types of answers are known to be wrong: ids as text, lists as one object).
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gitlab
import pytest
import requests
from jsonschema import Draft7Validator
from openapi_core import Config, OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7
from starlette.routing import Route

from bot.sandbox.gitlab_api import GitLabApi, api_routes
from bot.sandbox.gitlab_state import GitLabState
from tests.rigs.sandbox import PROJECT, TIMEOUT, TOKEN, Sandbox

BESIDE = Path(__file__).parents[2].parent / "shared" / "contracts"
FOLDER = Path(os.environ.get("MELDPUNT_CONTRACTS", BESIDE))
pytestmark = pytest.mark.skipif(
    "MELDPUNT_CONTRACTS" not in os.environ and not BESIDE.exists(),
    reason="the vendors' documents are not here (MELDPUNT_CONTRACTS names their folder)",
)

# Not an address of the API: it sends a person who follows an issue's web_url to the page.
NO_API = {("GET", "/{}/-/issues/{}")}
# The first document wants uploads as JSON, which GitLab itself does not take; the second has them right.
UPLOADS = "/api/v4/projects/{id}/uploads"


@dataclass
class Exchange:
    """What went over the line while a client worked."""

    seen: list[requests.Response] = field(default_factory=list)

    def note(self, answer: requests.Response, **_options: object) -> None:
        self.seen.append(answer)

    def answers(self, method: str, pattern: str) -> list[Any]:
        """Return the JSON answers to one kind of call; there must be some."""
        found = [
            each.json()
            for each in self.seen
            if each.request.method == method and re.search(pattern, each.request.path_url)
        ]
        assert found, f"no {method} {pattern} was made"
        return found


class AtNoPort(RequestsOpenAPIRequest):
    """A request as if it went to the server that the documents name."""

    @property
    def host_url(self) -> str:
        return "http://127.0.0.1"


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    recorded = Exchange()
    with (
        Sandbox(tmp_path_factory.mktemp("sandbox")) as sandbox,
        requests.Session() as session,
    ):
        session.hooks["response"].append(recorded.note)
        client = gitlab.Gitlab(
            sandbox.gitlab, private_token=TOKEN, timeout=TIMEOUT, keep_base_url=True, session=session
        )
        _work(client)
        yield recorded


def _work(client: gitlab.Gitlab) -> None:
    """Make each call that the sandbox answers, once."""
    client.auth()
    client.version()
    for path in ("/metadata", "/personal_access_tokens/self"):
        client.http_get(path)
    project = client.projects.get(PROJECT)
    project.labels.create({"name": "severity::high", "color": "#c2410c"})
    fields = {"labels": ["severity::high"], "due_date": "2026-11-25", "confidential": True}
    issue = project.issues.create({"title": "[CVD-2026-0001] One", "description": "text", **fields})
    project.issues.create({"title": "[CVD-2026-0002] Two", "issue_type": "issue", "assignee_ids": [3]})
    project.issues.update(issue.iid, {"add_labels": ["a"], "remove_labels": ["b"], "state_event": "close"})
    project.issues.get(issue.iid)
    list(project.issues.list(search="CVD-2026", **{"in": "title"}, labels=["a"], iterator=True))
    list(project.issues.list(updated_after="2026-01-01T00:00:00Z", order_by="updated_at", iterator=True))
    note = issue.notes.create({"body": "internal", "internal": True})
    note.body = "edited"
    note.save()
    issue.notes.get(note.id)
    list(issue.notes.list(iterator=True))
    list(issue.resourcelabelevents.list(iterator=True))
    list(issue.resourcestateevents.list(iterator=True))
    upload = project.upload("REF-1.png", filedata=b"png")
    list(client.http_list(f"/projects/{project.id}/uploads", iterator=True))
    client.http_get(f"/projects/{project.id}{upload['url']}", raw=True)
    list(project.labels.list(iterator=True))
    list(project.members_all.list(iterator=True))


def _document(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return document


def _schema(name: str) -> Draft7Validator:
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


def _plain(path: str) -> str:
    """Write a path with its parameters unnamed, for the documents name them differently."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def test_every_request_is_one_that_gitlab_describes(exchange: Exchange) -> None:
    documents = [_document("gitlab.json"), _document("gitlab-v3-more.json")]
    del documents[0]["paths"][UPLOADS]["post"]
    apis = [OpenAPI.from_dict(each, config=Config(spec_validator_cls=None)) for each in documents]
    known = [{_plain(path) for path in each["paths"]} for each in documents]
    for answer in exchange.seen:
        method = str(answer.request.method).lower()
        for api, document, paths in zip(apis, documents, known, strict=True):
            path = _matching(answer.request.path_url.split("?")[0], paths)
            if path and any(method in each for key, each in document["paths"].items() if _plain(key) == path):
                api.validate_request(AtNoPort(answer.request))
                break
        else:
            pytest.fail(f"no document describes {method} {answer.request.path_url}")


def _matching(path: str, templates: set[str]) -> str | None:
    fitting = [each for each in templates if re.fullmatch(re.escape(each).replace(r"\{\}", "[^/]+"), path)]
    return min(fitting, key=lambda each: each.count("{}"), default=None)


@pytest.mark.parametrize(
    ("method", "pattern", "schema", "many"),
    [
        ("POST", r"/issues$", "issue.json", False),
        ("GET", r"/issues/\d+$", "issue.json", False),
        ("PUT", r"/issues/\d+$", "issue.json", False),
        ("GET", r"/issues\?", "issue.json", True),
        ("POST", r"/notes$", "notes.json", "one"),
        ("GET", r"/notes/\d+$", "notes.json", "one"),
        ("PUT", r"/notes/\d+$", "notes.json", "one"),
        ("GET", r"/notes$", "notes.json", False),
        ("POST", r"/labels$", "labels/project_label_with_counts.json", False),
        ("GET", r"/labels$", "labels/project_label_with_counts.json", True),
        ("GET", r"/members/all$", "members.json", False),
        ("GET", r"/user$", "user/basic.json", False),
        ("GET", r"/metadata$", "metadata.json", False),
    ],
)
def test_each_answer_fits_gitlabs_own_schema(
    exchange: Exchange, method: str, pattern: str, schema: str, many: bool | str
) -> None:
    validator = _schema(schema)
    for answer in exchange.answers(method, pattern):
        for value in answer if many is True else [[answer]] if many == "one" else [answer]:
            validator.validate(value)


def test_the_label_and_user_of_an_event_fit_their_schemas(exchange: Exchange) -> None:
    (events,) = exchange.answers("GET", "/resource_label_events$")
    assert events
    for event in events:
        _schema("label_basic.json").validate(event["label"])
        _schema("user/basic.json").validate(event["user"])


def test_a_project_has_the_basic_keys_with_their_types(exchange: Exchange) -> None:
    # GitLab's schema is closed and holds the basic keys only, so it judges these.
    basic = json.loads((FOLDER / "gitlab-schemas" / "project.json").read_text(encoding="utf-8"))
    (project,) = exchange.answers("GET", r"/projects/security%2Freports$")
    _schema("project.json").validate({key: project[key] for key in basic["properties"] if key in project})


@pytest.mark.parametrize(
    ("document", "entity", "method", "pattern"),
    [
        ("gitlab.json", "API_Entities_Issue", "POST", r"/issues$"),
        ("gitlab.json", "API_Entities_ProjectUpload", "POST", r"/uploads$"),
        ("gitlab.json", "API_Entities_MarkdownUploadAdmin", "GET", r"/uploads$"),
        ("gitlab.json", "API_Entities_Member", "GET", r"/members/all$"),
        ("gitlab.json", "API_Entities_Metadata", "GET", r"/metadata$"),
        ("gitlab-v3-more.json", "APIEntitiesResourceLabelEvent", "GET", r"/resource_label_events$"),
        ("gitlab-v3-more.json", "APIEntitiesResourceStateEvent", "GET", r"/resource_state_events$"),
        ("gitlab-v3-more.json", "APIEntitiesPersonalAccessToken", "GET", r"/personal_access_tokens/self$"),
        ("gitlab-v3-more.json", "APIEntitiesProjectLabel", "GET", r"/labels$"),
    ],
)
def test_no_answer_has_a_key_that_gitlab_does_not_know(
    exchange: Exchange, document: str, entity: str, method: str, pattern: str
) -> None:
    known = _document(document)["components"]["schemas"][entity]["properties"].keys()
    for answer in exchange.answers(method, pattern):
        for value in answer if isinstance(answer, list) else [answer]:
            assert value.keys() - known == set()


def test_each_route_of_the_sandbox_is_described_by_gitlab_and_was_called(
    exchange: Exchange, tmp_path: Path
) -> None:
    state = GitLabState(tmp_path)
    routes = {_route(each) for each in api_routes(GitLabApi(state, TOKEN, ""))} - NO_API
    state.close()
    described = {
        (method.upper(), _plain(path))
        for name in ("gitlab.json", "gitlab-v3-more.json")
        for path, methods in _document(name)["paths"].items()
        for method in methods
    }
    assert routes - described == set()
    called = {
        (each.request.method, _matching(each.request.path_url.split("?")[0], {path for _, path in routes}))
        for each in exchange.seen
    }
    assert routes - called == {("GET", "/api/v4/projects/{}/uploads/{}")}


def _route(route: Route) -> tuple[str, str]:
    methods = (route.methods or set()) - {"HEAD"}
    return methods.pop(), _plain(route.path)
