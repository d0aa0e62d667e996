"""Which fields a request may set and what their values mean, refused in Jira's own words."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from bot.sandbox.atlassian_document import (
    check_document,
    document_size,
    document_text,
    is_document,
    is_storable,
    utf16_length,
)
from bot.sandbox.jira_catalogue import (
    FIELD,
    ISSUE_TYPES,
    LEVELS,
    PRIORITIES,
    PROJECTS,
    REGIONS,
    USERS,
    Named,
    User,
    named,
)
from bot.sandbox.jira_rows import BOT
from bot.sandbox.jira_state import JiraState
from bot.sandbox.refusal import Refusal

TEXT_LIMIT, SUMMARY_LIMIT, LABEL_LIMIT, PROPERTY_LIMIT, KEY_LIMIT = 32_767, 255, 255, 32_768, 255
OFF_SCREEN = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."
_TOO_LONG = "The entered text is too long. It exceeds the allowed limit of 32,767 characters."
_UNSUPPORTED = (
    "We can't create this issue for you right now, it could be due to unsupported content you've entered into"
    " one or more of the issue fields. If this situation persists, contact your administrator as they'll be"
    " able to access more specific information in the log file."
)


def problem(*messages: str, status: int = 400) -> Refusal:
    """Return Jira's refusal in sentences."""
    return Refusal(status, {"errorMessages": list(messages), "errors": {}})


def field_problem(errors: Mapping[str, str]) -> Refusal:
    """Return Jira's refusal with a sentence for each field."""
    return Refusal(400, {"errorMessages": [], "errors": dict(errors)})


@dataclass(slots=True)
class FieldReader:
    """The fields of one request; `adf` is whether its rich texts are Atlassian documents."""

    state: JiraState
    user: User
    adf: bool
    changes: dict[str, Any] = field(default_factory=dict)
    custom: dict[str, object] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def read(self, fields: Mapping[str, Any], *, create: bool) -> None:
        """Read all fields; what is wrong is gathered in `errors`."""
        off_screen = {
            *self.state.manners.off_screen,
            "attachment",
            *(() if create else ("project", "issuetype")),
        }
        for name, value in fields.items():
            read = _READERS.get(name)
            if read is None or name in off_screen or not self._may_set(name):
                self.errors[name] = OFF_SCREEN.format(name)
                continue
            wrong = read(self, value)
            if wrong:
                self.errors[name] = wrong

    def _may_set(self, name: str) -> bool:
        needed = {
            "security": "SET_ISSUE_SECURITY",
            "duedate": "SCHEDULE_ISSUES",
            "assignee": "ASSIGN_ISSUES",
            "reporter": "MODIFY_REPORTER",
        }
        return name not in needed or may(self.state, self.user, needed[name])

    def check_required(self) -> None:
        """Note each required field without a value."""
        if not self.changes.get("summary") and "summary" not in self.errors:
            self.errors["summary"] = "You must specify a summary of the issue."
        for name in self.state.manners.required_fields:
            column = COLUMNS.get(name, name)
            given = self.custom.get(name) if FIELD[name].custom else self.changes.get(column)
            if not given and name not in self.errors:
                self.errors[name] = f"{FIELD[name].name} is required."

    def finish(self) -> None:
        """Raise a Refusal when anything was wrong."""
        if self.errors:
            raise field_problem(self.errors)


def may(state: JiraState, user: User, permission: str) -> bool:
    """Say whether an account holds a permission; only the bot's can be taken away."""
    if user.id == BOT:
        return permission not in state.manners.denied
    return permission not in {"ADMINISTER", "ADMINISTER_PROJECTS"}


def check_text(value: object, *, adf: bool, name: str = "description") -> str:
    """Return a rich text as it is kept; raises a Refusal."""
    if adf:
        if not is_document(value):
            words = "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
            raise field_problem({name: "Comment body is not valid!" if name == "comment" else words})
        if not isinstance(value, dict) or not check_document(value):
            raise problem("INVALID_INPUT")
        text, size = document_text(value), document_size(value)
    elif not isinstance(value, str):
        raise field_problem({name: "Operation value must be a string"})
    else:
        text, size = value, utf16_length(value)
    if not is_storable(text):
        raise problem(_UNSUPPORTED)
    if size > TEXT_LIMIT:
        raise field_problem({name: _TOO_LONG})
    return json.dumps(value)


def _summary(reader: FieldReader, value: object) -> str | None:
    if not isinstance(value, str):
        return "Operation value must be a string"
    if not value.strip():
        return "You must specify a summary of the issue."
    if re.search(r"[\r\n]", value):
        return "The summary is invalid because it contains newline characters."
    if utf16_length(value) > SUMMARY_LIMIT:
        cloud = "Summary can't exceed 255 characters."
        return cloud if reader.state.cloud else "Summary must be less than 255 characters."
    if not is_storable(value):
        raise problem(_UNSUPPORTED)
    reader.changes["summary"] = value.strip()
    return None


def _description(reader: FieldReader, value: object) -> str | None:
    reader.changes["description"] = (
        None if value is None or value == "" else check_text(value, adf=reader.adf, name="description")
    )
    return None


def _labels(reader: FieldReader, value: object) -> str | None:
    if value is not None and not isinstance(value, list):
        return "data was not an array"
    labels = value or []
    for label in labels:
        wrong = wrong_label(label)
        if wrong:
            return wrong
    reader.changes["labels"] = tuple(sorted({str(label) for label in labels}))
    return None


def wrong_label(label: object) -> str | None:
    """Say what Jira has against a label."""
    if not isinstance(label, str) or not label:
        return "string expected at index 0"
    if re.search(r"\s", label):
        return f"The label '{label}' contains spaces which is invalid."
    if len(label) > LABEL_LIMIT:
        return f"The label '{label}' exceeds the maximum length of {LABEL_LIMIT} characters."
    return None


def _due_date(reader: FieldReader, value: object) -> str | None:
    if value is None or value == "":
        reader.changes["due_date"] = None
        return None
    try:
        reader.changes["due_date"] = date.fromisoformat(_plain_date(value)).isoformat()
    except ValueError:
        return "Error parsing date string: " + str(value)
    return None


def _plain_date(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        raise ValueError
    return value


def _choice(
    column: str, values: tuple[Named, ...], words: str
) -> Callable[[FieldReader, object], str | None]:
    def read(reader: FieldReader, value: object) -> str | None:
        found = named(values, value)
        if found is None:
            return words
        reader.changes[column] = found.id
        return None

    return read


def _security(reader: FieldReader, value: object) -> str | None:
    found = named(LEVELS, value)
    if value is not None and (found is None or found.id not in reader.user.levels):
        return "Security level is not valid for this project."
    reader.changes["security_id"] = found.id if found else None
    return None


def _project(reader: FieldReader, value: object) -> str | None:
    given = value if isinstance(value, dict) else {}
    for key, each in PROJECTS.items():
        if (given.get("key") == key or str(given.get("id", "")) == each.id) and may(
            reader.state, reader.user, "BROWSE_PROJECTS"
        ):
            reader.changes["project"] = key
            return None
    return "valid project is required"


def _person(column: str) -> Callable[[FieldReader, object], str | None]:
    def read(reader: FieldReader, value: object) -> str | None:
        if value is None:
            reader.changes[column] = None
            return None
        given = value if isinstance(value, dict) else {}
        wanted = given.get("accountId", given.get("id")) if reader.state.cloud else given.get("name")
        for user in USERS:
            if wanted and wanted == (user.account_id if reader.state.cloud else user.name):
                reader.changes[column] = user.id
                return None
        return f"User '{wanted}' does not exist."

    return read


def _line(name: str) -> Callable[[FieldReader, object], str | None]:
    def read(reader: FieldReader, value: object) -> str | None:
        if value is not None and not isinstance(value, str):
            return "Operation value must be a string"
        if value and len(value) > SUMMARY_LIMIT:
            return "The entered text is too long. It exceeds the allowed limit of 255 characters."
        reader.custom[name] = value
        return None

    return read


def _option(name: str, values: tuple[Named, ...]) -> Callable[[FieldReader, object], str | None]:
    def read(reader: FieldReader, value: object) -> str | None:
        found = named(values, value)
        if value is not None and found is None:
            return f"Specify a valid 'id' or 'name' for {FIELD[name].name}"
        reader.custom[name] = found.id if found else None
        return None

    return read


COLUMNS = {
    "duedate": "due_date",
    "priority": "priority_id",
    "security": "security_id",
    "issuetype": "type_id",
    "assignee": "assignee_id",
    "reporter": "reporter_id",
}
_READERS: dict[str, Callable[[FieldReader, Any], str | None]] = {
    "project": _project,
    "issuetype": _choice("type_id", ISSUE_TYPES, "Specify a valid issue type"),
    "summary": _summary,
    "description": _description,
    "labels": _labels,
    "priority": _choice("priority_id", PRIORITIES, "Specify a valid 'id' or 'name' for Priority"),
    "duedate": _due_date,
    "security": _security,
    "assignee": _person("assignee_id"),
    "reporter": _person("reporter_id"),
    "customfield_10050": _line("customfield_10050"),
    "customfield_10051": _option("customfield_10051", REGIONS),
}
