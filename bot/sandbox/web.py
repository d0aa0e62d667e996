"""The pages on which a person plays the reporter or the team."""

from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.sandbox.board_pages import BoardPages
from bot.sandbox.gitlab_state import GitLabState
from bot.sandbox.jira_pages import JiraPages
from bot.sandbox.jira_state import JiraState
from bot.sandbox.mail_catcher import MailStore
from bot.sandbox.mailbox_pages import MailboxPages
from bot.sandbox.refusal import Refusal
from bot.sandbox.rendering import build_pages

# Nothing from elsewhere is loaded and no script runs, whatever a report holds.
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self'; form-action 'self';"
        " frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def build_web(  # noqa: PLR0913, PLR0917 - everything that has a page
    state: GitLabState,
    jira: JiraState | None,
    mails: MailStore,
    maildir: Path,
    gitlab_url: str,
    more: list[Route],
) -> ASGIApp:
    """Return the pages, and whatever routes stand beside them; where there is a Jira, the team works there."""
    pages = build_pages()
    pages.globals["team_url"] = "/jira/board" if jira else "/board"
    style = files("bot.sandbox").joinpath("pages/style.css").read_bytes()

    async def show_style(_request: Request) -> Response:
        return Response(style, media_type="text/css", headers={"Cache-Control": "max-age=60"})

    async def show_start(_request: Request) -> Response:
        opened = state.count_issues("state = ?", ["opened"])
        in_jira = jira.count_open() if jira else None
        page = pages.get_template("start.html")
        return HTMLResponse(
            page.render(
                here="start",
                opened=opened,
                in_jira=in_jira,
                mails=len(mails.mails()),
                gitlab_url=gitlab_url,
                jira_url=jira.site if jira else None,
            )
        )

    routes = [
        Route("/", show_start),
        Route("/style.css", show_style),
        *MailboxPages(mails, maildir, pages).routes(),
        *more,
        *(JiraPages(jira, pages).routes() if jira else []),
        *BoardPages(state, pages).routes(),
    ]
    answer = _error_page(pages)
    return _Guard(Starlette(routes=routes, exception_handlers={Refusal: answer, HTTPException: answer}))


def _error_page(pages: Environment) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(_request: Request, error: Exception) -> Response:
        status, words = 500, "Something went wrong."
        if isinstance(error, Refusal):
            status, words = error.status, _words(error.body)
        elif isinstance(error, HTTPException):
            status, words = error.status_code, error.detail
        return HTMLResponse(pages.get_template("error.html").render(here="", words=words), status)

    return answer


def _words(body: Mapping[str, object]) -> str:
    """Take the sentence out of a refusal of GitLab's or of Jira's."""
    sentences, errors = body.get("errorMessages"), body.get("errors")
    if isinstance(sentences, list) and isinstance(errors, dict):
        return " ".join(str(each) for each in [*sentences, *errors.values()])
    return str(body.get("message", body.get("error")))


class _Guard:
    """Adds the headers of safety to every page and refuses forms that another site sends."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = [(key.lower().encode(), value.encode()) for key, value in _HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        if scope["type"] == "http" and scope["method"] == "POST" and _from_elsewhere(scope):
            return await Response("This form was sent by another site.", 403)(scope, receive, send_guarded)
        return await self._app(scope, receive, send_guarded)


def _from_elsewhere(scope: Scope) -> bool:
    sites = [value for name, value in scope["headers"] if name == b"sec-fetch-site"]
    return any(site not in {b"same-origin", b"none"} for site in sites)
