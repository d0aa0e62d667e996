"""The part of Jira's REST API that says how it is set up: account, project, fields, levels, permissions."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bot.sandbox.clock import now
from bot.sandbox.control import Levers
from bot.sandbox.jira_actions import ROLES
from bot.sandbox.jira_catalogue import (
    FIELDS,
    ISSUE_TYPES,
    LEVEL_SCHEME,
    LEVELS,
    PERMISSIONS,
    PRIORITIES,
    PROJECTS,
    RESOLUTIONS,
    STATUSES,
    USERS,
    Named,
)
from bot.sandbox.jira_door import JiraDoor, base_of, whole_number
from bot.sandbox.jira_fields import may, problem
from bot.sandbox.jira_shapes import jira_time

Json = dict[str, Any]
_MOST = 200


class JiraMeta:
    """The routes that only read."""

    def __init__(self, door: JiraDoor) -> None:
        """Take what checks requests."""
        self._door, self._state = door, door.state

    def routes(self) -> Levers:
        """Return the table of methods and paths below the version."""
        project, create = "project/{project}", "issue/createmeta/{project}/issuetypes"
        cloud: Levers = [
            ("GET", "issuesecurityschemes/level/member", self.list_level_members),
            ("GET", "issuesecurityschemes/{scheme}/members", self.list_level_members),
        ]
        return [
            ("GET", "myself", self.get_myself),
            ("GET", "mypermissions", self.get_permissions),
            ("GET", "serverInfo", self.get_server),
            ("GET", "issue/createmeta", self.get_old_create_meta),
            ("GET", create, self.list_create_types),
            ("GET", f"{create}/{{type}}", self.list_create_fields),
            ("GET", "field", self.list_fields),
            ("GET", "priority", self.list_priorities),
            ("GET", "resolution", self.list_resolutions),
            ("GET", "status", self.list_statuses),
            ("GET", "issuetype", self.list_types),
            ("GET", project, self.get_project),
            ("GET", f"{project}/statuses", self.list_project_statuses),
            ("GET", f"{project}/permissionscheme", self.get_permission_scheme),
            ("GET", f"{project}/securitylevel", self.list_project_levels),
            ("GET", f"{project}/issuesecuritylevelscheme", self.get_level_scheme_of_project),
            ("GET", f"{project}/role", self.list_roles),
            ("GET", f"{project}/role/{{role}}", self.get_role),
            *(cloud if self._state.cloud else []),
            ("GET", "issuesecurityschemes", self.list_level_schemes),
            ("GET", "issuesecurityschemes/{scheme}", self.get_level_scheme),
            ("GET", "securitylevel/{level}", self.get_level),
            ("GET", "attachment/meta", self.get_attachment_meta),
        ]

    # The account and the server

    async def get_myself(self, request: Request) -> Response:
        """GET myself."""
        user = self._door.user(request)
        more: Json = {"groups": {"size": 1, "items": []}, "applicationRoles": {"size": 1, "items": []}}
        return JSONResponse({**self._door.shapes(request).user(user), "locale": "en_GB", **more})

    async def get_permissions(self, request: Request) -> Response:
        """GET mypermissions; Cloud wants to be told which."""
        user = self._door.user(request)
        asked = [each for each in request.query_params.get("permissions", "").split(",") if each]
        if self._state.cloud and not asked:
            raise problem("The 'permissions' query parameter is required.")
        unknown = [each for each in asked if each not in PERMISSIONS]
        if self._state.cloud and unknown:
            raise problem(f"Unrecognized permission keys: {', '.join(unknown)}")
        rows = {
            key: self._permission(number, key, have=may(self._state, user, key))
            for number, key in enumerate(PERMISSIONS, start=10)
            if not asked or key in asked
        }
        return JSONResponse({"permissions": rows})

    def _permission(self, number: int, key: str, *, have: bool) -> Json:
        kind = "GLOBAL" if key == "ADMINISTER" else "PROJECT"
        words = {"name": PERMISSIONS[key], "description": PERMISSIONS[key]}
        return {"id": str(number), "key": key, **words, "type": kind, "havePermission": have}

    async def get_server(self, request: Request) -> Response:
        """GET serverInfo; needs no account."""
        cloud = self._state.cloud
        version = "1001.0.0-SNAPSHOT" if cloud else "9.12.15"
        numbers = [1001, 0, 0] if cloud else [9, 12, 15]
        return JSONResponse(
            {
                "baseUrl": base_of(request),
                "version": version,
                "versionNumbers": numbers,
                "deploymentType": "Cloud" if cloud else "Server",
                "buildNumber": 100287 if cloud else 912015,
                "buildDate": "2026-11-02T00:00:00.000+0000",
                "serverTime": jira_time(now()),
                "scmInfo": "0f1e2d3c",
                "serverTitle": "Jira",
            }
        )

    # What can be created

    async def get_old_create_meta(self, request: Request) -> Response:
        """GET issue/createmeta: gone from Data Center 9, where the path then means an issue of that name."""
        self._door.user(request)
        if not self._state.cloud:
            raise problem("Issue Does Not Exist", status=404)
        shapes = self._door.shapes(request)
        types = [shapes.issue_type(each) for each in ISSUE_TYPES]
        rows = [
            {
                **{name: shapes.project(key)[name] for name in ("self", "id", "key", "name")},
                "issuetypes": types,
            }
            for key in PROJECTS
        ]
        return JSONResponse({"expand": "projects", "projects": rows})

    async def list_create_types(self, request: Request) -> Response:
        """GET issue/createmeta/{project}/issuetypes."""
        self._door.project(request)
        shapes = self._door.shapes(request)
        return self._page(request, [shapes.issue_type(each) for each in ISSUE_TYPES], "issueTypes")

    async def list_create_fields(self, request: Request) -> Response:
        """GET issue/createmeta/{project}/issuetypes/{type}."""
        user, _ = self._door.project(request)
        issue_type = next((each for each in ISSUE_TYPES if each.id == request.path_params["type"]), None)
        if issue_type is None:
            raise problem("Issue type is not valid for this project.")
        missing = set(self._state.manners.off_screen)
        if not may(self._state, user, "SET_ISSUE_SECURITY"):
            missing.add("security")
        if not may(self._state, user, "MODIFY_REPORTER"):
            missing.add("reporter")
        shapes = self._door.shapes(request)
        rows = [
            shapes.create_field(each, issue_type, user.levels)
            for each in FIELDS
            if each.on_create and each.id not in missing
        ]
        return self._page(request, rows, "fields")

    def _page(self, request: Request, rows: Sequence[Json], cloud_name: str) -> Response:
        start = whole_number(request, "startAt", 0, 1_000_000)
        size = whole_number(request, "maxResults", 50, _MOST)
        shown = list(rows[start : start + size])
        page: Json = {"startAt": start, "maxResults": size, "total": len(rows)}
        if self._state.cloud:
            return JSONResponse({**page, cloud_name: shown})
        return JSONResponse({**page, "isLast": start + size >= len(rows), "values": shown})

    async def list_fields(self, request: Request) -> Response:
        """GET field."""
        self._door.user(request)
        return JSONResponse([self._door.shapes(request).field(each) for each in FIELDS])

    async def list_priorities(self, request: Request) -> Response:
        """GET priority."""
        self._door.user(request)
        shapes = self._door.shapes(request)
        more = {"statusColor": "#f15C75", "description": ""}
        return JSONResponse([{**shapes.priority(each), **more} for each in PRIORITIES])

    async def list_resolutions(self, request: Request) -> Response:
        """GET resolution."""
        self._door.user(request)
        shapes = self._door.shapes(request)
        return JSONResponse([shapes.named("resolution", each, description="") for each in RESOLUTIONS])

    async def list_statuses(self, request: Request) -> Response:
        """GET status."""
        self._door.user(request)
        return JSONResponse([self._door.shapes(request).status(each) for each in STATUSES])

    async def list_types(self, request: Request) -> Response:
        """GET issuetype."""
        self._door.user(request)
        return JSONResponse([self._door.shapes(request).issue_type(each) for each in ISSUE_TYPES])

    # The project

    async def get_project(self, request: Request) -> Response:
        """GET project/{project}."""
        _, key = self._door.project(request)
        return JSONResponse(self._door.shapes(request).whole_project(key))

    async def list_project_statuses(self, request: Request) -> Response:
        """GET project/{project}/statuses."""
        self._door.project(request)
        shapes = self._door.shapes(request)
        statuses = [shapes.status(each) for each in STATUSES]
        kept = ("self", "id", "name", "subtask")
        types = [shapes.issue_type(each) for each in ISSUE_TYPES]
        return JSONResponse([{**{name: each[name] for name in kept}, "statuses": statuses} for each in types])

    async def get_permission_scheme(self, request: Request) -> Response:
        """GET project/{project}/permissionscheme; for administrators of the project."""
        user, _ = self._door.project(request)
        self._must_administer(allowed=may(self._state, user, "ADMINISTER_PROJECTS"))
        own = f"{base_of(request)}/rest/api/2/permissionscheme/10000"
        scheme: Json = {"id": 10000, "self": own, "name": "Security scheme", "description": ""}
        if request.query_params.get("expand"):
            scheme["permissions"] = [
                {"id": 10100 + number, "holder": _holder(holder), "permission": "BROWSE_PROJECTS"}
                for number, holder in enumerate(self._state.manners.browsers)
            ]
        return JSONResponse(scheme)

    def _must_administer(self, *, allowed: bool) -> None:
        if not allowed:
            words = "You do not have permission to administer this project."
            raise problem(words, status=403)

    async def list_roles(self, request: Request) -> Response:
        """GET project/{project}/role."""
        _, key = self._door.project(request)
        base = f"{self._door.shapes(request).whole_project(key)['self']}/role"
        return JSONResponse({name: f"{base}/{number}" for number, name in ROLES.items()})

    async def get_role(self, request: Request) -> Response:
        """GET project/{project}/role/{role}."""
        user, _ = self._door.project(request)
        self._must_administer(allowed=may(self._state, user, "ADMINISTER_PROJECTS"))
        name = ROLES.get(request.path_params["role"])
        if name is None:
            raise problem("There is no such role.", status=404)
        people = [each for each in USERS if "10000" in each.levels]
        actors = [
            {"id": each.id, "displayName": each.display_name, "type": "atlassian-user-role-actor"}
            for each in people
        ]
        return JSONResponse({"id": int(request.path_params["role"]), "name": name, "actors": actors})

    # Security levels

    async def list_project_levels(self, request: Request) -> Response:
        """GET project/{project}/securitylevel: those that the account itself may set."""
        user, _ = self._door.project(request)
        shapes = self._door.shapes(request)
        known = LEVELS if may(self._state, user, "SET_ISSUE_SECURITY") else ()
        return JSONResponse({"levels": [shapes.level(each) for each in known if each.id in user.levels]})

    async def get_level(self, request: Request) -> Response:
        """GET securitylevel/{level}."""
        self._door.user(request)
        level = next((each for each in LEVELS if each.id == request.path_params["level"]), None)
        if level is None:
            raise problem("The security level does not exist.", status=404)
        return JSONResponse(self._door.shapes(request).level(level))

    async def get_level_scheme_of_project(self, request: Request) -> Response:
        """GET project/{project}/issuesecuritylevelscheme; for administrators of the project."""
        user, _ = self._door.project(request)
        self._must_administer(allowed=may(self._state, user, "ADMINISTER_PROJECTS"))
        return JSONResponse(self._scheme(request))

    async def list_level_schemes(self, request: Request) -> Response:
        """GET issuesecurityschemes; for administrators of Jira."""
        user = self._door.user(request)
        self._must_administer(allowed=may(self._state, user, "ADMINISTER"))
        return JSONResponse({"issueSecuritySchemes": [self._scheme(request)]})

    async def get_level_scheme(self, request: Request) -> Response:
        """GET issuesecurityschemes/{scheme}; for administrators of Jira or of a project with it."""
        user = self._door.user(request)
        self._must_administer(allowed=may(self._state, user, "ADMINISTER_PROJECTS"))
        if request.path_params["scheme"] != LEVEL_SCHEME.id:
            raise problem("The issue security scheme does not exist.", status=404)
        return JSONResponse(self._scheme(request))

    def _scheme(self, request: Request) -> Json:
        shapes = self._door.shapes(request)
        own = f"{base_of(request)}/rest/api/2/issuesecurityschemes/{LEVEL_SCHEME.id}"
        levels = [shapes.level(each) for each in LEVELS]
        words = {"name": LEVEL_SCHEME.name, "description": ""}
        return {"self": own, "id": int(LEVEL_SCHEME.id), **words, "levels": levels}

    async def list_level_members(self, request: Request) -> Response:
        """GET issuesecurityschemes/{scheme}/members and .../level/member, for administrators, on Cloud only."""
        user = self._door.user(request)
        of_scheme = "scheme" in request.path_params
        needed = "ADMINISTER_PROJECTS" if of_scheme else "ADMINISTER"
        self._must_administer(allowed=may(self._state, user, needed))
        asked = request.query_params.getlist("issueSecurityLevelId" if of_scheme else "levelId")
        wanted = asked or [each.id for each in LEVELS]
        rows = [self._member(level) for level in LEVELS if level.id in wanted]
        return JSONResponse(
            {"startAt": 0, "maxResults": 50, "total": len(rows), "isLast": True, "values": rows}
        )

    def _member(self, level: Named) -> Json:
        everyone = level.name == "Everyone"
        holder = {"type": "applicationRole"} if everyone else {"type": "projectRole", "parameter": "10100"}
        return {
            "id": str(int(level.id) + 100),
            "issueSecurityLevelId": level.id,
            "issueSecuritySchemeId": LEVEL_SCHEME.id,
            "holder": _holder(holder),
            "managed": False,
        }

    async def get_attachment_meta(self, request: Request) -> Response:
        """GET attachment/meta."""
        self._door.user(request)
        return JSONResponse({"enabled": True, "uploadLimit": self._state.manners.upload_limit})


def _holder(holder: Mapping[str, str]) -> Json:
    """Write who holds something, with what he is."""
    kind, parameter = holder["type"], holder.get("parameter")
    details: Json = (
        {"projectRole": {"id": 0, "name": ROLES.get(str(parameter), "?")}} if kind == "projectRole" else {}
    )
    details = {"group": {"name": parameter}} if kind == "group" else details
    return {**holder, **({"value": parameter} if parameter else {}), **details}
