"""Notices to the reporter: drafted once, stored whole with their Message-ID, then sent as they were stored."""

import secrets

from bot.domain.notices import NoticeFacts, NoticeKind, languages_for
from bot.domain.outbox import Delivery, Order, SendMail
from bot.domain.outgoing import draft_mail
from bot.domain.report import Report, Status
from bot.domain.submission import Submission
from bot.errors import PermanentError, TransientError
from bot.log import get_log
from bot.ports import Bot, Consequence
from bot.render import draft_notice
from bot.store_port import Transaction


def draft_receipt(bot: Bot, report: Report, submission: Submission) -> Order | str:
    """Draft the receipt of a report whole, as an order, or return why it is withheld.

    It answers the `From` address: a `Reply-To` may be anybody's.
    """
    settings = bot.settings
    if bot.mailer is None or settings.sender is None:
        return "no mail server is set (MELDPUNT_MAILER__HOST and MELDPUNT_TEAM__ADDRESS)"
    message_id = f"<{secrets.token_hex(16)}@{settings.sender.rpartition('@')[2]}>"
    recipient = submission.from_address or ""
    try:
        message = draft_mail(
            draft_notice(NoticeKind.RECEIPT, languages_for(report.language), _facts(bot, report)),
            sender=settings.sender,
            sender_name=settings.team.name,
            recipient=recipient,
            message_id=message_id,
            in_reply_to=submission.message_id,
            references=submission.references,
            now=bot.now(),
            automatic=True,
        )
    except PermanentError as error:
        return str(error)
    order = SendMail(NoticeKind.RECEIPT, settings.sender, recipient, message_id, message)
    return Order(report.id, f"mail:{report.reference}", order)


def _facts(bot: Bot, report: Report) -> NoticeFacts:
    return NoticeFacts(
        reference=report.reference,
        received_at=report.received_at,
        answer_due_on=report.due_on,
        organisation=bot.settings.organisation,
        team_name=bot.settings.team.name,
        policy_url=bot.settings.policy_link,
        zone=bot.calendar.zone,
    )


def send_mail(bot: Bot, delivery: Delivery, order: SendMail) -> Consequence:
    """Send one stored notice; after an unknown outcome it goes again with the same Message-ID (at least once)."""
    if bot.mailer is None:
        raise TransientError("no mail server is set; write MELDPUNT_MAILER__HOST")
    reply = bot.mailer.send(order.message, sender=order.sender, recipient=order.recipient)

    def consequence(tx: Transaction) -> None:
        if order.kind == NoticeKind.RECEIPT:
            tx.reports.set_status(delivery.report_id, Status.ACKNOWLEDGED)
        evidence = {"message_id": order.message_id, "reply": reply}
        tx.events.append(
            "notice-sent", bot.now(), report_id=delivery.report_id, notice=order.kind, **evidence
        )
        get_log().info("notice-sent", reference=delivery.reference, kind=order.kind)

    return consequence
