"""What an inbound message is, and whether a receipt may answer it (policy promise P1).

Replies, colleagues and suspects are told apart once the desk converses; until then whatever may hold a
finding becomes a report, for a lost report is worse than a needless one.
"""

from collections.abc import Collection
from dataclasses import dataclass

from bot.domain.submission import Kind, Submission


@dataclass(frozen=True, slots=True)
class Recognition:
    """The one outcome of a message; `reason` says why it is no report.

    `no_receipt` says why a report gets no receipt, None when it gets one.
    """

    kind: Kind
    reason: str | None = None
    no_receipt: str | None = None


def recognise(
    submission: Submission, *, own_addresses: Collection[str], as_report: bool = False
) -> Recognition:
    """Decide the outcome of a message that could be read; `as_report` is a person's word that it is one.

    A bounce and a robot's answer can only follow mail of ours and are filed without an issue. Lists and
    other automatic mail may carry a finding: they become reports, but nothing automatic is answered
    (RFC 3834, section 2).
    """
    if not as_report and submission.bounce is not None:
        return Recognition(Kind.BOUNCE, "says that a mail could not be delivered")
    if not as_report and submission.answered_by_robot:
        return Recognition(Kind.AUTOMATIC, submission.automatic)
    return Recognition(Kind.REPORT, no_receipt=_no_receipt(submission, own_addresses))


def _no_receipt(submission: Submission, own_addresses: Collection[str]) -> str | None:
    if submission.from_address is None:
        return "the mail names no sender"
    if submission.from_address.lower() in own_addresses:
        return "it comes from the desk's own address"
    if submission.bounce is not None:
        return "it says that a mail could not be delivered"
    return submission.automatic
