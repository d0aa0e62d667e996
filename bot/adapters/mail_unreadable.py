"""Mail that a mailbox has and cannot give: it stops no other, and keeps the door shut until a person looked."""

from collections import defaultdict

from bot.domain.inbox import Origin
from bot.errors import TransientError
from bot.log import get_log

# So many are named; the count says how many there are.
MOST_NAMED = 5


class Unreadable:
    """What one poll after another could not read; each mail is logged once, as long as it stays so."""

    def __init__(self, mailbox: str, *, called: str, mend: str) -> None:
        """Take the words for people: what a `uid` is called, and what they can do."""
        self._mailbox, self._called, self._mend = mailbox, called, mend
        self._logged: set[Origin] = set()
        self._found: list[Origin] = []

    def begin(self) -> None:
        """Begin a poll."""
        self._found = []

    def note(self, origin: Origin, reason: str = "the mail server does not give it") -> None:
        """Keep a mail that could not be read, and log it the first time."""
        self._found.append(origin)
        if origin not in self._logged:
            self._logged.add(origin)
            get_log().warning(
                "mail-unreadable", mailbox=self._mailbox, folder=origin.folder, uid=origin.uid, reason=reason
            )

    def end(self) -> None:
        """End a poll that went through all folders; TransientError when something could not be read."""
        self._logged.intersection_update(self._found)
        if self._found:
            raise TransientError(f"{', '.join(self._sentences())}; {self._mend}")

    def _sentences(self) -> list[str]:
        folders: defaultdict[str, list[str]] = defaultdict(list)
        for origin in self._found:
            folders[origin.folder].append(origin.uid)
        return [self._sentence(folder, uids) for folder, uids in folders.items()]

    def _sentence(self, folder: str, uids: list[str]) -> str:
        named = ", ".join(uids[:MOST_NAMED]) + (", …" if len(uids) > MOST_NAMED else "")
        count = "1 mail" if len(uids) == 1 else f"{len(uids)} mails"
        return f"{count} in {folder} cannot be read ({self._called} {named})"
