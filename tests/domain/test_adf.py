import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft7Validator  # type: ignore[import-untyped]  # it ships without types

from bot.domain.adf import adf_length, attachment_link, has_marker_paragraph, to_adf
from bot.domain.issue import Facts, Foreign, Links, Sentence

SITE = "https://example.atlassian.net"
LINK = f"[CVD-2026-0001-1.png]({SITE}/secure/attachment/10000/CVD-2026-0001-1.png)"
HOSTILE = st.text() | st.text("{}[]()~!|@:/w.\\ \n\r\t\x00\ud800\u202ehtps", max_size=60)


def node(kind: str, **more: Any) -> dict[str, Any]:
    properties = {"type": {"const": kind}, **more}
    return {
        "type": "object",
        "properties": properties,
        "required": [key for key in properties if key != "marks"],
        "additionalProperties": False,
    }


def some(*kinds: str, least: int = 0) -> dict[str, Any]:
    return {
        "type": "array",
        "minItems": least,
        "items": {"anyOf": [{"$ref": f"#/definitions/{kind}"} for kind in kinds]},
    }


# The nodes that we write, as developer.atlassian.com describes each, and no other.
SCHEMA = Draft7Validator({
    "$ref": "#/definitions/doc",
    "definitions": {
        "doc": node("doc", version={"const": 1}, content=some("paragraph", "bulletList", "codeBlock", least=1)),
        "paragraph": node("paragraph", content=some("text")),
        "bulletList": node("bulletList", content=some("listItem", least=1)),
        "listItem": node("listItem", content=some("paragraph", least=1)),
        "codeBlock": node("codeBlock", content=some("bare")),
        "bare": node("text", text={"type": "string", "minLength": 1}),
        "text": node("text", text={"type": "string", "minLength": 1}, marks=some("strong", "link", least=1)),
        "strong": node("strong"),
        "link": node("link", attrs={
            "type": "object",
            "properties": {"href": {"type": "string", "pattern": f"^{SITE}/secure/attachment/[0-9]+/[A-Za-z0-9._-]+$"}},
            "required": ["href"],
            "additionalProperties": False,
        }),
    },
})  # fmt: skip


def written(*blocks: Sentence | Facts | Foreign | Links) -> Any:
    return to_adf(blocks, "meldpunt-0f", site=SITE)


def paragraph(*texts: dict[str, Any]) -> dict[str, Any]:
    return {"type": "paragraph", "content": list(texts)}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def test_a_report_stands_in_a_code_block_and_the_marker_last() -> None:
    assert written(Foreign("De melding:", "hallo\n[~tess] https://example.net"))["content"] == [
        paragraph(text("De melding:")),
        {"type": "codeBlock", "content": [text("hallo\n[~tess] https://example.net")]},
        paragraph(text("meldpunt-0f")),
    ]


def test_facts_are_a_list_with_bold_names() -> None:
    (facts, _) = written(Facts((("Kenmerk", "CVD-2026-0001"),)))["content"]
    strong = [{"type": "strong"}]
    assert facts["content"][0]["content"] == [
        paragraph(text("Kenmerk:", marks=strong), text(" CVD-2026-0001"))
    ]


@given(st.lists(HOSTILE, min_size=4, max_size=4), st.lists(HOSTILE, max_size=2))
@example(["", "", "", ""], [])
@example(["@all", "https://example.net", "\ud800\x00", f"{LINK}x"], [LINK])
def test_a_document_holds_the_nodes_that_we_write_and_nothing_else(
    texts: list[str], links: list[str]
) -> None:
    caption, fact, foreign, link = texts
    blocks = (
        Sentence(caption),
        Facts(((caption, fact),) * len(links)),
        Foreign(caption, foreign),
        Links(caption, (link, *links)),
        Links(caption, ()),
    )
    document = written(*blocks)
    assert list(SCHEMA.iter_errors(json.loads(json.dumps(document)))) == []
    json.dumps(document, ensure_ascii=False).encode("utf-8")
    assert has_marker_paragraph(document, "meldpunt-0f")


@pytest.mark.parametrize(
    "own", ["@all", "https://example.net/x", "www.example.net", "[x](https://example.net)"]
)
def test_our_own_words_become_no_link_or_mention(own: str) -> None:
    assert own not in json.dumps(written(Sentence(f"Een zin met {own} erin"), Facts((("Feit", own),))))


def test_a_link_to_our_own_file_passes_and_no_other() -> None:
    links = written(Links("Bestanden:", (LINK,)))["content"][1]["content"]
    href = f"{SITE}/secure/attachment/10000/CVD-2026-0001-1.png"
    mark = {"type": "link", "attrs": {"href": href}}
    assert links[0]["content"] == [paragraph(text("CVD-2026-0001-1.png", marks=[mark]))]
    assert attachment_link("CVD-2026-0001-1.png", "10000", site=SITE) == LINK
    for other in (
        LINK.replace(SITE, "https://evil.example.net"),
        LINK.replace(SITE, f"{SITE}.evil.example.net"),
        LINK.replace(SITE, f"{SITE}/redirect?x="),
        LINK.replace("-1.png)", "-2.png)"),
        "[x](javascript:1)",
        f"{LINK} ",
    ):
        assert "href" not in json.dumps(written(Links("Bestanden:", (other,))))


@pytest.mark.parametrize(
    "document", [None, "x", {}, {"content": []}, {"content": [{"type": "rule"}]}, {"content": [paragraph()]}]
)
def test_what_is_no_document_of_ours_has_no_marker(document: object) -> None:
    assert not has_marker_paragraph(document, "meldpunt-0f")


def test_a_text_in_a_code_block_is_no_marker() -> None:
    assert not has_marker_paragraph(written(Foreign("x", "meldpunt-1e")), "meldpunt-1e")
    assert not has_marker_paragraph(written(Sentence("meldpunt-0f0")), "meldpunt-0f0")


def test_the_length_is_that_of_the_json_in_utf16() -> None:
    short = adf_length(written(Foreign("x", "a")))
    assert adf_length(written(Foreign("x", 'a\U0001f600\n"'))) == short + 6
