"""How Jira writes its values as JSON; Cloud and Data Center differ in people and in rich texts."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from bot.sandbox.atlassian_document import document_of, document_text
from bot.sandbox.jira_catalogue import (
    CATEGORIES,
    FIELD,
    ISSUE_TYPES,
    LEVELS,
    PRIORITIES,
    PROJECTS,
    REGIONS,
    RESOLUTIONS,
    Field,
    Named,
    Status,
    Transition,
    User,
    name_of,
    status_of,
    user_of,
)
from bot.sandbox.jira_rows import Attachment, Comment, Issue
from bot.sandbox.jira_state import JiraState

Json = dict[str, Any]
# What a search gives on Data Center when no fields are asked for.
_NOT_NAVIGABLE = frozenset({"comment", "attachment"})


def jira_time(text: str) -> str:
    """Write a kept time as Jira does: with milliseconds and an offset without a colon."""
    return text.replace("Z", "+0000")


class JiraShapes:
    """Writes values for one request: `api` is where its version of the API begins."""

    def __init__(self, state: JiraState, base: str, version: str) -> None:
        """Take the data, the scheme and host that the client called, and the version in its path."""
        self._state, self._base, self._version = state, base, version
        self._api = f"{base}/rest/api/{version}"

    def text(self, kept: str | None) -> object:
        """Write a rich text in the form of this version."""
        if kept is None:
            return None
        value = json.loads(kept)
        if self._version == "3":
            return document_of(value) if isinstance(value, str) else value
        return value if isinstance(value, str) else document_text(value)

    def user(self, user: User) -> Json:
        """Write an account."""
        pictures = {
            f"{size}x{size}": f"{self._base}/avatar/{user.id}?size={size}" for size in (16, 24, 32, 48)
        }
        rest: Json = {
            "avatarUrls": pictures,
            "displayName": user.display_name,
            "emailAddress": user.email,
            "active": True,
            "timeZone": "Europe/Amsterdam",
        }
        if self._state.cloud:
            own = f"{self._api}/user?accountId={user.account_id}"
            return {"self": own, "accountId": user.account_id, "accountType": "atlassian", **rest}
        return {"self": f"{self._api}/user?username={user.name}", "name": user.name, "key": user.name, **rest}

    def status(self, status: Status) -> Json:
        """Write a status with its category."""
        number, name, colour = CATEGORIES[status.category]
        return {
            "self": f"{self._api}/status/{status.id}",
            "description": "",
            "iconUrl": f"{self._base}/images/icons/status.png",
            "name": status.name,
            "id": status.id,
            "statusCategory": {
                "self": f"{self._api}/statuscategory/{number}",
                "id": number,
                "key": status.category,
                "colorName": colour,
                "name": name,
            },
        }

    def named(self, kind: str, value: Named, **more: object) -> Json:
        """Write a priority, resolution, level or type."""
        return {"self": f"{self._api}/{kind}/{value.id}", "id": value.id, "name": value.name, **more}

    def issue_type(self, value: Named) -> Json:
        """Write an issue type."""
        level = {"hierarchyLevel": 0} if self._state.cloud else {}
        icon = f"{self._base}/images/icons/issuetype.png"
        return self.named("issuetype", value, description="", iconUrl=icon, subtask=False, **level)

    def priority(self, value: Named) -> Json:
        """Write a priority as it stands in an issue."""
        return self.named("priority", value, iconUrl=f"{self._base}/images/icons/priority.svg")

    def level(self, value: Named) -> Json:
        """Write a security level."""
        return self.named("securitylevel", value, description=f"{value.name} of the desk")

    def project(self, key: str) -> Json:
        """Write a project as it stands in an issue."""
        project = PROJECTS[key]
        return {
            "self": f"{self._api}/project/{project.id}",
            "id": project.id,
            "key": key,
            "name": project.name,
            "projectTypeKey": "service_desk" if self._state.manners.service_desk else "software",
            "avatarUrls": {"48x48": f"{self._base}/avatar/project-{project.id}"},
            **({"simplified": False} if self._state.cloud else {}),
        }

    def whole_project(self, key: str) -> Json:
        """Write a project with its details."""
        cloud: Json = {"style": "classic", "isPrivate": False, "properties": {}} if self._state.cloud else {}
        return {
            **self.project(key),
            "expand": "description,lead,issueTypes,url,projectKeys,permissions,insight",
            "description": "",
            "lead": self.user(user_of(3)),
            "components": [],
            "issueTypes": [self.issue_type(each) for each in ISSUE_TYPES],
            "assigneeType": "UNASSIGNED",
            "versions": [],
            "roles": {"Team": f"{self._api}/project/{PROJECTS[key].id}/role/10100"},
            "archived": False,
            **cloud,
        }

    def created(self, issue: Issue) -> Json:
        """Write what a creation answers."""
        return {"id": str(issue.id), "key": issue.key, "self": f"{self._api}/issue/{issue.id}"}

    def issue(self, issue: Issue, wanted: Iterable[str], properties: Iterable[str] = ()) -> Json:
        """Write an issue with the fields wanted, and with the properties named."""
        fields = self._fields(issue, list(wanted))
        written = {
            "expand": "renderedFields,names,schema,operations,editmeta,changelog",
            **self.created(issue),
        }
        names = list(properties)
        if names:
            kept = self._state.properties(issue.id)
            written["properties"] = {key: kept[key] for key in kept if key in names or "*all" in names}
        return {**written, "fields": fields} if fields else written

    def _fields(self, issue: Issue, wanted: list[str]) -> Json:
        chosen = {name for name in wanted if not name.startswith("-")}
        excluded = {name.removeprefix("-") for name in wanted if name.startswith("-")}
        if "*all" in chosen or not chosen:
            chosen |= FIELD.keys()
        if "*navigable" in chosen:
            chosen |= FIELD.keys() - _NOT_NAVIGABLE
        return {name: self._value(issue, name) for name in FIELD if name in chosen - excluded}

    def _value(self, issue: Issue, name: str) -> object:
        write = _WRITERS.get(name)
        return write(self, issue) if write else issue.custom.get(name)

    def option(self, option: Named) -> Json:
        """Write one choice of a custom field."""
        return {"self": f"{self._api}/customFieldOption/{option.id}", "value": option.name, "id": option.id}

    def attachments(self, issue: Issue) -> list[Json]:
        """Write the files of an issue."""
        return [self.attachment(each) for each in self._state.attachments(issue.id)]

    def comments(self, issue: Issue) -> Json:
        """Write the comments of an issue as its field has them."""
        comments = self._state.comments(issue.id)
        total = len(comments)
        rows = [self.comment(each, issue) for each in comments]
        return {"comments": rows, "maxResults": total, "total": total, "startAt": 0}

    def comment(self, comment: Comment, issue: Issue, *, properties: bool = False) -> Json:
        """Write a comment."""
        author = self.user(user_of(comment.author_id))
        written: Json = {
            "self": f"{self._api}/issue/{issue.id}/comment/{comment.id}",
            "id": str(comment.id),
            "author": author,
            "body": self.text(comment.body),
            "updateAuthor": author,
            "created": jira_time(comment.created_at),
            "updated": jira_time(comment.updated_at),
        }
        if comment.visibility:
            visibility = json.loads(comment.visibility)
            if not self._state.cloud:
                del visibility["identifier"]
            written["visibility"] = visibility
        if self._state.cloud:
            written["jsdPublic"] = not comment.internal
        if properties:
            written["properties"] = [{"key": key, "value": each} for key, each in comment.properties.items()]
        return written

    def attachment(self, attachment: Attachment) -> Json:
        """Write a file of an issue."""
        own = f"{self._api}/attachment/{attachment.id}"
        content = f"{self._api}/attachment/content/{attachment.id}"
        if not self._state.cloud:
            content = f"{self._base}/secure/attachment/{attachment.id}/{attachment.filename}"
        return {
            "self": own,
            "id": str(attachment.id),
            "filename": attachment.filename,
            "author": self.user(user_of(attachment.author_id)),
            "created": jira_time(attachment.created_at),
            "size": attachment.size,
            "mimeType": attachment.mime_type,
            "content": content,
        }

    def transition(self, transition: Transition, *, fields: bool) -> Json:
        """Write a transition, with the fields of its screen where they are asked for."""
        to = status_of(transition.to)
        written: Json = {"id": transition.id, "name": transition.name, "to": self.status(to)}
        if self._state.cloud:
            written |= {
                "hasScreen": transition.has_screen,
                "isGlobal": True,
                "isInitial": False,
                "isAvailable": True,
                "isConditional": False,
                "looped": False,
            }
        if fields:
            written["fields"] = self._screen() if transition.has_screen else {}
        return written

    def _screen(self) -> Json:
        values = [self.named("resolution", each) for each in RESOLUTIONS]
        return {
            "resolution": {
                "required": True,
                "schema": {"type": "resolution", "system": "resolution"},
                "name": "Resolution",
                "key": "resolution",
                "hasDefaultValue": False,
                "operations": ["set"],
                "allowedValues": values,
                **({} if self._state.cloud else {"fieldId": "resolution"}),
            }
        }

    def field(self, field: Field) -> Json:
        """Write a field as the list of all fields has it."""
        return {
            "id": field.id,
            **({"key": field.id} if self._state.cloud else {}),
            "name": field.name,
            "custom": field.custom,
            "orderable": field.on_create,
            "navigable": field.id not in _NOT_NAVIGABLE,
            "searchable": True,
            "clauseNames": [f"cf[{field.id[-5:]}]"] if field.custom else [field.id],
            "schema": self._schema(field),
        }

    def _schema(self, field: Field) -> Json:
        schema: Json = {"type": field.kind, **({"items": field.items} if field.items else {})}
        if not field.custom:
            return {**schema, "system": field.id}
        kind = "select" if field.kind == "option" else "textfield"
        custom = f"com.atlassian.jira.plugin.system.customfieldtypes:{kind}"
        return {**schema, "custom": custom, "customId": int(field.id.removeprefix("customfield_"))}

    def create_field(self, field: Field, issue_type: Named, levels: tuple[str, ...]) -> Json:
        """Write a field as the create screen has it."""
        allowed: dict[str, list[Json]] = {
            "priority": [self.priority(each) for each in PRIORITIES],
            "security": [self.level(each) for each in LEVELS if each.id in levels],
            "issuetype": [self.issue_type(issue_type)],
            "project": [self.project("SEC")],
            "customfield_10051": [self.option(each) for each in REGIONS],
        }
        always = {"project", "issuetype", "summary"}
        operations = ["add", "set", "remove"] if field.id == "labels" else ["set"]
        return {
            "required": field.id in always or field.id in self._state.manners.required_fields,
            "schema": self._schema(field),
            "name": field.name,
            **({"key": field.id} if self._state.cloud else {}),
            "fieldId": field.id,
            "hasDefaultValue": field.id == "priority",
            "operations": [] if field.id == "attachment" else operations,
            **({"allowedValues": allowed[field.id]} if field.id in allowed else {}),
        }


def _named_or_none(
    kind: str, values: tuple[Named, ...], column: str
) -> Callable[[JiraShapes, Issue], object]:
    def write(shapes: JiraShapes, issue: Issue) -> object:
        chosen = getattr(issue, column)
        return shapes.named(kind, name_of(values, chosen), description="") if chosen else None

    return write


def _region(shapes: JiraShapes, issue: Issue) -> object:
    chosen = issue.custom.get("customfield_10051")
    return shapes.option(name_of(REGIONS, str(chosen))) if chosen else None


_WRITERS: dict[str, Callable[[JiraShapes, Issue], object]] = {
    "project": lambda shapes, issue: shapes.project(issue.project),
    "issuetype": lambda shapes, issue: shapes.issue_type(name_of(ISSUE_TYPES, issue.type_id)),
    "summary": lambda _shapes, issue: issue.summary,
    "description": lambda shapes, issue: shapes.text(issue.description),
    "labels": lambda _shapes, issue: list(issue.labels),
    "duedate": lambda _shapes, issue: issue.due_date,
    "priority": lambda shapes, issue: shapes.priority(name_of(PRIORITIES, issue.priority_id)),
    "security": _named_or_none("securitylevel", LEVELS, "security_id"),
    "status": lambda shapes, issue: shapes.status(status_of(issue.status_id)),
    "resolution": _named_or_none("resolution", RESOLUTIONS, "resolution_id"),
    "resolutiondate": lambda _shapes, issue: jira_time(issue.resolved_at) if issue.resolved_at else None,
    "created": lambda _shapes, issue: jira_time(issue.created_at),
    "updated": lambda _shapes, issue: jira_time(issue.updated_at),
    "reporter": lambda shapes, issue: shapes.user(user_of(issue.reporter_id)),
    "creator": lambda shapes, issue: shapes.user(user_of(issue.reporter_id)),
    "assignee": lambda shapes, issue: shapes.user(user_of(issue.assignee_id)) if issue.assignee_id else None,
    "attachment": lambda shapes, issue: shapes.attachments(issue),
    "comment": lambda shapes, issue: shapes.comments(issue),
    "customfield_10051": _region,
}
