"""Which fields of a GitLab issue a route may set (docs.gitlab.com/api/issues, "Create an issue")."""

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.errors import PermanentError

Id = Annotated[int, Field(ge=1)]


class GitLabFields(BaseModel):
    """The fields that can neither show an issue to others nor undo what the desk itself writes."""

    model_config = ConfigDict(extra="forbid", strict=True)

    assignee_id: Id | None = None
    assignee_ids: list[Id] | None = None
    epic_id: Id | None = None
    issue_type: Literal["issue", "incident", "task"] | None = None
    milestone_id: Id | None = None
    weight: Annotated[int, Field(ge=0)] | None = None


def check_fields(fields: Mapping[str, object]) -> tuple[str, str] | None:
    """Return the first field that GitLab issues cannot be given, and what is wrong with it."""
    try:
        GitLabFields.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == "extra_forbidden":
            return str(first["loc"][0]), f"is none of the fields {', '.join(GitLabFields.model_fields)}"
        return str(first["loc"][0]), f"{first['msg'][:1].lower()}{first['msg'][1:]}"
    return None


def read_fields(pairs: Iterable[tuple[str, str]]) -> Mapping[str, object]:
    """Read the fields of a draft; PermanentError when one of them is not for a route to set."""
    fields = {name: json.loads(value) for name, value in pairs}
    if problem := check_fields(fields):
        raise PermanentError(f"mappings/routing.yaml sets a field that GitLab has not: {' '.join(problem)}")
    return fields
