"""What texts set in motion in the sandbox's Jira, by wiki markup and by documents."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.sandbox.atlassian_document import document_of, document_text, find_in_document
from bot.sandbox.jira_rendering import render_rich_text
from bot.sandbox.wiki_markup import find_in_wiki, split_wiki
from tests.rigs.jira_visitor import JiraVisitor, document

SITE = "http://127.0.0.1:8028"


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Plain words, 50% off! Really!", []),
        ("hello [~tess], [~accountid:123]", ["mention", "mention"]),
        ("!http://evil.example.net/x.png!", ["embed"]),
        ("!x.png|thumbnail!", ["embed"]),
        ("[click|http://evil.example.net/]", ["link"]),
        ("[http://evil.example.net/]", ["link"]),
        ("[mail|mailto:x@example.org] [#top] [file|file:///etc/passwd]", ["link", "link", "link"]),
        ("[not a link] and [^REF-1.png]", []),
        ("see http://evil.example.net/ and mailto:x@example.org", ["url", "url"]),
        ("as in SEC-12, not in CVD-2026-0001", ["reference"]),
        ("{color:red}x{color} {html}<b>{html}", ["macro"] * 4),
        ("{include:page} {toc} {jira:x=y}", ["macro"] * 3),
        ("{panel:title=x}[~tess]{panel}", ["mention", "macro", "macro"]),
        ("{quote}{noformat}!http://x/y.png!{noformat}{quote}", ["macro", "macro"]),
        ("{unknown} {} {not a macro}", []),
        ("{noformat}\n!http://x/y.png! {color:red} http://x [a|http://x] SEC-1\n{noformat}", []),
        ("{code:java}\n!http://x/y.png!\n{code}", []),
        ("{noformat}\nx\n{noformat}\n!http://x/y.png!\n{noformat}\n{noformat}", ["embed"]),
        ("{noformat}\n!http://x/y.png!", ["embed"]),
        ("{noformat}\n!http://x/y.png!\\{noformat}", ["embed"]),
        ("{noformat} {code} {noformat:nopanel=true} !http://x/y.png! {code} {noformat}{noformat}", ["embed"]),
        ("\\{noformat} !http://x/y.png! {noformat}", ["embed"]),
        ("\\[a|http://x\\] \\!x.png\\! \\{color:red\\}", ["url"]),
        # Who is to be notified is looked for in the bare text.
        ("{noformat}[~tess]{noformat}", ["mention"]),
    ],
)
def test_wiki_markup_acts_as_in_jira(text: str, kinds: list[str]) -> None:
    assert [each.kind for each in find_in_wiki(text)] == kinds


@given(st.text(alphabet="{}\\[]!~|noformatcde:/ \n-1S", max_size=60))
def test_the_parts_of_a_text_are_the_text_without_the_tags_that_protect(text: str) -> None:
    joined = "".join(part.text for part in split_wiki(text))
    left = iter(text)
    assert all(sign in left for sign in joined)


def _node(kind: str, content: list[Any] | None = None, **attrs: object) -> dict[str, Any]:
    return {"type": kind, "attrs": attrs, **({"content": content} if content else {})}


def _linked(href: str) -> dict[str, Any]:
    return {"type": "text", "text": "x", "marks": [{"type": "link", "attrs": {"href": href}}]}


@pytest.mark.parametrize(
    ("node", "kinds"),
    [
        (_node("mention", id="5b10", text="@Tess"), ["mention"]),
        (_node("inlineCard", url="http://evil.example.net/"), ["card"]),
        (_node("text") | {"text": "see http://evil.example.net/x"}, ["url"]),
        (_node("text") | {"text": "www.example.net"}, ["url"]),
        (_node("text") | {"text": "http://x.example", "marks": [{"type": "code"}]}, []),
        (_node("text") | {"text": "[~tess] !x.png! {color:red} @tess"}, []),
        (_linked("http://evil.example.net/"), ["link"]),
        (_linked("http://evil.example.net/secure/attachment/1/x"), ["link"]),
        (_linked(f"{SITE}/secure/attachment/10001/REF-1.png"), []),
        (_node("inlineExtension", extensionKey="toc"), ["macro"]),
        (_node("hardBreak"), []),
    ],
)
def test_inline_nodes_of_a_document_act_by_their_kind(node: dict[str, Any], kinds: list[str]) -> None:
    whole = {"type": "doc", "version": 1, "content": [_node("paragraph", [node])]}
    assert [each.kind for each in find_in_document(whole, SITE)] == kinds


@pytest.mark.parametrize(
    ("node", "kinds"),
    [
        (_node("blockCard", url="http://x"), ["card"]),
        (_node("embedCard", url="http://x"), ["card"]),
        (_node("mediaSingle", [_node("media", type="external", url="http://x/y.png")]), ["embed"]),
        (_node("bodiedExtension", [_node("paragraph")], extensionKey="html"), ["macro"]),
        (_node("codeBlock", [{"type": "text", "text": "http://x.example"}]), []),
    ],
)
def test_blocks_of_a_document_act_by_their_kind(node: dict[str, Any], kinds: list[str]) -> None:
    whole = {"type": "doc", "version": 1, "content": [node]}
    assert [each.kind for each in find_in_document(whole, SITE)] == kinds


def test_effects_are_kept_with_their_place(jira: JiraVisitor) -> None:
    issue = jira.create(description=jira.text("http://one.example/"))
    comment = jira.comment(issue, "http://two.example/").json()["id"]
    found = jira.sandbox.jira_control("GET", f"effects?issue={issue}")
    assert [(each["kind"], each["text"], each["place"]) for each in found] == [
        ("url", "http://one.example/", "description"),
        ("url", "http://two.example/", f"comment {comment}"),
    ]
    assert {each["user"] for each in found} == {"bot"}
    jira.sandbox.jira_control("DELETE", "effects")
    assert jira.sandbox.jira_effects() == []


def test_taking_the_security_level_away_makes_an_issue_public(jira: JiraVisitor) -> None:
    issue = jira.create(security={"name": "Team"})
    assert jira.call("PUT", f"issue/{issue}", json={"fields": {"security": None}}).status_code == 204
    assert jira.sandbox.jira_effects(issue) == [("made_public", "no security level")]


def test_plain_text_becomes_a_document_and_comes_back() -> None:
    assert document_text(document_of("one\ntwo")) == "one\ntwo"


@pytest.mark.parametrize(
    ("value", "html"),
    [
        ("*Kenmerk:* x\ny", "<p><strong>Kenmerk:</strong> x<br>y</p>"),
        ("* one\n* two", "<ul><li>one</li><li>two</li></ul>"),
        ("[^REF-1.png]", '<p><a href="/jira/files/7" rel="noopener noreferrer">REF-1.png</a></p>'),
        ("\\*not bold\\* \\[~x\\]", "<p>*not bold* [~x]</p>"),
        ("{noformat}\n<b>*x*\n{noformat}", "<pre><code>&lt;b&gt;*x*</code></pre>"),
        ("<script>x</script>!http://x/y.png!", "<p>&lt;script&gt;x&lt;/script&gt;!"),
        (document("a <b>"), "<div><p>a &lt;b&gt;</p></div>"),
        (
            {
                "type": "doc",
                "version": 1,
                "content": [_node("paragraph", [_linked("http://127.0.0.1:1/secure/attachment/7/a.png")])],
            },
            '<div><p><a href="/jira/files/7" rel="noopener noreferrer">x</a></p></div>',
        ),
        (
            {"type": "doc", "version": 1, "content": [_node("paragraph", [_linked("javascript:alert(1)")])]},
            '<div><p><a rel="noopener noreferrer">x</a></p></div>',
        ),
    ],
)
def test_rich_texts_are_shown_as_safe_html(value: object, html: str) -> None:
    shown = str(render_rich_text(json.dumps(value), {"REF-1.png": 7}))
    assert (
        shown.replace("<div>", "")
        .replace("</div>", "")
        .startswith(html.replace("<div>", "").replace("</div>", ""))
    )
    assert "<script" not in shown
    assert "<img" not in shown
