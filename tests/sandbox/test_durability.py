"""Nothing that was answered is lost when the sandbox is killed."""

import smtplib

import pytest
import requests

from tests.rigs.sandbox import TIMEOUT, Sandbox
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
