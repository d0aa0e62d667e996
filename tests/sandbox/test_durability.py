"""Nothing that was answered is lost when the sandbox is killed."""

import smtplib
from pathlib import Path

import pytest
import requests

from tests.rigs.jira_visitor import JiraVisitor
from tests.rigs.sandbox import TIMEOUT, Deployment, Sandbox
from tests.sandbox.conftest import Visitor


def _kill(sandbox: Sandbox) -> None:
    process = sandbox._process  # noqa: SLF001 - only here is the process killed
    assert process is not None
    process.kill()
    process.wait(timeout=TIMEOUT)
    assert process.stdout is not None
    process.stdout.close()


def test_issues_notes_uploads_effects_and_mails_survive_a_kill(own_sandbox: Sandbox) -> None:
    sandbox = own_sandbox.__enter__()
    visitor = Visitor(sandbox)
    made = [visitor.create_issue(labels="a", description="@all") for _ in range(20)]
    visitor.note(made[0]["iid"], "kept", internal=True)
    upload = visitor.call("POST", "/projects/1/uploads", files={"file": ("x.bin", b"bytes")}).json()
    with smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port, timeout=10) as smtp:
        smtp.sendmail("desk@example.nl", ["robin@example.org"], "Subject: kept\r\n\r\ntext\r\n")
    visitor.close()
    _kill(sandbox)
    with sandbox:
        again = Visitor(sandbox)
        issues = sandbox.issues()
        assert [issue["iid"] for issue in issues] == [issue["iid"] for issue in made]
        assert issues[1]["updated_at"] == made[1]["updated_at"]
        assert [note["body"] for note in sandbox.notes(made[0]["iid"])] == ["kept"]
        assert again.effects(made[5]["iid"]) == [("mention", "@all")]
        assert again.call("GET", f"/projects/1{upload['url']}").content == b"bytes"
        assert [mail["subject"] for mail in sandbox.mails()] == ["kept"]
        assert again.create_issue()["iid"] == made[-1]["iid"] + 1
        again.close()


@pytest.mark.parametrize("kind", ["reply_lost_after_commit"])
def test_what_was_committed_without_an_answer_survives_too(own_sandbox: Sandbox, kind: str) -> None:
    sandbox = own_sandbox.__enter__()
    visitor = Visitor(sandbox)
    sandbox.fault(kind=kind, method="POST", path="/issues$")
    with pytest.raises(requests.ConnectionError):
        visitor.create_issue(title="[CVD-2026-0001] Unanswered")
    visitor.close()
    _kill(sandbox)
    with sandbox:
        assert [issue["title"] for issue in sandbox.issues()] == ["[CVD-2026-0001] Unanswered"]


def test_the_sandbox_stops_with_exit_code_0_while_a_client_is_connected(own_sandbox: Sandbox) -> None:
    with own_sandbox as sandbox:
        visitor = Visitor(sandbox)
        visitor.create_issue()
        process = sandbox._process  # noqa: SLF001 - its exit code is the point
    assert process is not None
    assert process.returncode == 0
    visitor.close()


@pytest.mark.parametrize("deployment", ["cloud", "datacenter"])
def test_jira_keeps_everything_over_a_kill(tmp_path: Path, deployment: Deployment) -> None:
    sandbox = Sandbox(tmp_path / "sandbox", jira=deployment).__enter__()
    visitor = JiraVisitor(sandbox)
    made = [visitor.create(labels=["kept"], description=visitor.text("http://x.example/")) for _ in range(20)]
    visitor.comment(made[0], "kept")
    visitor.call("PUT", f"issue/{made[0]}/properties/meldpunt", json={"marker": "m1"})
    file = {"files": {"file": ("x.bin", b"bytes")}, "headers": {"X-Atlassian-Token": "no-check"}}
    visitor.call("POST", f"issue/{made[0]}/attachments", **file)
    sandbox.set_jira(service_desk=True)
    sandbox.jira_control("POST", "jira/move", {"issue": made[1], "project": "OPS"})
    sandbox.fault(kind="reply_lost_after_commit", method="POST", path="/issue$")
    with pytest.raises(requests.ConnectionError):
        visitor.create(labels=["unanswered"])
    visitor.close()
    _kill(sandbox)
    with sandbox:
        again = JiraVisitor(sandbox)
        issues = sandbox.jira_issues()
        assert [each["id"] for each in issues[:-1]] == [each for each in made if each != made[1]]
        assert issues[-1]["fields"]["labels"] == ["unanswered"]
        assert issues[0]["properties"] == {"meldpunt": {"marker": "m1"}}
        assert [each["body"] for each in sandbox.jira_comments(made[0])] == [again.text("kept")]
        assert [each["bytes"] for each in sandbox.jira_attachments(made[0])] == [b"bytes"]
        assert sandbox.jira_effects(made[5]) == [("url", "http://x.example/")]
        assert len(again.keys("labels = kept")) == 20
        assert again.read("SEC-2")["id"] == made[1]
        assert again.call("GET", "project/SEC").json()["projectTypeKey"] == "service_desk"
        assert int(again.create()) == int(issues[-1]["id"]) + 1
        again.close()
