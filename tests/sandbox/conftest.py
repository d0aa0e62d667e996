"""One running sandbox for a file of tests, and what a test wants to say to it."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.rigs.jira_visitor import JiraVisitor
from tests.rigs.sandbox import PROJECT, TIMEOUT, TOKEN, Sandbox

_numbers = count(1)


class Visitor:
    """A client of a running sandbox, with the bot's token."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.project = f"/projects/{PROJECT.replace('/', '%2F')}"
        self.session = requests.Session()
        self.session.headers["Private-Token"] = TOKEN

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Call the API below /api/v4."""
        return self.session.request(method, f"{self.sandbox.gitlab}/api/v4{path}", timeout=TIMEOUT, **options)

    def create_issue(self, **fields: Any) -> dict[str, Any]:
        """Create an issue; its title differs from all others."""
        fields = {"title": f"[CVD-2026-{next(_numbers):04}] Invented finding", **fields}
        answer = self.call("POST", f"{self.project}/issues", json=fields)
        assert answer.status_code == 201, answer.text
        issue: dict[str, Any] = answer.json()
        return issue

    def issue(self, iid: int) -> dict[str, Any]:
        """Read an issue."""
        issue: dict[str, Any] = self.call("GET", f"{self.project}/issues/{iid}").json()
        return issue

    def note(self, iid: int, body: str, **fields: Any) -> requests.Response:
        """Write a note."""
        return self.call("POST", f"{self.project}/issues/{iid}/notes", json={"body": body, **fields})

    def effects(self, iid: int) -> list[tuple[str, str]]:
        """Return what an issue's texts set in motion, as kind and text."""
        found = self.sandbox.control("GET", f"effects?iid={iid}")
        return [(each["kind"], each["text"]) for each in found]

    def close(self) -> None:
        """Close the connections."""
        self.session.close()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def visitor(sandbox: Sandbox) -> Iterator[Visitor]:
    client = Visitor(sandbox)
    yield client
    sandbox.control("DELETE", "faults")
    client.close()


@pytest.fixture
def own_sandbox(tmp_path: Path) -> Sandbox:
    """A sandbox that the test starts and stops itself."""
    return Sandbox(tmp_path / "sandbox")


@pytest.fixture(scope="module", params=["cloud", "datacenter"])
def jira_sandbox(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("jira"), jira=request.param) as running:
        yield running


@pytest.fixture
def jira(jira_sandbox: Sandbox) -> Iterator[JiraVisitor]:
    client = JiraVisitor(jira_sandbox)
    manners = jira_sandbox.jira_control("POST", "jira", {})
    yield client
    jira_sandbox.control("DELETE", "faults")
    jira_sandbox.control("POST", "delay", {"milliseconds": 0})
    jira_sandbox.set_jira(**manners)
    client.close()
