"""A client of the sandbox's Jira that says things in the dialect of its deployment."""

from itertools import count
from typing import Any

import requests

from tests.rigs.sandbox import JIRA_USER, TIMEOUT, TOKEN, Sandbox

_numbers = count(1)


def document(*lines: str) -> dict[str, Any]:
    """An Atlassian document with a paragraph for each line."""
    paragraphs = [{"type": "paragraph", "content": [{"type": "text", "text": line}]} for line in lines]
    return {"type": "doc", "version": 1, "content": paragraphs}


class JiraVisitor:
    """Calls the API with the bot's token; `cloud` is its dialect."""

    def __init__(self, sandbox: Sandbox, version: str | None = None) -> None:
        self.sandbox, self.cloud = sandbox, sandbox.deployment == "cloud"
        self.version = version or ("3" if self.cloud else "2")
        self.session = requests.Session()
        self.session.auth = (JIRA_USER, TOKEN)

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Call the API below its version."""
        url = f"{self.sandbox.jira}/rest/api/{self.version}/{path}"
        return self.session.request(method, url, timeout=TIMEOUT, **options)

    def text(self, text: str) -> object:
        """A rich text in this version's form."""
        return document(*text.split("\n")) if self.version == "3" else text

    def fields(self, **fields: Any) -> dict[str, Any]:
        """What an issue needs; its summary differs from all others."""
        needed = {"project": {"key": "SEC"}, "issuetype": {"name": "Task"}}
        return {**needed, "summary": f"[CVD-2026-{next(_numbers):04}] Invented finding", **fields}

    def create(self, **fields: Any) -> str:
        """Create an issue and give its id."""
        answer = self.call("POST", "issue", json={"fields": self.fields(**fields)})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def refused(self, **fields: Any) -> dict[str, str]:
        """What Jira has against an issue with these fields, by field."""
        answer = self.call("POST", "issue", json={"fields": self.fields(**fields)})
        assert answer.status_code == 400, answer.text
        body = answer.json()
        return {**body["errors"], **({"": body["errorMessages"][0]} if body["errorMessages"] else {})}

    def read(self, issue: str, **query: str) -> dict[str, Any]:
        """Read an issue."""
        found: dict[str, Any] = self.call("GET", f"issue/{issue}", params=query).json()
        return found

    def comment(self, issue: str, text: str, **more: Any) -> requests.Response:
        """Add a comment."""
        return self.call("POST", f"issue/{issue}/comment", json={"body": self.text(text), **more})

    def search(self, jql: str, **more: Any) -> requests.Response:
        """Search as this deployment does."""
        return self.call("POST", "search/jql" if self.cloud else "search", json={"jql": jql, **more})

    def keys(self, jql: str) -> list[str]:
        """The keys that a search finds."""
        answer = self.search(jql, fields=["summary"], maxResults=100)
        assert answer.status_code == 200, answer.text
        return [each["key"] for each in answer.json()["issues"]]

    def close(self) -> None:
        """Close the connections."""
        self.session.close()
