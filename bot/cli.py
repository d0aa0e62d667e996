"""The commands of `meldpunt`; each body is a few lines and calls one service.

Exit codes: 0 done, 1 something is held or postponed, 2 settings or arguments are wrong.
"""

import io
import sys
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bot.errors import MeldpuntError, SettingsError

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from bot.ports import Bot
    from bot.settings import Settings
    from bot.store_port import Store

app = typer.Typer(
    name="meldpunt",
    help="The bot that runs a vulnerability disclosure desk.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
report_app = typer.Typer(help="Look at reports.", no_args_is_help=True)
inbox_app = typer.Typer(help="Look at what came in, and decide about what is held.", no_args_is_help=True)
outbox_app = typer.Typer(
    help="Look at what must go out, and decide about what is held.", no_args_is_help=True
)
keys_app = typer.Typer(help="Make the keys that seal what the desk keeps.", no_args_is_help=True)
mailbox_app = typer.Typer(help="Log in to the mail account, once.", no_args_is_help=True)
database_app = typer.Typer(help="Move the desk to other databases.", no_args_is_help=True)
for name, group in {
    "report": report_app,
    "inbox": inbox_app,
    "outbox": outbox_app,
    "keys": keys_app,
    "mailbox": mailbox_app,
    "database": database_app,
}.items():
    app.add_typer(group, name=name)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


Deployment = Literal["cloud", "datacenter"]
Tracker = Literal["gitlab", "jira", "jira-datacenter"]


class Place:
    """Where this call finds its settings; set by the options before the command."""

    settings_file: Path | None = None
    secrets_dir: Path | None = None


@app.callback()
def options(
    settings: Annotated[
        Path | None, typer.Option(help="Settings file; default ./settings.env where that exists.")
    ] = None,
    secrets_dir: Annotated[
        Path | None, typer.Option(help="Folder with one file a secret; default /run/secrets.")
    ] = None,
) -> None:
    """Take the options that stand before the command."""
    Place.settings_file, Place.secrets_dir = settings, secrets_dir


def main() -> None:
    """Run the command line; a foreseen failure is one sentence on standard error."""
    _always_utf8(sys.stdout)
    try:
        app()
    except SettingsError as error:
        typer.echo(f"meldpunt: {error}", err=True)
        sys.exit(2)
    except MeldpuntError as error:
        typer.echo(f"meldpunt: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        typer.echo(f"meldpunt: {error.filename or 'this machine'}: {error.strerror or error}", err=True)
        sys.exit(1)


@app.command()
def run() -> None:
    """Run the bot until SIGTERM.  Example: meldpunt run."""
    from bot.running import run_bot

    with _bot() as bot:
        run_bot(bot)


@app.command()
def once(*, json: Json = False) -> None:
    """Poll, understand and deliver until nothing more is due.  Example: meldpunt once --json."""
    from bot.schedule import renewal, ticking
    from bot.services.once import run_once
    from bot.show import print_round

    with _bot() as bot, ticking(bot, [renewal(bot)]):
        result = run_once(bot)
    print_round(result, as_json=json)
    raise typer.Exit(0 if result.clean else 1)


@app.command()
def check(
    *, online: Annotated[bool, typer.Option("--online", help="Also knock at every door.")] = False
) -> None:
    """Check settings and mappings, and with --online every door.  Example: meldpunt check --online."""
    from bot.services.checking import check_desk
    from bot.show import print_checks

    with _bot() as bot:
        checks = check_desk(bot, online=online)
    print_checks(checks)
    raise typer.Exit(1 if any(check.problems for check in checks) else 0)


@app.command()
def demo(
    folder: Annotated[
        Path | None, typer.Option(help="Where the demo keeps everything; default demo, demo-jira, ...")
    ] = None,
    web_port: Annotated[int, typer.Option(help="Port of the pages; 0 takes a free one.")] = 8025,
    tracker: Annotated[Tracker, typer.Option(help="What the team works in.")] = "gitlab",
    *,
    exit_after: Annotated[
        bool, typer.Option("--exit", help="Stop when the first reports are through.")
    ] = False,
) -> None:
    """Show the whole desk on this machine, with nothing to set up.  Example: meldpunt demo --tracker jira."""
    from bot.demo.run import run_demo

    own = Path("demo" if tracker == "gitlab" else f"demo-{tracker}")
    run_demo(folder or own, tracker=tracker, web_port=web_port, exit_after=exit_after)


@app.command()
def sandbox(  # noqa: PLR0913, PLR0917 - one option for each stand-in
    gitlab_port: Annotated[int, typer.Option(help="Port of the GitLab stand-in; 0 takes a free one.")] = 0,
    smtp_port: Annotated[int, typer.Option(help="Port of the mail catcher; 0 takes a free one.")] = 0,
    web_port: Annotated[int, typer.Option(help="Port of the pages; 0 takes a free one.")] = 0,
    folder: Annotated[Path, typer.Option(help="Where the sandbox keeps its data.")] = Path("sandbox-data"),
    maildir: Annotated[
        Path | None, typer.Option(help="Maildir that the reporter's page writes into.")
    ] = None,
    jira_port: Annotated[
        int | None,
        typer.Option(help="Port of the Jira stand-in; without it there is none, 0 takes a free one."),
    ] = None,
    jira_deployment: Annotated[Deployment, typer.Option(help="Which Jira it is.")] = "cloud",
) -> None:
    """Run stand-ins for GitLab, Jira and mail on this machine.

    Example: meldpunt sandbox --gitlab-port 8081 --jira-port 8082 --smtp-port 2525 --web-port 8025.
    """
    from bot.sandbox.run import run_sandbox

    run_sandbox(
        gitlab_port=gitlab_port,
        smtp_port=smtp_port,
        web_port=web_port,
        folder=folder,
        maildir=maildir,
        jira_port=jira_port,
        jira_deployment=jira_deployment,
    )


@app.command()
def due(
    received: Annotated[str, typer.Option(help="When the report came in, with its offset.")],
    calendar: Annotated[
        str | None, typer.Option(help="A calendar of mappings/workdays.yaml: strict or atw.")
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Print when a person must have answered.  Example: meldpunt due --received 2026-12-24T17:00+01:00."""
    from bot.app import find_mappings
    from bot.services.due import due_for
    from bot.show import print_due

    print_due(due_for(received, calendar, find_mappings(_mappings_folder())), as_json=json)


@app.command("import")
def import_files(
    path: Annotated[Path, typer.Argument(help="A mail, an mbox, a Maildir, or a folder of these.")],
    *,
    no_receipt: Annotated[
        bool, typer.Option("--no-receipt", help="Send no receipts to those who wrote these mails.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Send receipts without asking.")] = False,
    json: Json = False,
) -> None:
    """Take mail out of files, with its real time.  Example: meldpunt import old.mbox --no-receipt."""
    from bot.app import find_mail_files, open_store
    from bot.services.importing import Import, count_old_mail, import_mail
    from bot.show import print_import, progress

    settings = _settings()
    files = find_mail_files(path, settings)
    with open_store(settings) as store:
        work = Import(store, files, settings.mailbox.own_hosts, _now(), receipts=not no_receipt)
        if not (no_receipt or yes):
            with progress("Looking", files.measure()) as tell:
                old = count_old_mail(work, tell)
            _ask_for_receipts(old)
        with progress("Importing", files.measure()) as tell:
            done = import_mail(work, _who(), tell)
    print_import(done, as_json=json)
    raise typer.Exit(1 if done.unreadable else 0)


@app.command()
def parse(
    path: Annotated[Path, typer.Argument(help="A mail file, or a folder of them.")],
    *,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON line a file (the only form there is).")
    ] = False,
) -> None:
    """Show how mails are understood.  Example: meldpunt parse mail.eml --json."""
    del json
    from bot.app import open_reader
    from bot.services.parsing import parse_files
    from bot.show import print_json_line

    with open_reader() as parse:
        for line in parse_files(path, parse):
            print_json_line(line)


@report_app.command("list")
def report_list(*, json: Json = False) -> None:
    """List all reports, newest first.  Example: meldpunt report list --json."""
    from bot.show import print_reports

    with _store() as store, store.begin() as tx:
        rows = tx.reports.rows()
    print_reports(rows, _zone(), as_json=json)


@report_app.command("show")
def report_show(ref: Annotated[str, typer.Argument(help="Its reference.")], *, json: Json = False) -> None:
    """Show one report with its promises and events.  Example: meldpunt report show CVD-2026-0001."""
    from bot.show import print_report

    with _store() as store, store.begin() as tx:
        view = tx.reports.get(ref.upper())
    print_report(view, _zone(), as_json=json)


Number = Annotated[int, typer.Argument(help="Its number in the list.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Open = Annotated[bool, typer.Option("--open", help="Only what is not done.")]


@inbox_app.command("list")
def inbox_list(*, only_open: Open = False, json: Json = False) -> None:
    """List what came in and what became of it.  Example: meldpunt inbox list --open."""
    from bot.show import print_inbox

    with _store() as store, store.begin() as tx:
        rows = tx.inbox.rows(only_open=only_open)
    print_inbox(rows, _zone(), as_json=json)


@inbox_app.command("show")
def inbox_show(number: Number) -> None:
    """Write the original mail to standard output; the look is recorded.  Example: meldpunt inbox show 7 > mail.eml."""
    from bot.services.deciding import show_inbox

    with _store() as store:
        sys.stdout.buffer.write(show_inbox(store, number, _now(), _who()))


@inbox_app.command("retry")
def inbox_retry(
    number: Number,
    *,
    as_report: Annotated[
        bool, typer.Option("--as-report", help="It is a report, whatever it looks like.")
    ] = False,
) -> None:
    """Understand a mail again that has no report yet.  Example: meldpunt inbox retry 7 --as-report."""
    from bot.services.deciding import retry_inbox

    with _store() as store:
        retry_inbox(store, number, _now(), _who(), as_report=as_report)
    typer.echo(f"inbox {number} will be read again")


@inbox_app.command("drop")
def inbox_drop(number: Number, *, yes: Yes = False) -> None:
    """End a held mail by your decision; a record is kept.  Example: meldpunt inbox drop 7."""
    from bot.services.deciding import drop_inbox

    _ask(f"Drop inbox {number}? Without a report it will never become one.", yes=yes)
    with _store() as store:
        drop_inbox(store, number, _now(), _who())
    typer.echo(f"inbox {number} is dropped")


@outbox_app.command("list")
def outbox_list(*, only_open: Open = False, json: Json = False) -> None:
    """List what goes out and what became of it.  Example: meldpunt outbox list --open."""
    from bot.show import print_outbox

    with _store() as store, store.begin() as tx:
        rows = tx.outbox.rows(only_open=only_open)
    print_outbox(rows, _zone(), as_json=json)


@outbox_app.command("retry")
def outbox_retry(number: Number) -> None:
    """Try a held or waiting order again.  Example: meldpunt outbox retry 12."""
    from bot.services.deciding import retry_outbox

    with _store() as store:
        retry_outbox(store, number, _now(), _who())
    typer.echo(f"outbox {number} is due now")


@outbox_app.command("drop")
def outbox_drop(number: Number, *, yes: Yes = False) -> None:
    """End a held or waiting order by your decision; a record is kept.  Example: meldpunt outbox drop 12."""
    from bot.services.deciding import drop_outbox

    _ask(f"Drop outbox {number}? It will never go out.", yes=yes)
    with _store() as store:
        drop_outbox(store, number, _now(), _who())
    typer.echo(f"outbox {number} is dropped")


@keys_app.command("new")
def keys_new() -> None:
    """Print one new key for MELDPUNT_SECRET_KEYS.  Example: meldpunt keys new."""
    from bot.adapters.vault import new_secret_key

    typer.echo(new_secret_key())


@mailbox_app.command("login")
def mailbox_login(
    *,
    mailer: Annotated[
        bool, typer.Option("--mailer", help="For MELDPUNT_MAILER__OAUTH instead of the mailbox.")
    ] = False,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="The browser is on another machine (Google only).")
    ] = False,
    show: Annotated[
        bool, typer.Option("--print", help="Also print the refresh token, a secret, to standard output.")
    ] = False,
) -> None:
    """Log a person in at Microsoft or Google and keep that for the bot.  Example: meldpunt mailbox login."""
    from bot.app import open_login
    from bot.services.login import log_in

    ask = (lambda: str(typer.prompt("Address", err=True))) if no_browser else None
    with open_login(_settings(), "mailer" if mailer else "mailbox", ask_address=ask) as desk:
        grant = log_in(desk, lambda sentence: typer.echo(sentence, err=True))
    if show and grant.refresh_token is not None:
        typer.echo(grant.refresh_token.get_secret_value())


@database_app.command("copy")
def database_copy(
    source: Annotated[
        str, typer.Argument(metavar="FROM", help="Main database of the desk, as in the settings.")
    ],
    target: Annotated[str, typer.Argument(metavar="TO", help="An empty database.")],
    keys_from: Annotated[
        str | None, typer.Option(help="Its key database; default a file beside FROM.")
    ] = None,
    keys_to: Annotated[str | None, typer.Option(help="An empty one; default a file beside TO.")] = None,
    *,
    json: Json = False,
) -> None:
    """Copy a desk and its keys to other databases, and see that every row arrived.

    Stop the bot first, and give it the new addresses when this is done.

    Example: meldpunt database copy sqlite:///meldpunt.db postgresql+psycopg://desk@db.example.nl/desk
    --keys-to postgresql+psycopg://desk@db.example.nl/desk_keys
    """
    from bot.adapters.store.copying import Place as Databases
    from bot.adapters.store.copying import copy_desk
    from bot.show import print_copied, show_progress

    old, new = Databases.named(source, keys_from, "FROM"), Databases.named(target, keys_to, "TO")
    with show_progress() as tell:
        tables = copy_desk(old, new, _now(), tell)
    print_copied([asdict(table) for table in tables], as_json=json)


def _always_utf8(stream: object) -> None:
    """Let what is printed be UTF-8 on every machine, file names that are not even text escaped as JSON does."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _ask(question: str, *, yes: bool) -> None:
    if not yes:
        typer.confirm(question, abort=True)


def _ask_for_receipts(old: int) -> None:
    if old:
        question = (
            f"{old} of these mails came in more than 2 days ago. Send a receipt to each sender? "
            "(--no-receipt imports without)"
        )
        typer.confirm(question, abort=True, err=True)


def _now() -> "datetime":
    from bot.app import utc_now

    return utc_now()


def _settings() -> "Settings":
    from bot.log import start_log
    from bot.setting_files import load_settings

    settings = load_settings(settings_file=Place.settings_file, secrets_dir=Place.secrets_dir)
    start_log(settings.log_level, pretty=sys.stderr.isatty())
    return settings


def _bot() -> AbstractContextManager["Bot"]:
    from bot.app import build_bot

    return build_bot(_settings())


def _store() -> AbstractContextManager["Store"]:
    from bot.app import open_store

    return open_store(_settings())


def _zone() -> "ZoneInfo":
    """Return the zone that times are shown in."""
    from zoneinfo import ZoneInfo

    from bot.app import find_mappings

    return ZoneInfo(find_mappings(_settings().mappings).workdays.time_zone)


def _who() -> str:
    """Name the person at the keyboard for the record, as this machine knows him."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _mappings_folder() -> Path:
    """Return the mappings folder for commands that work without any other setting."""
    from bot.setting_files import find_mappings_setting

    return find_mappings_setting(Place.settings_file)
