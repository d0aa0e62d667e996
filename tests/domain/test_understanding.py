"""A mail is understood in steps, and a file that takes its reader down does not take the report along."""

from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from bot.domain.inbox import Arrival
from bot.domain.privacy import safe_file
from bot.domain.submission import Attachment
from bot.domain.understanding import Reading, understand
from bot.errors import UnreadableError
from bot.mappings import load_mappings
from tests.builders import FINDING, PIXEL, SENDER, mail
from tests.rigs.stores import arrival

P = ParamSpec("P")
R = TypeVar("R")
MAPPINGS = load_mappings(Path("mappings"))
READING = Reading((), ("example.nl",), MAPPINGS.privacy, MAPPINGS.severity)
FILES = (
    ("1.png", "image/png", PIXEL),
    ("2.png", "image/png", PIXEL + b"slow"),
    ("3.txt", "text/plain", b"log"),
)


def arrived(*, sender: str = SENDER, files: tuple[tuple[str, str, bytes], ...] = ()) -> Arrival:
    return arrival(raw=mail(sender=sender, files=files))


def too_slow_for_one(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Stands for a child process that gives up on one file."""
    if any(isinstance(arg, Attachment) and arg.content.endswith(b"slow") for arg in args):
        raise UnreadableError("took longer than 20 s")
    return function(*args, **kwargs)


def test_a_file_that_takes_too_long_stays_sealed_with_those_behind_it_and_the_report_is_whole() -> None:
    whole = understand(arrived(files=FILES), "reporter-1", READING)
    spared = understand(arrived(files=FILES), "reporter-1", READING, run=too_slow_for_one)
    assert spared.text == whole.text
    assert spared.text.strip() == FINDING.strip()
    assert (spared.title, spared.suggestion) == (whole.title, whole.suggestion)
    assert spared.files[0] == whole.files[0]
    assert [file.content is None for file in spared.files] == [False, True, True]
    assert [file.reason for file in spared.files[1:]] == [
        "no safe copy could be made (took longer than 20 s)",
        "no safe copy could be made of a file before it",
    ]
    assert [(file.number, file.media_type, file.size) for file in spared.files] == [
        (file.number, file.media_type, file.size) for file in whole.files
    ]


def test_a_mail_without_files_is_one_task() -> None:
    tasks: list[object] = []

    def run(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        tasks.append(function)
        return function(*args, **kwargs)

    understand(arrived(), "reporter-1", READING, run=run)
    assert len(tasks) == 1
    understand(arrived(files=FILES), "reporter-1", READING, run=run)
    assert tasks[2:] == [safe_file] * 3


def test_copies_that_grow_too_large_stay_sealed_one_by_one_and_all_together() -> None:
    log = b"x" * 3000
    files = tuple((f"{number}.txt", "text/plain", log) for number in range(3))
    tight = MAPPINGS.privacy.model_copy(update={"max_total_bytes": 7000})
    reading = Reading((), ("example.nl",), tight, MAPPINGS.severity)
    copies = understand(arrived(files=files), "reporter-1", reading).files
    assert [file.content is None for file in copies] == [False, False, True]
    assert copies[2].reason == "the copies of one mail may have 7000 bytes in all"
    tiny = MAPPINGS.privacy.model_copy(update={"max_bytes": 10})
    (grown,) = understand(
        arrived(files=(("1.txt", "text/plain", b"van Joris"),), sender="Joris <j@example.org>"),
        "reporter-0123abcd",
        Reading((), ("example.nl",), tiny, MAPPINGS.severity),
    ).files
    assert (grown.content, grown.reason) == (None, "its safe copy is larger than 10 bytes")
