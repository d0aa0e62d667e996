"""Many reports at once, and the proof that each of them went all the way exactly once."""

import re
from collections import Counter

from tests.builders import PIXEL, mail
from tests.rigs.trackers import SeenIssue, Town


def report_mail(number: int) -> bytes:
    """Every third mail has two attachments; each has a sender and a word of its own."""
    files = (
        ((f"s{number}.png", "image/png", PIXEL), (f"l{number}.txt", "text/plain", b"GET /\n"))
        if number % 3 == 0
        else ()
    )
    return mail(
        sender=f"Melder {number} <melder{number}@example.org>",
        subject=f"Lek nummer {number:03}",
        message_id=f"<melding-{number}@example.org>",
        files=files,
    )


def check_all_are_there(town: Town, mails: int, seed: str) -> None:
    """See that each report has one hidden issue, its files each once, and receipts of one Message-ID."""
    issues = town.issues()
    assert Counter(map(_number, issues)) == Counter(range(mails)), seed
    for issue in issues:
        number, reference = _number(issue), re.findall(r"\[(CVD-[\d-]+)\]", issue.title)[0]
        assert issue.hidden, (seed, number)
        expected = [f"{reference}-1.png", f"{reference}-2.txt"] if number % 3 == 0 else []
        assert town.files(issue.id) == expected, (seed, number)
    receipts: dict[str, set[str]] = {}
    for receipt in town.sandbox.mails():
        receipts.setdefault(receipt["recipients"][0], set()).add(receipt["message_id"])
    assert sorted(receipts) == sorted(f"melder{number}@example.org" for number in range(mails)), seed
    assert all(len(ids) == 1 for ids in receipts.values()), seed


def _number(issue: SeenIssue) -> int:
    return int(re.findall(r"nummer (\d+)", issue.title)[0])
