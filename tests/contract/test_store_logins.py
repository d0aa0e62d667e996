"""What every store must do with the logins at providers of tokens."""

import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, inspect, text

from bot.adapters.store.store import SqlStore
from bot.errors import PermanentError
from tests.rigs.stores import NOW, Stores

DESK = "microsoft\0example.nl\0client\0security@example.nl"
FIRST, SECOND, THIRD = (SecretStr(f"refresh-token-{number}") for number in (1, 2, 3))


def keep(store: SqlStore, token: SecretStr, first: SecretStr | None = None, account: str = DESK) -> None:
    with store.begin() as tx:
        tx.logins.keep(account, token, first, NOW)


def kept(store: SqlStore, first: SecretStr | None = None, account: str = DESK) -> SecretStr | None:
    with store.begin() as tx:
        return tx.logins.get(account, first)


def test_what_is_kept_is_there_for_every_bot_and_after_a_restart(stores: Stores) -> None:
    assert kept(stores.open()) is None
    keep(stores.open("bot-1"), SECOND)
    stores.close()
    assert kept(stores.open("bot-2")) == SECOND
    assert kept(stores.open("bot-2"), account="another") is None


def test_the_last_one_kept_is_the_one(stores: Stores) -> None:
    store = stores.open()
    for token in (FIRST, SECOND, THIRD):
        keep(store, token)
    assert kept(store) == THIRD


def test_a_kept_login_goes_before_the_setting_that_it_grew_from_and_behind_a_changed_one(
    stores: Stores,
) -> None:
    store = stores.open()
    keep(store, SECOND, FIRST)
    assert kept(store, FIRST) == SECOND
    assert kept(store, None) == SECOND, "the setting was taken out"
    assert kept(store, THIRD) is None, "the setting was changed"
    keep(store, SECOND, None)
    assert kept(store, FIRST) is None, "the setting was written after the login"


def test_a_kept_token_is_sealed_and_the_key_of_the_one_before_is_erased(stores: Stores) -> None:
    store = stores.open()
    for token in (FIRST, SECOND, THIRD):
        keep(store, token)
    rows = stored(stores)
    assert not any("refresh-token" in row or "security@" in row for row in rows)
    assert [row.split()[0] for row in rows].count("data_keys") == 1


def test_with_another_master_key_a_kept_login_is_refused_and_not_taken_for_none(stores: Stores) -> None:
    keep(stores.open(), FIRST)
    stores.close()
    other = Stores(stores.main_url, stores.keys_url)
    try:
        with pytest.raises(PermanentError, match="MELDPUNT_SECRET_KEYS"):
            kept(other.open())
    finally:
        other.close()


def stored(stores: Stores) -> list[str]:
    """Every row of both databases, behind the name of its table."""
    rows = []
    for url in (stores.main_url, stores.keys_url):
        engine = create_engine(url)
        with engine.connect() as connection:
            for table in inspect(connection).get_table_names():
                found = connection.execute(text(f"SELECT * FROM {table}"))  # noqa: S608 - our own tables
                rows += [f"{table} {tuple(row)}" for row in found]
        engine.dispose()
    return rows
