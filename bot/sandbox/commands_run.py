"""What each quick action does to an issue.

GitLab ignores a few of them (`/close`, `/title`) in the description of an issue that is only being made;
here they run there too, so that a trap closes wherever it stands.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from bot.sandbox.gitlab_rows import Issue
from bot.sandbox.gitlab_state import GitLabState
from bot.sandbox.quick_actions import QuickAction

_Run = Callable[[GitLabState, Issue, str], Issue]


def run_quick_action(state: GitLabState, issue: Issue, action: QuickAction) -> Issue:
    """Return the issue as the command leaves it; a command that finds nothing to do leaves it as it is."""
    run = _RUNS.get(action.name)
    return run(state, issue, action.argument) if run else issue


def _label_names(state: GitLabState, issue: Issue, text: str) -> tuple[str, ...]:
    """Return the labels named that exist in the project; a quick action creates none."""
    names = [quoted or bare for quoted, bare in re.findall(r'~?"([^"]+)"|~?(\S+)', text)]
    return tuple(name for name in names if state.label(issue.project_id, name))


def _user_ids(state: GitLabState, issue: Issue, text: str) -> tuple[int, ...]:
    users = (
        state.user(issue.author_id) if word == "me" else state.user_named(word.lstrip("@"))
        for word in text.split()
    )
    return tuple(user.id for user in users if user)


def _other_issue(state: GitLabState, issue: Issue, text: str) -> Issue | None:
    match = re.search(r"(\d{1,9})\s*$", text)
    other = state.issue(issue.project_id, int(match[1])) if match else None
    return None if other and other.id == issue.id else other


def _close(_state: GitLabState, issue: Issue, _text: str) -> Issue:
    return replace(issue, state="closed")


def _reopen(_state: GitLabState, issue: Issue, _text: str) -> Issue:
    return replace(issue, state="opened")


def _title(_state: GitLabState, issue: Issue, text: str) -> Issue:
    return replace(issue, title=text[:255]) if text else issue


def _label(state: GitLabState, issue: Issue, text: str) -> Issue:
    return replace(issue, labels=tuple(sorted({*issue.labels, *_label_names(state, issue, text)})))


def _unlabel(state: GitLabState, issue: Issue, text: str) -> Issue:
    gone = _label_names(state, issue, text) if text else issue.labels
    return replace(issue, labels=tuple(name for name in issue.labels if name not in gone))


def _relabel(state: GitLabState, issue: Issue, text: str) -> Issue:
    names = _label_names(state, issue, text)
    return replace(issue, labels=tuple(sorted(set(names)))) if names else issue


def _assign(state: GitLabState, issue: Issue, text: str) -> Issue:
    # Without a paid plan an issue has one assignee.
    users = _user_ids(state, issue, text)
    return replace(issue, assignee_ids=users[:1]) if users else issue


def _unassign(_state: GitLabState, issue: Issue, _text: str) -> Issue:
    return replace(issue, assignee_ids=())


def _due(_state: GitLabState, issue: Issue, text: str) -> Issue:
    day = _parse_day(text, datetime.now(UTC).date())
    return replace(issue, due_date=day.isoformat()) if day else issue


def _parse_day(text: str, today: date) -> date | None:
    """Understand a little of what GitLab understands: an ISO date, today, tomorrow, in 3 days."""
    days = re.fullmatch(r"in (\d{1,4}) days?", text.lower())
    if days:
        return today + timedelta(days=int(days[1]))
    if text.lower() in {"today", "tomorrow"}:
        return today + timedelta(days=int(text.lower() == "tomorrow"))
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _remove_due_date(_state: GitLabState, issue: Issue, _text: str) -> Issue:
    return replace(issue, due_date=None)


def _confidential(_state: GitLabState, issue: Issue, _text: str) -> Issue:
    return replace(issue, confidential=True)


def _duplicate(state: GitLabState, issue: Issue, text: str) -> Issue:
    return replace(issue, state="closed") if _other_issue(state, issue, text) else issue


def _copy_metadata(state: GitLabState, issue: Issue, text: str) -> Issue:
    other = _other_issue(state, issue, text)
    return replace(issue, labels=tuple(sorted({*issue.labels, *other.labels}))) if other else issue


def _move(state: GitLabState, issue: Issue, text: str) -> Issue:
    # GitLab closes the old issue and opens a copy over there.
    target = state.project(text) if text else None
    return replace(issue, state="closed") if target and target.id != issue.project_id else issue


def _lock(_state: GitLabState, issue: Issue, _text: str) -> Issue:
    return replace(issue, locked=True)


def _unlock(_state: GitLabState, issue: Issue, _text: str) -> Issue:
    return replace(issue, locked=False)


def _incident(_state: GitLabState, issue: Issue, _text: str) -> Issue:
    return replace(issue, issue_type="incident")


_RUNS: dict[str, _Run] = {
    "assign": _assign,
    "close": _close,
    "confidential": _confidential,
    "copy_metadata": _copy_metadata,
    "due": _due,
    "duplicate": _duplicate,
    "label": _label,
    "labels": _label,
    "lock": _lock,
    "move": _move,
    "promote_to_incident": _incident,
    "reassign": _assign,
    "relabel": _relabel,
    "remove_due_date": _remove_due_date,
    "remove_label": _unlabel,
    "reopen": _reopen,
    "title": _title,
    "unassign": _unassign,
    "unlabel": _unlabel,
    "unlock": _unlock,
}
