"""What every Jira has and this one never changes: people, projects, types, statuses, levels, fields."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class User:
    """An account; `name` is for Data Center, `account_id` for Cloud, `levels` are the security levels it sees."""

    id: int
    name: str
    account_id: str
    email: str
    display_name: str
    levels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """Something with an id and a name."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Status(Named):
    """A step of the workflow; `category` is the key of its status category."""

    category: str


@dataclass(frozen=True, slots=True)
class Transition(Named):
    """A way to a status; its screen asks for a resolution or it has no screen."""

    to: str
    has_screen: bool


@dataclass(frozen=True, slots=True)
class Field:
    """A field; `kind` and `items` are its schema's types."""

    id: str
    name: str
    kind: str
    items: str | None = None
    on_create: bool = True

    @property
    def custom(self) -> bool:
        """Whether an administrator made it."""
        return self.id.startswith("customfield_")


USERS = (
    User(1, "bot", "5b10ac8d82e05b22cc7d4001", "bot@example.nl", "Meldpunt bot", ("10000", "10001")),
    User(2, "tess", "5b10ac8d82e05b22cc7d4002", "tess@example.nl", "Tess Team", ("10000", "10001")),
    User(3, "noor", "5b10ac8d82e05b22cc7d4003", "noor@example.nl", "Noor Lead", ("10000", "10001")),
    User(4, "otto", "5b10ac8d82e05b22cc7d4004", "otto@example.nl", "Otto Other", ("10001",)),
)
PROJECTS = {"SEC": Named("10000", "Security reports"), "OPS": Named("10100", "Operations")}
ISSUE_TYPES = (Named("10002", "Task"), Named("10005", "Vulnerability"))
PRIORITIES = tuple(
    Named(str(number), name)
    for number, name in enumerate(("Highest", "High", "Medium", "Low", "Lowest"), start=1)
)
DEFAULT_PRIORITY = "3"
LEVELS = (Named("10000", "Team"), Named("10001", "Everyone"))
LEVEL_SCHEME = Named("10000", "Levels of the desk")
TODO, DOING, DONE = (
    Status("10000", "To Do", "new"),
    Status("10001", "In Progress", "indeterminate"),
    Status("10002", "Done", "done"),
)
STATUSES = (TODO, DOING, DONE)
CATEGORIES = {
    "new": (2, "To Do", "blue-gray"),
    "indeterminate": (4, "In Progress", "yellow"),
    "done": (3, "Done", "green"),
}
TRANSITIONS = (
    Transition("11", "To Do", TODO.id, has_screen=False),
    Transition("21", "In Progress", DOING.id, has_screen=False),
    Transition("31", "Done", DONE.id, has_screen=True),
)
RESOLUTIONS = (Named("10000", "Done"), Named("10001", "Won't Do"), Named("10002", "Duplicate"))
REGIONS = (Named("10201", "Noord"), Named("10202", "Zuid"))
FIELDS = (
    Field("project", "Project", "project"),
    Field("issuetype", "Issue Type", "issuetype"),
    Field("summary", "Summary", "string"),
    Field("description", "Description", "string"),
    Field("labels", "Labels", "array", "string"),
    Field("priority", "Priority", "priority"),
    Field("duedate", "Due date", "date"),
    Field("security", "Security Level", "securitylevel"),
    Field("assignee", "Assignee", "user"),
    Field("reporter", "Reporter", "user"),
    Field("attachment", "Attachment", "array", "attachment"),
    Field("customfield_10050", "Asset owner", "string"),
    Field("customfield_10051", "Region", "option"),
    Field("status", "Status", "status", on_create=False),
    Field("resolution", "Resolution", "resolution", on_create=False),
    Field("resolutiondate", "Resolved", "datetime", on_create=False),
    Field("created", "Created", "datetime", on_create=False),
    Field("updated", "Updated", "datetime", on_create=False),
    Field("creator", "Creator", "user", on_create=False),
    Field("comment", "Comment", "comments-page", on_create=False),
)
FIELD = {each.id: each for each in FIELDS}
PERMISSIONS = {
    "BROWSE_PROJECTS": "Browse Projects",
    "CREATE_ISSUES": "Create Issues",
    "EDIT_ISSUES": "Edit Issues",
    "SCHEDULE_ISSUES": "Schedule Issues",
    "SET_ISSUE_SECURITY": "Set Issue Security",
    "ADD_COMMENTS": "Add Comments",
    "CREATE_ATTACHMENTS": "Create Attachments",
    "TRANSITION_ISSUES": "Transition Issues",
    "ASSIGN_ISSUES": "Assign Issues",
    "MODIFY_REPORTER": "Modify Reporter",
    "ADMINISTER_PROJECTS": "Administer Projects",
    "ADMINISTER": "Administer Jira",
}


def status_of(status_id: str) -> Status:
    """Return a status that must exist."""
    return next(each for each in STATUSES if each.id == status_id)


def user_of(user_id: int) -> User:
    """Return an account that must exist."""
    return next(each for each in USERS if each.id == user_id)


def named(values: tuple[Named, ...], given: object) -> Named | None:
    """Find what `{"id": ...}` or `{"name": ...}` means; an id may be a number, as some clients write it."""
    if not isinstance(given, dict):
        return None
    wanted = str(given.get("id", "")), given.get("name", given.get("value"))
    for each in values:
        if each.id == wanted[0] or (not wanted[0] and each.name == wanted[1]):
            return each
    return None


def name_of(values: tuple[Named, ...], wanted: str) -> Named:
    """Return the value of an id that must exist."""
    return next(each for each in values if each.id == wanted)
