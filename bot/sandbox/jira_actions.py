"""What one can do in the sandbox's Jira, the same for the API and for the pages.

Each action is one transaction and returns the value as it stands afterwards. What Jira would refuse is a
`Refusal`, with Jira's own status and JSON.
"""

import json
import mimetypes
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.sandbox.atlassian_document import find_in_document
from bot.sandbox.clock import now
from bot.sandbox.jira_catalogue import (
    DEFAULT_PRIORITY,
    DONE,
    PROJECTS,
    RESOLUTIONS,
    TODO,
    TRANSITIONS,
    Transition,
    User,
    named,
)
from bot.sandbox.jira_fields import (
    KEY_LIMIT,
    OFF_SCREEN,
    PROPERTY_LIMIT,
    FieldReader,
    check_text,
    field_problem,
    may,
    problem,
    wrong_label,
)
from bot.sandbox.jira_rows import Attachment, Comment, Effect, Issue
from bot.sandbox.jira_state import JiraState
from bot.sandbox.markdown_refs import Found
from bot.sandbox.refusal import Refusal
from bot.sandbox.wiki_markup import find_in_wiki

ROLES = {"10002": "Administrators", "10100": "Team"}
GROUPS = ("jira-administrators", "desk-team")
INTERNAL = "sd.public.comment"
Fields = Mapping[str, Any]


def create_issue(state: JiraState, user: User, body: Fields, *, adf: bool) -> Issue:
    """Create an issue with its fields and properties, and record what its description sets in motion."""
    fields = _object(body, "fields")
    reader = FieldReader(state, user, adf)
    reader.read({**_missing(fields), **fields}, create=True)
    reader.check_required()
    if not may(state, user, "CREATE_ISSUES"):
        reader.errors["project"] = "You do not have permission to create issues in this project."
    reader.finish()
    properties = _properties(body)
    at = now()
    with state.transaction():
        project = reader.changes.pop("project")
        blank = Issue(
            id=0,
            project=project,
            number=state.next_number(project),
            created_at=at,
            updated_at=at,
            resolved_at=None,
            type_id="",
            status_id=TODO.id,
            resolution_id=None,
            priority_id=DEFAULT_PRIORITY,
            security_id=None,
            reporter_id=user.id,
            assignee_id=None,
            due_date=None,
            labels=(),
            summary="",
            description=None,
            custom=reader.custom,
        )
        issue = state.add(replace(blank, **reader.changes))
        for key, value in properties.items():
            state.set_property(issue.id, key, value)
        if issue.description:
            record_text(state, issue, user, "description", issue.description)
        state.index(issue)
    return issue


def _missing(fields: Fields) -> dict[str, None]:
    return {name: None for name in ("project", "issuetype") if name not in fields}


def edit_issue(state: JiraState, issue: Issue, user: User, body: Fields, *, adf: bool) -> Issue:
    """Change the fields that are named, by `fields` or by `update`."""
    if not may(state, user, "EDIT_ISSUES"):
        raise problem("You do not have permission to edit issues in this project.", status=403)
    fields = dict(_object(body, "fields"))
    update = _object(body, "update")
    for name, operations in update.items():
        if name in fields:
            raise field_problem({name: f"Field '{name}' cannot be set twice in one request."})
        if name == "labels":
            fields[name] = list(_labels_after(issue, operations))
        elif name != "comment":
            fields[name] = _set_value(name, operations)
    reader = FieldReader(state, user, adf)
    reader.read(fields, create=False)
    reader.finish()
    with state.transaction():
        changed = _save(
            state, issue, replace(issue, **reader.changes, custom={**issue.custom, **reader.custom})
        )
        if "description" in reader.changes and changed.description:
            record_text(state, changed, user, "description", changed.description)
        if issue.security_id and not changed.security_id:
            _add_effect(state, changed, user, Found("made_public", "no security level"), "issue")
    for each in update.get("comment", ()):
        add_comment(state, changed, user, _object(each, "add"), adf=adf)
    return changed


def _labels_after(issue: Issue, operations: object) -> tuple[str, ...]:
    labels = list(issue.labels)
    for operation in operations if isinstance(operations, list) else []:
        for verb, value in (operation if isinstance(operation, dict) else {}).items():
            if verb == "set":
                labels = list(value)
                continue
            wrong = wrong_label(value)
            if wrong:
                raise field_problem({"labels": wrong})
            labels = [each for each in labels if each != value] + ([value] if verb == "add" else [])
    return tuple(labels)


def _set_value(name: str, operations: object) -> object:
    if isinstance(operations, list) and len(operations) == 1 and "set" in operations[0]:
        value: object = operations[0]["set"]
        return value
    raise field_problem({name: f"Field with id '{name}' and name '{name}' does not support operation."})


def _save(state: JiraState, before: Issue, after: Issue) -> Issue:
    if after != before:
        after = replace(after, updated_at=now())
        state.change(after)
        state.index(after)
    return after


def add_comment(state: JiraState, issue: Issue, user: User, body: Fields, *, adf: bool) -> Comment:
    """Add a comment; on a service desk it is for customers too unless its property says it is internal."""
    if not may(state, user, "ADD_COMMENTS"):
        raise problem("You do not have permission to comment on this issue.", status=403)
    if body.get("body") in (None, ""):
        raise field_problem({"comment": "Comment body can not be empty!"})
    text = check_text(body["body"], adf=adf, name="comment")
    visibility, properties = _visibility(body.get("visibility")), _properties(body)
    marked = properties.get(INTERNAL)
    desk = state.manners.service_desk
    internal = desk and isinstance(marked, dict) and str(marked.get("internal")).lower() == "true"
    at = now()
    with state.transaction():
        blank = Comment(0, issue.id, user.id, at, at, text, visibility, internal, properties)
        comment = state.add(blank)
        place = f"comment {comment.id}"
        record_text(state, issue, user, place, text)
        if desk and not internal:
            _add_effect(state, issue, user, Found("public_comment", "mailed to the customers"), place)
        _save(state, issue, replace(issue, updated_at=at))
    return comment


def _visibility(value: object) -> str | None:
    if value is None:
        return None
    given = value if isinstance(value, dict) else {}
    kind, name = given.get("type"), given.get("value") or ROLES.get(str(given.get("identifier")))
    if kind == "role" and name in ROLES.values():
        identifier = next(key for key, each in ROLES.items() if each == name)
        return json.dumps({"type": "role", "value": name, "identifier": identifier})
    if kind == "group" and (given.get("value") or given.get("identifier")) in GROUPS:
        group = given.get("value") or given.get("identifier")
        return json.dumps({"type": "group", "value": group, "identifier": group})
    raise field_problem({"commentLevel": f"{str(kind).title()}: {name} does not exist."})


def _properties(body: Fields) -> dict[str, Any]:
    given = body.get("properties") or []
    if not isinstance(given, list):
        raise problem("Can not deserialize properties.")
    for each in given:
        check_property(str(each.get("key", "")), each.get("value"))
    return {str(each["key"]): each.get("value") for each in given}


def check_property(key: str, value: object) -> None:
    """Raise a Refusal for a property that Jira would not keep."""
    if not key or len(key) > KEY_LIMIT:
        raise problem("The property key is empty or longer than 255 characters.")
    if value is None:
        raise problem("Property value can not be null.")
    if len(json.dumps(value)) > PROPERTY_LIMIT:
        raise problem("The property value is too long: its length exceeds 32768 characters.")


def set_property(state: JiraState, issue: Issue, user: User, key: str, value: object) -> bool:
    """Write a property of an issue; return whether it is new."""
    if not may(state, user, "EDIT_ISSUES"):
        raise problem("You do not have permission to edit issues in this project.", status=403)
    check_property(key, value)
    with state.transaction():
        new = key not in state.properties(issue.id)
        state.set_property(issue.id, key, value)
    return new


def attach(
    state: JiraState, issue: Issue, user: User, files: Sequence[tuple[str, str, bytes]]
) -> list[Attachment]:
    """Store files (name, media type, bytes), all of them or none."""
    if not may(state, user, "CREATE_ATTACHMENTS"):
        raise problem("You do not have permission to create attachments for this issue.", status=403)
    if any(len(content) > state.manners.upload_limit for _, _, content in files):
        raise problem("The attachment is too large.", status=413)
    added = []
    with state.transaction():
        for given, mime_type, content in files:
            name = re.sub(r'[\\/:"*?<>|\x00-\x1f]', "_", given)[-255:] or "file"
            kind = mime_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
            secret = secrets.token_hex(16)
            row = Attachment(0, issue.id, user.id, now(), secret, name, kind, len(content))
            added.append(state.add_attachment(row, content))
        _save(state, issue, replace(issue, updated_at=now()))
    return added


def offered(state: JiraState, _issue: Issue) -> list[Transition]:
    """Return the transitions that the workflow offers; its steps can be reached from everywhere."""
    return [each for each in TRANSITIONS if each.id not in state.manners.hidden_transitions]


def transition(state: JiraState, issue: Issue, user: User, body: Fields, *, adf: bool) -> Issue:
    """Move an issue to another status; only a screen takes fields, and Done's asks for a resolution."""
    wanted = str(_object(body, "transition").get("id", ""))
    chosen = next((each for each in offered(state, issue) if each.id == wanted), None)
    if chosen is None or not may(state, user, "TRANSITION_ISSUES"):
        raise problem(
            f"It seems that you have tried to perform a workflow operation ({wanted}) that is not valid for"
            " the current state of this issue. The likely cause is that somebody has changed the issue"
            " recently, please look at the issue history for details."
        )
    fields = dict(_object(body, "fields"))
    allowed = {"resolution", "assignee"} if chosen.has_screen else set()
    wrong = {name: OFF_SCREEN.format(name) for name in fields if name not in allowed}
    comments = _object(body, "update").get("comment", ())
    if comments and not chosen.has_screen:
        wrong["comment"] = OFF_SCREEN.format("comment")
    resolution = named(RESOLUTIONS, fields.pop("resolution", None))
    if chosen.has_screen and resolution is None:
        wrong.setdefault("resolution", "Resolution is required.")
    if wrong:
        raise field_problem(wrong)
    reader = FieldReader(state, user, adf)
    reader.read(fields, create=False)
    reader.finish()
    done = chosen.to == DONE.id
    with state.transaction():
        moved = replace(
            issue,
            **reader.changes,
            status_id=chosen.to,
            resolution_id=resolution.id if done and resolution else None,
            resolved_at=now() if done else None,
        )
        moved = _save(state, issue, moved)
    for each in comments:
        add_comment(state, moved, user, _object(each, "add"), adf=adf)
    return moved


def move_issue(state: JiraState, issue: Issue, project: str) -> Issue:
    """Move an issue to another project: a new key, the same id, and the old key leads to it."""
    if project not in PROJECTS:
        raise field_problem({"project": "valid project is required"})
    with state.transaction():
        state.keep_key(issue)
        return _save(state, issue, replace(issue, project=project, number=state.next_number(project)))


def record_text(state: JiraState, issue: Issue, user: User, place: str, kept: str) -> None:
    """Keep each thing that a rich text sets in motion, once."""
    value = json.loads(kept)
    found = find_in_wiki(value) if isinstance(value, str) else find_in_document(value, state.site)
    for each in dict.fromkeys(found):
        _add_effect(state, issue, user, each, place)


def _add_effect(state: JiraState, issue: Issue, user: User, found: Found, place: str) -> None:
    state.add(Effect(0, issue.id, user.id, now(), found.kind, found.text, place, applied=True))


def _object(body: Fields, key: str) -> Fields:
    value = body.get(key) or {}
    if not isinstance(value, Mapping):
        raise Refusal(400, {"errorMessages": [f"Can not deserialize {key}."], "errors": {}})
    return value
