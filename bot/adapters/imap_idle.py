"""IDLE (RFC 2177): a connection for each watched folder on which the server says at once that mail came.

It only says that somebody should look: what is taken is always asked for, so a word too many costs a look, and a
word that got lost is made good by polling.
"""

import socket
import threading
import time
from collections.abc import Callable, Sequence

from imapclient import IMAPClient

from bot.adapters.imap_folders import find_folders
from bot.adapters.imap_line import ImapLine
from bot.adapters.mail_server import MailServer
from bot.errors import TransientError
from bot.log import get_log

# Servers allow an account few connections at once (Dovecot ten); the folders behind these are polled only.
MOST_FOLDERS = 4
# Seconds of one IDLE. A server may end it after 30 minutes (RFC 2177, 3), and one that was stopped stays silent:
# only a question shows it, and DONE is one.
RENEWAL = 300.0
# Seconds between two looks at whether to go on.
SLICE = 0.25
# Seconds of IDLE after which the pauses between attempts begin anew, the longest of them, and how long a folder
# that is missing is left alone.
STEADY, LONGEST_PAUSE, ABSENCE = 30.0, 60.0, 3600.0
# TCP asks after a minute whether the other side is still there: what lies between forgets connections that are quiet.
KEEP_ALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))


class ImapWatch:
    """Watches the folders of one account; `renewal` and `pause`, the first after a loss, are in seconds."""

    def __init__(
        self,
        server: MailServer,
        folders: Sequence[str],
        *,
        mailbox: str,
        renewal: float = RENEWAL,
        pause: float = 1.0,
    ) -> None:
        """Take the account, and the folders as the settings name them; nothing is opened yet."""
        self._server, self._folders, self._mailbox = server, tuple(folders)[:MOST_FOLDERS], mailbox
        self._renewal, self._pause = renewal, pause

    def run(self, look: Callable[[], None], going_on: Callable[[], bool]) -> None:
        """See `Mailbox.watch`; an end does not wait for a server that hangs."""
        over = threading.Event()
        for folder in self._folders:
            arguments = (folder, look, over)
            threading.Thread(target=self._watch, args=arguments, name=f"idle {folder}", daemon=True).start()
        try:
            while going_on():
                over.wait(SLICE)
        finally:
            over.set()

    def _watch(self, folder: str, look: Callable[[], None], over: threading.Event) -> None:
        """IDLE again and again; a loss is told once, and once that it is over."""
        line, failures, told = ImapLine(self._server), 0, False
        while not over.is_set():
            begun = time.monotonic()
            try:
                self._idle(line, folder, look, over)
            except Exception as error:  # noqa: BLE001 - whatever the server said, polling goes on and this is tried again
                line.cut()
                if over.is_set():
                    break
                if not told:
                    reason = str(error) if isinstance(error, TransientError) else type(error).__name__
                    get_log().warning("watch-lost", mailbox=self._mailbox, folder=folder, reason=reason)
                    look()
                failures, told = (0 if time.monotonic() - begun > STEADY else failures) + 1, True
                over.wait(min(self._pause * 2 ** (failures - 1), LONGEST_PAUSE))
            else:
                if told and not over.is_set():
                    get_log().info("watch-again", mailbox=self._mailbox, folder=folder)
                failures, told = 0, False
        line.cut()

    def _idle(self, line: ImapLine, folder: str, look: Callable[[], None], over: threading.Event) -> None:
        """IDLE once, for as long as `renewal`; returns when the server has answered the DONE, or at the end."""
        present, _ = find_folders(line, [folder])
        with line.asking(f"watching folder {folder}") as client:
            able = client.has_capability("IDLE")
            if able and present:
                self._idle_in(client, present[0], look, over)
                return
        line.cut()
        if not able and folder == self._folders[0]:
            hint = "the server does not offer IDLE; mail is taken when it is polled"
            get_log().info("watch-impossible", mailbox=self._mailbox, reason=hint)
            look()
        over.wait(ABSENCE if able else None)

    def _idle_in(
        self, client: IMAPClient, name: str, look: Callable[[], None], over: threading.Event
    ) -> None:
        _keep_alive(client)
        client.select_folder(name, readonly=True)
        client.idle()
        # What came before this moment is not told: it must be looked for.
        look()
        _listen(client, look, over, time.monotonic() + self._renewal)
        if not over.is_set() and _tell_of_mail(client.idle_done()[1]):
            look()


def _listen(client: IMAPClient, look: Callable[[], None], over: threading.Event, until: float) -> None:
    """Hear what the server says by itself; a connection that it closed returns early, and DONE finds out."""
    while not over.is_set() and time.monotonic() < until:
        begun = time.monotonic()
        said = client.idle_check(SLICE)
        if _tell_of_mail(said):
            look()
        elif not said and time.monotonic() - begun < SLICE / 2:
            return


def _tell_of_mail(said: Sequence[object]) -> bool:
    """Whether an answer may mean new mail; marks that change (FETCH) and mail that goes (EXPUNGE) do not."""
    return any(isinstance(each, tuple) and each[1:2] in {(b"EXISTS",), (b"RECENT",)} for each in said)


def _keep_alive(client: IMAPClient) -> None:
    line = client.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE:
        if hasattr(socket, name):
            line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
