"""A whole desk: settings, a mailbox and a sandbox, driven by the real command line."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bot.adapters.vault import new_secret_key
from tests.rigs.sandbox import JIRA_LEVEL, JIRA_PROJECT, JIRA_USER, PROJECT, TOKEN, Sandbox

ROOT = Path(__file__).parents[2]
DESK = "security@example.nl"
TIMEOUT = 120

Tracker = Literal["gitlab", "jira-cloud", "jira-datacenter"]


def tracker_settings(tracker: Tracker, sandbox: Sandbox, name: str = "MAIN") -> dict[str, str]:
    """What the settings say of a tracker in the sandbox, without the prefix."""
    settings = {"KIND": "gitlab", "URL": sandbox.gitlab, "TOKEN": TOKEN, "PROJECT": PROJECT}
    if tracker != "gitlab":
        settings = {
            "KIND": "jira",
            "DEPLOYMENT": tracker.removeprefix("jira-"),
            "URL": sandbox.jira,
            "TOKEN": TOKEN,
            "PROJECT": JIRA_PROJECT,
            "SECURITY_LEVEL": JIRA_LEVEL,
            "ISSUE_TYPE": "Task",
        }
    if tracker == "jira-cloud":
        settings["USERNAME"] = JIRA_USER
    return {f"TRACKERS__{name}__{key}": value for key, value in settings.items()}


@dataclass
class Desk:
    """One installation in a folder of its own; `env` is all that the bot is told."""

    folder: Path
    sandbox: Sandbox
    mailbox: Mapping[str, str]
    tracker: Tracker = "gitlab"
    secret_key: str = field(default_factory=new_secret_key)
    index_secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    # The settings of its databases; none is SQLite in the folder.
    database: Mapping[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        """The environment of a bot process."""
        settings = {
            "DATABASE_URL": f"sqlite:///{self.folder}/meldpunt.db",
            "SECRET_KEYS": self.secret_key,
            "INDEX_SECRET": self.index_secret,
            "MAPPINGS": str(ROOT / "mappings"),
            "ORGANISATION": "Voorbeeld Cloud",
            "POLICY_URL": "https://www.example.nl/policy",
            "TEAM__ADDRESS": DESK,
            "MAILER__HOST": self.sandbox.smtp_host,
            "MAILER__PORT": str(self.sandbox.smtp_port),
            "MAILER__SECURITY": "none",
            **tracker_settings(self.tracker, self.sandbox),
            # The sandbox answers at once: what it has not done after this, it never will.
            "TRACKERS__MAIN__SETTLE_SECONDS": "2",
            "WEB__PORT": "0",
            **self.mailbox,
            **self.database,
        }
        outside = {name: value for name, value in os.environ.items() if not name.startswith("MELDPUNT_")}
        return {**outside, **{f"MELDPUNT_{name}": value for name, value in settings.items()}}

    def command(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run one command of the bot to its end."""
        return subprocess.run(
            [sys.executable, "-m", "bot", *words],
            cwd=self.folder,
            env={**self.env, **(env or {})},
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

    def start(self) -> subprocess.Popen[bytes]:
        """Start one more `meldpunt run`; its log goes to a file in the folder."""
        log = (self.folder / "bot.log").open("ab")
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", "bot", "run"], cwd=self.folder, env=self.env, stderr=log
            )

    def once(self) -> dict[str, Any]:
        """One whole round; its exit code is in `exit`."""
        done = self.command("once", "--json")
        assert done.stdout, done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        return {**result, "exit": done.returncode, "log": done.stderr}

    def listing(self, *words: str) -> Any:
        """What a command with `--json` prints."""
        done = self.command(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
