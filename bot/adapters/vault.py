"""Sealing: AES-256-GCM under data keys, which are wrapped by a master key and kept in the key database.

A sealed value opens only at the place it was sealed for: key id and place (table, column, row) are its
associated data. Erasing a data key makes everything under it unreadable, older backups included.
"""

import base64
import binascii
import hmac
import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from bot.adapters.store.keys import KeyDatabase, WrappedKey
from bot.errors import PermanentError, SettingsError

_KEY_BYTES = 32
_NONCE_BYTES = 12
_KEY_ID = re.compile(r"[A-Za-z0-9_.-]{1,32}")
# Unwrapped keys kept at hand, the least used dropped first.
_MOST_CACHED = 4096


class UnopenableError(PermanentError):
    """This one value can not be opened; others can."""


def new_secret_key() -> str:
    """Return a fresh master key as MELDPUNT_SECRET_KEYS wants it, `id:base64-of-32-bytes`."""
    key = base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()
    return f"k{secrets.token_hex(3)}:{key}"


def parse_secret_keys(secret_keys: SecretStr) -> Mapping[str, bytes]:
    """Read a comma list of `id:base64-of-32-bytes`, the sealing one first; SettingsError when it is wrong."""
    keys: dict[str, bytes] = {}
    for position, entry in enumerate(secret_keys.get_secret_value().split(","), start=1):
        key_id, _, encoded = entry.strip().partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not _KEY_ID.fullmatch(key_id) or len(key) != _KEY_BYTES:
            raise _wrong_secret_keys(f"key {position} of the list is not id:base64-of-32-bytes")
        if key_id in keys:
            raise _wrong_secret_keys(f"two keys have the id `{key_id}`")
        keys[key_id] = key
    return keys


def _wrong_secret_keys(problem: str) -> SettingsError:
    mend = "`meldpunt keys new` prints a good one; separate several with a comma"
    return SettingsError("environment", "MELDPUNT_SECRET_KEYS", problem, mend)


class Vault:
    """Mints data keys, seals and opens with them, and makes keyed hashes; safe between threads."""

    def __init__(self, keys_url: str, *, secret_keys: SecretStr, index_secret: SecretStr) -> None:
        """Take the key database's address, the list of master keys and the secret of the hashes."""
        if not index_secret.get_secret_value():
            raise SettingsError(
                "environment",
                "MELDPUNT_INDEX_SECRET",
                "is empty",
                "Write a long random word that never changes",
            )
        self._masters = {key_id: AESGCM(key) for key_id, key in parse_secret_keys(secret_keys).items()}
        self._sealing_master = next(iter(self._masters))
        self._index_secret = index_secret.get_secret_value().encode()
        self._database = KeyDatabase(keys_url)
        self._cache: OrderedDict[str, AESGCM] = OrderedDict()
        self._lock = threading.Lock()

    def mint(self, count: int, now: datetime) -> Sequence[str]:
        """Make data keys in one commit of the key database and return their ids; unused ones are harmless."""
        if not count:
            return []
        fresh = {uuid4().hex: AESGCM.generate_key(_KEY_BYTES * 8) for _ in range(count)}
        self._database.add([self._wrap(key_id, key) for key_id, key in fresh.items()], now)
        for key_id, key in fresh.items():
            self._remember(key_id, AESGCM(key))
        return list(fresh)

    def forget(self, key_ids: Sequence[str]) -> None:
        """Delete data keys; what they sealed can never be opened again."""
        if not key_ids:
            return
        self._database.delete(key_ids)
        with self._lock:
            for key_id in key_ids:
                self._cache.pop(key_id, None)

    def fetch(self, key_ids: Sequence[str]) -> None:
        """Have these keys at hand, with one look into the key database for all that are not."""
        with self._lock:
            missing = [key_id for key_id in dict.fromkeys(key_ids) if key_id not in self._cache]
        if missing:
            for key in self._database.get(missing).values():
                self._remember(key.id, self._unwrap(key))

    def seal(self, key_id: str, place: str, plain: bytes) -> bytes:
        """Seal a value for one place, such as `inbox.raw/ROW`; UnopenableError when the key was erased."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._key(key_id, place).encrypt(nonce, plain, f"{key_id}/{place}".encode())

    def open(self, key_id: str, place: str, sealed: bytes) -> bytes:
        """Open a value at its place; UnopenableError when it was changed, moved or its key erased."""
        nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._key(key_id, place).decrypt(nonce, rest, f"{key_id}/{place}".encode())
        except (InvalidTag, ValueError) as error:
            raise UnopenableError(
                f"a sealed value ({_what(place)}) was changed or stands in the wrong row and cannot be opened"
            ) from error

    def index(self, purpose: str, value: str) -> str:
        """Return the keyed hash (HMAC-SHA256, hex) by which a value is found again without being kept."""
        message = f"{purpose}\0{value}".encode(errors="surrogatepass")
        return hmac.digest(self._index_secret, message, "sha256").hex()

    def name(self) -> str:
        """Return the name of the key database, by which the main one knows its own."""
        return self._database.name()

    def check(self) -> Sequence[str]:
        """Open one key of each master key that was ever used; return problems as sentences."""
        problems = []
        for key in self._database.one_of_each_master():
            try:
                self._unwrap(key)
            except PermanentError as error:
                problems.append(str(error))
        return problems

    def close(self) -> None:
        """Let connections go."""
        self._database.close()

    def _key(self, key_id: str, place: str) -> AESGCM:
        key = self._recall(key_id)
        if key is None:
            self.fetch([key_id])
            key = self._recall(key_id)
        if key is None:
            raise UnopenableError(
                f"the data key of a sealed value ({_what(place)}) was erased; it stays closed for ever"
            )
        return key

    def _recall(self, key_id: str) -> AESGCM | None:
        with self._lock:
            key = self._cache.get(key_id)
            if key is not None:
                self._cache.move_to_end(key_id)
            return key

    def _remember(self, key_id: str, key: AESGCM) -> None:
        with self._lock:
            self._cache[key_id] = key
            if len(self._cache) > _MOST_CACHED:
                self._cache.popitem(last=False)

    def _wrap(self, key_id: str, key: bytes) -> WrappedKey:
        nonce, master_id = secrets.token_bytes(_NONCE_BYTES), self._sealing_master
        wrapped = self._masters[master_id].encrypt(nonce, key, f"data_keys/{key_id}/{master_id}".encode())
        return WrappedKey(key_id, master_id, nonce + wrapped)

    def _unwrap(self, key: WrappedKey) -> AESGCM:
        master = self._masters.get(key.master_id)
        if master is None:
            raise PermanentError(
                f"data keys were sealed by the master key `{key.master_id}`, which is not in"
                " MELDPUNT_SECRET_KEYS; add it again at the end of the list"
            )
        nonce, rest = key.wrapped[:_NONCE_BYTES], key.wrapped[_NONCE_BYTES:]
        try:
            return AESGCM(master.decrypt(nonce, rest, f"data_keys/{key.id}/{key.master_id}".encode()))
        except (InvalidTag, ValueError) as error:
            raise PermanentError(
                f"the master key `{key.master_id}` in MELDPUNT_SECRET_KEYS is not the one of this id"
                " that sealed the data keys; put the right one back"
            ) from error


def _what(place: str) -> str:
    return place.partition("/")[0]
