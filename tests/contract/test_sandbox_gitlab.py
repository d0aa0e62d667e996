"""The sandbox's GitLab, held against what GitLab publishes about its API.

python-gitlab makes the calls; each request is checked against GitLab's OpenAPI documents, each answer
against GitLab's response schemas where there is one, and else against the property names of the documents
(whose types of answers are known to be wrong: ids as text, lists as one object).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gitlab
import pytest
import requests
from starlette.routing import Route

from bot.sandbox.gitlab_api import GitLabApi, api_routes
from bot.sandbox.gitlab_state import GitLabState
from tests.rigs.contracts import (
    FOLDER,
    GITLAB,
    find_operation,
    matching,
    needs_documents,
    plain,
    read_document,
    read_schema,
)
from tests.rigs.sandbox import PROJECT, TIMEOUT, TOKEN, Sandbox

pytestmark = needs_documents

# Not an address of the API: it sends a person who follows an issue's web_url to the page.
NO_API = {("GET", "/{}/-/issues/{}")}


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


def test_every_request_is_one_that_gitlab_describes(exchange: Exchange) -> None:
    for answer in exchange.seen:
        method, path = str(answer.request.method), answer.request.path_url.split("?")[0]
        operation = find_operation(method, path)
        assert operation, f"no document describes {method} {path}"
        assert operation.deviations(answer.request) == set(), f"{method} {path}"


@pytest.mark.parametrize(
    ("method", "pattern", "schema", "how"),
    [
        ("POST", r"/issues$", "issue.json", "whole"),
        ("GET", r"/issues/\d+$", "issue.json", "whole"),
        ("PUT", r"/issues/\d+$", "issue.json", "whole"),
        ("GET", r"/issues\?", "issue.json", "each"),
        ("POST", r"/notes$", "notes.json", "in a list"),
        ("GET", r"/notes/\d+$", "notes.json", "in a list"),
        ("PUT", r"/notes/\d+$", "notes.json", "in a list"),
        ("GET", r"/notes$", "notes.json", "whole"),
        ("POST", r"/labels$", "labels/project_label_with_counts.json", "whole"),
        ("GET", r"/labels$", "labels/project_label_with_counts.json", "each"),
        ("GET", r"/members/all$", "members.json", "whole"),
        ("GET", r"/user$", "user/basic.json", "whole"),
        ("GET", r"/metadata$", "metadata.json", "whole"),
    ],
)
def test_each_answer_fits_gitlabs_ownread_schema(
    exchange: Exchange, method: str, pattern: str, schema: str, how: str
) -> None:
    validator = read_schema(schema)
    for answer in exchange.answers(method, pattern):
        for value in {"each": answer, "whole": [answer], "in a list": [[answer]]}[how]:
            validator.validate(value)


def test_the_label_and_user_of_an_event_fit_their_schemas(exchange: Exchange) -> None:
    (events,) = exchange.answers("GET", "/resource_label_events$")
    assert events
    for event in events:
        read_schema("label_basic.json").validate(event["label"])
        read_schema("user/basic.json").validate(event["user"])


def test_a_project_has_the_basic_keys_with_their_types(exchange: Exchange) -> None:
    # GitLab's schema is closed and holds the basic keys only, so it judges these.
    basic = json.loads((FOLDER / "gitlab-schemas" / "project.json").read_text(encoding="utf-8"))
    (project,) = exchange.answers("GET", r"/projects/security%2Freports$")
    read_schema("project.json").validate({key: project[key] for key in basic["properties"] if key in project})


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
        (
            "gitlab-v3-more.json",
            "APIEntitiesPersonalAccessTokenWithLastUsedIps",
            "GET",
            r"/personal_access_tokens/self$",
        ),
        ("gitlab-v3-more.json", "APIEntitiesProjectLabel", "GET", r"/labels$"),
    ],
)
def test_no_answer_has_a_key_that_gitlab_does_not_know(
    exchange: Exchange, document: str, entity: str, method: str, pattern: str
) -> None:
    known = read_document(document)["components"]["schemas"][entity]["properties"].keys()
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
        (method.upper(), plain(path))
        for name in GITLAB
        for path, methods in read_document(name)["paths"].items()
        for method in methods
    }
    assert routes - described == set()
    called = {
        (each.request.method, matching(each.request.path_url.split("?")[0], {path for _, path in routes}))
        for each in exchange.seen
    }
    assert routes - called == {("GET", "/api/v4/projects/{}/uploads/{}")}


def _route(route: Route) -> tuple[str, str]:
    methods = (route.methods or set()) - {"HEAD"}
    return methods.pop(), plain(route.path)
