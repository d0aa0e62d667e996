import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.domain.issue import Facts, Foreign, Links, Sentence
from bot.domain.markdown import BAR, marker_line, neutral_title, to_markdown

LINK = f"![CVD-2026-0001-1.png](/uploads/{'0a' * 16}/CVD-2026-0001-1.png)"
HOSTILE = st.text() | st.text(
    "/`~>#-|@!$%&^*:[]<\\ \t\n\r\v\f\x1c\x85\u2028\u2029\u200b\u202eaclos1", max_size=60
)


def written(*blocks: Sentence | Facts | Foreign | Links) -> str:
    return to_markdown(blocks, "meldpunt-0f")


def test_a_report_stands_in_a_fence_with_a_bar_before_each_line_and_the_marker_last() -> None:
    assert written(Foreign("De melding:", "hallo\n\n/close\n```")) == (
        f"De melding:\n\n````text\n{BAR} hallo\n{BAR}\n{BAR} /close\n{BAR} ```\n````\n\n<!-- meldpunt-0f -->"
    )


@given(st.lists(HOSTILE, min_size=4, max_size=4), st.text(max_size=20))
@example(["/close", "/close", "`" * 70, "/close"], "--> /close")
def test_no_line_begins_with_anything_that_acts(texts: list[str], marker: str) -> None:
    caption, fact, foreign, link = texts
    blocks = (
        Sentence(caption),
        Facts(((caption, fact),)),
        Foreign(caption, foreign),
        Links(caption, (link,)),
    )
    text = to_markdown(blocks, marker)
    assert not re.search("[\r\v\f\x1c-\x1e\x85\u2028\u2029\x00-\x08\x7f\u202e\u200b]", text)
    first, last = (at for at, line in enumerate(text.split("\n")) if re.fullmatch("`{3,}(text)?", line))
    for at, line in enumerate(text.split("\n")):
        if first < at < last:
            assert line.startswith(BAR)
        elif at not in (first, last):
            assert not re.match(r"\s*(?:/|>|#|```|~~~|---|:::|\[|=)", line)
    assert text.split("\n")[-1] == marker_line(marker)


@given(HOSTILE)
def test_the_fence_is_longer_than_any_run_inside(text: str) -> None:
    lines = written(Foreign("x", text)).split("\n")
    fence = lines[-3]
    assert set(fence) == {"`"}
    assert lines[2] == f"{fence}text"
    assert fence not in "\n".join(lines[3:-3])


def test_a_very_long_run_does_not_make_a_very_long_fence() -> None:
    assert len(written(Foreign("x", "`" * 100_000))) < 110_000


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a\u27e8202E\u27e9b"),
        ("a\x1b[0m", "a\u241b[0m"),
        ("a\0b", "a\u2400b"),
        ("a\udc80b", "a\ufffdb"),
    ],
)
def test_what_cannot_be_seen_is_shown(text: str, shown: str) -> None:
    assert f"{BAR} {shown}\n" in written(Foreign("x", text))


@pytest.mark.parametrize(
    "own", ["@all", "#1", "~bug", "![x](https://example.net/x.png)", "<img src=x>", "[[_TOC_]]", "`a`"]
)
def test_even_our_own_words_do_not_act(own: str) -> None:
    text = written(Sentence(f"Een zin met {own} erin"), Facts((("Feit", own),)))
    assert own not in text


def test_a_fact_cannot_break_out_of_its_line() -> None:
    assert r"- **a:** b \| c d" in written(Facts((("a", "b | c\nd"),)))


def test_a_link_of_our_own_upload_passes_and_no_other() -> None:
    assert f"- {LINK}" in written(Links("Bestanden:", (LINK,)))
    for other in (
        LINK.replace("/uploads", "https://example.net/uploads"),
        "[x](javascript:1)",
        f"{LINK}\n/close",
    ):
        assert other not in written(Links("Bestanden:", (other,)))


@pytest.mark.parametrize(
    ("title", "neutral"),
    [
        ("XSS in zoekveld", "XSS in zoekveld"),
        ("cc @all en @tess", "cc @\u2060all en @\u2060tess"),
        ("als #1 !2 $3 &4 ~bug %v1", "als #\u20601 !\u20602 $\u20603 &\u20604 ~\u2060bug %\u2060v1"),
        ("[issue:1] GL-12 :tada: 12:30", "[\u2060issue:1] GL-\u206012 :\u2060tada: 12:30"),
        (
            "&#64;all https://git.example.nl/-/issues/1",
            "&\u2060#\u206064;all https:\u2060//git.example.nl/-/issues/1",
        ),
        ("CVSS:3.1/AV:N/AC:L, 100% # !", "CVSS:3.1/AV:N/AC:L, 100% # !"),
        ("een\r\n  twee\u2028drie\u202e\x00\u200b", "een twee drie"),
        ("", ""),
    ],
)
def test_a_title_reads_the_same_and_cannot_act(title: str, neutral: str) -> None:
    assert neutral_title("CVD-2026-0001", title) == f"[CVD-2026-0001] {neutral}".rstrip()


@given(HOSTILE | st.text(max_size=2000).map(lambda text: text * 5))
def test_a_title_is_one_line_of_at_most_255_characters_that_begins_with_the_reference(title: str) -> None:
    neutral = neutral_title("CVD-2026-0001", title)
    assert neutral.startswith("[CVD-2026-0001]")
    assert len(neutral) <= 255
    assert len(neutral.splitlines()) == 1
    assert not re.search(r"(?:[@#!~%$&^]|(?!^)\[)[^\s\u2060\u2026]", neutral)
