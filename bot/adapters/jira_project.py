"""What is known of one Jira project: asked once and kept, and looked at by `check`."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from bot.adapters import jira_check
from bot.adapters.jira_screen import CreateScreen, read_screen
from bot.adapters.jira_session import JiraClient
from bot.errors import MeldpuntError, PermanentError, TransientError

# Where service accounts and OAuth talk to a Jira; people open it at another address.
_GATEWAY = "api.atlassian.com"
_SITE = re.compile(r"https://[A-Za-z0-9.-]{1,253}/?")
_NUMBER = re.compile(r"[0-9]{1,18}")
_FIELD_ID = re.compile(r"customfield_[0-9]+|[a-z]+")


@dataclass
class JiraProject:
    """One project as the settings name it (ids or names); `client` gives the client of the thread that asks.

    `fields_set` and `priorities_set` are what some route sets, `always_set` what each does that leads here.
    Two threads that ask at once get the same answer.
    """

    client: Callable[[], JiraClient]
    cloud: bool
    name: str
    url: str
    project: str
    issue_type: str
    level: str | None
    private: bool
    fields_set: frozenset[str]
    always_set: frozenset[str]
    priorities_set: frozenset[str]
    _known: dict[str, Any] = field(default_factory=dict)

    def forget(self) -> None:
        """Ask anew next time: Jira refused something that was built on what is known."""
        self._known.clear()

    def named(self) -> Mapping[str, object]:
        """Give the fields that say where an issue belongs and who may see it."""
        fields = {"project": id_or("key", self.project), "issuetype": id_or("name", self.issue_type)}
        return fields | ({"security": {"id": self._level_id(self.level)}} if self.level else {})

    def field_id(self, wanted: str) -> str:
        """Find the id of a field by id or name; PermanentError when the create screen has none or several."""
        if _FIELD_ID.fullmatch(wanted):
            return wanted
        found = self._screen().find(wanted)
        if found is None:
            raise PermanentError(
                f"tracker {self.name} has no field `{wanted}` (or several) on the screen where issues are created"
            )
        return found.id

    def is_service_desk(self) -> bool:
        """Tell whether customers see this project, as they do in Jira Service Management."""
        project = self._once("project", lambda: self.client().ask(f"project/{self.project}"))
        return bool(project["projectTypeKey"] == "service_desk")

    def site(self) -> str:
        """Give the address that people open, where Jira tells it; a link is not worth a failure."""
        if urlsplit(self.url).hostname != _GATEWAY:
            return self.url
        return str(self._once("site", self._ask_site))

    def problems(self) -> Iterator[str]:
        """Look at log-in, permissions, project, create screen, security level and who is let in."""
        if self.client().myself().get("active") is False:
            yield "the token's account is not active"
        yield from self._permission_problems()
        project = self.client().ask(f"project/{self.project}")
        yield from jira_check.project_problems(project, private=self.private and not self.level)
        yield from self._screen_problems()
        what = f"the security level {self.level}" if self.level else "the permission Browse Projects"
        readers = self._readers()
        if readers is None and self.private and not self.level:
            yield (
                "nobody can see here whether the project is private, as PRIVATE_PROJECT says: let the token's account "
                "read the project's permissions (Administer Projects), or set SECURITY_LEVEL"
            )
        yield from jira_check.open_to_everybody(readers or (), what)

    def who_can_read(self) -> Sequence[str]:
        """Name who can read an issue, in sentences."""
        holders = self._readers()
        if holders is None:
            where = "Issue Security" if self.level else "Permissions"
            mend = f"look at {where} in the project's settings"
            return (f"Jira does not tell the token's account who can read an issue; {mend}",)
        what = f"bear the security level {self.level}, which lets in" if self.level else "can be read by"
        return (f"issues {what}: {jira_check.describe_holders(holders)}",)

    def _ask_site(self) -> str:
        try:
            site = str(self.client().ask("serverInfo")["baseUrl"])
        except (MeldpuntError, LookupError, TypeError, ValueError):
            return self.url
        return site.rstrip("/") if _SITE.fullmatch(site) else self.url

    def _permission_problems(self) -> Iterator[str]:
        needed = jira_check.PERMISSIONS | (jira_check.SET_SECURITY if self.level else {})
        project = {"projectId" if _NUMBER.fullmatch(self.project) else "projectKey": self.project}
        held = self.client().my_permissions(**project, permissions=",".join(needed))
        return jira_check.permission_problems(held, needed)

    def _screen_problems(self) -> Iterator[str]:
        self.forget()
        if self.fields_set:
            yield from jira_check.unknown_fields(self.client().fields(), self.fields_set)
        yield from jira_check.screen_problems(
            self._screen(),
            level=self.level,
            fields_set=self.fields_set,
            always_set=self.always_set,
            priorities_set=self.priorities_set,
        )

    def _readers(self) -> Sequence[Mapping[str, Any]] | None:
        """Find who is let in by the security level, else by the project; None where Jira does not tell.

        Data Center has no call for the members of a level.
        """
        if self.level and not self.cloud:
            return None
        try:
            return self._members(self.level) if self.level else self._browsers()
        except (MeldpuntError, LookupError, TypeError, ValueError):
            return None

    def _browsers(self) -> Sequence[Mapping[str, Any]]:
        path = f"project/{self.project}/permissionscheme"
        return jira_check.browsers(self.client().ask(path, expand="permissions,group,projectRole"))

    def _members(self, level: str) -> Sequence[Mapping[str, Any]]:
        number = self._level_id(level)
        scheme = self.client().ask(f"project/{self.project}/issuesecuritylevelscheme")
        members = self.client().pages(
            f"issuesecurityschemes/{int(scheme['id'])}/members",
            "values",
            issueSecurityLevelId=number,
            expand="group,projectRole",
        )
        return [dict(member["holder"]) for member in members if str(member["issueSecurityLevelId"]) == number]

    def _level_id(self, level: str) -> str:
        if _NUMBER.fullmatch(level):
            return level
        security = self._screen().find("security")
        found = security.find(level) if security else None
        if found is None:
            raise TransientError(
                f"the project of tracker {self.name} has no security level `{level}` that the token's account may set; "
                "see `meldpunt check --online`"
            )
        return found

    def _screen(self) -> CreateScreen:
        screen: CreateScreen = self._once(
            "screen", lambda: read_screen(self.client(), self.name, self.project, self.issue_type)
        )
        return screen

    def _once(self, what: str, ask: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it is
        known = self._known.get(what)
        if known is None:
            known = self._known[what] = ask()
        return known


def id_or(name: str, wanted: str) -> Mapping[str, str]:
    """Name something by its id where it is a number, else by its name."""
    return {"id" if _NUMBER.fullmatch(wanted) else name: wanted}
