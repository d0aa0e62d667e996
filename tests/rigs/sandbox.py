"""The sandbox as a process of its own: a GitLab, perhaps a Jira, and a mail catcher that tests can look into."""

import base64
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import requests

TOKEN = "sandbox-token"
PROJECT = "security/reports"
JIRA_USER, JIRA_PROJECT, JIRA_LEVEL = "bot@example.nl", "SEC", "Team"
TIMEOUT = 30

Deployment = Literal["cloud", "datacenter"]


class Sandbox:
    """Runs while the block runs; keeps its data in `folder` over a restart."""

    def __init__(self, folder: Path, jira: Deployment | None = None) -> None:
        self.folder, self.deployment = folder, jira
        self.gitlab = self.web = self.smtp_host = self.jira = ""
        self.smtp_port = 0
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "bot", "sandbox", "--folder", str(self.folder)]
        if self.deployment:
            command += ["--jira-port", "0", "--jira-deployment", self.deployment]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("sandbox "), f"the sandbox did not start: {line!r}"
        addresses = dict(part.split("=", 1) for part in line.split()[1:])
        self.gitlab, self.web = addresses["gitlab"], addresses["web"]
        self.jira = addresses.get("jira", "")
        self.smtp_host, _, port = addresses["smtp"].partition(":")
        self.smtp_port = int(port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.terminate()
        self._process.wait(timeout=TIMEOUT)
        self._process.stdout.close()

    def issues(self) -> list[dict[str, Any]]:
        """Every issue of the project, oldest first."""
        found: list[dict[str, Any]] = []
        page = 1
        while batch := self._get(f"issues?per_page=100&page={page}&order_by=created_at&sort=asc"):
            found += batch
            page += 1
        return found

    def notes(self, iid: int) -> list[dict[str, Any]]:
        """Comments of one issue, without the system's own."""
        notes: list[dict[str, Any]] = self._get(f"issues/{iid}/notes?per_page=100&sort=asc")
        return [note for note in notes if not note["system"]]

    def jira_issues(self, project: str = JIRA_PROJECT) -> list[dict[str, Any]]:
        """Every issue of a Jira project, oldest first, with all its fields and properties; the index is not asked."""
        issues: list[dict[str, Any]] = self.jira_control("GET", f"jira/issues?project={project}")
        return issues

    def jira_comments(self, issue: str) -> list[dict[str, Any]]:
        """Comments of one issue (its id or key), oldest first, with their properties."""
        comments: list[dict[str, Any]] = self.jira_control("GET", f"jira/comments?issue={issue}")
        return comments

    def jira_attachments(self, issue: str) -> list[dict[str, Any]]:
        """Files of one issue (its id or key), oldest first; their bytes under `bytes`."""
        files: list[dict[str, Any]] = self.jira_control("GET", f"jira/attachments?issue={issue}")
        return [{**each, "bytes": base64.b64decode(each["base64"])} for each in files]

    def jira_effects(self, issue: str | None = None) -> list[tuple[str, str]]:
        """What texts set in motion in the Jira, as kind and text; of one issue or all."""
        query = f"?issue={issue}" if issue else ""
        found = self.jira_control("GET", f"effects{query}")
        return [(each["kind"], each["text"]) for each in found]

    def set_jira(self, **manners: object) -> None:
        """Change how the Jira is set up: index_lag_seconds, required_fields, service_desk, ..."""
        self.jira_control("POST", "jira", manners)

    def jira_control(self, method: str, path: str, body: object = None) -> Any:
        """Call the levers on the Jira's port."""
        return _lever(self.jira, method, path, body)

    def mails(self) -> list[dict[str, Any]]:
        """Every mail that was accepted, oldest first."""
        mails: list[dict[str, Any]] = self.control("GET", "mails")
        return mails

    def requests(self, method: str | None = None) -> list[dict[str, Any]]:
        """Every request that reached a tracker's API, or those of one method."""
        seen: list[dict[str, Any]] = self.control("GET", "requests")
        return [each for each in seen if method in {None, each["method"]}]

    def effects(self) -> Any:
        """What quick actions, mentions and references did."""
        return self.control("GET", "effects")

    def fault(self, **fault: object) -> None:
        """Arm a fault switch."""
        self.control("POST", "faults", fault)

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Call the sandbox's own levers."""
        return _lever(self.gitlab, method, path, body)

    def _get(self, path: str) -> Any:
        url = f"{self.gitlab}/api/v4/projects/{PROJECT.replace('/', '%2F')}/{path}"
        answer = requests.get(url, headers={"Private-Token": TOKEN}, timeout=TIMEOUT)
        answer.raise_for_status()
        return answer.json()


def _lever(base: str, method: str, path: str, body: object) -> Any:
    answer = requests.request(method, f"{base}/sandbox/{path}", json=body, timeout=TIMEOUT)
    answer.raise_for_status()
    return answer.json() if answer.content else None
