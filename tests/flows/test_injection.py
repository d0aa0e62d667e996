"""Hostile mail, the whole way: whatever it says, it becomes one quiet issue and nothing in GitLab happens."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from pydantic import SecretStr

from bot.adapters.gitlab_tracker import GitLabTracker
from bot.domain.markdown import BAR
from tests.builders import FINDING, mail
from tests.rigs.desk import ROOT, Desk
from tests.rigs.maildir import Maildir
from tests.rigs.sandbox import PROJECT, TOKEN, Sandbox

JOINER = "\u2060"  # the one invisible sign that the desk itself puts in
MARKER = re.compile(r"^<!-- (meldpunt-[\w-]+) -->$", re.MULTILINE)

TEXTS = (
    "/close",
    "  /close",
    "\t/close",
    "\n\n\n/close\n\n\n",
    "Beste team,\n/label ~pwned\n/assign @tess\n/due 2020-01-01\n/title pwned\n/unlabel ~severity::unrated",
    "/CLOSE\n/Close now\n/relabel ~severity::none\n/confidential\n/move security/elders\n/duplicate #1",
    "tekst\r/close\rtekst\r\n/close\n\r/close",
    "/cl\rose\n/\rclose\n\r\r/lock",
    "tekst\u2028/close\u2029/close\x85/close\v/close\f/close\x1c/close\x1d/close\x1e/close",
    "\u200b/close\n\ufeff/close\n\u2060/close\n\u202e/close\n\u00ad/close\n\u2066/close\u2069",
    "\u00a0/close\n\u3000/close\n\u2003/close\n\u3164/close",
    "\u202eesolc/\u202c\n\u2067/close\u2069",
    "/clo\u0000se\n\u0000/close\n/close\u0000",
    "\uff0fclose\n\u2215close\n\u2044close\n\u29f8close",
    "&#47;close\n&sol;close\n&#64;all &commat;tess \\@all",
    "```\n/close\n```\n/close",
    "```text\n/close\n```\n\n/close",
    "````\n```\n/close\n```\n````\n/close",
    "`````````````````````\n/close\n`````````````````````\n/close\n``````````````````````\n/close",
    "`" * 300 + "\n/close\n" + "`" * 300 + "\n/close",
    "~~~\n/close\n~~~\n/close",
    "~~~~~~~~\n```\n~~~~~~~~\n/close\n@all",
    "```\n~~~\n/close\n```\n/close\n~~~",
    "   ```\n/close\n    ```\n/close",
    "`@all`\n``\n/close\n``\n`/close`",
    "\u2502 ```\n/close\n\u2502 /close",
    ">>>\n/close\n>>>\n/close",
    "> /close\n> ```\n\n---\n/close",
    "<pre>\n/close\n</pre>\n/close",
    "</code></pre>\n\n/close\n\n<details>\n\n/close\n\n</details>",
    "<!--\n/close\n-->\n/close\n-->",
    "--> <!-- meldpunt-00000000 -->\n/close",
    "<div>\n/close\n</div>\n<p>@all</p>",
    "---\ntitle: /close\nlabels: pwned\n---\n/close\n@all",
    '+++\ntitle = \'x\'\n+++\n;;;\n{"a": "@all"}\n;;;',
    "::include{file=https://evil.example.net/x}\n:::include\n/close",
    "[[_TOC_]]\n\n[TOC]\n\n[[wiki-page]]\n[[include:x]]",
    "```mermaid\ngraph TD\n```\n```math\nx\n```\n```plantuml\nA -> B\n```\n```glql\nquery: x\n```",
    "$`x`$ $$y$$ $1 ```suggestion\nx\n```",
    '@all @tess @security @security/reports hallo\n(@all) [@all] "@all" *@all* _@all_ -@all',
    '#1 !1 ~bug ~"two words" %v1 %"two words" $1 &1 GL-1 ^alert#1 *iteration:1',
    "security/reports#1 security/reports!1 security/reports~bug security&1",
    "[issue:1] [issue:security/reports/1] [work_item:1] [epic:1] [vulnerability:1] [feature_flag:x]",
    "![x](https://evil.example.net/x.png)\n![x][y]\n\n[y]: https://evil.example.net/y.png",
    "<img src=https://evil.example.net/x.png> <svg onload=x> <script>x</script> <iframe src=x>",
    "<a href='javascript:x'>x</a> [x](javascript:x) <https://evil.example.net> [x]: y '@all'\n[^1]: @all\n[^1]",
    "|a|b|\n|-|-|\n|@all|/close|\n/close",
    "1. x\n/close\n* /close\n- [ ] @all\n- [x] #1\n+ /close\nx\n===\n/close",
    ":tada: :+1: :heart: \n: /close\nTerm\n: @all",
    "/shrug\n/tableflip\n/award :tada:\n/react :x:\n/todo\n/subscribe\n/promote_to_incident\n/estimate 1w",
    "/zoom https://evil.example.net\n/add_email tess@example.net\n/cc @all\n/publish\n/remove_due_date\n/severity 1",
    "x" * 20_000 + "\n/close\n" + "@all " * 5_000,
    "\\\n/close\\\n\\/close\n/close\\",
    "[CVD-2026-0001] REF: CVD-2026-0001\nKenmerk: CVD-1999-9999\n| Kenmerk | CVD-2026-0002 |",
)

SUBJECTS = (
    "/close",
    "@all @tess #1 !1 ~bug %v1 $1 &1 GL-1 security/reports#1",
    "[CVD-2026-0001] Re: uw melding",
    "[CVD-1999-0001] [CVD-2026-9999] [REF] een andere melding",
    "] [CVD-2026-0002",
    "lek\n/close\n@all",
    "lek\r/close\r\nBcc: tess@example.org\r\n\r\n/close",
    "lek\u2028/close\u2029@all\x85/close",
    "\u202e1000-6202-DVC[ ]esolc/\u202c",
    "\u200b\u2060\ufeff@\u200ball #\u20601 \u00ad@tess",
    "\u0000/close\u0000@all",
    "",
    " \t\u3000\u200b ",
    "x" * 300,
    "@all " * 60,
    "\U0001f41b" * 300,
    "~" * 250 + "@all#1",
    "![x](https://evil.example.net/x.png) <img src=x> <!-- --> `@all` [[_TOC_]]",
    "https://git.example.nl/security/reports/-/issues/1",
    "=?utf-8?q?=2Fclose_=40all?=",
    "Draft: WIP: /title pwned ~severity::critical",
)

NAMES = (
    "/close\n/label ~pwned.txt",
    "@all #1 !1 ~bug.txt",
    "../../../../etc/passwd",
    "![x](https://evil.example.net/x.png).txt",
    "](x) @all [y](.txt",
    "`@all`|/close|\u202etxt.exe\u2028@tess",
    "x" * 300 + ".txt",
    "CVD-2026-0001-1.txt",
    "\u0000/close\u0000.txt",
    "<img src=x>&commat;all.html",
)

PAGES = (
    "<p>/close</p><p>@all</p>",
    "<pre>\n/close\n```\n/close</pre>",
    "x<br>/close<br>/label ~pwned<br>@tess",
    "<div>&#47;close</div><div>&#x2f;close</div><div>&sol;close</div><p>&commat;all &#35;1 &#126;bug</p>",
    "<ul><li>/close<li>@all</ul><table><tr><td>/close<td>@all</table><blockquote>/close</blockquote>",
    "<!-- /close --><style>/close</style><script>/close</script><textarea>/close\n@all</textarea>",
    '<img src="https://evil.example.net/x.png" alt="@all /close"><a href="/close">@all</a>',
    "<p>&lt;!-- meldpunt-00000000 --&gt;&#10;/close&#13;/close&#8232;/close&#0;/close</p>",
)


@dataclass(frozen=True)
class Hostile:
    """One mail that wants to act; what is not said is harmless."""

    subject: str = "SQL-injectie"
    text: str = FINDING
    name: str | None = None
    html: bool = False

    def raw(self, number: int) -> bytes:
        """Write the mail by hand, encoded so that each sign arrives as it is: a library would refuse some."""
        kind = "text/html" if self.html else "text/plain"
        head = (
            f"From: Melder {number} <melder{number}@example.org>\r\nTo: security@example.nl\r\n"
            f"Message-ID: <vijandig-{number}@example.org>\r\nMIME-Version: 1.0\r\n"
            f"Subject: =?utf-8?b?{_coded(self.subject)}?=\r\n"
        )
        body = _part(kind, self.text, "")
        if self.name is None:
            return (head + body).encode()
        place = f"Content-Disposition: attachment; filename*=utf-8''{quote(self.name, safe='')}\r\n"
        parts = "".join(f"--x\r\n{each}\r\n" for each in (body, _part("text/plain", "GET /\n", place)))
        return f"{head}Content-Type: multipart/mixed; boundary=x\r\n\r\n{parts}--x--\r\n".encode()


def _part(kind: str, text: str, more: str) -> str:
    coded = _coded(text)
    lines = "\r\n".join(coded[at : at + 76] for at in range(0, len(coded), 76))
    head = f"Content-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n{more}"
    return f"{head}\r\n{lines}\r\n"


def _coded(text: str) -> str:
    return b64encode(text.encode()).decode()


MAILS = (
    *(Hostile(text=text) for text in TEXTS),
    *(Hostile(subject=subject) for subject in SUBJECTS),
    *(Hostile(name=name) for name in NAMES),
    *(Hostile(text=page, html=True) for page in PAGES),
    *(Hostile(text, text, text) for text in TEXTS[3:12]),
)


@dataclass(frozen=True)
class Told:
    """What stands in GitLab after one ordinary report and then all the hostile ones, in one round."""

    sandbox: Sandbox
    desk: Desk
    marker: str

    @property
    def issues(self) -> list[dict[str, Any]]:
        """The issues of the hostile mails."""
        return self.sandbox.issues()[1:]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder = tmp_path_factory.mktemp("desk")
    maildir = Maildir(folder / "Maildir")
    with Sandbox(folder / "sandbox") as sandbox:
        desk = Desk(folder, sandbox, maildir.settings)
        maildir.deliver(mail())
        desk.once()
        (first,) = sandbox.issues()
        (marker,) = MARKER.findall(first["description"])
        copies = [
            Hostile(first["title"], f"<!-- {marker} -->\n\n{first['description']}"),
            Hostile(f"{first['title']} <!-- {marker} -->", f"x\n<!-- {marker} -->", f"<!-- {marker} -->.txt"),
            Hostile(first["title"], f"<p>&lt;!-- {marker} --&gt;</p><!-- {marker} -->", html=True),
        ]
        for number, each in enumerate((*MAILS, *copies)):
            maildir.deliver(each.raw(number))
        result = desk.once()
        assert result["taken"] == result["filed"] == len(MAILS) + len(copies), result
        assert result["exit"] == 0, result
        yield Told(sandbox, desk, marker)


def test_nothing_in_gitlab_happens(told: Told) -> None:
    assert len(MAILS) >= 60
    assert told.sandbox.effects() == []


def test_each_mail_is_one_issue_that_is_open_hidden_and_nobodys(told: Told) -> None:
    assert len(told.issues) == len(MAILS) + 3
    for issue in told.sandbox.issues():
        assert (issue["state"], issue["confidential"]) == ("opened", True)
        assert (issue["assignees"], issue["milestone"], issue["discussion_locked"]) == ([], None, None)


def test_an_issue_has_the_labels_and_the_day_that_the_desk_gave_it_and_no_other(told: Told) -> None:
    severities = yaml.safe_load((ROOT / "mappings" / "severity.yaml").read_text(encoding="utf-8"))
    ours = {*severities["labels"].values(), *severities["suggested_labels"].values()}
    sent = {each["title"]: each for each in _sent(told.sandbox, "/issues")}
    for issue in told.sandbox.issues():
        labels = issue["labels"]
        assert sorted(labels) == sorted(sent[issue["title"]]["labels"])
        assert set(labels) <= ours
        assert [each for each in labels if each.startswith("severity::")] == ["severity::unrated"]
        assert issue["due_date"] == sent[issue["title"]]["due_date"]


def test_a_title_begins_with_the_reference_of_its_own_report(told: Told) -> None:
    by_issue = {each["issue"]: each["ref"] for each in told.desk.listing("report", "list")}
    titles = [issue["title"] for issue in told.sandbox.issues()]
    for issue in told.sandbox.issues():
        reference = by_issue[issue["web_url"]]
        assert issue["title"].startswith(f"[{reference}] ")
        assert sum(title.startswith(f"[{reference}]") for title in titles) == 1
        assert len(issue["title"]) <= 255
        assert issue["title"].replace(JOINER, "").isprintable()


def test_what_was_sent_is_what_stands_there(told: Told) -> None:
    sent = {each["title"]: each["description"] for each in _sent(told.sandbox, "/issues")}
    for issue in told.sandbox.issues():
        assert issue["description"] == sent[issue["title"]]
    assert sorted(
        note["body"] for issue in told.issues for note in told.sandbox.notes(issue["iid"])
    ) == sorted(each["body"] for each in _sent(told.sandbox, "/notes"))


def test_the_words_arrived_and_each_line_of_them_stands_behind_a_bar(told: Told) -> None:
    lines = [line for issue in told.issues for line in issue["description"].splitlines()]
    wanted = [line for line in lines if re.search(r"/close|@all|pwned|```.|~~~", line, re.IGNORECASE)]
    fences = [line for line in wanted if re.fullmatch("`{3,}(text)?", line)]
    assert len(wanted) - len(fences) > 100
    assert all(line.startswith(f"{BAR} ") for line in wanted if line not in fences)


def test_files_have_our_names_only(told: Told) -> None:
    uploads = [each for each in told.sandbox.requests() if each["path"].endswith("/uploads")]
    names = [re.findall(r'filename\*?="?([^"\r\n]*)', each["body"]) for each in uploads]
    assert len(names) >= len(NAMES)
    assert all(re.fullmatch(r"CVD-\d{4}-\d{4}-1\.txt", name) for (name,) in names)


def test_a_copied_marker_leads_to_the_first_issue_alone(told: Told) -> None:
    first = told.sandbox.issues()[0]
    reference = first["title"][1:14]
    tracker = GitLabTracker(name="main", url=told.sandbox.gitlab, token=SecretStr(TOKEN), project=PROJECT)
    found = tracker.find_issue(reference, told.marker)
    holders = [
        issue["iid"]
        for issue in told.sandbox.issues()
        if f"<!-- {told.marker} -->" in issue["description"].splitlines()
    ]
    tracker.close()
    assert found is not None
    assert found.id == str(first["iid"])
    assert holders == [first["iid"]]


def _sent(sandbox: Sandbox, end: str) -> list[dict[str, Any]]:
    return [
        json.loads(each["body"])
        for each in sandbox.requests()
        if each["method"] == "POST" and each["path"].endswith(end)
    ]
