"""The one place where adapters are chosen."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from bot.adapters.child import ChildProcess
from bot.adapters.gitlab_fields import check_fields
from bot.adapters.gitlab_tracker import GitLabTracker
from bot.adapters.imap import ImapMailbox
from bot.adapters.jira_tracker import JiraTracker
from bot.adapters.mail_files import LocalMailFiles
from bot.adapters.mail_server import MailServer
from bot.adapters.maildir import MaildirMailbox
from bot.adapters.oauth import RenewedTokens
from bot.adapters.oauth_answers import Asker, LineName
from bot.adapters.oauth_google import GoogleTokens
from bot.adapters.oauth_kept import KeptLogin
from bot.adapters.oauth_login import OAuthLogin
from bot.adapters.oauth_microsoft import MicrosoftTokens
from bot.adapters.oauth_redirect import PastedRedirect, listening
from bot.adapters.smtp import SmtpMailer
from bot.adapters.store.holder import own_holder
from bot.adapters.store.store import SqlStore
from bot.adapters.vault import Vault
from bot.adapters.xoauth2 import TokenSource
from bot.domain.mime import parse_mail, warm_up
from bot.domain.routing import Destination, RoutingRules
from bot.domain.submission import Submission
from bot.domain.understanding import Reading, understand
from bot.domain.workdays import build_calendar
from bot.errors import SettingsError
from bot.health import Doors
from bot.mappings import Mappings, load_mappings
from bot.ports import Bot, IssueTracker, LoginDesk, Mailbox, Mailer, MailFiles
from bot.settings import Line, MailboxSettings, MailerSettings, Settings, TrackerSettings
from bot.store_port import Store

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
def open_store(settings: Settings, *, now: Callable[[], datetime] = utc_now) -> Iterator[Store]:
    """Open the store alone, for commands that only look or decide."""
    main, keys = settings.database_url.get_secret_value(), settings.keys_address
    vault = Vault(keys, secret_keys=settings.secret_keys, index_secret=settings.index_secret)
    store = SqlStore(main, vault=vault, holder=own_holder(), lease=LEASE, clock=now)
    try:
        yield store
    finally:
        store.release()
        store.close()


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
        store = stack.enter_context(open_store(settings, now=now))
        child = ChildProcess(warm_up=warm_up)
        stack.callback(child.close)
        child.prepare()
        mailbox = _mailbox(settings.mailbox, _tokens("mailbox", settings.mailbox, store, now))
        mailer = _mailer(settings.mailer, _tokens("mailer", settings.mailer, store, now))
        led = lead_to(settings.trackers, mappings.routing)
        trackers = {name: _tracker(name, tracker, led[name]) for name, tracker in settings.trackers.items()}
        for door in (mailbox, mailer, *trackers.values()):
            if door is not None:
                stack.callback(door.close)
        # Trackers keep a client and a line for each thread: these threads stay as long as the bot does.
        workers = stack.enter_context(ThreadPoolExecutor(settings.workers, "deliver"))
        reading = Reading(
            settings.mailbox.own_hosts,
            settings.own_domains,
            mappings.privacy,
            mappings.severity,
            mappings.routing,
            settings.team.language,
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
            understand=lambda arrival, alias: understand(
                arrival, alias, reading, run=child.within(MAIL_SECONDS)
            ),
            now=now,
            doors=Doors(),
            workers=workers,
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


def _mailbox(settings: MailboxSettings, tokens: TokenSource | None) -> Mailbox | None:
    if settings.kind == "imap" and settings.host:
        return ImapMailbox(
            _server(settings, tokens),
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


def _mailer(settings: MailerSettings, tokens: TokenSource | None) -> Mailer | None:
    return SmtpMailer(_server(settings, tokens)) if settings.host else None


def _server(line: Line, tokens: TokenSource | None) -> MailServer:
    return MailServer(line.host or "", line.port, line.security, line.username, line.password, tokens=tokens)


def _tokens(name: LineName, line: Line, store: Store, now: Callable[[], datetime]) -> TokenSource | None:
    """Return where the tokens of a line come from; None where it has a password."""
    asker = _asker(name, line)
    if asker is None:
        return None
    if asker.oauth.without_person:
        return RenewedTokens(MicrosoftTokens(asker).for_application, now=now)
    return RenewedTokens(_kept_login(asker, store, now).renew, now=now)


def _asker(name: LineName, line: Line) -> Asker | None:
    return Asker(name, line.username or "", line.oauth) if line.oauth else None


def _kept_login(asker: Asker, store: Store, now: Callable[[], datetime]) -> KeptLogin:
    provider = MicrosoftTokens(asker) if asker.oauth.provider == "microsoft" else GoogleTokens(asker)
    return KeptLogin(asker, store, provider.for_person, now=now)


@contextmanager
def open_login(
    settings: Settings, name: LineName, *, ask_address: Callable[[], str] | None
) -> Iterator[LoginDesk]:
    """Give the desk where a person logs in for one line.

    `ask_address` reads one line from a person whose browser is on another machine; None listens instead.
    Raises SettingsError for a line where nobody needs to.
    """
    line = {"mailbox": settings.mailbox, "mailer": settings.mailer}[name]
    asker = _asker(name, line)
    if asker is None or asker.oauth.without_person:
        raise _no_login(name, asker)
    with ExitStack() as stack:
        if asker.oauth.provider == "microsoft":
            ask = partial(MicrosoftTokens(asker).log_in, _lines_of(settings, asker))
        else:
            redirect = PastedRedirect(ask_address) if ask_address else stack.enter_context(listening())
            ask = partial(GoogleTokens(asker).log_in, redirect)
        kept = _kept_login(asker, stack.enter_context(open_store(settings)), utc_now)
        yield OAuthLogin(asker, _server(line, None), kept, ask)


def _lines_of(settings: Settings, asker: Asker) -> list[LineName]:
    """Return the lines that live by the same login, so that a person logs in once for both."""
    both: dict[LineName, Line] = {"mailbox": settings.mailbox, "mailer": settings.mailer}
    askers = [_asker(name, line) for name, line in both.items()]
    return [each.line for each in askers if each is not None and each.account == asker.account]


def _no_login(name: LineName, asker: Asker | None) -> SettingsError:
    key = f"MELDPUNT_{name.upper()}__OAUTH__"
    if asker is None:
        return SettingsError("settings", f"{key}PROVIDER", "is not set", "Write microsoft or google.")
    problem = "lets the application log in by itself, so nobody needs to"
    return SettingsError("settings", f"{key}CLIENT_SECRET", problem, "`meldpunt check --online` tries it.")


def lead_to(trackers: Iterable[str], routing: RoutingRules) -> Mapping[str, Sequence[Destination]]:
    """Return every destination of mappings/routing.yaml by the tracker that it leads to."""
    first, *_ = names = [*trackers]
    found = routing.destinations.values()
    return {name: [each for each in found if (each.tracker or first) == name] for name in names}


def _tracker(name: str, settings: TrackerSettings, led: Sequence[Destination]) -> IssueTracker:
    if settings.kind == "jira" and settings.deployment:
        return JiraTracker(
            name=name,
            url=settings.url,
            token=settings.token,
            project=settings.project,
            deployment=settings.deployment,
            username=settings.username,
            issue_type=settings.issue_type,
            security_level=settings.security_level,
            private_project=settings.private_project,
            fields_set=set[str]().union(*(each.fields for each in led)),
            always_set=set(led[0].fields).intersection(*(each.fields for each in led)) if led else (),
            priorities_set=set[str]().union(*(each.priorities.values() for each in led)),
        )
    return GitLabTracker(name=name, url=settings.url, token=settings.token, project=settings.project)


@contextmanager
def open_reader() -> Iterator[Callable[[bytes], Submission]]:
    """Give a function that parses mails in a child process, for `meldpunt parse`."""
    child = ChildProcess()
    try:
        yield lambda raw: child.run(parse_mail, raw)
    finally:
        child.close()
