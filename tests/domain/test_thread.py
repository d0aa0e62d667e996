from dataclasses import replace

import pytest

from bot.domain.submission import Bounce, Kind, Submission
from bot.domain.thread import Recognition, recognise

DESK = "security@example.nl"
FROM_JAN = Submission(from_address="jan@example.org", subject="XSS in the search page")
ROBOT = "it says that no person sent it: Auto-Submitted (auto-generated)"
AUTOMATIC = replace(FROM_JAN, automatic=ROBOT)
ANSWER = replace(AUTOMATIC, answered_by_robot=True)
BOUNCED = replace(
    FROM_JAN, bounce=Bounce("5.1.1", "jan@example.org", permanent=True, original_message_id=None)
)


@pytest.mark.parametrize(
    ("submission", "recognition"),
    [
        (FROM_JAN, Recognition(Kind.REPORT)),
        (Submission(), Recognition(Kind.REPORT, no_receipt="the mail names no sender")),
        (
            replace(FROM_JAN, from_address="Security@Example.NL"),
            Recognition(Kind.REPORT, no_receipt="it comes from the desk's own address"),
        ),
        (AUTOMATIC, Recognition(Kind.REPORT, no_receipt=ROBOT)),
        (ANSWER, Recognition(Kind.AUTOMATIC, ROBOT)),
        (BOUNCED, Recognition(Kind.BOUNCE, "says that a mail could not be delivered")),
        (replace(BOUNCED, answered_by_robot=True), recognise(BOUNCED, own_addresses=())),
    ],
)
def test_every_message_has_one_outcome_and_its_reason(
    submission: Submission, recognition: Recognition
) -> None:
    assert recognise(submission, own_addresses={DESK}) == recognition


@pytest.mark.parametrize("submission", [FROM_JAN, AUTOMATIC, ANSWER, BOUNCED, Submission()])
def test_what_a_person_calls_a_report_is_one(submission: Submission) -> None:
    recognition = recognise(submission, own_addresses={DESK}, as_report=True)
    assert (recognition.kind, recognition.reason) == (Kind.REPORT, None)


@pytest.mark.parametrize("submission", [AUTOMATIC, ANSWER, BOUNCED, Submission()])
def test_a_person_can_make_a_robot_s_mail_a_report_but_it_still_gets_no_receipt(
    submission: Submission,
) -> None:
    assert recognise(submission, own_addresses=(), as_report=True).no_receipt is not None


def test_a_mail_that_quotes_the_desk_as_its_subject_is_no_mail_of_the_desk() -> None:
    forged = replace(FROM_JAN, from_name=DESK, reply_to=DESK)
    assert recognise(forged, own_addresses={DESK}) == Recognition(Kind.REPORT)
