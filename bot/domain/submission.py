"""What arrived, as understood from the raw bytes and before the desk decides anything.

A `Submission` holds personal data and hostile text. It never reaches a tracker: `domain.report`
holds what may.
"""

import hashlib
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """The seven outcomes of an inbound message; each message has exactly one (policy promise P1)."""

    REPORT = "report"
    REPLY = "reply"
    COLLEAGUE = "colleague"
    BOUNCE = "bounce"
    AUTOMATIC = "automatic"
    SUSPECT = "suspect"
    HELD = "held"


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file of a submission as the sender sent it; name and media type are the sender's words."""

    name: str
    media_type: str
    content: bytes

    @property
    def size(self) -> int:
        """Length of the decoded content in bytes."""
        return len(self.content)

    @property
    def sha256(self) -> str:
        """Lower-case hex digest of the decoded content."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a delivery status notification says (RFC 3464)."""

    status: str | None
    recipient: str | None
    permanent: bool
    original_message_id: str | None


@dataclass(frozen=True, slots=True)
class Submission:
    """One inbound message, parsed; every absent thing is None or empty, never guessed.

    `language` is an ISO 639-1 code, or None when unsure. `automatic` says in plain words why this
    looks like a robot's mail (RFC 3834), or is None; `answered_by_robot` says that it can only be the answer
    of a robot to a mail of ours (vacation, read receipt). `problems` names each cut and each defect, and
    holds no text of the mail. `own_received_at` is the UTC time of the topmost `Received` stamp of a
    host of ours, or None; `origin_ips` are the public IP addresses that the mail was sent from. `text` is
    all of the text; `new_text` (with the `signature` block in it) and `quoted_text` are its two halves.
    `reply_to` is the addresses of Reply-To with commas between.
    `asset`, `category`, `steps` and `cvss` are what a form asked for by itself; they stand in `text` too.
    `encrypted` and `signed` say what the mail looks like; nothing was opened or checked.
    """

    from_address: str | None = None
    from_name: str | None = None
    reply_to: str | None = None
    recipients: tuple[str, ...] = ()
    subject: str = ""
    text: str = ""
    new_text: str = ""
    quoted_text: str = ""
    signature: str = ""
    language: str | None = None
    attachments: tuple[Attachment, ...] = ()
    message_id: str | None = None
    references: tuple[str, ...] = ()
    own_received_at: datetime | None = None
    origin_ips: tuple[str, ...] = ()
    encrypted: bool | None = None
    signed: bool | None = None
    authenticated: bool | None = None
    automatic: str | None = None
    answered_by_robot: bool = False
    bounce: Bounce | None = None
    asset: str | None = None
    category: str | None = None
    steps: str | None = None
    cvss: str | None = None
    problems: tuple[str, ...] = ()


def submission_json(submission: Submission, kind: Kind) -> dict[str, Any]:
    """Lay a submission out as plain JSON values for `meldpunt parse --json`; null is "not known"."""
    return {
        "kind": kind.value,
        "from": submission.from_address,
        "from_name": submission.from_name,
        "subject": submission.subject,
        "text": submission.text,
        "language": submission.language,
        "new_text": submission.new_text,
        "quoted_text": submission.quoted_text,
        "attachments": [
            {"name": file.name, "media_type": file.media_type, "size": file.size, "sha256": file.sha256}
            for file in submission.attachments
        ],
        "message_id": submission.message_id,
        "references": list(submission.references),
        "encrypted": submission.encrypted,
        "signed": submission.signed,
        "authenticated": submission.authenticated,
        "bounce": asdict(submission.bounce) if submission.bounce else None,
        "problems": list(submission.problems),
    }
