"""Jira as the team's tracker, by the `jira` library: Cloud (REST v3, documents) and Data Center (v2, wiki markup).

An issue's id is its number: a moved issue changes its key. Jira's search knows of a new issue seconds later
only, so what it does not find proves nothing yet, even where the call is over: the caller waits and looks again.
"""

import json
import re
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import requests
from jira.exceptions import JIRAError
from pydantic import SecretStr

from bot.adapters.jira_project import JiraProject, id_or
from bot.adapters.jira_session import Deployment, JiraClient
from bot.adapters.tracker_errors import odd_answer
from bot.domain import adf, wiki
from bot.domain.issue import Block, CommentDraft, IssueDraft, IssueLink
from bot.domain.jira_text import MOST_TEXT, marker_label, neutral_summary, plain_label, plain_marker
from bot.errors import MeldpuntError, OutcomeUnknownError, PermanentError, SettingsError, TransientError
from bot.setting_values import is_loopback

_PROPERTY = "meldpunt"
_INTERNAL = "sd.public.comment"
_PAGE = 100
_MOST_PAGES = 100
_NUMBER = re.compile(r"[0-9]{1,18}")
_KEY = re.compile(r"[A-Z][A-Z0-9_]{0,30}-[0-9]{1,18}")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class JiraTracker:
    """The issues of one Jira project; used from several threads, each with a client and a line of its own."""

    def __init__(  # noqa: PLR0913 - what the settings say, and the limits that a test shortens
        self,
        *,
        name: str,
        url: str,
        token: SecretStr,
        project: str,
        deployment: Deployment,
        username: str | None = None,
        issue_type: str = "Task",
        security_level: str | None = None,
        private_project: bool = False,
        fields_set: Collection[str] = (),
        always_set: Collection[str] | None = None,
        priorities_set: Collection[str] = (),
        timeout: tuple[float, float] = (5, 30),
        whole: float = 60,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        """Take address, log-in and project; nothing is asked of the server yet.

        `project`, `issue_type` and `security_level` are ids or names (the project's key). `fields_set` and
        `priorities_set` are what routes may set, `always_set` the fields that each of them sets (default: all), for
        `check`. `timeout` holds the seconds to connect and to
        wait for the next byte, `whole` those for an answer.
        """
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
            raise SettingsError(
                "environment", f"MELDPUNT_TRACKERS__{name.upper()}__URL", "is not safe", "Use https://."
            )
        self._name, self._url, self._cloud = name, url.rstrip("/"), deployment == "cloud"
        self._make_client: Callable[[], JiraClient] = lambda: JiraClient(
            name, self._url, deployment, username=username, token=token, timeout=timeout, whole=whole, now=now
        )
        self._mine = threading.local()
        self._clients: list[JiraClient] = []
        self._project = JiraProject(
            self._client,
            self._cloud,
            name=name,
            url=self._url,
            project=project,
            issue_type=issue_type,
            level=security_level,
            private=private_project,
            fields_set=frozenset(fields_set),
            always_set=frozenset(fields_set if always_set is None else always_set),
            priorities_set=frozenset(priorities_set),
        )

    def fits(self, body: Sequence[Block]) -> bool:
        """Tell whether a text of these blocks is shorter than Jira's 32,767 characters, with some room left."""
        marker = f"meldpunt-{'0' * 32}"
        if self._cloud:
            return adf.adf_length(adf.to_adf(body, marker, site=self._url)) <= MOST_TEXT
        return wiki.wiki_length(wiki.to_wiki(body, marker)) <= MOST_TEXT

    def create_issue(self, draft: IssueDraft) -> IssueLink:
        """Create the issue with everything in ONE call, its security level too; never tries twice itself.

        Its marker goes along as an entity property, which nobody can write into a text, as a short label to
        search for, and as the last line of the description.
        """
        with self._translated(writes=False):
            fields = self._fields(draft)
        marker = {"key": _PROPERTY, "value": {"marker": plain_marker(draft.marker)}}
        try:
            with self._translated(writes=True):
                answer = self._client().tell("issue", {"fields": fields, "properties": [marker]})
                return self._link(self._created(answer))
        except OutcomeUnknownError as error:
            # The search may not know yet what was made a moment ago, even when the call is over.
            raise OutcomeUnknownError(str(error)) from None
        except MeldpuntError:
            self._project.forget()
            raise

    def find_issue(self, reference: str, marker: str) -> IssueLink | None:  # noqa: ARG002 - the marker is enough
        """Find the issue that an earlier attempt made: searched for by its label, known by its marker.

        Proof is the entity property, or the last line of the description where Jira did not keep that. Of
        several (a person's copy has the same label and text) the first made counts.
        """
        with self._translated(writes=False):
            ids = {str(int(hit["id"])) for hit in self._search(f'labels = "{marker_label(marker)}"')}
            issues = [self._read_back(each) for each in sorted(ids, key=int)]
            proven = [issue for issue in issues if _has_property(issue, marker)]
            written = [
                issue for issue in issues if self._has_marker(issue["fields"].get("description"), marker)
            ]
            found = next(iter([*proven, *written]), None)
            if found is None:
                return None
            if self._project.level and found["fields"].get("security") is None:
                raise PermanentError(
                    f"issue {found['key']} of tracker {self._name} has no security level; set it by hand"
                )
            return self._link(found)

    def upload(self, issue_id: str, name: str, media_type: str, content: bytes) -> str:
        """Attach a file to the issue under our own name and return the link to it."""
        with self._translated(writes=True):
            (attached,) = self._client().attach(issue_id, name, media_type, content)
            if attached["filename"] != name:
                raise odd_answer(self._name, "an attachment of another name", writes=True)
            return self._attachment(attached)

    def find_upload(self, issue_id: str, name: str) -> str | None:
        """Find an attachment of exactly this name, which nobody but the bot gives."""
        with self._translated(writes=False):
            files = self._client().ask(f"issue/{issue_id}", fields="attachment")["fields"]["attachment"]
            return next((self._attachment(file) for file in files if file["filename"] == name), None)

    def add_comment(self, issue_id: str, draft: CommentDraft) -> None:
        """Add a comment that no customer sees; PermanentError when Jira did not keep it from them.

        Outside Jira Service Management a comment is seen by whoever sees the issue.
        """
        with self._translated(writes=False):
            desk = self._project.is_service_desk()
        internal = {"key": _INTERNAL, "value": {"internal": True}}
        content = {"body": self._write(draft.body, draft.marker), "properties": [internal]}
        with self._translated(writes=True):
            comment = self._made(self._client().tell(f"issue/{issue_id}/comment", content))
            if desk:
                self._see_it_is_internal(comment)

    def find_comment(self, issue_id: str, marker: str) -> bool:
        """Tell whether a comment with exactly our marker at its end stands in the issue; as hidden as it must be."""
        with self._translated(writes=False):
            comments = self._client().pages(
                f"issue/{issue_id}/comment", "comments", size=_PAGE, orderBy="-created"
            )
            found = next((each for each in comments if self._has_marker(each["body"], marker)), None)
            if found is not None and self._project.is_service_desk():
                self._see_it_is_internal(found)
            return found is not None

    def check(self) -> Sequence[str]:
        """Look at log-in, permissions, project, create screen, security level and who is let in."""
        problems: list[str] = []
        try:
            with self._translated(writes=False):
                problems += self._project.problems()
        except MeldpuntError as error:
            problems.append(str(error))
        return problems

    def who_can_read(self) -> Sequence[str]:
        """Name who can read an issue: the members of its security level, else who may browse the project."""
        with self._translated(writes=False):
            return self._project.who_can_read()

    def close(self) -> None:
        """Let all lines go; a thread that comes back opens a new one."""
        clients, self._clients, self._mine = self._clients, [], threading.local()
        for client in clients:
            client.close()  # type: ignore[no-untyped-call]  # the library's

    def _client(self) -> JiraClient:
        """Give this thread's client; the library promises nothing about threads."""
        client: JiraClient | None = getattr(self._mine, "client", None)
        if client is None:
            client = self._mine.client = self._make_client()
            self._clients.append(client)
        return client

    # Writing

    def _fields(self, draft: IssueDraft) -> Mapping[str, object]:
        """Put together what the create call sets; a route's fields never replace what the desk sets itself."""
        fields: dict[str, object] = {
            **self._project.named(),
            "summary": neutral_summary(draft.reference, draft.title),
            "description": self._write(draft.body, draft.marker),
            "labels": [*map(plain_label, draft.labels), marker_label(draft.marker)],
            "duedate": draft.due_on.isoformat(),
        }
        if draft.priority:
            fields["priority"] = id_or("name", draft.priority)
        return {self._project.field_id(name): _value(name, text) for name, text in draft.fields} | fields

    def _write(self, body: Sequence[Block], marker: str) -> object:
        return (
            adf.to_adf(body, marker, site=self._project.site()) if self._cloud else wiki.to_wiki(body, marker)
        )

    def _has_marker(self, text: object, marker: str) -> bool:
        """Tell whether a text of ours ends with its marker."""
        return adf.has_marker_paragraph(text, marker) if self._cloud else wiki.has_marker_line(text, marker)

    def _made(self, answer: requests.Response) -> Mapping[str, Any]:
        made = answer.json()
        if answer.status_code != HTTPStatus.CREATED or not _NUMBER.fullmatch(str(made["id"])):
            raise odd_answer(self._name, "nothing that was made", writes=True)
        return dict(made)

    def _created(self, answer: requests.Response) -> Mapping[str, Any]:
        made = self._made(answer)
        if not _KEY.fullmatch(str(made["key"])):
            raise odd_answer(self._name, "an issue without a key", writes=True)
        return made

    def _link(self, issue: Mapping[str, Any]) -> IssueLink:
        return IssueLink(str(issue["id"]), f"{self._project.site()}/browse/{issue['key']}")

    def _attachment(self, file: Mapping[str, Any]) -> str:
        """Write the link to an attachment as this Jira shows it."""
        number, name = str(file["id"]), str(file["filename"])
        if not _NUMBER.fullmatch(number):
            raise odd_answer(self._name, "an attachment without a number", writes=True)
        return (
            adf.attachment_link(name, number, site=self._project.site())
            if self._cloud
            else wiki.attachment_link(name)
        )

    # Looking

    def _search(self, jql: str) -> Iterator[Mapping[str, Any]]:
        """Give every issue that a search finds; anything but a list of issues is a failure, never nothing."""
        if not self._cloud:
            yield from self._client().pages("search", "issues", size=_PAGE, jql=jql, fields="labels")
            return
        token: dict[str, str] = {}
        for _ in range(_MOST_PAGES):
            page = self._client().ask("search/jql", jql=jql, fields="labels", maxResults=_PAGE, **token)
            yield from page["issues"]
            if not page.get("nextPageToken"):
                return
            token = {"nextPageToken": str(page["nextPageToken"])}
        raise odd_answer(self._name, "a search without an end", writes=False)

    def _read_back(self, issue_id: str) -> Mapping[str, Any]:
        issue = self._client().ask(f"issue/{issue_id}", fields="description,security", properties=_PROPERTY)
        if str(issue["id"]) != issue_id or not _KEY.fullmatch(str(issue["key"])):
            raise odd_answer(self._name, "another issue than was asked for", writes=False)
        return dict(issue)

    def _see_it_is_internal(self, comment: Mapping[str, Any]) -> None:
        """Raise PermanentError where customers see a comment; what could not be asked is asked with the next look."""
        number = int(comment["id"])
        try:
            if comment.get("jsdPublic") is False or self._is_internal(number):
                return
        except TransientError as error:
            raise OutcomeUnknownError(str(error), over=True) from None
        raise PermanentError(
            f"comment {number} in tracker {self._name} is not internal, so customers may see it; make it so by "
            "hand, or take it out"
        )

    def _is_internal(self, comment_id: int) -> bool:
        try:
            kept = self._client().ask(f"comment/{comment_id}/properties/{_INTERNAL}")
            return str(kept["value"]["internal"]).lower() == "true"
        except (PermanentError, LookupError, TypeError, ValueError):
            return False

    @contextmanager
    def _translated(self, *, writes: bool) -> Iterator[None]:
        """Turn what the library makes of an answer that it did not expect into an error of ours."""
        try:
            yield
        except MeldpuntError:
            raise
        except (
            JIRAError,
            requests.RequestException,
            ArithmeticError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:
            raise odd_answer(
                self._name, f"JSON of another shape ({type(error).__name__})", writes=writes
            ) from None


def _value(name: str, text: str) -> object:
    try:
        value: object = json.loads(text)
    except ValueError:
        raise PermanentError(f"the value that a route sets for the field `{name}` is no JSON") from None
    return value


def _has_property(issue: Mapping[str, Any], marker: str) -> bool:
    """Tell whether the issue bears our marker where no text can write it."""
    kept = (issue.get("properties") or {}).get(_PROPERTY)
    return isinstance(kept, Mapping) and kept.get("marker") == plain_marker(marker)
