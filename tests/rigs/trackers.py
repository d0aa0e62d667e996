"""The trackers of the sandbox, each looked into in the same way: what the contract suite runs against."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import requests
from pydantic import SecretStr

from bot.adapters.gitlab_tracker import GitLabTracker
from bot.adapters.jira_tracker import JiraTracker
from bot.ports import IssueTracker
from tests.rigs.sandbox import (
    JIRA_LEVEL,
    JIRA_PROJECT,
    JIRA_USER,
    PROJECT,
    TIMEOUT,
    TOKEN,
    Deployment,
    Sandbox,
)

Kind = Literal["gitlab", "jira-cloud", "jira-datacenter"]
JIRAS: Sequence[Kind] = ("jira-cloud", "jira-datacenter")
KINDS: Sequence[Kind] = ("gitlab", *JIRAS)


_NAME = re.compile(r"CVD-\d+-\d+-\d+\.\w+")
_UPLOAD = re.compile(rf"/uploads/\w+/({_NAME.pattern})\)")


@dataclass(frozen=True, slots=True)
class SeenIssue:
    """An issue as people see it; `hidden` says that it is confidential or bears the security level."""

    id: str
    url: str
    title: str
    text: str
    labels: frozenset[str]
    due_on: date
    hidden: bool
    still_open: bool
    assigned: bool


@dataclass(frozen=True, slots=True)
class SeenComment:
    """A comment as people see it."""

    text: str
    internal: bool


@dataclass
class Town(ABC):
    """One tracker with its levers; `creates`, `comments_on` and `uploads` are the paths of its calls."""

    sandbox: Sandbox
    creates: str
    comments_on: str
    uploads: str
    too_long: str

    @abstractmethod
    def tracker(self, *, token: str = TOKEN, project: str | None = None) -> IssueTracker:
        """The adapter, with short limits."""

    @abstractmethod
    def issues(self) -> list[SeenIssue]:
        """Every issue, oldest first."""

    @abstractmethod
    def comments(self, issue_id: str) -> list[SeenComment]:
        """The comments of one issue, oldest first."""

    @abstractmethod
    def files(self, issue_id: str) -> list[str]:
        """Names of the files that people see at an issue: a file that is seen twice stands here twice."""

    @abstractmethod
    def act(self, issue_id: str) -> None:
        """Write a comment by hand whose text acts."""

    @abstractmethod
    def control(self, method: str, path: str, body: object = None) -> Any:
        """Call a lever of this tracker."""

    def effects(self) -> list[Any]:
        """What texts set in motion."""
        found: list[Any] = self.control("GET", "effects")
        return found

    def fault(self, **fault: object) -> None:
        """Arm a fault switch."""
        self.control("POST", "faults", fault)


class GitLabTown(Town):
    """The GitLab of the sandbox."""

    def tracker(self, *, token: str = TOKEN, project: str | None = None) -> IssueTracker:
        return GitLabTracker(
            name="main",
            url=self.sandbox.gitlab,
            token=SecretStr(token),
            project=project or PROJECT,
            timeout=(5, 5),
            whole=1,
        )

    def issues(self) -> list[SeenIssue]:
        return [
            SeenIssue(
                id=str(issue["iid"]),
                url=issue["web_url"],
                title=issue["title"],
                text=issue["description"],
                labels=frozenset(issue["labels"]),
                due_on=date.fromisoformat(issue["due_date"]),
                hidden=issue["confidential"],
                still_open=issue["state"] == "opened",
                assigned=bool(issue["assignees"]),
            )
            for issue in self.sandbox.issues()
        ]

    def comments(self, issue_id: str) -> list[SeenComment]:
        return [SeenComment(note["body"], note["internal"]) for note in self.sandbox.notes(int(issue_id))]

    def files(self, issue_id: str) -> list[str]:
        return [name for comment in self.comments(issue_id) for name in _UPLOAD.findall(comment.text)]

    def act(self, issue_id: str) -> None:
        url = f"{self.sandbox.gitlab}/api/v4/projects/{quote(PROJECT, safe='')}/issues/{issue_id}/notes"
        body = {"body": "@tess kijk\n\n/label ~pwned", "internal": True}
        requests.post(url, json=body, headers={"PRIVATE-TOKEN": TOKEN}, timeout=TIMEOUT).raise_for_status()

    def control(self, method: str, path: str, body: object = None) -> Any:
        return self.sandbox.control(method, path, body)


class JiraTown(Town):
    """The Jira of the sandbox, one of its deployments."""

    def tracker(self, *, token: str = TOKEN, project: str | None = None) -> IssueTracker:
        return JiraTracker(
            name="main",
            url=self.sandbox.jira,
            token=SecretStr(token),
            project=project or JIRA_PROJECT,
            deployment=self._deployment,
            username=JIRA_USER if self._deployment == "cloud" else None,
            security_level=JIRA_LEVEL,
            timeout=(5, 5),
            whole=1,
        )

    @property
    def _deployment(self) -> Deployment:
        assert self.sandbox.deployment
        return self.sandbox.deployment

    def issues(self) -> list[SeenIssue]:
        return [
            SeenIssue(
                id=issue["id"],
                url=f"{self.sandbox.jira}/browse/{issue['key']}",
                title=issue["fields"]["summary"],
                text=_words(issue["fields"]["description"]),
                labels=frozenset(
                    label for label in issue["fields"]["labels"] if not label.startswith("meldpunt-")
                ),
                due_on=date.fromisoformat(issue["fields"]["duedate"]),
                hidden=(issue["fields"]["security"] or {}).get("name") == JIRA_LEVEL,
                still_open=issue["fields"]["status"]["statusCategory"]["key"] != "done",
                assigned=issue["fields"]["assignee"] is not None,
            )
            for issue in self.sandbox.jira_issues()
        ]

    def comments(self, issue_id: str) -> list[SeenComment]:
        return [
            SeenComment(_words(comment["body"]), _kept(comment).get("internal") is True)
            for comment in self.sandbox.jira_comments(issue_id)
        ]

    def files(self, issue_id: str) -> list[str]:
        attached = [file["filename"] for file in self.sandbox.jira_attachments(issue_id)]
        said = [_NAME.findall(comment.text) for comment in self.comments(issue_id)]
        assert [sorted(set(names)) for names in said if names] == ([sorted(attached)] if attached else [])
        return attached

    def act(self, issue_id: str) -> None:
        text = [{"type": "mention", "attrs": {"id": "5b10ac8d82e05b22cc7d4002", "text": "@Tess"}}]
        document = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": text}]}
        version, body = ("3", document) if self._deployment == "cloud" else ("2", "[~tess] kijk")
        headers = {"Authorization": f"Bearer {TOKEN}"} if self._deployment == "datacenter" else {}
        answer = requests.post(
            f"{self.sandbox.jira}/rest/api/{version}/issue/{issue_id}/comment",
            json={"body": body},
            headers=headers,
            auth=(JIRA_USER, TOKEN) if self._deployment == "cloud" else None,
            timeout=TIMEOUT,
        )
        answer.raise_for_status()

    def control(self, method: str, path: str, body: object = None) -> Any:
        return self.sandbox.jira_control(method, path, body)


def _words(text: object) -> str:
    """A text of Jira's with everything that is written in it, a document as its JSON."""
    return text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)


def _kept(comment: dict[str, Any]) -> dict[str, Any]:
    """What the property says by which a comment is internal."""
    kept = {each["key"]: each["value"] for each in comment["properties"]}
    value: dict[str, Any] = kept.get("sd.public.comment", {})
    return value


@contextmanager
def open_town(kind: Kind, folder: Path) -> Iterator[Town]:
    """Run a sandbox with this tracker while the block runs."""
    if kind == "gitlab":
        with Sandbox(folder) as sandbox:
            yield GitLabTown(sandbox, "/issues$", "/notes$", "/uploads$", "description is too long")
        return
    with Sandbox(folder, "cloud" if kind == "jira-cloud" else "datacenter") as sandbox:
        yield JiraTown(
            sandbox, "/issue$", "/comment$", "/attachments$", "description: The entered text is too long"
        )
