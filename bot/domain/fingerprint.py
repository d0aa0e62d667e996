"""Whether two mails are one: the same mail comes again when it changes folder or a folder is made anew."""

import hashlib
import json

from bot.domain.inbox import Arrival
from bot.domain.mime_headers import parse_header_block

# What tells one mail of a sender from his next.
IDENTITY = ("message-id", "date")
# What else the sender wrote above the text, and how the text is to be read. Servers add and change other
# headers when they move a mail.
WRITTEN = (
    "from",
    "reply-to",
    "to",
    "cc",
    "subject",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
)


def fingerprint(arrival: Arrival) -> str | None:
    """Return one and the same SHA-256 (hex) for the same mail wherever it lies, another for any other mail.

    None when it has neither Message-ID nor Date: then nothing tells the same mail from a second one that says
    the same; and None for what came by form, whose own door keeps it from coming twice. Line ends do not
    count: a Maildir has LF where IMAP gives CRLF. Of a mail that was fetched in part, the part and the size
    count.
    """
    if arrival.origin.is_form:
        return None
    block = parse_header_block(arrival.raw)
    identity = [block.headers.all(name) for name in IDENTITY]
    if not any(value for values in identity for value in values):
        return None
    written = [block.headers.all(name) for name in WRITTEN]
    facts = json.dumps([identity, written, arrival.size if arrival.truncated else None])
    digest = hashlib.sha256(facts.encode() + b"\n")
    digest.update(arrival.raw[block.body_start :].replace(b"\r\n", b"\n"))
    return digest.hexdigest()
