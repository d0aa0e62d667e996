"""The team's tracker: the issue of each report, its files and what the bot tells the team there.

A look-up happens only after an attempt whose outcome is unknown.
"""

from uuid import uuid4

from bot.domain.issue import CommentDraft, IssueLink, Sentence, draft_file_links, file_name
from bot.domain.outbox import (
    AddComment,
    CreateIssue,
    Delivery,
    LinkFiles,
    Order,
    Payload,
    SendMail,
    UploadFile,
)
from bot.errors import PermanentError
from bot.log import get_log
from bot.ports import Bot, Consequence, IssueTracker, Transaction


def create_issue(bot: Bot, delivery: Delivery, order: CreateIssue) -> Consequence:
    """Create the report's issue exactly once, then queue its files behind it."""
    tracker = _tracker(bot, order.tracker)
    found = tracker.find_issue(order.draft.reference, order.draft.marker) if delivery.uncertain else None
    link = found or tracker.create_issue(order.draft)

    def consequence(tx: Transaction) -> None:
        tx.reports.set_issue(delivery.report_id, link)
        tx.events.append(
            "issue-created", bot.now(), report_id=delivery.report_id, tracker=order.tracker, issue=link.id
        )
        _queue_files(bot, tx, delivery, order.tracker)
        get_log().info("issue-created", reference=delivery.reference, url=link.url)

    return consequence


def _queue_files(bot: Bot, tx: Transaction, delivery: Delivery, tracker: str) -> None:
    files = tx.reports.files(delivery.report_id)
    if not files:
        return
    lane = f"files:{delivery.reference}"
    uploads = [
        UploadFile(tracker, file.number, file_name(delivery.reference, file.number, file.suffix))
        for file in files
    ]
    link: Payload = LinkFiles(tracker, f"meldpunt-{uuid4().hex}")
    tx.outbox.add([Order(delivery.report_id, lane, payload) for payload in (*uploads, link)], bot.now())


def upload_file(bot: Bot, delivery: Delivery, order: UploadFile) -> Consequence:
    """Upload one safe copy; a second copy after an unknown outcome is never linked, so no one sees two."""
    with bot.store.begin() as tx:
        issue = _issue(tx, delivery)
        file = tx.reports.file(delivery.report_id, order.number)
    if file.content is None:
        raise PermanentError(f"the safe copy of file {order.number} is gone")
    link = _tracker(bot, order.tracker).upload(issue.id, order.name, file.media_type, file.content)

    def consequence(tx: Transaction) -> None:
        tx.reports.set_uploaded(delivery.report_id, order.number, link)

    return consequence


def link_files(bot: Bot, delivery: Delivery, order: LinkFiles) -> Consequence:
    """Add the one internal comment that links all uploaded files."""
    with bot.store.begin() as tx:
        links = tx.reports.uploaded(delivery.report_id)
    draft = draft_file_links(links, marker=order.marker, language=bot.settings.team.language)
    consequence = add_comment(bot, delivery, AddComment(order.tracker, draft)) if links else _nothing

    def with_event(tx: Transaction) -> None:
        consequence(tx)
        tx.events.append("files-attached", bot.now(), report_id=delivery.report_id, count=len(links))
        get_log().info("files-attached", reference=delivery.reference, count=len(links))

    return with_event


def add_comment(bot: Bot, delivery: Delivery, order: AddComment) -> Consequence:
    """Add one internal comment exactly once."""
    tracker = _tracker(bot, order.tracker)
    with bot.store.begin() as tx:
        issue = _issue(tx, delivery)
    if not (delivery.uncertain and tracker.find_comment(issue.id, order.draft.marker)):
        tracker.add_comment(issue.id, order.draft)
    return _nothing


def queue_warning(bot: Bot, tx: Transaction, delivery: Delivery, reason: str) -> None:
    """Tell the team in the issue that a delivery is held; what the issue itself refuses shows in the outbox only."""
    name = {
        SendMail: "A mail to the reporter",
        UploadFile: "An attachment",
        LinkFiles: "The list of attachments",
    }.get(type(delivery.payload))
    if name is None:
        return
    words = Sentence(f"{name} could not be delivered: {reason}. It is held: see `meldpunt outbox list`.")
    tracker = tx.reports.get(delivery.reference).tracker
    comment = AddComment(tracker, CommentDraft(f"meldpunt-{uuid4().hex}", (words,)))
    tx.outbox.add([Order(delivery.report_id, f"issue:{delivery.reference}", comment)], bot.now())


def _nothing(_: Transaction) -> None:
    """Write nothing else."""


def _tracker(bot: Bot, name: str) -> IssueTracker:
    if name not in bot.trackers:
        raise PermanentError(
            f"no tracker is named `{name}` in the settings any more; set MELDPUNT_TRACKERS__{name.upper()}__*"
        )
    return bot.trackers[name]


def _issue(tx: Transaction, delivery: Delivery) -> IssueLink:
    link = tx.reports.issue(delivery.report_id)
    if link is None:
        raise PermanentError("the report has no issue yet")
    return link
