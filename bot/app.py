"""The one place where adapters are chosen."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.adapters.child import ChildProcess
from bot.adapters.gitlab_fields import check_fields
from bot.adapters.gitlab_tracker import GitLabTracker
from bot.adapters.imap import ImapMailbox
from bot.adapters.mail_files import LocalMailFiles
from bot.adapters.mail_server import MailServer
from bot.adapters.maildir import MaildirMailbox
from bot.adapters.smtp import SmtpMailer
from bot.adapters.store.holder import own_holder
from bot.adapters.store.store import SqlStore
from bot.adapters.vault import Vault
from bot.domain.mime import parse_mail, warm_up
from bot.domain.routing import RoutingRules
from bot.domain.submission import Submission
from bot.domain.understanding import Reading, understand
from bot.domain.workdays import build_calendar
from bot.errors import SettingsError
from bot.health import Doors
from bot.mappings import Mappings, load_mappings
from bot.ports import Bot, IssueTracker, Mailbox, Mailer, MailFiles, Store
from bot.settings import Line, MailboxSettings, MailerSettings, Settings, TrackerSettings

# How long a bot may be silent before another takes its work over.
LEASE = timedelta(seconds=20)
# How long one mail and its files together may be read; what is left then stays sealed.
MAIL_SECONDS = 20


def utc_now() -> datetime:
    """Return the time of this machine in UTC."""
    return datetime.now(UTC)


def find_mappings(folder: Path) -> Mappings:
    """Load the mappings: a relative folder is looked for in the working folder, then beside the package."""
    beside = Path(__file__).resolve().parent.parent / folder
    return load_mappings(beside if not folder.is_dir() and beside.is_dir() else folder)


@contextmanager
def open_store(settings: Settings) -> Iterator[Store]:
    """Open the store alone, for commands that only look or decide."""
    vault = Vault(
        settings.keys_url or _beside(settings.database_url),
        secret_keys=settings.secret_keys,
        index_secret=settings.index_secret,
    )
    store = SqlStore(settings.database_url, vault=vault, holder=own_holder(), lease=LEASE)
    try:
        yield store
    finally:
        store.release()
        store.close()


def _beside(database_url: str) -> str:
    """Name the key database's default file: `meldpunt.db` gives `meldpunt-keys.db`."""
    stem, dot, suffix = database_url.rpartition(".")
    return f"{stem}-keys{dot}{suffix}" if dot and "/" not in suffix else f"{database_url}-keys"


def find_mail_files(path: Path, settings: Settings) -> MailFiles:
    """Give the mails in a file or folder, for `meldpunt import`; PermanentError when nothing is there."""
    return LocalMailFiles(path, max_size=settings.mailbox.max_size)


@contextmanager
def build_bot(settings: Settings, *, now: Callable[[], datetime] = utc_now) -> Iterator[Bot]:
    """Choose the adapters, open the store, and let everything go at the end; raises SettingsError."""
    if not settings.trackers:
        raise SettingsError(
            "environment",
            "MELDPUNT_TRACKERS__MAIN__KIND",
            "no tracker is set",
            "Write MELDPUNT_TRACKERS__MAIN__KIND=gitlab and __URL, __TOKEN and __PROJECT beside it.",
        )
    mappings = find_mappings(settings.mappings)
    hold_routes_to(settings.trackers, mappings.routing, place=str(settings.mappings / "routing.yaml"))
    with ExitStack() as stack:
        store = stack.enter_context(open_store(settings))
        child = ChildProcess(warm_up=warm_up)
        stack.callback(child.close)
        child.prepare()
        mailbox, mailer = _mailbox(settings.mailbox), _mailer(settings.mailer)
        trackers = {name: _tracker(name, tracker) for name, tracker in settings.trackers.items()}
        for door in (mailbox, mailer, *trackers.values()):
            if door is not None:
                stack.callback(door.close)
        reading = Reading(
            settings.mailbox.own_hosts,
            settings.own_domains,
            mappings.privacy,
            mappings.severity,
            mappings.routing,
        )
        yield Bot(
            settings=settings,
            mappings=mappings,
            calendar=build_calendar(mappings.workdays),
            calendars={name: build_calendar(mappings.workdays, name) for name in mappings.workdays.calendars},
            store=store,
            mailbox=mailbox,
            mailer=mailer,
            trackers=trackers,
            understand=lambda raw, alias: understand(raw, alias, reading, run=child.within(MAIL_SECONDS)),
            now=now,
            doors=Doors(),
            lease=LEASE,
        )


def hold_routes_to(trackers: Mapping[str, TrackerSettings], routing: RoutingRules, *, place: str) -> None:
    """Refuse a route to a tracker that is not set, or with a field that it cannot take; SettingsError."""
    for key, destination in routing.destinations.items():
        name = destination.tracker or next(iter(trackers))
        if name not in trackers:
            mend = f"Use one of: {', '.join(trackers)}; or write MELDPUNT_TRACKERS__{name.upper()}__KIND"
            raise SettingsError(place, f"{key}.tracker", f'no tracker "{name}" is set', mend)
        if trackers[name].kind == "gitlab" and (found := check_fields(destination.fields)):
            field, problem = found
            mend = f"Mend it, or take it out: the tracker {name} is a GitLab"
            raise SettingsError(place, f"{key}.fields.{field}", problem, mend)


def _mailbox(settings: MailboxSettings) -> Mailbox | None:
    if settings.kind == "imap" and settings.host:
        return ImapMailbox(
            _server(settings),
            folders=settings.folders,
            taken=settings.taken,
            taken_folder=settings.taken_folder,
            max_size=settings.max_size,
        )
    if settings.kind == "maildir" and settings.path:
        return MaildirMailbox(
            settings.path,
            folders=settings.folders,
            taken=settings.taken,
            taken_folder=settings.taken_folder,
            max_size=settings.max_size,
        )
    return None


def _mailer(settings: MailerSettings) -> Mailer | None:
    return SmtpMailer(_server(settings)) if settings.host else None


def _server(line: Line) -> MailServer:
    return MailServer(line.host or "", line.port, line.security, line.username, line.password)


def _tracker(name: str, settings: TrackerSettings) -> IssueTracker:
    return GitLabTracker(name=name, url=settings.url, token=settings.token, project=settings.project)


@contextmanager
def open_reader() -> Iterator[Callable[[bytes], Submission]]:
    """Give a function that parses mails in a child process, for `meldpunt parse`."""
    child = ChildProcess()
    try:
        yield lambda raw: child.run(parse_mail, raw)
    finally:
        child.close()
