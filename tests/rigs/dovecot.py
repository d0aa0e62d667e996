"""A real Dovecot on a loopback port, run from a private folder; any user name has a mailbox of its own."""

import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.rigs.certificates import Certificate, make_certificate

PROGRAM = shutil.which("dovecot") or shutil.which("dovecot", path="/usr/sbin:/usr/local/sbin")
NOBODY = 65534
PASSWORD = "open-sesame-9"
DEADLINE = 10.0

CONFIGURATION = """
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
auth_failure_delay = 0
disable_plaintext_auth = no
ssl = yes
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/key.pem
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 0
mail_location = maildir:{folder}/mail/%u/Maildir
mail_max_userip_connections = 100
{passwords}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/mail/%u
}}
namespace inbox {{
  inbox = yes
  mailbox {junk} {{
    special_use = \\Junk
    auto = create
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""


PASSWORDS = """
passdb {{
  driver = static
  args = password={password}
}}
"""

TOKENS = """
auth_mechanisms = xoauth2
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth2.conf
}}
"""

INTROSPECTION = """
introspection_mode = auth
introspection_url = {url}
force_introspection = yes
username_attribute = username
active_attribute = active
active_value = true
"""


def need_dovecot() -> None:
    """Skip where Dovecot is not installed, but fail under CI, which promises that nothing is skipped."""
    if PROGRAM is None:
        missing = "Dovecot is not installed (Debian: dovecot-imapd)"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)


class Dovecot:
    """A server for the time of a `with`; without `folder` it makes one of its own and removes it.

    Dovecot refuses to log people in as root: then it runs as `nobody`, who must be able to reach `folder`.
    `junk` names the folder that has the special use. Mail is put into the Maildir directly. With an
    `introspection_url` it takes no passwords, only tokens that are good there.
    """

    host = "127.0.0.1"
    password = PASSWORD

    def __init__(
        self,
        folder: Path | None = None,
        *,
        username: str = "security",
        junk: str = "Spam",
        introspection_url: str | None = None,
    ) -> None:
        need_dovecot()
        self._own_folder = folder is None
        # Unix sockets stand in it: their paths must be short, which those of pytest are not.
        self.folder = folder or Path(tempfile.mkdtemp(prefix="dovecot-", dir="/tmp"))
        self.username = username
        self.port, self.tls_port = free_port(), free_port()
        self._junk, self._introspection_url = junk, introspection_url
        self._process: subprocess.Popen[bytes] | None = None
        self._names = itertools.count()
        self._users = itertools.count()
        for name in ("run", "state", "mail"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.certificate: Certificate = make_certificate(self.folder)
        _give_away(self.folder)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.stop()
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def settings(self) -> dict[str, str]:
        """How a bot finds it."""
        return {
            "MAILBOX__KIND": "imap",
            "MAILBOX__HOST": self.host,
            "MAILBOX__PORT": str(self.port),
            "MAILBOX__SECURITY": "none",
            "MAILBOX__USERNAME": self.username,
            "MAILBOX__PASSWORD": self.password,
        }

    def new_user(self) -> str:
        """Make `username` a fresh one with an empty mailbox, so that tests can share a server."""
        self.username = f"team{next(self._users)}"
        return self.username

    def start(self) -> None:
        """Start and wait until it greets; a port that somebody else took meanwhile is changed for another."""
        for _ in range(3):
            self._configure()
            command = [str(PROGRAM), "-F", "-c", str(self.folder / "dovecot.conf")]
            if os.geteuid() == 0:
                command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]
            self._process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
            if self._greets():
                return
            self._process.wait()
            self.port, self.tls_port = free_port(), free_port()
        raise RuntimeError(f"Dovecot did not start: {(self.folder / 'log').read_text()[-2000:]}")

    def stop(self) -> None:
        """Stop in an orderly way and wait until all its processes are gone."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End all its processes at once, as a power cut would."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Make it silent: connections stay open and get no answer until `thaw`."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def deliver(
        self,
        raw: bytes,
        folder: str = "INBOX",
        *,
        username: str | None = None,
        received_at: datetime | None = None,
    ) -> Path:
        """Put a mail into a folder, as a delivery agent does."""
        home = self.add_folder(folder, username=username)
        name = f"{time.time_ns() // 1000}.M{next(self._names)}P{os.getpid()}.example"
        (home / "tmp" / name).write_bytes(raw)
        if received_at is not None:
            os.utime(home / "tmp" / name, (received_at.timestamp(), received_at.timestamp()))
        return (home / "tmp" / name).rename(home / "new" / name)

    def add_folder(self, folder: str, *, username: str | None = None) -> Path:
        """Make an empty folder, unless it is there, and return where it lies."""
        home = self._home(folder, username)
        if not (home / "new").is_dir():
            for box in ("tmp", "cur", "new"):
                (home / box).mkdir(parents=True, exist_ok=True)
            _give_away(self.folder / "mail" / (username or self.username))
        return home

    def messages(self, folder: str = "INBOX", *, username: str | None = None) -> Sequence[bytes]:
        """Return what lies in a folder, oldest first."""
        home = self._home(folder, username)
        files = [path for box in ("new", "cur") for path in (home / box).glob("*")]
        return [path.read_bytes() for path in sorted(files, key=lambda path: path.name)]

    def _home(self, folder: str, username: str | None) -> Path:
        maildir = self.folder / "mail" / (username or self.username) / "Maildir"
        return maildir if folder == "INBOX" else maildir / f".{folder}"

    def _configure(self) -> None:
        user, group = ("nobody", "nogroup") if os.geteuid() == 0 else (_user_name(), _group_name())
        ways = TOKENS if self._introspection_url else PASSWORDS
        (self.folder / "oauth2.conf").write_text(INTROSPECTION.format(url=self._introspection_url))
        text = CONFIGURATION.format(
            folder=self.folder,
            passwords=ways.format(folder=self.folder, password=PASSWORD),
            user=user,
            group=group,
            port=self.port,
            tls_port=self.tls_port,
            junk=self._junk,
        )
        (self.folder / "dovecot.conf").write_text(text)

    def _greets(self) -> bool:
        """Wait until the server greets; False when it ended instead."""
        ends = time.monotonic() + DEADLINE
        while time.monotonic() < ends and self._process is not None and self._process.poll() is None:
            try:
                with socket.create_connection((self.host, self.port), timeout=1) as line:
                    if line.recv(4) == b"* OK":
                        return True
            except OSError:
                pass
            time.sleep(0.02)
        return False

    def _end(self, how: signal.Signals) -> None:
        """Signal the whole session of processes that was started here, and wait for each to be gone."""
        if self._process is None:
            return
        self._signal(how)
        self._signal(signal.SIGCONT)
        self._process.wait(DEADLINE)
        ends = time.monotonic() + DEADLINE
        while _lives(self._process.pid):
            if time.monotonic() > ends:
                raise RuntimeError("Dovecot did not stop")
            time.sleep(0.01)
        self._process = None

    def _signal(self, which: signal.Signals) -> None:
        if self._process is not None and _lives(self._process.pid):
            os.killpg(self._process.pid, which)


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _give_away(folder: Path) -> None:
    """Let `nobody` own a folder and all in it when the tests run as root."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _user_name() -> str:
    import pwd  # noqa: PLC0415 - only on the machine of a person who is not root

    return pwd.getpwuid(os.geteuid()).pw_name


def _group_name() -> str:
    import grp  # noqa: PLC0415 - the same

    return grp.getgrgid(os.getegid()).gr_name
