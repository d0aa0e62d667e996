import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.domain.jira_text import (
    break_triggers,
    marker_label,
    neutral_summary,
    plain_label,
    plain_marker,
    utf16_length,
)


@pytest.mark.parametrize(
    ("title", "neutral"),
    [
        ("XSS in zoekveld", "XSS in zoekveld"),
        ("cc [~tess] en @tess", "cc [\u2060~\u2060tess] en @\u2060tess"),
        ("!plaatje.png! {color:red}x", "!\u2060plaatje.png! {\u2060color:red}x"),
        ("zie https://git.example.nl en www.example.nl", "zie https:\u2060//git.example.nl en www.\u2060example.nl"),
        ("een\r\n  twee\u2028drie\u202e\x00\u200b", "een twee drie"),
        ("CVSS:3.1/AV:N, 100% # !", "CVSS:3.1/AV:N, 100% # !"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_summary_reads_the_same_and_cannot_act(title: str, neutral: str) -> None:
    assert neutral_summary("CVD-2026-0001", title) == f"[CVD-2026-0001] {neutral}".rstrip()


@given(st.text() | st.text(max_size=2000).map(lambda text: text * 5) | st.text("[~]{}!@\U0001f600\ud800 a\n"))
@example("\U0001f600" * 300)
def test_a_summary_is_one_line_of_at_most_255_units(title: str) -> None:
    neutral = neutral_summary("CVD-2026-0001", title)
    assert neutral.startswith("[CVD-2026-0001]")
    assert utf16_length(neutral) <= 255
    assert len(neutral.splitlines()) == 1
    assert neutral.encode("utf-8")
    assert not re.search(r"(?!^)[@\[{!][^\s\u2060\u2026]", neutral)


@given(st.text())
def test_broken_triggers_show_the_same_signs(text: str) -> None:
    assert break_triggers(text).replace("\u2060", "") == text.replace("\u2060", "")


@given(st.text())
def test_a_marker_and_its_label_hold_nothing_that_means_anything(marker: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9-]*", plain_marker(marker))
    assert plain_marker(marker).startswith(marker_label(marker))
    assert len(marker_label(marker)) <= 21


def test_a_label_has_no_spaces() -> None:
    assert plain_label(" te  doen\tnu ") == "te_doen_nu"
    assert plain_label("severity::unrated") == "severity::unrated"
