"""Reports of two teams: each goes to its own tracker, with its own labels, owner and working days."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.builders import PIXEL, mail
from tests.rigs.desk import ROOT, Desk
from tests.rigs.maildir import Maildir
from tests.rigs.sandbox import SECOND_PROJECT, TOKEN, Sandbox

# Received on Thursday 4 May 2023: 5 May is a working day in `strict` and a free one in `atw`.
STAMP = "from out.example.org by mx1.example.nl with ESMTPS id 4; Thu, 04 May 2023 12:00:00 +0200"
ROUTES: dict[str, Any] = {
    "default": {"tracker": "main", "owner": "desk"},
    "routes": [
        {
            "name": "platform",
            "when": {"recipients": ["platform@example.nl"], "assets": ["*.cloud.example.nl"]},
            "tracker": "platform",
            "labels": ["platform"],
            "fields": {"assignee_ids": [3]},
            "owner": "platform-team",
            "calendar": "atw",
        },
        {"name": "mail", "when": {"keywords": ["spf record"]}, "labels": ["mail"]},
    ],
}


def desk_with(folder: Path, sandbox: Sandbox, maildir: Maildir, routes: object) -> Desk:
    mappings = Path(shutil.copytree(ROOT / "mappings", folder / "mappings"))
    (mappings / "routing.yaml").write_text(yaml.safe_dump(routes), "utf-8")
    second = {
        "TRACKERS__PLATFORM__KIND": "gitlab",
        "TRACKERS__PLATFORM__URL": sandbox.gitlab,
        "TRACKERS__PLATFORM__TOKEN": TOKEN,
        "TRACKERS__PLATFORM__PROJECT": SECOND_PROJECT,
        "TRACKERS__PLATFORM__SETTLE_SECONDS": "2",
        "MAILBOX__OWN_HOSTS": "mx1.example.nl",
        "MAPPINGS": str(mappings),
    }
    return Desk(folder, sandbox, {**maildir.settings, **second})


def test_each_report_goes_to_the_tracker_of_its_route_with_its_labels_owner_and_working_days(
    tmp_path: Path, sandbox: Sandbox, maildir: Maildir
) -> None:
    desk = desk_with(tmp_path, sandbox, maildir, ROUTES)
    for number, (headers, subject) in enumerate(
        [
            ("Delivered-To: Platform+x@example.nl\r\n", "Per adres"),
            ("", "Op https://api.cloud.example.nl/v1 staat alles open"),
            ("", "Uw SPF-record ontbreekt"),
            ("", "Iets anders"),
        ]
    ):
        raw = mail(
            subject=subject, message_id=f"<{number}@example.org>", files=(("1.png", "image/png", PIXEL),)
        )
        maildir.deliver(f"{headers}Received: {STAMP}\r\n".encode() + raw)
    assert desk.once()["exit"] == 0
    theirs, ours = sandbox.issues(SECOND_PROJECT), sandbox.issues()
    assert sorted(title_of(issue) for issue in theirs) == [
        "Op https:\u2060//api.cloud.example.nl/v1 staat alles open",
        "Per adres",
    ]
    for issue in theirs:
        assert {"platform", "severity::unrated"} <= {*issue["labels"]}
        assert issue["due_date"] == "2023-05-09"
        assert [person["id"] for person in issue["assignees"]] == [3]
        assert "- **Behandelende groep:** platform-team" in issue["description"]
        assert issue["confidential"] is True
        assert len(sandbox.notes(issue["iid"], SECOND_PROJECT)) == 1
    assert sorted(title_of(issue) for issue in ours) == ["Iets anders", "Uw SPF-record ontbreekt"]
    by_keyword = next(issue for issue in ours if "SPF" in issue["title"])
    assert "mail" in by_keyword["labels"]
    assert '- **Route:** mail (trefwoord "spf record")' in by_keyword["description"]
    assert all("- **Behandelende groep:** desk" in issue["description"] for issue in ours)
    assert [issue["due_date"] for issue in ours] == ["2023-05-08"] * 2
    receipts = {each["subject"]: " ".join(each["raw"].split()) for each in sandbox.mails()}
    reports = {report["ref"]: report for report in desk.listing("report", "list")}
    assert sorted(report["route"] for report in reports.values()) == [
        "default",
        "mail",
        "platform",
        "platform",
    ]
    for ref, report in reports.items():
        atw = report["route"] == "platform"
        assert (report["tracker"], report["due_on"]) == (
            ("platform", "2023-05-09") if atw else ("main", "2023-05-08")
        )
        assert ("9 mei 2023" if atw else "8 mei 2023") in receipts[f"[{ref}] Ontvangstbevestiging"]
    told = next(ref for ref, report in reports.items() if report["route"] == "mail")
    received = desk.listing("report", "show", told)["events"][0]
    assert (received["route"], received["because"], received["tracker"], received["owner"]) == (
        "mail",
        'keyword "spf record"',
        "main",
        "desk",
    )


def title_of(issue: dict[str, Any]) -> str:
    return str(issue["title"]).partition("] ")[2]


@pytest.mark.parametrize(
    ("routes", "words"),
    [
        ({"default": {"tracker": "man"}}, 'default.tracker: no tracker "man" is set. Use one of: '),
        (
            {"default": {"fields": {"confidential": False}}},
            "default.fields.confidential: is none of the fields ",
        ),
        (
            {"default": {"fields": {"weight": "much"}}},
            "default.fields.weight: input should be a valid integer",
        ),
    ],
)
def test_a_route_that_no_tracker_can_take_ends_a_command_with_2_file_key_and_mend(
    tmp_path: Path, sandbox: Sandbox, maildir: Maildir, routes: object, words: str
) -> None:
    done = desk_with(tmp_path, sandbox, maildir, routes).command("check")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"mappings/routing.yaml: {words}" in done.stderr


def test_check_names_what_works_and_is_surely_not_meant(
    tmp_path: Path, sandbox: Sandbox, maildir: Maildir
) -> None:
    routes = [{"name": name, "when": {"keywords": ["dns"]}} for name in ("first", "second")]
    desk = desk_with(
        tmp_path, sandbox, maildir, {"default": {"priorities": {"high": "High"}}, "routes": routes}
    )
    done = desk.command("check")
    assert done.returncode == 1
    assert "the route second is never chosen" in done.stdout
    assert "several trackers are set and the default names none" in done.stdout
    assert "default.priorities has no effect" in done.stdout
