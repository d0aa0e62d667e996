"""The team's tracker: the issue of each report, its files and what the bot tells the team there.

A look-up happens only after an attempt whose outcome is unknown.
"""

from datetime import timedelta
from uuid import uuid4

from bot.domain.issue import CommentDraft, IssueLink, Sentence, draft_file_links, file_name
from bot.domain.outbox import (
    AddComment,
    CreateIssue,
    Delivery,
    LinkFiles,
    Order,
    SendMail,
    UploadFile,
)
from bot.errors import PermanentError, UnsettledError
from bot.log import get_log
from bot.ports import Bot, Consequence, IssueTracker
from bot.store_port import Transaction


def create_issue(bot: Bot, delivery: Delivery, order: CreateIssue) -> Consequence:
    """Create the report's issue exactly once, then queue its files behind it."""
    tracker = _tracker(bot, order.tracker)
    link = tracker.find_issue(order.draft.reference, order.draft.marker) if delivery.uncertain else None
    if link is None:
        _await_settling(bot, delivery, order.tracker)
        link = tracker.create_issue(order.draft)
    created = link

    def consequence(tx: Transaction) -> None:
        tx.reports.set_issue(delivery.report_id, created)
        facts = {"tracker": order.tracker, "issue": created.id}
        tx.events.append("issue-created", bot.now(), report_id=delivery.report_id, **facts)
        _queue_files(bot, tx, delivery, order.tracker)
        get_log().info("issue-created", reference=delivery.reference, url=created.url)

    return consequence


def _queue_files(bot: Bot, tx: Transaction, delivery: Delivery, tracker: str) -> None:
    uploads = [
        UploadFile(tracker, file.number, file_name(delivery.reference, file.number, file.suffix))
        for file in tx.reports.files(delivery.report_id)
    ]
    if uploads:
        orders = [Order(delivery.report_id, _files_lane(delivery), upload) for upload in uploads]
        tx.outbox.add([*orders, _link_order(delivery, tracker)], bot.now())


def upload_file(bot: Bot, delivery: Delivery, order: UploadFile) -> Consequence:
    """Upload one safe copy exactly once, as far as anybody can see."""
    with bot.store.begin() as tx:
        issue = _issue(tx, delivery)
        file = tx.reports.file(delivery.report_id, order.number)
    if file.content is None:
        raise PermanentError(f"the safe copy of file {order.number} is gone")
    tracker = _tracker(bot, order.tracker)
    found = tracker.find_upload(issue.id, order.name) if delivery.uncertain else None
    if found is None:
        _await_settling(bot, delivery, order.tracker)
    link = found or tracker.upload(issue.id, order.name, file.media_type, file.content)

    def consequence(tx: Transaction) -> None:
        tx.reports.set_uploaded(delivery.report_id, order.number, link)
        # The comment that links the files has gone out when this one was held and then tried again.
        if not tx.outbox.waits_in(_files_lane(delivery)):
            tx.outbox.add([_link_order(delivery, order.tracker)], bot.now())

    return consequence


def link_files(bot: Bot, delivery: Delivery, order: LinkFiles) -> Consequence:
    """Add the one internal comment that links the files which are up and not linked yet."""
    with bot.store.begin() as tx:
        links = tx.reports.unlinked(delivery.report_id)
    draft = draft_file_links(links, marker=order.marker, language=bot.settings.team.language)
    commented = add_comment(bot, delivery, AddComment(order.tracker, draft)) if links else _nothing

    def consequence(tx: Transaction) -> None:
        commented(tx)
        tx.reports.set_linked(delivery.report_id, links)
        tx.events.append("files-attached", bot.now(), report_id=delivery.report_id, count=len(links))
        get_log().info("files-attached", reference=delivery.reference, count=len(links))

    return consequence


def _files_lane(delivery: Delivery) -> str:
    return f"files:{delivery.reference}"


def _link_order(delivery: Delivery, tracker: str) -> Order:
    return Order(delivery.report_id, _files_lane(delivery), LinkFiles(tracker, f"meldpunt-{uuid4().hex}"))


def add_comment(bot: Bot, delivery: Delivery, order: AddComment) -> Consequence:
    """Add one internal comment exactly once."""
    tracker = _tracker(bot, order.tracker)
    with bot.store.begin() as tx:
        issue = _issue(tx, delivery)
    if not (delivery.uncertain and tracker.find_comment(issue.id, order.draft.marker)):
        _await_settling(bot, delivery, order.tracker)
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


def _await_settling(bot: Bot, delivery: Delivery, tracker: str) -> None:
    """Do not write again while the tracker may still be at work on an earlier call: it would be there twice."""
    if delivery.uncertain_since is None:
        return
    settled_at = delivery.uncertain_since + timedelta(seconds=bot.settings.trackers[tracker].settle_seconds)
    if bot.now() < settled_at:
        raise UnsettledError(
            "the tracker may still be at work on an earlier attempt", retry_after=settled_at - bot.now()
        )


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
