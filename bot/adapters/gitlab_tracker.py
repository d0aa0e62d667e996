"""GitLab as the team's tracker, by python-gitlab (REST API v4, docs.gitlab.com/api/issues).

An issue's id is its `iid`, the number within the project: every call that we make stands under
`/projects/:id/issues/:iid`, and the project is set.
"""

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from urllib.parse import urlsplit

from gitlab import Gitlab
from gitlab.exceptions import GitlabError
from gitlab.v4.objects import Project, ProjectIssue
from pydantic import SecretStr

from bot.adapters.gitlab_check import describe_readers, project_problems, token_problems
from bot.adapters.gitlab_errors import refusal
from bot.adapters.gitlab_fields import read_fields
from bot.adapters.tracker_errors import odd_answer
from bot.adapters.tracker_session import TrackerSession
from bot.domain.issue import Block, CommentDraft, IssueDraft, IssueLink
from bot.domain.markdown import marker_line, neutral_title, to_markdown
from bot.errors import MeldpuntError, PermanentError, SettingsError
from bot.setting_values import is_loopback

_PAGE = 100
_LONGEST = 1_048_000
_UPLOAD_URL = re.compile(r"/uploads/[0-9a-f]{32}/(?P<name>[A-Za-z0-9._-]+)")


def _utc_now() -> datetime:
    return datetime.now(UTC)


class GitLabTracker:
    """The issues of one GitLab project; used from several threads, each with a client and a line of its own."""

    def __init__(  # noqa: PLR0913 - what the settings say, and the limits that a test shortens
        self,
        *,
        name: str,
        url: str,
        token: SecretStr,
        project: str,
        timeout: tuple[float, float] = (5, 30),
        whole: float = 60,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        """Take address, token and project (its path or number); nothing is asked of the server yet.

        `timeout` holds the seconds to connect and to wait for the next byte, `whole` those for an answer.
        """
        parts = urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
            raise SettingsError(
                "environment", f"MELDPUNT_TRACKERS__{name.upper()}__URL", "is not safe", "Use https://."
            )
        self._name, self._url, self._token, self._project = name, url.rstrip("/"), token, project
        self._timeout, self._whole, self._now = timeout, whole, now
        self._mine = threading.local()
        self._clients: list[Gitlab] = []

    def fits(self, body: Sequence[Block]) -> bool:
        """Tell whether a description of these blocks is shorter than GitLab's 1,048,576 bytes."""
        return len(to_markdown(body, "").encode()) < _LONGEST

    def create_issue(self, draft: IssueDraft) -> IssueLink:
        """Create the issue, confidential from its first moment, in ONE call; never tries twice itself.

        GitLab has no priorities: the draft's is left aside.
        """
        fields = {
            **read_fields(draft.fields),
            "title": neutral_title(draft.reference, draft.title),
            "description": to_markdown(draft.body, draft.marker),
            "labels": list(draft.labels),
            "due_date": draft.due_on.isoformat(),
            "confidential": True,
        }
        with self._translated(writes=True):
            return self._link(self._lazy_project().issues.create(fields, obey_rate_limit=False))

    def find_issue(self, reference: str, marker: str) -> IssueLink | None:
        """Find the issue that an earlier attempt made; one whose description holds exactly our marker line."""
        with self._translated(writes=False):
            found = self._lazy_project().issues.list(
                iterator=True,
                per_page=_PAGE,
                scope="all",
                search=reference,
                obey_rate_limit=False,
                **{"in": "title"},
            )
            issue = next((each for each in found if _has_line(each.description, marker)), None)
        return self._made_confidential(issue) if issue is not None else None

    def upload(self, issue_id: str, name: str, media_type: str, content: bytes) -> str:  # noqa: ARG002 - GitLab keeps files by project
        """Store a file in the project and return the Markdown that shows it, under our own name.

        The body is built anew for every call: one that was read by an earlier attempt would be sent empty.
        """
        path = f"/projects/{self._lazy_project().encoded_id}/uploads"
        with self._translated(writes=True):
            files = {"file": (name, content, media_type)}
            answer = self._client().http_post(path, files=files, obey_rate_limit=False)
            url = _UPLOAD_URL.fullmatch(str(answer["url"]))  # type: ignore[index]  # an answer of JSON, as the session saw to
            if url is None or url["name"] != name:
                raise odd_answer(self._name, "an upload without the address of our file", writes=True)
        return f"{'!' if media_type.startswith('image/') else ''}[{name}]({url[0]})"

    def find_upload(self, issue_id: str, name: str) -> str | None:  # noqa: ARG002 - the port's shape
        """Find nothing: a file of GitLab's is seen only where a comment links it, and a second copy never is."""
        return None

    def add_comment(self, issue_id: str, draft: CommentDraft) -> None:
        """Add an internal note; GitLab shows it to the team alone, and mails it to no one outside."""
        fields = {"body": to_markdown(draft.body, draft.marker), "internal": True}
        with self._translated(writes=True):
            note = self._lazy_issue(issue_id).notes.create(fields, obey_rate_limit=False)
            if note.internal is not True:
                raise odd_answer(self._name, "a note that is not internal", writes=True)

    def find_comment(self, issue_id: str, marker: str) -> bool:
        """Tell whether a note with exactly our marker line stands in the issue."""
        with self._translated(writes=False):
            notes = self._lazy_issue(issue_id).notes.list(
                iterator=True, per_page=_PAGE, order_by="created_at", sort="desc", obey_rate_limit=False
            )
            return any(_has_line(note.body, marker) for note in notes)

    def check(self) -> Sequence[str]:
        """Look at token, project, visibility and rights; labels that are missing are made with the first issue."""
        problems: list[str] = []
        try:
            problems += self._token_problems()
            with self._translated(writes=False):
                problems += project_problems(
                    self._client().projects.get(self._project, obey_rate_limit=False).asdict()
                )
        except MeldpuntError as error:
            problems.append(str(error))
        return problems

    def who_can_read(self) -> Sequence[str]:
        """Count who may read confidential issues: members from Reporter up, and whom an issue is assigned to."""
        with self._translated(writes=False):
            members = self._lazy_project().members_all.list(
                iterator=True, per_page=_PAGE, obey_rate_limit=False
            )
            return describe_readers([member.asdict() for member in members])

    def close(self) -> None:
        """Let all lines go; a thread that comes back opens a new one."""
        clients, self._clients, self._mine = self._clients, [], threading.local()
        for client in clients:
            client.session.close()

    def _token_problems(self) -> Sequence[str]:
        """Ask about the token; what is no access token, as one of OAuth, has nothing to tell."""
        try:
            with self._translated(writes=False):
                token = self._client().personal_access_tokens.get("self", obey_rate_limit=False).asdict()
        except PermanentError:
            return ()
        return tuple(token_problems(token, self._now().date()))

    def _client(self) -> Gitlab:
        """Give this thread's client; python-gitlab promises nothing about threads."""
        client: Gitlab | None = getattr(self._mine, "client", None)
        if client is None:
            session = TrackerSession(
                self._name,
                self._url,
                refusal=refusal,
                timeout=self._timeout,
                whole=self._whole,
                now=self._now,
            )
            client = Gitlab(
                self._url,
                private_token=self._token.get_secret_value(),
                user_agent="meldpunt",
                keep_base_url=True,
                retry_transient_errors=False,
                session=session,
            )
            self._mine.client = client
            self._clients.append(client)
        return client

    def _lazy_project(self) -> Project:
        """Name the project without asking for it."""
        return self._client().projects.get(self._project, lazy=True)

    def _lazy_issue(self, issue_id: str) -> ProjectIssue:
        return self._lazy_project().issues.get(issue_id, lazy=True)

    def _link(self, issue: ProjectIssue) -> IssueLink:
        """Read where an issue stands out of GitLab's answer, and see that it is hidden."""
        if not isinstance(issue.iid, int) or issue.confidential is not True:
            raise odd_answer(self._name, "an issue without a number, or not confidential", writes=True)
        url = str(issue.attributes.get("web_url"))
        if not re.fullmatch(r"https?://[\x21-\x7e]{1,2000}", url):
            url = f"{self._url}/{self._project}/-/issues/{issue.iid}"
        return IssueLink(str(issue.iid), url)

    def _made_confidential(self, issue: ProjectIssue) -> IssueLink:
        """Hide an issue of ours that GitLab made without hiding it; PermanentError when it will not."""
        if issue.confidential is not True:
            with self._translated(writes=True):
                issue.confidential = True
                issue.save(obey_rate_limit=False)
            if issue.confidential is not True:
                raise PermanentError(
                    f"issue {issue.iid} of tracker {self._name} is not confidential; make it so by hand"
                )
        return self._link(issue)

    @contextmanager
    def _translated(self, *, writes: bool) -> Iterator[None]:
        """Turn what python-gitlab makes of an answer that it did not expect into an error of ours."""
        try:
            yield
        except MeldpuntError:
            raise
        except (GitlabError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise odd_answer(
                self._name, f"JSON of another shape ({type(error).__name__})", writes=writes
            ) from None


def _has_line(text: object, marker: str) -> bool:
    """Tell whether our marker stands in a text as we wrote it, on a line of its own."""
    return isinstance(text, str) and marker_line(marker) in text.splitlines()
