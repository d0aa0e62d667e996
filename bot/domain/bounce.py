"""Delivery reports: which mail of ours did not arrive, and whether that is final (RFC 3464)."""

import re
from collections.abc import Iterator

from bot.domain.automatic import has_null_return_path
from bot.domain.mime_addresses import lower_domain, sender_of
from bot.domain.mime_headers import Headers, message_id_of, message_ids, parse_header_block
from bot.domain.mime_parts import Part
from bot.domain.submission import Bounce

STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
NAMED_RECIPIENT = re.compile(r"^<([^<>\s]{1,320})>:", re.MULTILINE)
ORIGINAL_ID = re.compile(r"^\s*message-id:(.{0,1000})", re.IGNORECASE | re.MULTILINE)
DAEMONS = {"mailer-daemon", "postmaster"}
BLOCKS_LIMIT = 100


def find_bounce(root: Part, text: str) -> Bounce | None:
    """Read a delivery report, by its RFC 3464 part or else by its null sender and a daemon's name."""
    if root.media_type in {"multipart/report", "message/delivery-status"}:
        reports = [part for part in root.walk() if part.media_type == "message/delivery-status"]
        if reports:
            return _from_report(reports[0], root, text)
    if has_null_return_path(root.headers) and _is_daemon(root.headers):
        return _from_words(root, text)
    return None


def _from_report(report: Part, root: Part, text: str) -> Bounce:
    recipients = [fields for fields in _blocks(report) if fields.first("status") or fields.first("action")]
    failed = [fields for fields in recipients if _action(fields) == "failed"]
    fields = next(iter(failed or recipients), Headers())
    status = STATUS.search(fields.first("status") or "")
    address = fields.first("final-recipient") or fields.first("original-recipient") or ""
    return Bounce(
        status=status[1] if status else None,
        recipient=lower_domain(address.rpartition(";")[2]) or None,
        permanent=bool(status and status[1].startswith("5") and _action(fields) in ("failed", "")),
        original_message_id=_original_id(root, text),
    )


def _from_words(root: Part, text: str) -> Bounce:
    status, named = STATUS.search(text[:20_000]), NAMED_RECIPIENT.search(text[:20_000])
    recipient = (root.headers.first("x-failed-recipients") or "").split(",")[0] or (named[1] if named else "")
    return Bounce(
        status=status[1] if status else None,
        recipient=lower_domain(recipient) or None,
        permanent=bool(status and status[1].startswith("5")),
        original_message_id=_original_id(root, text),
    )


def _blocks(report: Part) -> Iterator[Headers]:
    """Yield the field groups of a report: first of the message, then one for each recipient."""
    content, _ = report.content()
    position, count = 0, 0
    while position < len(content) and count < BLOCKS_LIMIT:
        block = parse_header_block(content, position)
        yield block.headers
        position, count = max(block.body_start, position + 1), count + 1


def _action(fields: Headers) -> str:
    return (fields.first("action") or "").strip().lower()


def _original_id(root: Part, text: str) -> str | None:
    for part in root.walk():
        if part.media_type == "text/rfc822-headers":
            return message_id_of(parse_header_block(part.content()[0]).headers)[0]
        if part.media_type == "message/rfc822" and part.children:
            return message_id_of(part.children[0].headers)[0]
    quoted = ORIGINAL_ID.search(text[:100_000])
    return next(iter(message_ids(quoted[1])), None) if quoted else None


def _is_daemon(headers: Headers) -> bool:
    value = (headers.first("from") or "").lower()
    sender, _ = sender_of(headers, ())
    local = sender[1].partition("@")[0].lower() if sender else value.strip().strip("<>").split(" ")[0]
    return local in DAEMONS or any(f"<{daemon}>" in value for daemon in DAEMONS)
