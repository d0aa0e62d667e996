"""The team's pages: board, issue and their forms, which act as Tess through the same code as the API."""

from pathlib import PurePosixPath

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from bot.sandbox import gitlab_actions as actions
from bot.sandbox.cards import PICTURES, Card
from bot.sandbox.gitlab_actions import IssueForm
from bot.sandbox.gitlab_lists import issue_filter
from bot.sandbox.gitlab_rows import BOT, TESS, Issue, Note, Project, Upload, User
from bot.sandbox.gitlab_state import GitLabState
from bot.sandbox.refusal import Refusal

_SHOWN_AT_MOST = 200


class BoardPages:
    """The routes of the board."""

    def __init__(self, state: GitLabState, pages: Environment) -> None:
        """Take the data and the templates."""
        self._state, self._pages = state, pages

    def routes(self) -> list[Route]:
        """Return the table of methods and paths."""
        issue = "/{project:path}/-/issues/{iid:int}"
        return [
            Route("/board", self.show_board),
            Route("/uploads/{secret}/{filename}", self.show_upload),
            Route(issue, self.show_issue),
            Route(f"{issue}/comments", self.add_comment, methods=["POST"]),
            Route(f"{issue}/changes", self.change_issue, methods=["POST"]),
        ]

    async def show_board(self, request: Request) -> Response:
        """Show a project's issues: open ones by due date, closed ones by their last change."""
        query = request.query_params
        project = self._state.project(query.get("project", "1"))
        if project is None:
            raise Refusal(404, {"message": "There is no such project."})
        closed = query.get("state") == "closed"
        order = "updated_at DESC" if closed else "due_date IS NULL, due_date, id"
        where, values = issue_filter(project.id, query)
        state = "closed" if closed else "opened"
        issues = self._state.find_issues(
            f"{where} AND state = ?", [*values, state], order, page=1, size=_SHOWN_AT_MOST
        )
        counts = {
            each: self._state.count_issues(f"{where} AND state = ?", [*values, each])
            for each in ("opened", "closed")
        }
        return self._page(
            "board.html",
            project=project,
            projects=self._state.projects(),
            cards=[self._card(each, project) for each in issues],
            counts=counts,
            state=state,
            search=query.get("search", ""),
            label_chosen=query.get("labels", ""),
            labels=self._state.labels(project.id),
        )

    def _card(self, issue: Issue, project: Project) -> Card:
        return Card(
            url=f"/{project.path}/-/issues/{issue.iid}",
            ref=f"#{issue.iid}",
            title=issue.title,
            closed_to="Confidential" if issue.confidential else "",
            open_words="Not confidential",
            due_on=issue.due_date,
            done=issue.state == "closed",
            people=tuple(self._state.user(each).name for each in issue.assignee_ids),
            comments=self._state.count_notes(issue.id),
            labels=issue.labels,
        )

    async def show_issue(self, request: Request) -> Response:
        """Show an issue with everything that hangs on it."""
        project, issue = self._found(request)
        notes = self._state.notes(issue.id)
        return self._page(
            "issue.html",
            project=project,
            issue=issue,
            notes=notes,
            users={user.id: user for user in self._state.users()},
            people=[user for user in self._state.users() if user.id != BOT],
            labels=[each for each in self._state.labels(project.id) if each.name not in issue.labels],
            effects=self._state.effects(issue.id),
            uploads=self._uploads_of(project, issue, notes),
        )

    def _uploads_of(self, project: Project, issue: Issue, notes: list[Note]) -> list[Upload]:
        texts = "\n".join([issue.description or "", *(note.body for note in notes)])
        return [each for each in self._state.uploads(project.id)[::-1] if each.secret in texts]

    async def add_comment(self, request: Request) -> Response:
        """Comment as Tess, in the open or internally; quick actions work."""
        _, issue = self._found(request)
        async with request.form() as form:
            body, internal = str(form.get("body", "")), "internal" in form
        actions.add_note(self._state, issue, self._tess(), body.replace("\r\n", "\n"), internal=internal)
        return self._back(request, "#comments")

    async def change_issue(self, request: Request) -> Response:
        """Change what one of the small forms names: labels, assignee, due date or state."""
        _, issue = self._found(request)
        async with request.form() as form:
            fields = {key: str(value).strip() for key, value in form.items()}
        assignee = fields.get("assignee")
        change = IssueForm(
            add_labels=(fields["add_label"],) if fields.get("add_label") else (),
            remove_labels=(fields["remove_label"],) if fields.get("remove_label") else (),
            assignee_ids=None if assignee is None else (int(assignee),) if assignee.isdigit() else (),
            due_date=fields.get("due_date"),
            state_event=fields.get("state_event"),
        )
        actions.edit_issue(self._state, issue, self._tess(), change)
        return self._back(request, "")

    async def show_upload(self, request: Request) -> Response:
        """Show an uploaded picture; anything else is only saved, never opened here."""
        found = self._state.upload(request.path_params["secret"])
        if found is None:
            raise Refusal(404, {"message": "There is no such file."})
        upload, content = found
        picture = PICTURES.get(PurePosixPath(upload.filename).suffix.lower())
        headers = {} if picture else {"Content-Disposition": "attachment"}
        return Response(content, 200, headers, picture or "application/octet-stream")

    def _tess(self) -> User:
        return self._state.user(TESS)

    def _found(self, request: Request) -> tuple[Project, Issue]:
        project = self._state.project(request.path_params["project"])
        issue = self._state.issue(project.id, request.path_params["iid"]) if project else None
        if project is None or issue is None:
            raise Refusal(404, {"message": "There is no such issue."})
        return project, issue

    def _back(self, request: Request, anchor: str) -> Response:
        return RedirectResponse(request.url.path.rpartition("/")[0] + anchor, 303)

    def _page(self, name: str, **values: object) -> Response:
        return HTMLResponse(self._pages.get_template(name).render(here="team", **values))
