"""The screen on which issues of one type are created in one Jira project: its fields and what they take."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.adapters.jira_session import JiraClient
from bot.errors import TransientError

_PAGE = 50


@dataclass(frozen=True, slots=True)
class ScreenField:
    """One field; `values` are what it takes, name by id, where Jira lists that. `required` has no default."""

    id: str
    name: str
    required: bool
    values: Mapping[str, str]

    def find(self, wanted: str) -> str | None:
        """Give the id of a value by its id or name."""
        return next((id_ for id_, name in self.values.items() if wanted in {id_, name}), None)


@dataclass(frozen=True, slots=True)
class CreateScreen:
    """What createmeta tells of a project and an issue type, as the token's account may use it."""

    fields: tuple[ScreenField, ...]

    def find(self, wanted: str) -> ScreenField | None:
        """Give a field by its id, or by its name where one field alone has it."""
        by_id = [field for field in self.fields if field.id == wanted]
        by_name = [field for field in self.fields if field.name.lower() == wanted.lower()]
        return by_id[0] if by_id else by_name[0] if len(by_name) == 1 else None


def read_screen(client: JiraClient, name: str, project: str, issue_type: str) -> CreateScreen:
    """Ask for the screen; TransientError with the types that there are when the project has none of this name.

    Cloud and Data Center name the lists of their answers differently.
    """
    path = f"issue/createmeta/{project}/issuetypes"
    types = {
        str(each["id"]): str(each["name"])
        for each in client.pages(path, "issueTypes", "values", size=_PAGE)
        if each.get("subtask") is not True
    }
    found = next((id_ for id_, type_name in types.items() if issue_type in {id_, type_name}), None)
    if found is None:
        known = ", ".join(sorted(types.values())) or "none that the token's account may create"
        raise TransientError(
            f"the project of tracker {name} has no issue type `{issue_type}`; set one of these: {known}"
        )
    return CreateScreen(tuple(_fields(client.pages(f"{path}/{found}", "fields", "values", size=_PAGE))))


def _fields(answers: Iterator[Any]) -> Iterator[ScreenField]:
    for each in answers:
        required = each.get("required") is True and each.get("hasDefaultValue") is not True
        allowed = [value for value in each.get("allowedValues") or () if isinstance(value, dict)]
        values = {
            str(value["id"]): str(value.get("name", value.get("value"))) for value in allowed if "id" in value
        }
        yield ScreenField(str(each["fieldId"]), str(each["name"]), required, values)
