import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.domain.issue import Facts, Foreign, Links, Sentence
from bot.domain.wiki import attachment_link, has_marker_line, to_wiki, wiki_length

JOINER = "\u2060"
HOSTILE = st.text() | st.text("{}[]~!|*_-+^?#@\\/: \n\r\tnoformatcdeh1.", max_size=80) | st.lists(
    st.sampled_from(["{noformat}", "{NoFormat:title=x}", "{code}", "{code:java}", *"{}[~]!\n\\ ", "tess"]),
    max_size=12,
).map("".join)  # fmt: skip


def written(*blocks: Sentence | Facts | Foreign | Links) -> str:
    return to_wiki(blocks, "meldpunt-0f")


def test_a_report_stands_in_a_fence_and_the_marker_last() -> None:
    assert written(Foreign("De melding:", "hallo\n\nh1. x")) == (
        "De melding:\n\n{noformat}\nhallo\n\nh1. x\n{noformat}\n\nmeldpunt-0f"
    )


@pytest.mark.parametrize(
    "fence", ["{noformat}", "{NOFORMAT}", "{noformat:nopanel=true}", "{code}", "{code:java|title=x}"]
)
def test_no_fence_of_the_text_ends_ours(fence: str) -> None:
    text = written(Foreign("x", f"a{fence}b\n{fence}\n*vet*"))
    assert fence not in text.removeprefix("x\n\n{noformat}").removesuffix("{noformat}\n\nmeldpunt-0f")
    assert text.replace(JOINER, "").count(fence) >= 2


@given(st.lists(HOSTILE, min_size=4, max_size=4))
@example(["{noformat}", "[~tess]", "{noformat}[~tess]{noformat}", "[~tess]"])
@example(["h1. x", "{code}", "\\{noformat}\n[~admin]\\", "!x.png!"])
@example(["\\\\", "\\{code}", "{ noformat}", "bq. x"])
def test_nothing_from_outside_is_markup(texts: list[str]) -> None:
    caption, fact, foreign, link = texts
    blocks = (
        Sentence(caption),
        Facts(((caption, fact),)),
        Foreign(caption, foreign),
        Links(caption, (link,)),
    )
    text = to_wiki(blocks, "meldpunt-0f")
    assert not re.search("[\r\v\f\x1c-\x1e\x85\u2028\u2029\x00-\x08\x7f\u202e\u200b\ud800-\udfff]", text)
    before, inside, behind = re.split(r"(?:^|\n)\{noformat\}(?:\n|$)", text)
    assert not re.search(r"\{\s*/?\s*(?:noformat|code)|\[\s*~", inside, re.IGNORECASE)
    for line in f"{before}\n{behind}".split("\n"):
        own = line.removeprefix("* ")
        assert not re.match(r"\s*(?:h[1-6]\.|bq\.|[#|>-])", own, re.IGNORECASE)
        own = re.sub(r"^\*(.*?(?<!\\)):\*", r"\1", own) if line.startswith("* *") else own
        assert not re.search(r"(?<!\\)[\[\]{}*_+^~?!|()#]", own)
        assert not re.search(r"\[~|\\\\|[a-z]://|@\w", own)
    assert text.split("\n")[-1] == "meldpunt-0f"


@given(HOSTILE)
def test_evidence_stays_as_it_was_but_for_what_would_act(text: str) -> None:
    plain = re.sub("[^\n\x20-\x7e]", "?", text)
    inside = (
        written(Foreign("x", plain))
        .removeprefix("x\n\n{noformat}\n")
        .removesuffix("\n{noformat}\n\nmeldpunt-0f")
    )
    assert inside.replace(JOINER, "") == plain
    if not re.search(r"\{[\s/]*(?:noformat|code)|\[\s*~", plain, re.IGNORECASE):
        assert inside == plain


def test_a_link_to_a_file_of_the_issue_passes_and_no_other() -> None:
    link = attachment_link("CVD-2026-0001-1.png")
    assert f"* {link}" in written(Links("Bestanden:", (link,)))
    for other in ("[^../x]", "[x|https://example.net]", "[^a.png]\n{code}", "[~tess]", "[^a b.png]"):
        assert other not in written(Links("Bestanden:", (other,)))


def test_only_our_own_last_line_is_the_marker() -> None:
    assert has_marker_line(written(Sentence("x")), "meldpunt-0f")
    assert has_marker_line("x\r\n\r\nmeldpunt-0f\r\n", "meldpunt-0f")
    assert not has_marker_line(written(Foreign("x", "meldpunt-1e")), "meldpunt-1e")
    assert not has_marker_line("meldpunt-0f\nx", "meldpunt-0f")
    assert not has_marker_line("x meldpunt-0f", "meldpunt-0f")
    assert not has_marker_line("", "meldpunt-0f")
    assert not has_marker_line(None, "meldpunt-0f")


def test_a_line_end_counts_as_two_and_a_smiley_too() -> None:
    assert wiki_length("a\nb\U0001f600") == 6


def test_a_long_hostile_text_is_written_in_linear_time() -> None:
    for text in ("{" * 500_000, "[ " * 250_000, "{" + " " * 500_000, "\\" * 500_000):
        assert len(written(Foreign("x", text))) < 1_100_000
