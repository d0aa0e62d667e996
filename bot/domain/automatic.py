"""Which mail a robot sent (RFC 3834), so that nobody answers a machine and no loop begins."""

import re
from collections.abc import Sequence

from bot.domain.mime_addresses import ADDRESS, belongs_to
from bot.domain.mime_headers import Headers
from bot.domain.mime_parts import Part

AUTO_SUBMITTED = {"auto-generated", "auto-replied", "auto-notified"}
ROBOT_PRECEDENCE = {"bulk", "junk", "list", "auto_reply"}
LIST_PRECEDENCE = {"bulk", "list"}
ANSWERING_MACHINES = ("x-autoreply", "x-autorespond", "x-auto-reply-from")
OUT_OF_OFFICE = re.compile(
    r"out of (?:the )?office|auto(?:matic|mated)?[ -]?(?:reply|response)|away from my mail|on vacation"
    r"|automatisch(?:e)? (?:antwoord|beantwoording)|afwezig|niet aanwezig|met vakantie|buiten kantoor",
    re.IGNORECASE,
)
READ_RECEIPT = "it is a read receipt"
LIST_NAME = re.compile(r"<([^<>]*)>")


def automatic_reason(root: Part, own_domains: Sequence[str]) -> str | None:
    """Say in plain words why a mail is a robot's, or None.

    A list of our own domains is transparent. `X-Auto-Response-Suppress` and `List-Unsubscribe` make
    nobody a robot: ordinary mail services set both.
    """
    headers = root.headers
    return (
        _submitted_by_itself(headers)
        or _machine_report(root)
        or _answering_machine(headers)
        or _foreign_list(headers, own_domains)
        or _precedence(headers, own_domains)
        or _out_of_office(headers)
    )


def is_robots_answer(root: Part) -> bool:
    """Tell whether a mail can only be a robot's answer to a mail of ours: a vacation notice or a read receipt.

    Lists, newsletters and generated mail are not: a finding may come through any of them.
    """
    replied = any("auto-replied" in value.lower() for value in root.headers.all("auto-submitted"))
    receipt = _machine_report(root) == READ_RECEIPT
    return bool(replied or receipt or _answering_machine(root.headers) or _out_of_office(root.headers))


def has_null_return_path(headers: Headers) -> bool:
    """Whether the envelope sender was empty, as RFC 5321 section 4.5.5 wants it of robots."""
    path = headers.first("return-path")
    return path is not None and path.strip() in ("<>", "")


def _submitted_by_itself(headers: Headers) -> str | None:
    for value in headers.all("auto-submitted"):
        word = value.split(";")[0].split("(")[0].strip().lower()
        if word and word != "no":
            shown = f" ({word})" if word in AUTO_SUBMITTED else ""
            return f"it says that no person sent it: Auto-Submitted{shown}"
    return None


def _machine_report(root: Part) -> str | None:
    if root.media_type == "message/disposition-notification":
        return READ_RECEIPT
    if root.media_type != "multipart/report":
        return None
    return {
        "disposition-notification": READ_RECEIPT,
        "delivery-status": "it is a delivery report",
        "feedback-report": "it is an abuse report of a mail service",
    }.get(root.params.get("report-type", "").lower(), "it is a machine's report")


def _answering_machine(headers: Headers) -> str | None:
    marked = any((headers.first(name) or "no").strip().lower() != "no" for name in ANSWERING_MACHINES)
    return "an answering machine wrote it" if marked else None


def _foreign_list(headers: Headers, own_domains: Sequence[str]) -> str | None:
    hosts = _list_hosts(headers)
    foreign = [host for host in hosts if not belongs_to(host, own_domains)]
    return "it came through a mailing list of others" if foreign else None


def _precedence(headers: Headers, own_domains: Sequence[str]) -> str | None:
    words = {value.strip().lower() for value in headers.all("precedence")} & ROBOT_PRECEDENCE
    hosts = _list_hosts(headers)
    if hosts and all(belongs_to(host, own_domains) for host in hosts):
        words -= LIST_PRECEDENCE
    return f"its precedence is {min(words)}" if words else None


def _out_of_office(headers: Headers) -> str | None:
    absent = has_null_return_path(headers) and OUT_OF_OFFICE.search(headers.line("subject"))
    return "it is an out-of-office answer" if absent else None


def _list_hosts(headers: Headers) -> list[str]:
    """The host names of all lists that a mail came through (RFC 2919); `List-Post` where no id is given."""
    ids = headers.all("list-id")
    if ids:
        return [match[1] if (match := LIST_NAME.search(value)) else value for value in ids]
    posts = headers.all("list-post")
    addresses = [address for value in posts for address in ADDRESS.findall(value.replace("mailto:", " "))]
    return [address.rpartition("@")[2] for address in addresses] or (["unknown"] if posts else [])
