"""Mail in files of this machine: single mails, mboxes (RFC 4155), Maildirs and folders of these, as a stream."""

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path

from bot.adapters.mail_batches import BEGINNING
from bot.domain.imported import FoundMail, NotImported
from bot.domain.mime_trace import utc_of
from bot.errors import PermanentError

# Reading must not follow a link that was put there meanwhile, nor wait for ever at a pipe.
_SAFELY = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# A line without end comes in pieces of this many bytes.
_PIECE = 64 * 1024
_BEGINS = b"From "
# After an empty line, this begins the next mail of an mbox: whatever else, it names a time and a year.
_NEXT = re.compile(rb"From [^\n]{0,400}?\d:\d\d[^\n]{0,400}?\d{4}")
# What a writer of mboxes put a `>` before; the older of them did so only once.
_QUOTED = re.compile(rb">+From ")
_BLANK = (b"\n", b"\r\n")
_BOXES = frozenset({"cur", "new"})


class LocalMailFiles:
    """The mails in one file or folder; symbolic links, pipes and devices in a folder are passed over and told."""

    def __init__(self, path: Path, *, max_size: int) -> None:
        """Take where to look; PermanentError when nothing is there.

        Of a mail over `max_size` bytes only the beginning is read.
        """
        if not path.exists():
            raise PermanentError(f"{path}: no such file or folder")
        self._path, self._max_size = Path(os.path.realpath(path)), max_size

    def measure(self) -> int:
        """Count the bytes of all files, for those who wait."""
        return sum(_size(found) for found in self._files() if isinstance(found, Path))

    def fetch(self) -> Iterator[FoundMail | NotImported]:
        """Yield every mail in the order of file names, and what cannot be read; never more than one in memory."""
        for found in self._files():
            if isinstance(found, Path):
                yield from self._read(found)
            else:
                yield found

    def _files(self) -> Iterator[Path | NotImported]:
        if not self._path.is_dir():
            yield self._path
            return
        waiting = [self._path]
        while waiting:
            folder = waiting.pop()
            try:
                with os.scandir(folder) as listed:
                    entries = sorted(listed, key=lambda entry: entry.name)
            except OSError as error:
                yield NotImported(str(folder), _reason(error))
                continue
            yield from _plain_files(folder, entries)
            waiting += reversed(_folders(folder, entries))

    def _read(self, path: Path) -> Iterator[FoundMail | NotImported]:
        try:
            with open(os.open(path, _SAFELY), "rb") as file:  # noqa: PTH123 - the file descriptor was opened with flags
                facts = os.fstat(file.fileno())
                if not stat.S_ISREG(facts.st_mode):
                    yield NotImported(str(path), "is no regular file")
                    return
                kept_at = _time(facts.st_mtime)
                if file.peek(len(_BEGINS)).startswith(_BEGINS):
                    yield from self._read_mbox(file, str(path), kept_at)
                else:
                    yield self._read_one(file, str(path), kept_at)
        except OSError as error:
            yield NotImported(str(path), _reason(error))

    def _read_one(self, file: BufferedReader, place: str, kept_at: datetime | None) -> FoundMail:
        mail = _Mail(place, kept_at, self._max_size)
        while piece := file.read(_PIECE):
            mail.add(piece)
            mail.read += len(piece)
        return mail.whole()

    def _read_mbox(self, file: BufferedReader, place: str, kept_at: datetime | None) -> Iterator[FoundMail]:
        """Cut an mbox into its mails and take away the `>` that its writer put before `From`."""
        number, mail, blank, begins_line = 0, _Mail(place, kept_at, self._max_size), b"\n", True
        while piece := file.readline(_PIECE):
            if begins_line and blank and piece.startswith(_BEGINS) and (not number or _NEXT.match(piece)):
                if number:
                    yield mail.whole()
                number, blank = number + 1, b""
                mail = _Mail(f"{place}: mail {number}", _time_in(piece) or kept_at, self._max_size)
            else:
                # An empty line before the next mail belongs to the mbox, any other to the mail.
                if blank:
                    mail.add(blank)
                blank = piece if begins_line and piece in _BLANK else b""
                if not blank:
                    mail.add(piece[1:] if begins_line and _QUOTED.match(piece) else piece)
            mail.read += len(piece)
            begins_line = piece.endswith(b"\n")
        yield mail.whole()


class _Mail:
    """One mail while its bytes come in: whole up to the limit, of a larger one its beginning."""

    def __init__(self, place: str, kept_at: datetime | None, max_size: int) -> None:
        self._place, self._kept_at, self._max_size = place, kept_at, max_size
        self._raw, self._size, self._digest = bytearray(), 0, hashlib.sha256()
        self.read = 0

    def add(self, piece: bytes) -> None:
        self._size += len(piece)
        self._digest.update(piece)
        if self._size <= self._max_size:
            self._raw += piece
        else:
            beginning = min(BEGINNING, self._max_size)
            self._raw += piece[: max(0, beginning - len(self._raw))]
            del self._raw[beginning:]

    def whole(self) -> FoundMail:
        raw = bytes(self._raw)
        return FoundMail(self._place, raw, self._size, self._digest.hexdigest(), self._kept_at, self.read)


def _plain_files(folder: Path, entries: list["os.DirEntry[str]"]) -> Iterator[Path | NotImported]:
    """Yield the files of a folder; what a Maildir has beside `cur` and `new` is the mail server's own."""
    if _is_maildir(entries):
        return
    hides = folder.name in _BOXES
    for entry in entries:
        if entry.is_symlink():
            yield NotImported(entry.path, "is a symbolic link, and those are not followed")
        elif entry.is_file(follow_symlinks=False):
            if not (hides and entry.name.startswith(".")):
                yield Path(entry.path)
        elif not entry.is_dir(follow_symlinks=False):
            yield NotImported(entry.path, "is no regular file")


def _folders(folder: Path, entries: list["os.DirEntry[str]"]) -> list[Path]:
    """Return the folders in a folder; what lies in the `tmp` of a Maildir is half written."""
    half_written = "tmp" if _is_maildir(entries) else None
    return [
        folder / entry.name
        for entry in entries
        if entry.is_dir(follow_symlinks=False) and entry.name != half_written
    ]


def _is_maildir(entries: list["os.DirEntry[str]"]) -> bool:
    return {entry.name for entry in entries if entry.is_dir(follow_symlinks=False)} >= _BOXES


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _time(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _time_in(line: bytes) -> datetime | None:
    """Read the time in the first line of a mail in an mbox, which follows the sender."""
    words = line[:1000].decode("ascii", "replace").split(None, 2)
    return utc_of(words[2]) if len(words) > 2 else None  # noqa: PLR2004 - `From`, the sender, the time


def _reason(error: OSError) -> str:
    return f"cannot be read ({error.strerror or type(error).__name__})"
