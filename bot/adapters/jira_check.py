"""What must be right in a Jira before reports go there, and who can read them, as sentences."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from bot.adapters.jira_screen import CreateScreen

# What the account must be allowed to do in the project (developer.atlassian.com, "Built-in permissions").
PERMISSIONS = {
    "BROWSE_PROJECTS": "Browse Projects",
    "CREATE_ISSUES": "Create Issues",
    "EDIT_ISSUES": "Edit Issues",
    "SCHEDULE_ISSUES": "Schedule Issues",
    "ADD_COMMENTS": "Add Comments",
    "CREATE_ATTACHMENTS": "Create Attachments",
}
SET_SECURITY = {"SET_ISSUE_SECURITY": "Set Issue Security"}
# What every issue of ours sets; Jira itself fills in the reporter.
_SET = ("summary", "description", "labels", "duedate")
_GIVEN = frozenset({"project", "issuetype", "reporter", *_SET})
_HOLDERS = {
    "anyone": "anyone, even without logging in",
    "applicationRole": "everybody who may log in to this Jira",
    "assignee": "whom the issue is assigned to",
    "assigneeWithAssignablePermission": "whom an issue may be assigned to",
    "projectLead": "the lead of the project",
    "reporter": "who made the issue, which is the bot",
    "reporterWithCreatePermission": "who may make issues, of those that he made",
    "sd.customer.portal.only": "customers, in the portal",
}
_EVERYBODY = ("anyone", "applicationRole")


def permission_problems(
    answer: Mapping[str, Mapping[str, object]], needed: Mapping[str, str]
) -> Iterator[str]:
    """Look at the answer of `/mypermissions`: everything that the bot does is allowed."""
    held = answer["permissions"]
    for key, name in needed.items():
        permission = held.get(key)
        if not isinstance(permission, Mapping) or permission.get("havePermission") is not True:
            yield f"the token's account lacks the permission {name} in the project; give it to a role that it has"


def project_problems(project: Mapping[str, object], *, private: bool) -> Iterator[str]:
    """Look at the answer of `/project/{key}`: in use, and closed when it was said to be private."""
    if project.get("archived") is True:
        yield "the project is archived; take it out of the archive"
    if private and project.get("simplified") is True and project.get("isPrivate") is False:
        yield "the project is open to everybody in this Jira, and PRIVATE_PROJECT says otherwise; make it private"


def screen_problems(
    screen: CreateScreen,
    *,
    level: str | None,
    fields_set: Collection[str],
    always_set: Collection[str],
    priorities_set: Collection[str],
) -> Iterator[str]:
    """Look at the create screen: what we set is on it, what it requires is set, level and priorities are known.

    `fields_set` are set by some route, `always_set` by every one that leads here.
    """
    for wanted in [
        *_SET,
        *(["security"] if level else []),
        *(["priority"] if priorities_set else []),
        *fields_set,
    ]:
        if screen.find(wanted) is None:
            hint = " (the account needs Schedule Issues to see it)" if wanted == "duedate" else ""
            yield f"the field `{wanted}` is not on the screen where issues are created; add it to that screen{hint}"
    for field in screen.fields:
        if field.required and field.id not in _GIVEN and not {field.id, field.name} & {*always_set}:
            yield (
                f"Jira requires the field `{field.name}` ({field.id}) and not every route that leads here "
                "sets it; name it in routing, give it a default or make it optional"
            )
    security, priority = screen.find("security"), screen.find("priority")
    if level and security and security.find(level) is None:
        known = ", ".join(security.values.values()) or "none"
        yield (
            f"there is no security level `{level}` that the token's account belongs to; set one of these: {known}, or "
            "make the account a member"
        )
    for wanted in sorted(priorities_set):
        if priority and priority.find(wanted) is None:
            known = ", ".join(priority.values.values())
            yield f"the project has no priority `{wanted}`; name one of these: {known}"


def unknown_fields(known: Sequence[Mapping[str, object]], fields_set: Collection[str]) -> Iterator[str]:
    """Look at the answer of `/field`: what a route sets exists at all."""
    names = {str(each.get(key)) for each in known for key in ("id", "name")}
    for wanted in fields_set:
        if wanted not in names:
            yield f"this Jira has no field `{wanted}`; name one by its id, such as customfield_10010, or its name"


def open_to_everybody(holders: Sequence[Mapping[str, object]], what: str) -> Iterator[str]:
    """Complain about holders that are everybody; `what` says of what."""
    types = {str(holder.get("type")) for holder in holders}
    for everybody in _EVERYBODY:
        if everybody in types:
            yield (
                f"{what} lets in {_HOLDERS[everybody]}, and reports of vulnerabilities must not stand there; take that "
                "entry out"
            )


def browsers(scheme: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    """Find who holds Browse Projects in the answer of `/project/{key}/permissionscheme`."""
    permissions = scheme.get("permissions")
    return [
        holder
        for each in (permissions if isinstance(permissions, list) else [])
        if isinstance(each, Mapping) and each.get("permission") == "BROWSE_PROJECTS"
        if isinstance(holder := each.get("holder"), Mapping)
    ]


def describe_holders(holders: Sequence[Mapping[str, object]]) -> str:
    """Name groups and roles, and count single people."""
    named = [_describe(holder) for holder in holders if holder.get("type") != "user"]
    people = sum(holder.get("type") == "user" for holder in holders)
    single = [f"{people} single accounts" if people > 1 else "1 single account"] if people else []
    return ", ".join([*Counter(named), *single]) or "nobody"


def _describe(holder: Mapping[str, object]) -> str:
    kind = str(holder.get("type"))
    expanded = holder.get(kind)
    name = expanded.get("name") if isinstance(expanded, Mapping) else None
    name = name or holder.get("parameter") or holder.get("value") or "?"
    if kind in {"group", "projectRole"}:
        return f"the {'group' if kind == 'group' else 'project role'} {name}"
    return _HOLDERS.get(kind, f"who stands in a field of the issue ({name})")
