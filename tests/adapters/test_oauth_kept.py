"""The login of a person: kept over restarts, shared by several bots, and told when it ended."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from bot.adapters.oauth_answers import Asker, LoginEndedError
from bot.adapters.oauth_kept import KeptLogin
from bot.errors import TransientError
from bot.ports import Grant
from bot.settings import OAuthSettings
from tests.rigs.stores import NOW, Stores

HOUR = timedelta(hours=1)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    made = Stores(f"sqlite:///{tmp_path}/main.db", f"sqlite:///{tmp_path}/keys.db")
    yield made
    made.close()


class Rotating:
    """A provider that voids a refresh token with its use."""

    def __init__(self, good: str = "r-1") -> None:
        self.good, self.asked = good, list[str]()

    def __call__(self, token: SecretStr) -> Grant:
        self.asked.append(token.get_secret_value())
        if self.asked[-1] != self.good:
            raise LoginEndedError("ended")
        self.good = f"r-{int(self.good[2:]) + 1}"
        return Grant(SecretStr("t"), HOUR, SecretStr(self.good))


def kept_login(stores: Stores, exchange: Callable[[SecretStr], Grant], first: str | None) -> KeptLogin:
    oauth = OAuthSettings(
        provider="microsoft",
        tenant="example.onmicrosoft.com",
        client_id="a-desk",
        refresh_token=SecretStr(first) if first else None,
    )
    asker = Asker("mailbox", "security@example.nl", oauth)
    return KeptLogin(asker, stores.open(), exchange, now=lambda: NOW)


def test_a_refresh_token_that_changes_each_time_outlives_restarts_and_the_settings(stores: Stores) -> None:
    provider = Rotating()
    for _ in range(3):
        kept_login(stores, provider, "r-1").renew()
        stores.close()
    assert provider.asked == ["r-1", "r-2", "r-3"]


def test_several_bots_go_on_by_the_same_login(stores: Stores) -> None:
    provider = Rotating()
    bots = [kept_login(stores, provider, "r-1") for _ in range(3)]
    for bot in bots * 2:
        bot.renew()
    assert provider.asked == ["r-1", "r-2", "r-3", "r-4", "r-5", "r-6"]


def test_where_another_bot_changed_the_token_meanwhile_its_successor_is_tried(stores: Stores) -> None:
    provider = Rotating()
    ours = kept_login(stores, provider, "r-1")
    theirs = kept_login(stores, provider, "r-1")
    ours.renew()

    def overtaken(token: SecretStr) -> Grant:
        if token.get_secret_value() == "r-2":
            theirs.renew()
        return provider(token)

    assert kept_login(stores, overtaken, "r-1").renew().refresh_token == SecretStr("r-4")


def test_a_setting_that_was_changed_goes_first_again(stores: Stores) -> None:
    kept_login(stores, Rotating(), "r-1").renew()
    fresh = Rotating("r-7")
    kept_login(stores, fresh, "r-7").renew()
    assert fresh.asked == ["r-7"]


def test_a_login_that_ended_is_told_and_a_new_one_is_taken_up_without_a_restart(stores: Stores) -> None:
    provider = Rotating("r-50")
    login = kept_login(stores, provider, "r-1")
    with pytest.raises(LoginEndedError):
        login.renew()
    kept_login(stores, provider, "r-1").keep(SecretStr("r-50"))
    login.renew()
    assert provider.asked == ["r-1", "r-50"]


def test_without_any_login_the_command_is_named(stores: Stores) -> None:
    with pytest.raises(LoginEndedError, match=r"nobody has logged in .* Run `meldpunt mailbox login`"):
        kept_login(stores, Rotating(), None).renew()


def test_a_store_that_is_away_shuts_the_line_and_refuses_nothing_for_good(tmp_path: Path) -> None:
    away = Stores(f"sqlite:///{tmp_path}/no/main.db", f"sqlite:///{tmp_path}/no/keys.db")
    provider = Rotating()
    with pytest.raises(TransientError, match="cannot be opened: its folder must exist"):
        kept_login(away, provider, "r-1").renew()
    assert provider.asked == []
    away.close()


def test_a_token_that_could_not_be_kept_is_used_and_kept_later(stores: Stores, tmp_path: Path) -> None:
    provider = Rotating()

    def strict(token: SecretStr) -> Grant:
        if provider.asked == []:
            (tmp_path / "keys.db").rename(tmp_path / "away.db")
            (tmp_path / "keys.db").mkdir()
        return provider(token)

    login = kept_login(stores, strict, "r-1")
    login._store.check()  # noqa: SLF001 - the databases are there from here on
    stores.opened[0]._vault._database._database.engine.dispose()  # noqa: SLF001 - files can be moved now
    with capture_logs() as logs:
        assert login.renew().token == SecretStr("t")
    assert [log["event"] for log in logs] == ["login-not-kept"]
    (tmp_path / "keys.db").rmdir()
    (tmp_path / "away.db").rename(tmp_path / "keys.db")
    login.renew()
    stores.close()
    kept_login(stores, provider, "r-1").renew()
    assert provider.asked == ["r-1", "r-2", "r-3"]
