"""Which folders of an IMAP account are meant by the names in the settings."""

from collections.abc import Sequence

from bot.adapters.imap_line import ImapLine
from bot.adapters.mail_batches import JUNK_NAMES

# Special use of RFC 6154.
JUNK = rb"\Junk"
NOT_A_FOLDER = frozenset({rb"\noselect", rb"\nonexistent"})


def find_folders(line: ImapLine, wanted: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the server's names of the wanted folders, each once, and the wanted ones it does not have."""
    present: list[str] = []
    missing: list[str] = []
    with line.asking("the list of folders") as client:
        listed = [name for flags, _, name in client.list_folders() if not _is_hollow(flags)]
        for want in wanted:
            name = next(
                (name for name in listed if name == want or (is_inbox(name) and is_inbox(want))), None
            )
            if name is None and want.casefold() in JUNK_NAMES:
                name = client.find_special_folder(JUNK)
            if name is None:
                missing.append(want)
            elif name not in present:
                present.append(name)
    return present, missing


def _is_hollow(flags: Sequence[bytes]) -> bool:
    return any(flag.lower() in NOT_A_FOLDER for flag in flags)


def is_inbox(name: str) -> bool:
    """INBOX is the one name that knows no case (RFC 3501, 5.1)."""
    return name.upper() == "INBOX"


def no_folder(name: str) -> str:
    """Say that a folder is missing, with the mend."""
    return f"there is no folder {name}; create it or take it out of MELDPUNT_MAILBOX__FOLDERS"
