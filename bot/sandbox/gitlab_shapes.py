"""How GitLab writes its values as JSON (docs.gitlab.com/api: issues, notes, labels, uploads, events)."""

from datetime import date
from pathlib import PurePosixPath

from bot.sandbox.gitlab_rows import Event, Issue, Label, Note, Project, Upload, User
from bot.sandbox.gitlab_state import GitLabState
from bot.sandbox.label_colours import text_colour_on

Json = dict[str, object]
_IMAGES = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".bmp", ".tiff", ".ico", ".avif"}

# What a GitLab can do and this one never does.
_OF_EVERY_PROJECT: Json = {
    "description": None,
    "default_branch": "main",
    "tag_list": [],
    "topics": [],
    "readme_url": None,
    "avatar_url": None,
    "star_count": 0,
    "forks_count": 0,
    "archived": False,
    "service_desk_enabled": False,
}
_OF_EVERY_ISSUE: Json = {
    "closed_by": None,
    "milestone": None,
    "merge_requests_count": 0,
    "upvotes": 0,
    "downvotes": 0,
    "time_stats": {
        "time_estimate": 0,
        "total_time_spent": 0,
        "human_time_estimate": None,
        "human_total_time_spent": None,
    },
    "task_completion_status": {"count": 0, "completed_count": 0},
    "has_tasks": False,
    "severity": "UNKNOWN",
    "moved_to_id": None,
    "imported": False,
    "imported_from": "none",
    "service_desk_reply_to": None,
}


class Shapes:
    """Writes values for one request; `base` is the address that the client used."""

    def __init__(self, state: GitLabState, base: str) -> None:
        """Take where the values are looked up and how URLs begin."""
        self._state, self._base = state, base

    def user(self, user: User) -> Json:
        """Write a user as others see him."""
        return {
            "id": user.id,
            "username": user.username,
            "name": user.name,
            "state": "active",
            "locked": False,
            "avatar_url": f"{self._base}/-/avatars/{user.id}.png",
            "web_url": f"{self._base}/{user.username}",
        }

    def _issue_user(self, user: User) -> Json:
        return {key: value for key, value in self.user(user).items() if key != "locked"}

    def member(self, user: User) -> Json:
        """Write a user as a member of a project."""
        return {**self.user(user), "access_level": user.access_level, "expires_at": None}

    def project(self, project: Project) -> Json:
        """Write a project, as far as a client of issues looks at it."""
        namespace, _, name = project.path.rpartition("/")
        started = self._state.fact("started_at")
        return {
            "id": project.id,
            "name": name,
            "name_with_namespace": f"{namespace.title()} / {name.title()}",
            "path": name,
            "path_with_namespace": project.path,
            "created_at": started,
            "ssh_url_to_repo": f"git@127.0.0.1:{project.path}.git",
            "http_url_to_repo": f"{self._base}/{project.path}.git",
            "web_url": f"{self._base}/{project.path}",
            "last_activity_at": started,
            "namespace": {
                "id": 1,
                "name": namespace,
                "path": namespace,
                "kind": "group",
                "full_path": namespace,
                "parent_id": None,
            },
            "visibility": project.visibility,
            "issues_enabled": project.issues_access_level != "disabled",
            "issues_access_level": project.issues_access_level,
            "permissions": {
                "project_access": {"access_level": project.access_level, "notification_level": 3},
                "group_access": None,
            },
            **_OF_EVERY_PROJECT,
        }

    def issue(self, issue: Issue, project: Project) -> Json:
        """Write an issue."""
        people = [self._issue_user(self._state.user(each)) for each in issue.assignee_ids]
        api = f"{self._base}/api/v4/projects/{project.id}"
        return {
            "id": issue.id,
            "iid": issue.iid,
            "project_id": issue.project_id,
            "title": issue.title,
            "description": issue.description,
            "state": issue.state,
            "created_at": issue.created_at,
            "updated_at": issue.updated_at,
            "closed_at": issue.closed_at,
            "labels": list(issue.labels),
            "assignees": people,
            "author": self._issue_user(self._state.user(issue.author_id)),
            "type": issue.issue_type.upper(),
            "assignee": people[0] if people else None,
            "user_notes_count": self._state.count_notes(issue.id),
            "due_date": issue.due_date,
            "confidential": issue.confidential,
            "discussion_locked": issue.locked or None,
            "issue_type": issue.issue_type,
            "web_url": f"{self._base}/{project.path}/-/issues/{issue.iid}",
            "_links": {
                "self": f"{api}/issues/{issue.iid}",
                "notes": f"{api}/issues/{issue.iid}/notes",
                "award_emoji": f"{api}/issues/{issue.iid}/award_emoji",
                "project": api,
                "closed_as_duplicate_of": None,
            },
            "references": {
                "short": f"#{issue.iid}",
                "relative": f"#{issue.iid}",
                "full": f"{project.path}#{issue.iid}",
            },
            **_OF_EVERY_ISSUE,
        }

    def note(self, note: Note, issue: Issue) -> Json:
        """Write a note of an issue."""
        return {
            "id": note.id,
            "type": None,
            "body": note.body,
            "attachment": None,
            "author": self.user(self._state.user(note.author_id)),
            "created_at": note.created_at,
            "updated_at": note.updated_at,
            "system": note.system,
            "noteable_id": issue.id,
            "noteable_iid": issue.iid,
            "noteable_type": "Issue",
            "resolvable": False,
            "confidential": note.internal,
            "internal": note.internal,
            "commands_changes": {},
        }

    def label_basic(self, label: Label) -> Json:
        """Write a label as it stands in an issue with details."""
        return {
            "id": label.id,
            "name": label.name,
            "description": label.description,
            "description_html": label.description,
            "color": label.color,
            "text_color": text_colour_on(label.color),
        }

    def label(self, label: Label) -> Json:
        """Write a label as it stands in its project."""
        return {
            **self.label_basic(label),
            "subscribed": False,
            "priority": None,
            "is_project_label": True,
        }

    def label_event(self, event: Event) -> Json:
        """Write who put a label on or took it off, and when."""
        issue = self._state.issue_by_id(event.issue_id)
        label = self._state.label(issue.project_id, event.label or "")
        return {
            **self._event(event),
            "label": self.label_basic(label) if label else None,
            "action": event.action,
        }

    def state_event(self, event: Event) -> Json:
        """Write who closed or reopened an issue, and when."""
        return {**self._event(event), "state": event.action}

    def _event(self, event: Event) -> Json:
        return {
            "id": event.id,
            "user": self.user(self._state.user(event.user_id)),
            "created_at": event.created_at,
            "resource_type": "Issue",
            "resource_id": event.issue_id,
        }

    def new_upload(self, upload: Upload) -> Json:
        """Write what an upload answers: images get a Markdown embed, other files a link."""
        name = PurePosixPath(upload.filename)
        url = f"/uploads/{upload.secret}/{upload.filename}"
        image = name.suffix.lower() in _IMAGES
        alt = name.stem if image else upload.filename
        return {
            "id": upload.id,
            "alt": alt,
            "url": url,
            "full_path": f"/-/project/{upload.project_id}{url}",
            "markdown": f"{'!' if image else ''}[{alt}]({url})",
        }

    def upload(self, upload: Upload) -> Json:
        """Write an upload as the list shows it (GitLab 17.2 and later)."""
        user = self._state.user(upload.user_id)
        return {
            "id": upload.id,
            "size": upload.size,
            "filename": upload.filename,
            "created_at": upload.created_at,
            "uploaded_by": {"id": user.id, "name": user.name, "username": user.username},
        }

    def token(self, user: User, today: date) -> Json:
        """Write the token that the client uses."""
        expires_on = self._state.fact("token_expires_on")
        return {
            "id": 1,
            "name": "meldpunt",
            "revoked": False,
            "created_at": self._state.fact("started_at"),
            "description": None,
            "scopes": ["api"],
            "user_id": user.id,
            "last_used_at": None,
            "active": date.fromisoformat(expires_on) > today,
            "expires_at": expires_on,
        }
