"""A relay before a real IMAP server that hides or alters what it says, and refuses or hangs up at a command."""

import contextlib
import re
import socket
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Literal, Self

Deed = Literal["refuse", "drop", "ignore"]


class ImapRelay:
    r"""Passes lines on to `port` for the time of a `with`; `heard` is all that clients said, `said` what they got.

    `hidden` words are left out of what the server says, such as `STARTTLS` or `\*`. `rules` pairs a pattern for
    client lines with what happens to those: `refuse` answers NO, `drop` closes the connection, `ignore` answers
    never. `rewrites` pairs a pattern for what the server says with what clients get instead.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        port: int,
        *,
        hidden: Sequence[str] = (),
        rules: Sequence[tuple[str, Deed]] = (),
        rewrites: Sequence[tuple[bytes, bytes]] = (),
    ) -> None:
        self.heard = self.said = b""
        self.connections = 0
        self._behind = port
        self._rewrites = [(rb" " + re.escape(word.encode()), b"") for word in hidden] + list(rewrites)
        self._rules = [(re.compile(pattern.encode()), deed) for pattern, deed in rules]
        self._door = socket.create_server((self.host, 0))
        self.port: int = self._door.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._lines: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._spawn(self._welcome)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self.hang_up()
        for thread in self._threads:
            thread.join(10)
        for line in self._lines:
            line.close()

    def hang_up(self) -> None:
        """Close every connection, as a server does with idle ones."""
        for line in self._lines:
            _shut(line)

    def _spawn(self, work: object, *arguments: socket.socket) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]  # any work
        self._threads.append(thread)
        thread.start()

    def _welcome(self) -> None:
        while True:
            try:
                client = self._door.accept()[0]
            except OSError:
                return
            server = socket.create_connection((self.host, self._behind))
            self.connections += 1
            self._lines += [client, server]
            self._spawn(self._pass_commands, client, server)
            self._spawn(self._pass_answers, server, client)

    def _pass_commands(self, client: socket.socket, server: socket.socket) -> None:
        with client.makefile("rb") as lines:
            try:
                for line in lines:
                    self.heard += line
                    if not self._interfere(line, client):
                        server.sendall(line)
            except OSError:
                pass
        _shut(client)
        _shut(server)

    def _interfere(self, line: bytes, client: socket.socket) -> bool:
        deed = next((deed for pattern, deed in self._rules if pattern.search(line)), None)
        if deed == "refuse":
            client.sendall(line.split()[0] + b" NO [SERVERBUG] not this one\r\n")
        if deed == "drop":
            _shut(client)
        return deed is not None

    def _pass_answers(self, server: socket.socket, client: socket.socket) -> None:
        try:
            while said := server.recv(65536):
                for pattern, instead in self._rewrites:
                    said = re.sub(pattern, instead, said, flags=re.DOTALL)
                self.said += said
                client.sendall(said)
        except OSError:
            pass
        _shut(client)


def _shut(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
