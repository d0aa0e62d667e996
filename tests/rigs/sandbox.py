"""The sandbox as a process of its own: a GitLab and a mail catcher that tests can look into."""

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

TOKEN = "sandbox-token"
PROJECT = "security/reports"
SECOND_PROJECT = "security/platform"
TIMEOUT = 30


class Sandbox:
    """Runs while the block runs; keeps its data in `folder` over a restart."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.gitlab = self.web = self.smtp_host = ""
        self.smtp_port = 0
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "bot", "sandbox", "--folder", str(self.folder)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("sandbox "), f"the sandbox did not start: {line!r}"
        addresses = dict(part.split("=", 1) for part in line.split()[1:])
        self.gitlab, self.web = addresses["gitlab"], addresses["web"]
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

    def issues(self, project: str = PROJECT) -> list[dict[str, Any]]:
        """Every issue of a project, oldest first."""
        found: list[dict[str, Any]] = []
        page = 1
        while batch := self._get(f"issues?per_page=100&page={page}&order_by=created_at&sort=asc", project):
            found += batch
            page += 1
        return found

    def notes(self, iid: int, project: str = PROJECT) -> list[dict[str, Any]]:
        """Comments of one issue, without the system's own."""
        notes: list[dict[str, Any]] = self._get(f"issues/{iid}/notes?per_page=100&sort=asc", project)
        return [note for note in notes if not note["system"]]

    def mails(self) -> list[dict[str, Any]]:
        """Every mail that was accepted, oldest first."""
        mails: list[dict[str, Any]] = self.control("GET", "mails")
        return mails

    def requests(self, method: str | None = None) -> list[dict[str, Any]]:
        """Every request that reached the GitLab API, or those of one method."""
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
        answer = requests.request(method, f"{self.gitlab}/sandbox/{path}", json=body, timeout=TIMEOUT)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def _get(self, path: str, project: str) -> Any:
        url = f"{self.gitlab}/api/v4/projects/{project.replace('/', '%2F')}/{path}"
        answer = requests.get(url, headers={"Private-Token": TOKEN}, timeout=TIMEOUT)
        answer.raise_for_status()
        return answer.json()
