"""What is sealed comes back as it was."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.adapters.store.codec import CONTACTS, PAYLOADS, WORDS, Contact, Words, dump, load
from bot.domain.outbox import Payload
from bot.errors import PermanentError


@given(st.one_of(*map(st.from_type, get_args(Payload))))
def test_every_order_comes_back_as_it_was(payload: Payload) -> None:
    assert load(PAYLOADS, dump(PAYLOADS, payload)) == payload


@given(st.from_type(Words), st.from_type(Contact))
def test_words_and_contacts_come_back_as_they_were(words: Words, contact: Contact) -> None:
    assert load(WORDS, dump(WORDS, words)) == words
    assert load(CONTACTS, dump(CONTACTS, contact)) == contact


def test_half_a_character_is_refused_and_not_shown() -> None:
    with pytest.raises(PermanentError, match="half a character"):
        dump(WORDS, Words("secret title \ud800", "", ()))


@pytest.mark.parametrize(
    "written", [b"", b"{}", b'{"title":"secret","text":"","problems":[],"new":1}', b"\xff"]
)
def test_what_another_version_wrote_is_refused_and_not_shown(written: bytes) -> None:
    with pytest.raises(PermanentError, match="this version cannot read") as raised:
        load(WORDS, written)
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None
