"""The Maildir door: reads `new/` and `cur/` of a Maildir and its Maildir++ subfolders.

The layout is https://cr.yp.to/proto/maildir.html and https://www.courier-mta.org/imap/README.maildirquota.html.
"""

import itertools
import os
import stat
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from bot.adapters.mail_batches import BEGINNING, JUNK_NAMES, cut_batches, cut_chunks, rotate
from bot.adapters.mail_unreadable import Unreadable
from bot.domain.inbox import Arrival, Origin
from bot.domain.turns import in_turns
from bot.errors import SettingsError, TransientError
from bot.log import get_log

# A person's mail program reads `new/` and moves to `cur/`: both hold mail. `tmp/` is half written.
BOXES = ("new", "cur")
# Seconds between two glances at `new/` while it is watched.
GLANCE = 0.25
# Reading must not follow a link out of the Maildir, nor wait for ever at a pipe.
SAFELY = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class MaildirMailbox:
    """A `Mailbox` on a folder of this machine; the unique part of a file name is the UID."""

    def __init__(
        self,
        path: Path,
        *,
        folders: Sequence[str],
        taken: Literal["flag", "move"] = "flag",
        taken_folder: str = "Taken",
        max_size: int = 50 * 1024 * 1024,
    ) -> None:
        """Take where to look and how to mark: `flag` moves to `cur/` as seen, `move` needs `taken_folder`.

        Of a mail over `max_size` bytes only the beginning is read.
        """
        if taken == "move" and taken_folder in folders:
            mend = "Name another folder for what is taken."
            raise SettingsError("mailbox", "taken_folder", f"{taken_folder} is one of the folders read", mend)
        self._path, self._folders = path.absolute(), tuple(dict.fromkeys(folders))
        self._taken, self._taken_folder, self._max_size = taken, taken_folder, max_size
        self._files: dict[str, dict[str, Path]] = {}
        self._known: defaultdict[str, set[str]] = defaultdict(set)
        self._missed: set[str] = set()
        self._polls = itertools.count()
        self._unreadable = Unreadable(
            self.name, called="file", mend="give the bot's user the right to read it or move it away"
        )

    @property
    def name(self) -> str:
        """See `Mailbox.name`."""
        return f"maildir:{self._path}"

    def fetch(self, unknown: Callable[[Sequence[Origin]], Collection[Origin]]) -> Iterator[Sequence[Arrival]]:
        """Yield what the store does not know, in batches; see `Mailbox.fetch`. A poll costs one listing."""
        self._unreadable.begin()
        for folder in rotate(self._folders, next(self._polls)):
            if self._is_there(folder):
                yield from self._fetch_folder(folder, unknown)
        self._unreadable.end()

    def mark_taken(self, origins: Sequence[Origin]) -> None:
        """Mark committed mail; what is gone or marked already is left as it is."""
        for origin in origins:
            try:
                self._mark(origin.folder, origin.uid)
            except FileNotFoundError:
                continue
            except OSError as error:
                reason = error.strerror or type(error).__name__
                get_log().warning("mark-refused", mailbox=self.name, folder=origin.folder, reason=reason)
            self._known[origin.folder].add(origin.uid)

    def watch(self, look: Callable[[], None], going_on: Callable[[], bool]) -> None:
        """See `Mailbox.watch`; by the times of the `new/` folders.

        A second look follows each change: another mail may have come within the same tick of the file clock.
        """
        before: list[int] | None = None
        changed = False
        while going_on():
            found = self._times_of_new()
            if changed or found != before:
                look()
            before, changed = found, found != before
            time.sleep(GLANCE)

    def check(self) -> Sequence[str]:
        """Look at each folder; return problems with the mend."""
        problems: list[str] = []
        for folder in self._folders:
            if self._is_idle_junk(folder):
                continue
            if not (self._home(folder) / "cur").is_dir():
                problems.append(f"{self.name}: {self._no_folder(folder)}")
            elif not all(os.access(self._home(folder) / box, os.R_OK | os.W_OK | os.X_OK) for box in BOXES):
                problems.append(
                    f"{self._home(folder)}: may not be read and written; give the bot's user that right"
                )
        return problems

    def close(self) -> None:
        """Nothing is kept open."""

    def _times_of_new(self) -> list[int]:
        """When `new/` of each folder changed last, 0 where it cannot be seen."""
        times = []
        for folder in self._folders:
            try:
                times.append((self._home(folder) / "new").stat().st_mtime_ns)
            except OSError:
                times.append(0)
        return times

    def _home(self, folder: str) -> Path:
        """Return where a folder lives: INBOX is the Maildir itself, `A/B` is `.A.B` in it."""
        return self._path if folder.upper() == "INBOX" else self._path / ("." + folder.replace("/", "."))

    def _is_there(self, folder: str) -> bool:
        """Whether a folder exists; a missing one is logged once, a missing INBOX is a TransientError."""
        if (self._home(folder) / "cur").is_dir():
            self._missed.discard(folder)
            return True
        if folder.upper() == "INBOX":
            raise TransientError(f"{self.name}: {self._no_folder(folder)}")
        if folder not in self._missed and not self._is_idle_junk(folder):
            self._missed.add(folder)
            get_log().warning("folder-missing", mailbox=self.name, folder=folder)
        return False

    def _is_idle_junk(self, folder: str) -> bool:
        """Whether this is a junk folder that nobody made: then nothing sorts junk, and nothing is missing."""
        return folder.casefold() in JUNK_NAMES and not self._home(folder).exists()

    def _no_folder(self, folder: str) -> str:
        if folder.upper() == "INBOX":
            return (
                "there is no Maildir (a folder with new, cur and tmp in it); put right MELDPUNT_MAILBOX__PATH"
            )
        return f"there is no folder {folder}; create it or take it out of MELDPUNT_MAILBOX__FOLDERS"

    def _fetch_folder(
        self, folder: str, unknown: Callable[[Sequence[Origin]], Collection[Origin]]
    ) -> Iterator[Sequence[Arrival]]:
        files = self._files[folder] = self._list(folder)
        known = self._known[folder]
        known &= files.keys()
        for uids in cut_chunks(in_turns(sorted(files.keys() - known))):
            origins = [Origin(self.name, folder, 0, uid) for uid in uids]
            fresh = set(unknown(origins))
            self.mark_taken([origin for origin in origins if origin not in fresh])
            yield from self._read([origin for origin in origins if origin in fresh])

    def _list(self, folder: str) -> dict[str, Path]:
        """Return the regular files by unique name; `cur/` last, where one that moves meanwhile ends."""
        files: dict[str, Path] = {}
        for box in BOXES:
            try:
                with os.scandir(self._home(folder) / box) as entries:
                    for entry in entries:
                        if not entry.name.startswith(".") and entry.is_file(follow_symlinks=False):
                            files[_uid(entry.name)] = Path(entry.path)
            except OSError as error:
                reason = error.strerror or type(error).__name__
                raise TransientError(f"{self._home(folder) / box} could not be read: {reason}") from None
        return files

    def _read(self, origins: Sequence[Origin]) -> Iterator[Sequence[Arrival]]:
        sized = [(origin, size) for origin in origins if (size := self._size(origin)) is not None]
        for batch in cut_batches(sized):
            by_name = sorted(batch, key=lambda origin: origin.uid)
            arrivals = [arrival for origin in by_name if (arrival := self._arrival(origin)) is not None]
            if arrivals:
                yield arrivals

    def _size(self, origin: Origin) -> int | None:
        """Return how many bytes will be read of a file, None when it vanished or may not be looked at."""
        try:
            size = self._files[origin.folder][origin.uid].lstat().st_size
        except OSError as error:
            self._pass_over(origin, error)
            return None
        return size if size <= self._max_size else self._beginning

    def _pass_over(self, origin: Origin, error: OSError) -> None:
        """Note a file that cannot be read; one that vanished needs no word."""
        if not isinstance(error, FileNotFoundError):
            self._unreadable.note(origin, error.strerror or type(error).__name__)

    @property
    def _beginning(self) -> int:
        return min(BEGINNING, self._max_size)

    def _arrival(self, origin: Origin) -> Arrival | None:
        """Read one file, or its beginning; None when it vanished, is no plain file or may not be read."""
        try:
            handle = os.open(self._files[origin.folder][origin.uid], SAFELY)
            with open(handle, "rb") as file:  # noqa: PTH123 - the file descriptor was opened with flags
                facts = os.fstat(handle)
                if not stat.S_ISREG(facts.st_mode):
                    return None
                raw = file.read(facts.st_size if facts.st_size <= self._max_size else self._beginning)
        except OSError as error:
            self._pass_over(origin, error)
            return None
        return Arrival(origin, raw, facts.st_size, datetime.fromtimestamp(facts.st_mtime, UTC))

    def _mark(self, folder: str, uid: str) -> None:
        """Move a file to where taken mail lies; FileNotFoundError when it is no longer there."""
        source = self._find(folder, uid)
        if self._taken == "move":
            home = self._home(self._taken_folder)
            for box in ("tmp", *BOXES):
                (home / box).mkdir(parents=True, exist_ok=True)
            (home / "maildirfolder").touch()
        elif source.parent.name == "cur":
            return
        else:
            home = self._home(folder)
        flags = set(source.name.partition(":2,")[2]) | {"S"}
        source.rename(home / "cur" / f"{source.name.partition(':')[0]}:2,{''.join(sorted(flags))}")

    def _find(self, folder: str, uid: str) -> Path:
        """Return where a file lies now; it is listed anew only when it moved since the last listing."""
        path = self._files.get(folder, {}).get(uid)
        if path is None or not path.exists():
            self._files[folder] = self._list(folder)
            path = self._files[folder].get(uid)
        if path is None:
            raise FileNotFoundError(uid)
        return path


def _uid(name: str) -> str:
    """Return the unique part of a file's name as text that can be stored, whatever bytes it has."""
    return name.partition(":")[0].encode(errors="backslashreplace").decode()
