"""The IMAP door: asks a mailbox for mail that was not taken yet, by UID and without touching what is read."""

import contextlib
import itertools
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Literal

from bot.adapters.imap_folders import find_folders, is_inbox, no_folder
from bot.adapters.imap_idle import ImapWatch
from bot.adapters.imap_line import KEYWORD, Folder, ImapLine, LineDroppedError, RefusedError
from bot.adapters.mail_batches import BEGINNING, cut_batches, cut_chunks, rotate
from bot.adapters.mail_server import MailServer
from bot.adapters.mail_unreadable import Unreadable
from bot.domain.inbox import Arrival, Origin
from bot.domain.turns import in_turns
from bot.errors import SettingsError, TransientError
from bot.log import get_log

# imaplib refuses an answer line over 1 MB: so many UIDs stay well below it.
SEARCH_SPAN = 20_000
# Breaks that one poll puts up with while it corners a message on which the server breaks.
MOST_BREAKS = 16


class ImapMailbox:
    """A `Mailbox` on an IMAP account; one kept-open connection, for one thread at a time."""

    def __init__(
        self,
        server: MailServer,
        *,
        folders: Sequence[str],
        taken: Literal["flag", "move"] = "flag",
        taken_folder: str = "Taken",
        max_size: int = 50 * 1024 * 1024,
    ) -> None:
        """Take where to look and how to mark: `flag` sets a keyword, `move` needs `taken_folder`.

        Of a mail over `max_size` bytes only the beginning is fetched.
        """
        if taken == "move" and taken_folder in folders:
            mend = "Name another folder for what is taken."
            raise SettingsError("mailbox", "taken_folder", f"{taken_folder} is one of the folders read", mend)
        self._server, self._folders = server, tuple(folders)
        self._taken, self._taken_folder, self._max_size = taken, taken_folder, max_size
        self._line = ImapLine(server)
        # Taken, yet without a mark that the server keeps: not asked about again while this process lives.
        self._unmarked: defaultdict[tuple[str, int], set[int]] = defaultdict(set)
        self._missed: set[str] = set()
        self._breaks = 0
        self._polls = itertools.count()
        self._unreadable = Unreadable(
            self.name, called="UID", mend="open it in a mail program or move it away"
        )

    @property
    def name(self) -> str:
        """See `Mailbox.name`."""
        return f"imap:{self._server.username}@{self._server.host}"

    def fetch(self, unknown: Callable[[Sequence[Origin]], Collection[Origin]]) -> Iterator[Sequence[Arrival]]:
        """Yield what the store does not know, in batches; see `Mailbox.fetch`.

        Of each batch one half is what came last, the other what waited longest, and each folder is the first in
        turn. One question for the bodies of a batch. A folder that is missing or refused is logged and the others
        go on; without INBOX, when it is set, that is a TransientError.
        """
        self._breaks = 0
        self._unreadable.begin()
        self._line.wake()
        present, missing = find_folders(self._line, self._folders)
        self._log_missing(missing)
        for name in rotate(present, next(self._polls)):
            try:
                yield from self._fetch_folder(name, unknown)
            except RefusedError as error:
                if is_inbox(name):
                    raise
                get_log().warning("folder-refused", mailbox=self.name, folder=name, reason=str(error))
        self._unreadable.end()

    def mark_taken(self, origins: Sequence[Origin]) -> None:
        """Mark committed mail; a kept connection that was dropped meanwhile is opened anew, once."""
        folders: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
        for origin in origins:
            folders[origin.folder, origin.uidvalidity].append(int(origin.uid))
        for (name, uidvalidity), uids in folders.items():
            for chunk in cut_chunks(uids):
                try:
                    self._mark(name, uidvalidity, chunk)
                except LineDroppedError:
                    self._mark(name, uidvalidity, chunk)

    def watch(self, look: Callable[[], None], going_on: Callable[[], bool]) -> None:
        """See `Mailbox.watch`; by IDLE, on connections of its own."""
        ImapWatch(self._server, self._folders, mailbox=self.name).run(look, going_on)

    def check(self) -> Sequence[str]:
        """Log in on a connection of its own and open each folder; return problems with the mend."""
        line = ImapLine(self._server)
        try:
            present, missing = find_folders(line, self._folders)
            problems = [f"{self.name}: {no_folder(name)}" for name in missing]
            return problems + [problem for name in present for problem in self._check_folder(line, name)]
        except TransientError as error:
            return [str(error)]
        finally:
            line.close()

    def close(self) -> None:
        """Log out."""
        self._line.close()

    def _log_missing(self, missing: Sequence[str]) -> None:
        """Say once that a folder is missing; without INBOX nothing can be right."""
        for name in missing:
            if is_inbox(name):
                raise TransientError(f"{self.name}: {no_folder(name)}")
            if name not in self._missed:
                get_log().warning("folder-missing", mailbox=self.name, folder=name)
        self._missed = set(missing)

    def _check_folder(self, line: ImapLine, name: str) -> Iterator[str]:
        try:
            folder = line.select(name)
        except RefusedError as error:
            yield f"{error}. Give {self._server.username} the right to read it"
        else:
            if folder.read_only:
                yield (
                    f"{self.name}: folder {name} is read-only, mail that is taken cannot be marked. "
                    f"Give {self._server.username} the right to write it"
                )

    def _fetch_folder(
        self, name: str, unknown: Callable[[Sequence[Origin]], Collection[Origin]]
    ) -> Iterator[Sequence[Arrival]]:
        folder = self._line.select(name)
        for uids in cut_chunks(in_turns(self._search(folder))):
            origins = {uid: Origin(self.name, name, folder.uidvalidity, str(uid)) for uid in uids}
            fresh = set(unknown(list(origins.values())))
            self.mark_taken([origin for origin in origins.values() if origin not in fresh])
            yield from self._read(folder, {uid: origin for uid, origin in origins.items() if origin in fresh})

    def _search(self, folder: Folder) -> list[int]:
        """Return all UIDs that lack our mark, before any is moved and shifts the sequence numbers."""
        by_keyword = self._taken == "flag" and folder.keeps_keyword
        criterion = ["UNKEYWORD", KEYWORD] if by_keyword else ["ALL"]
        found: list[int] = []
        for first in range(1, folder.exists + 1, SEARCH_SPAN):
            last = min(first + SEARCH_SPAN - 1, folder.exists)
            with self._line.asking(f"a search in folder {folder.name}", folder) as client:
                found += client.search([f"{first}:{last}", *criterion])
        unmarked = self._unmarked[folder.name, folder.uidvalidity]
        unmarked.intersection_update(found)
        return sorted(set(found) - unmarked)

    def _read(self, folder: Folder, origins: dict[int, Origin]) -> Iterator[Sequence[Arrival]]:
        """Yield whole mails in batches, then the beginnings of those over the limit; note what is not given."""
        facts = self._ask(folder, list(origins), [b"RFC822.SIZE", b"INTERNALDATE"])
        sizes = {
            uid: size for uid in origins if isinstance(size := facts.get(uid, {}).get(b"RFC822.SIZE"), int)
        }
        small = [(uid, size) for uid, size in sizes.items() if size <= self._max_size]
        large = [(uid, self._beginning) for uid, size in sizes.items() if size > self._max_size]
        beginning = f"<0.{self._beginning}>".encode()
        missing = set(origins)
        for batches, part in ((cut_batches(small), b""), (cut_batches(large), beginning)):
            for batch in batches:
                answers = self._ask(folder, batch, [b"BODY.PEEK[]" + part])
                bodies = {
                    uid: body
                    for uid in sorted(batch)
                    if (body := _body(answers.get(uid, {}), sizes[uid])) is not None
                }
                missing -= bodies.keys()
                if bodies:
                    yield [
                        self._arrival(origins[uid], sizes[uid], facts[uid].get(b"INTERNALDATE"), body)
                        for uid, body in bodies.items()
                    ]
        self._note_unreadable(folder, {uid: origins[uid] for uid in sorted(missing)})

    def _note_unreadable(self, folder: Folder, missing: dict[int, Origin]) -> None:
        """Note what the server did not give, unless it vanished meanwhile."""
        if missing:
            with self._line.asking(f"a search in folder {folder.name}", folder) as client:
                there = set(client.search(["UID", ",".join(map(str, missing))]))
            for uid, origin in missing.items():
                if uid in there:
                    self._unreadable.note(origin)

    @property
    def _beginning(self) -> int:
        return min(BEGINNING, self._max_size)

    def _arrival(self, origin: Origin, size: int, received_at: object, raw: bytes) -> Arrival:
        # Some servers only estimate RFC822.SIZE: it decides what to ask for, what came is what counts.
        cut = size > self._max_size and len(raw) >= self._beginning
        return Arrival(origin, raw, size if cut else len(raw), _as_utc(received_at))

    def _ask(self, folder: Folder, uids: Sequence[int], items: list[bytes]) -> dict[int, dict[bytes, object]]:
        """FETCH in one command; where the server refuses or breaks, by halves, to leave out only the bad."""
        if not uids:
            return {}
        try:
            with self._line.asking(f"a fetch from folder {folder.name}", folder) as client:
                found: dict[int, dict[bytes, object]] = client.fetch(uids, items)
                return found
        except LineDroppedError:
            self._breaks += 1
            if self._breaks > MOST_BREAKS:
                raise
        except RefusedError:
            pass
        if len(uids) == 1:
            return {}
        half = len(uids) // 2
        return self._ask(folder, uids[:half], items) | self._ask(folder, uids[half:], items)

    def _mark(self, name: str, uidvalidity: int, uids: Sequence[int]) -> None:
        """Set the mark; where the server does not let us, remember it: the next poll must get past these."""
        folder = self._line.enter(name, uidvalidity)
        if self._taken == "move" or folder.keeps_keyword:
            try:
                return self._move(folder, uids) if self._taken == "move" else self._flag(folder, uids)
            except RefusedError as error:
                get_log().warning("mark-refused", mailbox=self.name, folder=name, reason=str(error))
        self._unmarked[name, uidvalidity].update(uids)
        return None

    def _flag(self, folder: Folder, uids: Sequence[int]) -> None:
        with self._line.asking(f"marking in folder {folder.name}", folder) as client:
            client.add_flags(uids, [KEYWORD], silent=True)

    def _move(self, folder: Folder, uids: Sequence[int]) -> None:
        """Move into the folder for taken mail; it is created when a first attempt was refused."""
        try:
            self._move_once(folder, uids)
        except RefusedError:
            with contextlib.suppress(RefusedError), self._line.asking("creating a folder") as client:
                client.create_folder(self._taken_folder)
            self._move_once(folder, uids)

    def _move_once(self, folder: Folder, uids: Sequence[int]) -> None:
        """UID MOVE (RFC 6851), else copy, delete and expunge just these (RFC 4315) where that is known."""
        with self._line.asking(f"moving from folder {folder.name} to {self._taken_folder}", folder) as client:
            if client.has_capability("MOVE"):
                client.move(uids, self._taken_folder)
                return
            undeleted = client.search(["UID", ",".join(map(str, uids)), "UNDELETED"])
            if undeleted:
                client.copy(undeleted, self._taken_folder)
                client.delete_messages(undeleted, silent=True)
            if client.has_capability("UIDPLUS"):
                client.uid_expunge(uids)
            else:
                self._unmarked[folder.name, folder.uidvalidity].update(uids)


def _body(answer: dict[bytes, object], size: int) -> bytes | None:
    """Return the bytes of a mail, None when the server gave NIL or nothing instead."""
    body = answer.get(b"BODY[]", answer.get(b"BODY[]<0>"))
    return body if isinstance(body, bytes) and (body or not size) else None


def _as_utc(value: object) -> datetime:
    """Return an INTERNALDATE in UTC; one that cannot be read counts as now."""
    with contextlib.suppress(ValueError, OverflowError):
        if isinstance(value, datetime):
            return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.now(UTC)
