"""What every store must remember for the form's door."""

from datetime import date, timedelta

from bot.domain.repeats import Accepted
from tests.rigs.stores import NOW, Stores

FIRST = Accepted("name-1", "body-1", "CVD-2026-0001", NOW, date(2026, 11, 25))


def test_an_accepted_request_is_found_by_its_name_over_a_restart(stores: Stores) -> None:
    with stores.open().begin() as tx:
        assert tx.requests.find("name-1") is None
        assert tx.requests.add(FIRST)
    stores.close()
    with stores.open("bot-2").begin() as tx:
        assert tx.requests.find("name-1") == FIRST
        assert tx.requests.find("name-2") is None


def test_a_name_or_a_reference_is_accepted_once(stores: Stores) -> None:
    one, other = stores.open("bot-1"), stores.open("bot-2")
    with one.begin() as tx:
        assert tx.requests.add(FIRST)
    with other.begin() as tx:
        assert not tx.requests.add(Accepted("name-1", "body-2", "CVD-2026-0002", NOW, date(2026, 11, 25)))
        assert not tx.requests.add(Accepted("name-2", "body-2", "CVD-2026-0001", NOW, date(2026, 11, 25)))
        assert tx.requests.find("name-1") == FIRST


def test_a_signature_is_noted_once_and_forgotten_when_it_is_old(stores: Stores) -> None:
    store = stores.open()
    with store.begin() as tx:
        assert tx.requests.used_for("mac-1") is None
        assert tx.requests.note_use("mac-1", "name-1", NOW)
        assert tx.requests.note_use("mac-2", "name-1", NOW + timedelta(seconds=1))
        assert not tx.requests.note_use("mac-1", "name-2", NOW)
        assert tx.requests.used_for("mac-1") == "name-1"
    with store.begin() as tx:
        assert tx.requests.forget_signatures(NOW + timedelta(seconds=1)) == 1
        assert [tx.requests.used_for(mac) for mac in ("mac-1", "mac-2")] == [None, "name-1"]


def test_a_hash_is_the_same_for_every_bot_and_tells_values_and_purposes_apart(stores: Stores) -> None:
    with stores.open("bot-1").begin() as one:
        first = one.requests.hashed("name", b"a word")
    with stores.open("bot-2").begin() as other:
        assert other.requests.hashed("name", b"a word") == first
        assert other.requests.hashed("body", b"a word") != first
        assert other.requests.hashed("name", b"another") != first
