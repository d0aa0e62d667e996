"""How mails are understood, for a person who wants to see it before he trusts it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from bot.domain.mime import parse_headers_only
from bot.domain.submission import Kind, Submission, submission_json
from bot.domain.thread import recognise
from bot.errors import PermanentError, UnreadableError


def parse_files(path: Path, parse: Callable[[bytes], Submission]) -> Iterator[Mapping[str, object]]:
    """Yield one plain value a file, in the order of their names; never stops at one.

    `parse` runs in the child process; a mail that kills it comes as held with what its headers said.
    """
    if not path.exists():
        raise PermanentError(f"{path}: no such file or folder")
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    for file in files:
        yield {"file": str(file), **_parse(file, parse)}


def _parse(file: Path, parse: Callable[[bytes], Submission]) -> Mapping[str, object]:
    try:
        raw = file.read_bytes()
    except OSError as error:
        return submission_json(
            Submission(problems=(f"the file cannot be read ({error.strerror})",)), Kind.HELD
        )
    try:
        submission = parse(raw)
    except UnreadableError as error:
        known = parse_headers_only(raw)
        return submission_json(replace(known, problems=(str(error), *known.problems)), Kind.HELD)
    return submission_json(submission, recognise(submission, own_addresses=()).kind)
