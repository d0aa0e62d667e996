from dataclasses import replace

import pytest

from bot.domain.issue import Foreign, Sentence, draft_issue
from bot.domain.report import ReportFile
from bot.domain.whole_text import add_whole_text, is_cut
from tests.domain.test_issue import REPORT, RULES

LONG = replace(REPORT, text="stap\n" * 10_000)


def test_a_text_that_a_tracker_does_not_take_whole_is_known_to_be_cut() -> None:
    assert not is_cut(draft_issue(LONG, marker="m", rules=RULES, language="en"), LONG)
    short = draft_issue(LONG, marker="m", rules=RULES, language="en", fits=lambda body: len(str(body)) < 5000)
    assert is_cut(short, LONG)


def test_the_whole_of_it_is_the_last_file() -> None:
    report, files = add_whole_text(LONG, (), most_bytes=50_000)
    number = max((file.number for file in LONG.files), default=0) + 1
    assert report.files[-1] == ReportFile(number, "text/plain", 50_000, uploadable=True)
    (file,) = files
    assert (file.number, file.suffix, file.content) == (number, ".txt", LONG.text.encode())
    draft = draft_issue(
        report,
        marker="m",
        rules=RULES,
        language="en",
        fits=lambda body: len(str(body)) < 5000,
        whole_follows=True,
    )
    assert draft.body[-1] == Sentence(
        "The text was cut here because it is too long; the whole of it is the last of the files."
    )


def test_a_text_that_is_too_long_for_a_file_as_well_stays_in_the_store() -> None:
    assert add_whole_text(LONG, (), most_bytes=49_999) == (LONG, ())


def test_what_cannot_be_written_as_utf8_stops_nothing() -> None:
    _, (file,) = add_whole_text(replace(REPORT, text="a\ud800b"), (), most_bytes=10)
    assert file.content == b"a?b"


@pytest.mark.parametrize("most", [3000, 5000, 20_000])
def test_as_much_of_the_text_is_kept_as_the_tracker_takes(most: int) -> None:
    draft = draft_issue(LONG, marker="m", rules=RULES, language="en", fits=lambda body: len(str(body)) < most)
    assert most - 100 < len(str(draft.body)) < most
    (text,) = [block.text for block in draft.body if isinstance(block, Foreign)]
    assert LONG.text.startswith(text)


def test_a_long_list_of_problems_gives_way_to_the_tracker_s_limit() -> None:
    many = replace(LONG, problems=tuple(f"probleem {number} {'x' * 100}" for number in range(60)))
    draft = draft_issue(many, marker="m", rules=RULES, language="en", fits=lambda body: len(str(body)) < 5000)
    assert len(str(draft.body)) < 5000
    assert any("probleem 2" in block.text for block in draft.body if isinstance(block, Sentence))
