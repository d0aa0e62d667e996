"""What notifies, refers, loads or draws, and what is only text."""

import pytest

from bot.sandbox.markdown_refs import find_in_markdown, find_in_title
from tests.sandbox.conftest import Visitor

FENCE, LONG = "`" * 3, "`" * 4


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        ("hello @tess", "mention", "@tess"),
        ("(@group/sub)", "mention", "@group/sub"),
        ("@all", "mention", "@all"),
        ("&#64;all", "mention", "@all"),
        ("> @all", "mention", "@all"),
        ("- @all", "mention", "@all"),
        ("**@all**", "mention", "@all"),
        ("# @all", "mention", "@all"),
        ("| a |\n|---|\n| @all |", "mention", "@all"),
        (f"{LONG}\n{LONG}\n@all", "mention", "@all"),
        (f"{FENCE}\n{LONG}\n@all", "mention", "@all"),
        ("see #1", "reference", "#1"),
        ("other/project#12", "reference", "other/project#12"),
        ("!7", "reference", "!7"),
        ("GL-3", "reference", "GL-3"),
        ('~"severity::high"', "reference", '~"severity::high"'),
        ("~bug", "reference", "~bug"),
        ('%"Version 1"', "reference", '%"Version 1"'),
        ("$5", "reference", "$5"),
        ("[issue:5]", "reference", "[issue:5]"),
        ("[[home]]", "reference", "[[home]]"),
        ("https://git.example.nl/a/b/-/issues/4", "reference", "https://git.example.nl/a/b/-/issues/4"),
        ("![x](https://example.org/x.png)", "embed", "https://example.org/x.png"),
        ("![x][y]\n\n[y]: //example.org/x.png", "embed", "//example.org/x.png"),
        ("<b>bold</b> text", "html", "<b>"),
        ("<details>\n\ntext\n\n</details>", "html", "<details>"),
        (f"{FENCE}mermaid\ngraph TD\n{FENCE}", "diagram", "mermaid"),
        ("[[_TOC_]]", "toc", "[[_TOC_]]"),
        ("::include{file=https://example.org/x}", "toc", "::include{file=https://example.org/x}"),
    ],
)
def test_what_acts_is_found(text: str, kind: str, found: str) -> None:
    assert (kind, found) in [(each.kind, each.text) for each in find_in_markdown(text)]


@pytest.mark.parametrize(
    "text",
    [
        "plain text, 100% safe",
        "`@all #1`",
        "``@all ` #1``",
        "\\@all \\#1 \\!2",
        "robin@example.org",
        f"{FENCE}\n@all #1 ~bug\n{FENCE}",
        f"{LONG}text\n{FENCE}\n@all\n{FENCE}\n{LONG}",
        f"text\n\n{LONG}\n@all",
        "~~~\n@all\n~~~",
        "    @all",
        "<!-- cvd-ref: 7f3a -->",
        f"<!-- cvd-ref: 7f3a -->\n\n{LONG}\n<b>@all</b>\n{LONG}\n",
        "https://example.org/?a=1&2#3",
        "![REF-1](/uploads/0123456789abcdef0123456789abcdef/REF-1.png)",
        f"{LONG}mermaid-like\n{FENCE}mermaid\n{FENCE}\n{LONG}",
    ],
)
def test_what_is_only_text_is_quiet(text: str) -> None:
    assert find_in_markdown(text) == []


def test_back_ticks_protect_nothing_in_a_title() -> None:
    found = [(each.kind, each.text) for each in find_in_title("[CVD-2026-0001] `@all` and #4")]
    assert found == [("mention", "@all"), ("reference", "#4")]


def test_an_indented_fence_is_read_as_markdown_reads_it() -> None:
    text = f"- item\n  {FENCE}\n  @all\n  {FENCE}\n\n@tess"
    assert [each.text for each in find_in_markdown(text)] == ["@tess"]


def test_effects_are_kept_with_their_place_and_author(visitor: Visitor) -> None:
    issue = visitor.create_issue(title="About @tess", description="see #1")
    visitor.note(issue["iid"], "@all ![x](https://example.org/x.png)")
    found = visitor.sandbox.control("GET", f"effects?iid={issue['iid']}")
    assert [(each["place"].split()[0], each["kind"], each["user"]) for each in found] == [
        ("description", "reference", "project_1_bot"),
        ("title", "mention", "project_1_bot"),
        ("note", "mention", "project_1_bot"),
        ("note", "embed", "project_1_bot"),
    ]


def test_a_reference_leaves_a_trace_on_the_other_issue(visitor: Visitor) -> None:
    other = visitor.create_issue()
    issue = visitor.create_issue(description=f"like #{other['iid']}")
    notes = visitor.call("GET", f"{visitor.project}/issues/{other['iid']}/notes").json()
    assert [(each["system"], each["body"]) for each in notes] == [
        (True, f"mentioned in issue #{issue['iid']}")
    ]


def test_a_quiet_issue_has_no_effects(visitor: Visitor) -> None:
    issue = visitor.create_issue(description=f"**Reference** x\n\n{LONG}\n@all\n /close\n#1\n{LONG}\n")
    assert visitor.effects(issue["iid"]) == []


def test_making_an_issue_public_is_an_effect(visitor: Visitor) -> None:
    issue = visitor.create_issue(confidential=True)
    visitor.call("PUT", f"{visitor.project}/issues/{issue['iid']}", json={"confidential": False})
    assert visitor.effects(issue["iid"]) == [("made_public", "confidential off")]
