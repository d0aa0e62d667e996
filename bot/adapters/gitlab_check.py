"""What must be right in a GitLab before reports go there, as sentences with the mend."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

_REPORTER = 20
_SOON = timedelta(days=30)
_ROLES = {
    15: "Planner",
    20: "Reporter",
    25: "Security Manager",
    30: "Developer",
    40: "Maintainer",
    50: "Owner",
}


def token_problems(token: Mapping[str, object], today: date) -> Iterator[str]:
    """Look at the answer of `/personal_access_tokens/self`: still valid, and allowed to write."""
    scopes = token.get("scopes")
    if isinstance(scopes, list) and "api" not in scopes:
        yield "the token lacks the scope `api`; make one that has it"
    try:
        expires_on = date.fromisoformat(str(token.get("expires_at")))
    except ValueError:
        return
    if expires_on - today <= _SOON:
        yield f"the token expires on {expires_on}; make a new one before that day"


def project_problems(project: Mapping[str, object]) -> Iterator[str]:
    """Look at the answer of `/projects/:id`: private, with issues, and with a role that may hide an issue."""
    if project.get("visibility") != "private":
        yield (
            f"the project is {_word(project.get('visibility'))}, and reports of vulnerabilities must not stand there; "
            "set its visibility to private"
        )
    if project.get("archived") is True:
        yield "the project is archived; take it out of the archive"
    if project.get("issues_enabled") is False or project.get("issues_access_level") == "disabled":
        yield "issues are switched off in the project; switch them on"
    if _access_level(project.get("permissions")) < _REPORTER:
        yield "the token's account may not make confidential issues; give it the role Reporter or a higher one"


def describe_readers(members: Sequence[Mapping[str, object]]) -> Sequence[str]:
    """Count the members of `/projects/:id/members/all` by role; Planner and Reporter are the first that may read."""
    levels = Counter(
        level
        for member in members
        if isinstance(level := member.get("access_level"), int) and level in _ROLES
    )
    roles = ", ".join(
        f"{levels[level]} with the role {_ROLES[level]}" for level in sorted(levels, reverse=True)
    )
    who = f"members of the project and its groups ({roles or 'nobody'})"
    return (f"an issue can be read by {who}, whom it is assigned to, and administrators of the GitLab",)


def _access_level(permissions: object) -> int:
    """Give the higher of the account's levels in the project and in its group, 0 for none."""
    access = permissions.values() if isinstance(permissions, Mapping) else ()
    levels = (each.get("access_level") for each in access if isinstance(each, Mapping))
    return max((level for level in levels if isinstance(level, int)), default=0)


def _word(value: object) -> str:
    return value if value in {"public", "internal"} else "not known to be private"
