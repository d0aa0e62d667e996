"""Sealing: what opens, what does not, and what is said then."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import create_engine, text

from bot.adapters.vault import UnopenableError, Vault, new_secret_key, parse_secret_keys
from bot.errors import PermanentError, SettingsError
from tests.rigs.stores import NOW

FIRST = f"first:{base64.b64encode(bytes(range(32))).decode()}"
SECOND = f"second:{base64.b64encode(bytes(32)).decode()}"
INDEX = "an invented index secret"
PLACE = "inbox.raw/row-1"


class Vaults:
    """Opens vaults on one key database."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder}/keys.db"
        self.opened: list[Vault] = []

    def open(self, secret_keys: str = FIRST, index_secret: str = INDEX) -> Vault:
        vault = Vault(self.url, secret_keys=SecretStr(secret_keys), index_secret=SecretStr(index_secret))
        self.opened.append(vault)
        return vault

    def opens(self, key_id: str, sealed: bytes) -> bool:
        try:
            return self.open().open(key_id, PLACE, sealed) == b"a finding"
        except PermanentError:
            return False

    def execute(self, statement: str) -> int:
        engine = create_engine(self.url)
        with engine.begin() as connection:
            changed = connection.execute(text(statement)).rowcount
        engine.dispose()
        return changed


@pytest.fixture
def vaults(tmp_path: Path) -> Iterator[Vaults]:
    made = Vaults(tmp_path)
    yield made
    for vault in made.opened:
        vault.close()


def test_a_value_opens_in_another_process_that_has_the_master_key(vaults: Vaults) -> None:
    vault = vaults.open()
    [key_id] = vault.mint(1, NOW)
    sealed = vault.seal(key_id, PLACE, b"a finding")
    assert b"finding" not in sealed
    assert vaults.open().open(key_id, PLACE, sealed) == b"a finding"


def test_the_same_value_is_never_sealed_to_the_same_bytes(vaults: Vaults) -> None:
    vault = vaults.open()
    [key_id] = vault.mint(1, NOW)
    assert len({vault.seal(key_id, PLACE, b"a finding") for _ in range(100)}) == 100


@pytest.mark.parametrize("position", [0, 11, 12, 20, -1])
def test_a_value_with_one_changed_bit_does_not_open(vaults: Vaults, position: int) -> None:
    vault = vaults.open()
    [key_id] = vault.mint(1, NOW)
    sealed = bytearray(vault.seal(key_id, PLACE, b"a finding"))
    sealed[position] ^= 1
    with pytest.raises(UnopenableError, match=r"\(inbox.raw\) was changed or stands in the wrong row"):
        vault.open(key_id, PLACE, bytes(sealed))


@pytest.mark.parametrize("length", [0, 5, 12, 20])
def test_a_value_that_was_cut_does_not_open(vaults: Vaults, length: int) -> None:
    vault = vaults.open()
    [key_id] = vault.mint(1, NOW)
    with pytest.raises(UnopenableError):
        vault.open(key_id, PLACE, vault.seal(key_id, PLACE, b"a finding")[:length])


def test_a_value_opens_only_at_its_own_place_and_under_its_own_key(vaults: Vaults) -> None:
    vault = vaults.open()
    one, two = vault.mint(2, NOW)
    sealed = vault.seal(one, PLACE, b"a finding")
    for key_id, place in ((one, "inbox.raw/row-2"), (one, "files.copy/row-1"), (two, PLACE)):
        with pytest.raises(UnopenableError):
            vault.open(key_id, place, sealed)


def test_an_erased_key_leaves_its_values_closed_for_ever(vaults: Vaults) -> None:
    vault = vaults.open()
    one, two = vault.mint(2, NOW)
    sealed = vault.seal(one, PLACE, b"a finding")
    vault.forget([one])
    for each in (vault, vaults.open()):
        with pytest.raises(UnopenableError, match="was erased"):
            each.open(one, PLACE, sealed)
        with pytest.raises(UnopenableError, match="was erased"):
            each.seal(one, PLACE, b"more")
    assert vault.seal(two, PLACE, b"more")


def test_after_a_rotation_the_old_key_still_opens_and_the_new_one_seals(vaults: Vaults) -> None:
    before = vaults.open(FIRST)
    [old] = before.mint(1, NOW)
    sealed = before.seal(old, PLACE, b"a finding")
    after = vaults.open(f"{SECOND}, {FIRST}")
    [new] = after.mint(1, NOW)
    assert after.open(old, PLACE, sealed) == b"a finding"
    assert after.check() == []
    only_new = vaults.open(SECOND)
    assert only_new.open(new, PLACE, after.seal(new, PLACE, b"later")) == b"later"
    with pytest.raises(PermanentError, match="`first`, which is not in MELDPUNT_SECRET_KEYS"):
        only_new.open(old, PLACE, sealed)


def test_a_wrong_master_key_is_said_before_anything_is_opened(vaults: Vaults) -> None:
    vaults.open(FIRST).mint(3, NOW)
    wrong = vaults.open(f"first:{base64.b64encode(bytes(32)).decode()}")
    [problem] = wrong.check()
    assert "`first`" in problem
    assert "put the right one back" in problem


def test_a_wrapped_key_that_stands_in_another_row_does_not_open(vaults: Vaults) -> None:
    vault = vaults.open()
    sealed = {key_id: vault.seal(key_id, PLACE, b"a finding") for key_id in vault.mint(2, NOW)}
    assert vaults.execute("UPDATE data_keys SET wrapped = (SELECT min(wrapped) FROM data_keys)") == 2
    vault = vaults.open()
    wrong, right = sorted(sealed, key=lambda key_id: vaults.opens(key_id, sealed[key_id]))
    assert vault.open(right, PLACE, sealed[right]) == b"a finding"
    with pytest.raises(PermanentError, match="put the right one back"):
        vault.open(wrong, PLACE, sealed[wrong])


def test_a_wrong_key_stops_the_bot_and_is_not_taken_for_one_bad_value(vaults: Vaults) -> None:
    vault = vaults.open(FIRST)
    [key_id] = vault.mint(1, NOW)
    sealed = vault.seal(key_id, PLACE, b"a finding")
    with pytest.raises(PermanentError) as raised:
        vaults.open(SECOND).open(key_id, PLACE, sealed)
    assert not isinstance(raised.value, UnopenableError)


def test_hashes_differ_by_purpose_value_and_secret(vaults: Vaults) -> None:
    vault, other = vaults.open(), vaults.open(index_secret="another secret")
    hashes = {
        vault.index("address", "jan@example.org"),
        vault.index("message-id", "jan@example.org"),
        vault.index("address", "piet@example.org"),
        other.index("address", "jan@example.org"),
    }
    assert len(hashes) == 4
    assert vault.index("address", "jan@example.org") in hashes


@given(st.text())
def test_any_text_has_a_hash(value: str) -> None:
    vault = Vault("sqlite:///unused.db", secret_keys=SecretStr(FIRST), index_secret=SecretStr("secret"))
    assert len(vault.index("address", value)) == 64


def test_a_fresh_key_is_one_that_can_be_used() -> None:
    first, second = new_secret_key(), new_secret_key()
    assert first != second
    assert len(parse_secret_keys(SecretStr(f"{first},{second}"))) == 2


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("", "key 1"),
        ("no-colon", "key 1"),
        (f"{FIRST},", "key 2"),
        ("first:AAAA", "key 1"),
        ("first:not base64 at all", "key 1"),
        (f"a b{FIRST}", "key 1"),
        (f"{FIRST},{FIRST}", "two keys have the id `first`"),
    ],
)
def test_wrong_master_keys_are_refused_without_being_shown(written: str, problem: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse_secret_keys(SecretStr(written))
    message = str(raised.value)
    assert "MELDPUNT_SECRET_KEYS" in message
    assert problem in message
    assert "meldpunt keys new" in message
    assert FIRST.partition(":")[2] not in message


def test_an_empty_index_secret_is_refused() -> None:
    with pytest.raises(SettingsError, match="MELDPUNT_INDEX_SECRET"):
        Vault("sqlite:///unused.db", secret_keys=SecretStr(FIRST), index_secret=SecretStr(""))
