"""The team's pages for Jira: board, issue and their forms, which act as Tess through the same code as the API."""

from pathlib import PurePosixPath

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from bot.sandbox import jira_actions as actions
from bot.sandbox.atlassian_document import document_of
from bot.sandbox.cards import PICTURES, Card
from bot.sandbox.jira_catalogue import (
    DONE,
    LEVELS,
    PRIORITIES,
    PROJECTS,
    RESOLUTIONS,
    USERS,
    Status,
    name_of,
    status_of,
    user_of,
)
from bot.sandbox.jira_fields import problem
from bot.sandbox.jira_rendering import render_rich_text
from bot.sandbox.jira_rows import BOT, TESS, Comment, Issue
from bot.sandbox.jira_state import JiraState

_SHOWN_AT_MOST = 200


class JiraPages:
    """The routes of the Jira board."""

    def __init__(self, state: JiraState, pages: Environment) -> None:
        """Take the data and the templates."""
        self._state, self._pages = state, pages

    def routes(self) -> list[Route]:
        """Return the table of methods and paths."""
        return [
            Route("/jira/board", self.show_board),
            Route("/jira/files/{file}", self.show_file),
            Route("/browse/{key}", self.show_issue),
            Route("/browse/{key}/comments", self.add_comment, methods=["POST"]),
            Route("/browse/{key}/changes", self.change_issue, methods=["POST"]),
            Route("/browse/{key}/transitions", self.transition, methods=["POST"]),
        ]

    async def show_board(self, request: Request) -> Response:
        """Show a project's issues: open ones by due date, done ones by their last change."""
        query = request.query_params
        project, search, label = query.get("project", "SEC"), query.get("search", ""), query.get("labels", "")
        if project not in PROJECTS:
            raise problem("There is no such project.", status=404)
        everything = self._state.issues(project)
        found = [each for each in everything if _fits(each, search, label)]
        done = [each for each in found if each.status_id == DONE.id]
        opened = [each for each in found if each.status_id != DONE.id]
        done.sort(key=lambda each: each.updated_at, reverse=True)
        opened.sort(key=lambda each: (each.due_date or "9999", each.id))
        state = "done" if query.get("state") == "done" else "open"
        shown = (done if state == "done" else opened)[:_SHOWN_AT_MOST]
        return self._page(
            "jira_board.html",
            project=project,
            projects=PROJECTS,
            deployment="Cloud" if self._state.cloud else "Data Center",
            cards=[self._card(each) for each in shown],
            counts={"open": len(opened), "done": len(done)},
            state=state,
            search=search,
            label_chosen=label,
            labels=sorted({name for each in everything for name in each.labels}),
        )

    def _card(self, issue: Issue) -> Card:
        return Card(
            url=f"/browse/{issue.key}",
            ref=issue.key,
            title=issue.summary,
            closed_to=name_of(LEVELS, issue.security_id).name if issue.security_id else "",
            open_words="No security level",
            due_on=issue.due_date,
            done=issue.status_id == DONE.id,
            people=(user_of(issue.assignee_id).display_name,) if issue.assignee_id else (),
            comments=len(self._state.comments(issue.id)),
            labels=issue.labels,
        )

    async def show_issue(self, request: Request) -> Response:
        """Show an issue with everything that hangs on it."""
        issue = self._found(request)
        files = self._state.attachments(issue.id)
        numbers = {each.filename: each.id for each in files}
        return self._page(
            "jira_issue.html",
            issue=issue,
            status=status_of(issue.status_id),
            resolution=name_of(RESOLUTIONS, issue.resolution_id) if issue.resolution_id else None,
            level=name_of(LEVELS, issue.security_id) if issue.security_id else None,
            priority=name_of(PRIORITIES, issue.priority_id),
            description=render_rich_text(issue.description, numbers) if issue.description else None,
            comments=[
                (each, render_rich_text(each.body, numbers), _seen_by(each))
                for each in self._state.comments(issue.id)
            ],
            files=files,
            users={user.id: user for user in USERS},
            people=[user for user in USERS if user.id != BOT],
            transitions=self._offered(issue),
            resolutions=RESOLUTIONS,
            effects=self._state.effects(issue.id),
            cloud=self._state.cloud,
            desk=self._state.manners.service_desk,
        )

    def _offered(self, issue: Issue) -> list[tuple[str, Status, bool]]:
        return [
            (each.id, status_of(each.to), each.has_screen)
            for each in actions.offered(self._state, issue)
            if each.to != issue.status_id
        ]

    async def add_comment(self, request: Request) -> Response:
        """Comment as Tess, for everybody who sees the issue or internally."""
        issue = self._found(request)
        async with request.form() as form:
            text, internal = str(form.get("body", "")).replace("\r\n", "\n").strip(), "internal" in form
        body: dict[str, object] = {"body": document_of(text) if self._state.cloud and text else text}
        if internal:
            body["properties"] = [{"key": actions.INTERNAL, "value": {"internal": True}}]
        actions.add_comment(self._state, issue, user_of(TESS), body, adf=self._state.cloud)
        return _back(request, "#comments")

    async def change_issue(self, request: Request) -> Response:
        """Change what one of the small forms names: labels, assignee or due date."""
        issue = self._found(request)
        async with request.form() as form:
            given = {key: str(value).strip() for key, value in form.items()}
        labels = [{verb: given[f"{verb}_label"]} for verb in ("add", "remove") if given.get(f"{verb}_label")]
        fields: dict[str, object] = {}
        if "due_date" in given:
            fields["duedate"] = given["due_date"] or None
        if "assignee" in given:
            fields["assignee"] = self._person(given["assignee"])
        body = {"fields": fields, "update": {"labels": labels} if labels else {}}
        actions.edit_issue(self._state, issue, user_of(TESS), body, adf=self._state.cloud)
        return _back(request, "")

    def _person(self, number: str) -> dict[str, str] | None:
        user = next((each for each in USERS if str(each.id) == number), None)
        if user is None:
            return None
        return {"accountId": user.account_id} if self._state.cloud else {"name": user.name}

    async def transition(self, request: Request) -> Response:
        """Move the issue to another status; Done asks for a resolution."""
        issue = self._found(request)
        async with request.form() as form:
            chosen, resolution = str(form.get("transition", "")), str(form.get("resolution", ""))
        body: dict[str, object] = {"transition": {"id": chosen}}
        if resolution:
            body["fields"] = {"resolution": {"id": resolution}}
        actions.transition(self._state, issue, user_of(TESS), body, adf=self._state.cloud)
        return _back(request, "")

    async def show_file(self, request: Request) -> Response:
        """Show a picture; anything else is only saved, never opened here."""
        file = self._state.attachment(request.path_params["file"])
        if file is None:
            raise problem("There is no such file.", status=404)
        picture = PICTURES.get(PurePosixPath(file.filename).suffix.lower())
        name = file.filename.encode("ascii", "replace").decode().replace('"', "_")
        headers = {} if picture else {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(self._state.content(file), 200, headers, picture or "application/octet-stream")

    def _found(self, request: Request) -> Issue:
        issue = self._state.issue(request.path_params["key"])
        if issue is None:
            raise problem("There is no such issue.", status=404)
        return issue

    def _page(self, name: str, **values: object) -> Response:
        return HTMLResponse(self._pages.get_template(name).render(here="team", **values))


def _fits(issue: Issue, search: str, label: str) -> bool:
    text = f"{issue.key} {issue.summary} {issue.description or ''}".casefold()
    return search.casefold() in text and (not label or label in issue.labels)


def _seen_by(comment: Comment) -> str:
    if comment.internal:
        return "Internal note"
    return "Restricted" if comment.visibility else ""


def _back(request: Request, anchor: str) -> Response:
    return RedirectResponse(request.url.path.rpartition("/")[0] + anchor, 303)
