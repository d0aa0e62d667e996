"""A notice as the bytes of a mail.

What comes from the reporter's own mail (his address, his Message-IDs) is hostile: it goes into a header
only when it has the plain shape that such a thing has.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from bot.domain.notices import Notice
from bot.errors import PermanentError

# RFC 5321 4.5.3.1 gives the lengths; quoted local parts and SMTPUTF8 are not supported.
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@(?=[^@]{1,253}\Z)"
    r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9][A-Za-z0-9-]{0,62})*"
)
_MESSAGE_ID = re.compile(r"<[!-;=?A-~]{1,200}@[!-;=?A-~]{1,200}>")
_MOST_REFERENCES = 20
_BY_A_ROBOT = (("Auto-Submitted", "auto-replied"), ("X-Auto-Response-Suppress", "All"))


def draft_mail(  # noqa: PLR0913 - a mail has this many parts, each named by the caller
    notice: Notice,
    *,
    sender: str,
    sender_name: str,
    recipient: str,
    message_id: str,
    in_reply_to: str | None,
    references: Sequence[str],
    now: datetime,
    automatic: bool,
) -> bytes:
    """Return the mail with CRLF line ends, 7-bit clean, the same bytes for the same values.

    `automatic` marks it as RFC 3834 section 5 asks, so that robots do not answer. `in_reply_to` and
    `references` are of the mail that is answered (RFC 5322 section 3.6.4); malformed ones are left out.
    An address, id or name that cannot stand in a header is a PermanentError, which never repeats it.
    """
    if now.utcoffset() is None:
        raise ValueError("now must carry its offset")
    head = [
        _header("To", _check(_ADDRESS, recipient, "the recipient's address")),
        _header("Message-ID", _check(_MESSAGE_ID, message_id, "the Message-ID")),
        *_thread(in_reply_to, references),
        _header("Date", format_datetime(now)),
        _header("Content-Language", ", ".join(notice.languages)),
        *([_header(*each) for each in _BY_A_ROBOT] if automatic else []),
    ]
    message = EmailMessage(SMTP)
    try:
        message["From"] = Address(sender_name, addr_spec=_check(_ADDRESS, sender, "the sender's address"))
        message["Subject"] = notice.subject
    except ValueError:
        raise PermanentError("The subject or the sender's name holds a line break") from None
    message.set_content(notice.body, charset="utf-8", cte="quoted-printable")
    return "".join(head).encode("ascii") + message.as_bytes()


def is_address(text: str) -> bool:
    """Tell whether a text is a mail address that can stand in a header as it is."""
    return _ADDRESS.fullmatch(text) is not None


def _thread(in_reply_to: str | None, references: Sequence[str]) -> list[str]:
    """Return the threading headers; of a long thread its beginning and its end are named."""
    parent = [each for each in [in_reply_to] if each and _MESSAGE_ID.fullmatch(each)]
    known = [each for each in references if _MESSAGE_ID.fullmatch(each) and each not in parent]
    thread = [*dict.fromkeys(known), *parent]
    if len(thread) > _MOST_REFERENCES:
        thread = [thread[0], *thread[1 - _MOST_REFERENCES :]]
    named = {"In-Reply-To": parent, "References": thread}
    return [_header(name, *ids) for name, ids in named.items() if ids]


def _header(name: str, *tokens: str) -> str:
    """Return one header, a token a line: the email package would encode a long token and so spoil it."""
    return f"{name}: " + "\r\n ".join(tokens) + "\r\n"


def _check(shape: re.Pattern[str], value: str, what: str) -> str:
    if not shape.fullmatch(value):
        raise PermanentError(f"A mail cannot be sent: {what} is not one that can stand in a header")
    return value
