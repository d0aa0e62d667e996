"""Start the three servers of the sandbox and keep them until they are told to stop."""

import asyncio
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from starlette.types import ASGIApp
from uvicorn import Config, Server

from bot.errors import PermanentError
from bot.sandbox.control import Control, control_routes
from bot.sandbox.faults import Faults
from bot.sandbox.gate import DroppableProtocol, Gate
from bot.sandbox.gitlab_api import GitLabApi, build_api, refuse
from bot.sandbox.gitlab_control import GitLabControl
from bot.sandbox.gitlab_state import GitLabState
from bot.sandbox.jira_api import build_api as build_jira
from bot.sandbox.jira_control import JiraControl
from bot.sandbox.jira_door import JiraDoor
from bot.sandbox.jira_door import refuse as refuse_as_jira
from bot.sandbox.jira_state import JiraState
from bot.sandbox.mail_catcher import MailStore, start_mail_server
from bot.sandbox.request_log import RequestLog
from bot.sandbox.web import build_web

_HOST = "127.0.0.1"
_KEEP_ALIVE = 120
_TOKEN_LIFE = timedelta(days=300)


@dataclass(frozen=True, slots=True)
class _Doors:
    """The ports, and which Jira there is when its port is not None."""

    gitlab: int
    smtp: int
    web: int
    jira: int | None
    deployment: str


class _QuietServer(Server):
    """A server among others: signals are handled once, for all of them."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


def run_sandbox(  # noqa: PLR0913 - one keyword for each thing that the command line gives
    *,
    gitlab_port: int,
    smtp_port: int,
    web_port: int,
    folder: Path,
    token: str = "sandbox-token",  # noqa: S107 - a stand-in guards nothing
    project: str = "security/reports",
    maildir: Path | None = None,
    jira_port: int | None = None,
    jira_deployment: str = "cloud",
) -> None:
    """Serve on the loopback address until SIGTERM or SIGINT; port 0 takes a free one.

    When all listen, one line says where: `sandbox gitlab=URL smtp=HOST:PORT web=URL`, and `jira=URL` where a
    `jira_port` was given (`jira_deployment` is cloud or datacenter). All data lie in `folder`; `maildir` is
    where mail goes that is written on the pages. Raises PermanentError when a port is taken.
    """
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    doors = _Doors(gitlab_port, smtp_port, web_port, jira_port, jira_deployment)
    asyncio.run(_serve(doors, folder, token, project, maildir or folder / "Maildir"))


async def _serve(doors: _Doors, folder: Path, token: str, project: str, maildir: Path) -> None:
    expires_on = (datetime.now(UTC) + _TOKEN_LIFE).date().isoformat()
    state = GitLabState(folder).furnish(project, expires_on)
    jira = None if doors.jira is None else JiraState(folder, doors.deployment).furnish()
    mails, faults, log = MailStore(folder), Faults(), RequestLog()
    control = Control(faults, log, mails)
    levers = control_routes(control, GitLabControl(state).levers())
    gitlab_socket, smtp_socket, web_socket = (_listen(port) for port in (doors.gitlab, doors.smtp, doors.web))
    gitlab_url, web_url = _url(gitlab_socket), _url(web_socket)
    jira_socket = _listen(doors.jira) if doors.jira is not None else None
    api = Gate(build_api(GitLabApi(state, token, web_url), levers), faults, log, ("/api/",), refuse)
    pages = build_web(state, jira, mails, maildir, gitlab_url, levers)
    smtp = await start_mail_server(mails, faults, smtp_socket)
    servers = [(_server(api), gitlab_socket), (_server(pages), web_socket)]
    smtp_at = _url(smtp_socket).removeprefix("http://")
    line = f"sandbox gitlab={gitlab_url} smtp={smtp_at} web={web_url}"
    if jira and jira_socket:
        jira.site = _url(jira_socket)
        door = JiraDoor(jira, token)
        app = build_jira(door, web_url, control_routes(control, JiraControl(jira).levers()))
        gate = Gate(app, faults, log, ("/rest/", "/secure/", "/media/"), refuse_as_jira)
        servers.append((_server(gate), jira_socket))
        line += f" jira={jira.site}"
    _stop_on_signals([server for server, _ in servers])
    print(line, flush=True)  # noqa: T201 - its one line
    try:
        await asyncio.gather(*(server.serve(sockets=[listener]) for server, listener in servers))
    finally:
        smtp.close()
        state.close()
        mails.close()
        if jira:
            jira.close()


def _listen(port: int) -> socket.socket:
    """Listen at once, so that a client that reads the printed line is never refused."""
    # With the protocol named, asyncio sends at once (TCP_NODELAY) instead of waiting 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_HOST, port))
    except OSError as error:
        raise PermanentError(
            f"Port {port} on {_HOST} is taken; choose another, or 0 for a free one."
        ) from error
    listener.listen(128)
    listener.setblocking(False)  # noqa: FBT003 - the socket module's own signature
    return listener


def _url(listener: socket.socket) -> str:
    return f"http://{_HOST}:{listener.getsockname()[1]}"


def _server(app: ASGIApp) -> Server:
    config = Config(
        app,
        http=DroppableProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=1,
    )
    return _QuietServer(config)


def _stop_on_signals(servers: list[Server]) -> None:
    def stop() -> None:
        for server in servers:
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, stop)
