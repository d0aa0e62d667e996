"""What one can do in the sandbox's GitLab, the same for the API and for the pages.

Each action is one transaction and returns the value as it stands afterwards. What GitLab would refuse is
a `Refusal`, with GitLab's own status and JSON.
"""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from bot.sandbox.clock import now
from bot.sandbox.commands_run import run_quick_action
from bot.sandbox.gitlab_rows import (
    BOT,
    REPORTER,
    Effect,
    Event,
    Issue,
    Label,
    Note,
    Project,
    Upload,
    User,
)
from bot.sandbox.gitlab_state import GitLabState
from bot.sandbox.label_colours import colour_of
from bot.sandbox.markdown_refs import Found, find_in_markdown, find_in_title
from bot.sandbox.quick_actions import QuickAction, extract_quick_actions
from bot.sandbox.refusal import Refusal

TITLE_LIMIT = 255
DESCRIPTION_LIMIT = 1_048_576
NOTE_LIMIT = 1_000_000
UPLOAD_LIMIT = 100 * 1024 * 1024
ISSUE_TYPES = ("issue", "incident", "test_case", "requirement", "task", "ticket")


def _invalid(field: str, problem: str) -> Refusal:
    return Refusal(400, {"message": {field: [problem]}})


def _check_texts(title: str | None, description: str | None) -> None:
    if title is not None and not title.strip():
        raise _invalid("title", "can't be blank")
    if title is not None and len(title) > TITLE_LIMIT:
        raise _invalid("title", f"is too long (maximum is {TITLE_LIMIT} characters)")
    if description is not None and len(description) > DESCRIPTION_LIMIT:
        size = len(description) / 1024 / 1024
        raise _invalid("description", f"is too long ({size:.2f} MiB). The maximum size is 1 MiB.")


def check_can_write(project: Project, user: User) -> None:
    """Raise a Refusal unless the user is a reporter or more in this project."""
    level = project.access_level if user.id == BOT else user.access_level
    if level < REPORTER:
        raise Refusal(403, {"message": "403 Forbidden"})


@dataclass(frozen=True, slots=True)
class Origin:
    """Who wrote a text, and where it stands: title, description, `note N` or issue (a field)."""

    user: User
    place: str


@dataclass(frozen=True, slots=True)
class IssueForm:
    """The fields of an issue that a request names; None means not named."""

    title: str | None = None
    description: str | None = None
    labels: tuple[str, ...] | None = None
    add_labels: tuple[str, ...] = ()
    remove_labels: tuple[str, ...] = ()
    due_date: str | None = None
    confidential: bool | None = None
    issue_type: str | None = None
    assignee_ids: tuple[int, ...] | None = None
    state_event: str | None = None
    locked: bool | None = None


def create_issue(state: GitLabState, project: Project, user: User, form: IssueForm) -> Issue:
    """Create an issue, run what its description commands, record what its texts set in motion."""
    check_can_write(project, user)
    _check_texts(form.title or "", form.description)
    at = now()
    with state.transaction():
        blank = Issue(
            id=0,
            project_id=project.id,
            iid=state.next_iid(project.id),
            title="",
            state="opened",
            created_at=at,
            updated_at=at,
            closed_at=None,
            due_date=None,
            confidential=False,
            issue_type="issue",
            author_id=user.id,
            locked=False,
            assignee_ids=(),
            labels=(),
            description=None,
        )
        stored = state.add(blank)
        return _change(state, stored, user, form)


def edit_issue(state: GitLabState, issue: Issue, user: User, form: IssueForm) -> Issue:
    """Change the fields that the form names, with the same effects as on creation."""
    project = state.project(issue.project_id)
    if project:
        check_can_write(project, user)
    _check_texts(form.title, form.description)
    with state.transaction():
        return _change(state, issue, user, form)


def _change(state: GitLabState, before: Issue, user: User, form: IssueForm) -> Issue:
    after = _filled(before, form)
    if form.description is not None:
        text, actions = extract_quick_actions(form.description)
        origin = Origin(user, "description")
        after = _obey(state, replace(after, description=text), origin, actions)
        record_found(state, after, origin, find_in_markdown(text))
    if after.title != before.title:
        record_found(state, after, Origin(user, "title"), find_in_title(after.title))
    return _settle(state, before, after, user)


def _filled(issue: Issue, form: IssueForm) -> Issue:
    labels = issue.labels if form.labels is None else form.labels
    labels = tuple(name for name in (*labels, *form.add_labels) if name not in form.remove_labels)
    closed = {"close": "closed", "reopen": "opened"}.get(form.state_event or "", issue.state)
    return replace(
        issue,
        title=issue.title if form.title is None else form.title.strip(),
        description=issue.description if form.description is None else form.description,
        labels=tuple(sorted(set(labels))),
        due_date=issue.due_date if form.due_date is None else _date_or_none(form.due_date),
        confidential=issue.confidential if form.confidential is None else form.confidential,
        issue_type=form.issue_type or issue.issue_type,
        assignee_ids=issue.assignee_ids if form.assignee_ids is None else form.assignee_ids,
        state=closed,
        locked=issue.locked if form.locked is None else form.locked,
    )


def _date_or_none(text: str) -> str | None:
    """GitLab stores what is not a date as no date, without a word."""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None


def _obey(state: GitLabState, issue: Issue, origin: Origin, actions: list[QuickAction]) -> Issue:
    for action in actions:
        changed = run_quick_action(state, issue, action)
        _add_effect(state, issue, origin, Found("quick_action", str(action)), applied=changed != issue)
        issue = changed
    return issue


def record_found(state: GitLabState, issue: Issue, origin: Origin, found: Iterable[Found]) -> None:
    """Keep each effect once, and write a cross-reference on each issue that is named and exists."""
    for each in dict.fromkeys(found):
        _add_effect(state, issue, origin, each, applied=True)
        target = _named_issue(state, issue, each)
        if target and target.id != issue.id:
            add_system_note(state, target, origin.user, f"mentioned in issue #{issue.iid}")


def _named_issue(state: GitLabState, issue: Issue, found: Found) -> Issue | None:
    match = re.fullmatch(r"(?:#|GL-|https?://\S+/issues/)(\d{1,9})", found.text)
    return state.issue(issue.project_id, int(match[1])) if match and found.kind == "reference" else None


def _add_effect(state: GitLabState, issue: Issue, origin: Origin, found: Found, *, applied: bool) -> None:
    state.add(Effect(0, issue.id, origin.user.id, now(), found.kind, found.text, origin.place, applied))


def _settle(state: GitLabState, before: Issue, after: Issue, user: User) -> Issue:
    """Write the issue, its missing labels, its events and the notes that GitLab writes itself."""
    at = now()
    if after.state != before.state:
        after = replace(after, closed_at=at if after.state == "closed" else None)
        action = "closed" if after.state == "closed" else "reopened"
        state.add(Event(0, after.id, user.id, at, "state", action, None))
        add_system_note(state, after, user, action)
    added = [name for name in after.labels if name not in before.labels]
    removed = [name for name in before.labels if name not in after.labels]
    for name, action in (*((name, "add") for name in added), *((name, "remove") for name in removed)):
        state.add_label(after.project_id, name, colour_of(name), None)
        state.add(Event(0, after.id, user.id, at, "label", action, name))
    if before.title:
        _note_changes(state, before, after, user)
    after = replace(after, updated_at=at)
    state.change(after)
    return after


def _note_changes(state: GitLabState, before: Issue, after: Issue, user: User) -> None:
    if before.confidential and not after.confidential:
        add_system_note(state, after, user, "made the issue visible to everyone")
        _add_effect(
            state, after, Origin(user, "issue"), Found("made_public", "confidential off"), applied=True
        )
    if after.confidential and not before.confidential:
        add_system_note(state, after, user, "made the issue confidential")
    if before.due_date != after.due_date:
        words = f"changed due date to {after.due_date}" if after.due_date else "removed due date"
        add_system_note(state, after, user, words)
    if before.assignee_ids != after.assignee_ids:
        names = " and ".join(f"@{state.user(each).username}" for each in after.assignee_ids)
        add_system_note(state, after, user, f"assigned to {names}" if names else "removed assignee")
    if before.title != after.title:
        add_system_note(state, after, user, "changed title")


def add_system_note(state: GitLabState, issue: Issue, user: User, body: str) -> None:
    """Write what GitLab itself says in an issue's history."""
    at = now()
    state.add(Note(0, issue.id, user.id, True, False, at, at, body))  # noqa: FBT003 - the row as it is


def add_note(
    state: GitLabState, issue: Issue, user: User, body: str, *, internal: bool
) -> Note | list[QuickAction]:
    """Add a comment; when it held nothing but quick actions, no note remains and they are returned."""
    project = state.project(issue.project_id)
    if project:
        check_can_write(project, user)
    if not body.strip():
        raise Refusal(400, {"message": '400 Bad request - Note {:note=>["can\'t be blank"]}'})
    if len(body) > NOTE_LIMIT:
        raise Refusal(400, {"message": "400 Bad request - Note is too long (maximum is 1000000 characters)"})
    text, actions = extract_quick_actions(body)
    with state.transaction():
        at = now()
        stored = None
        if text.strip():
            stored = state.add(Note(0, issue.id, user.id, False, internal, at, at, text))  # noqa: FBT003 - a row
            record_found(state, issue, Origin(user, f"note {stored.id}"), find_in_markdown(text))
        origin = Origin(user, f"note {stored.id}" if stored else "note")
        after = _obey(state, issue, origin, actions)
        _settle(state, issue, after, user)
    return stored or actions


def edit_note(state: GitLabState, issue: Issue, note: Note, user: User, body: str) -> Note:
    """Change a comment's text; whether it is internal was settled when it was made."""
    text, _ = extract_quick_actions(body)
    changed = replace(note, body=text, updated_at=now())
    with state.transaction():
        state.change_note(changed)
        record_found(state, issue, Origin(user, f"note {note.id}"), find_in_markdown(text))
    return changed


def create_label(
    state: GitLabState, project: Project, name: str, color: str, description: str | None
) -> Label:
    """Add a label; a name that is taken is a conflict."""
    if state.label(project.id, name):
        raise Refusal(409, {"message": "Label already exists"})
    if not re.fullmatch(r"#(?:[0-9A-Fa-f]{3}){1,2}|[a-z]+", color):
        raise _invalid("color", "must be a valid color code")
    with state.transaction():
        state.add_label(project.id, name, color, description)
    label = state.label(project.id, name)
    if label is None:
        raise _invalid("title", "is invalid")
    return label


def add_upload(state: GitLabState, project: Project, user: User, filename: str, content: bytes) -> Upload:
    """Store a file under a name made safe as GitLab does, behind a random secret."""
    check_can_write(project, user)
    if len(content) > UPLOAD_LIMIT:
        raise Refusal(413, {"message": "413 Request Entity Too Large"})
    name = re.sub(r"[^\w.\-+]", "_", filename.replace("\\", "/").rsplit("/", 1)[-1])[-255:] or "file"
    upload = Upload(0, project.id, user.id, now(), secrets.token_hex(16), name, len(content))
    return state.add_upload(upload, content)
