"""A bot in this process, with a clock that a test moves; nothing listens at its doors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from bot.adapters.vault import new_secret_key
from bot.app import build_bot
from bot.ports import Bot
from bot.settings import FormSettings, MailboxSettings, Settings, TrackerSettings, WebSettings

ROOT = Path(__file__).parents[2]


@dataclass
class Clock:
    """The time as a test says it is; each look at it may take some."""

    at: datetime = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
    each_look: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        self.at += self.each_look
        return self.at

    def passes(self, time: timedelta) -> None:
        self.at += time


@contextmanager
def idle_bot(
    folder: Path,
    clock: Callable[[], datetime],
    *,
    port: int = 0,
    mailbox: MailboxSettings | None = None,
    form: FormSettings | None = None,
) -> Iterator[Bot]:
    """Build a bot on a store in `folder`; it has no mailer, and a mailbox or form only when one is given."""
    tracker = TrackerSettings(
        kind="gitlab", url="http://127.0.0.1:9", token=SecretStr("a-token"), project="security/reports"
    )
    settings = Settings(
        database_url=SecretStr(f"sqlite:///{folder}/meldpunt.db"),
        secret_keys=SecretStr(new_secret_key()),
        index_secret=SecretStr("a-random-word-nobody-guesses"),
        mappings=ROOT / "mappings",
        mailbox=mailbox or MailboxSettings(poll_seconds=45),
        trackers={"main": tracker},
        form=form or FormSettings(),
        web=WebSettings(port=port),
        stop_seconds=1,
    )
    with build_bot(settings, now=clock) as bot:
        yield bot
