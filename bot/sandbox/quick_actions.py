"""Which lines of a text GitLab would run as quick actions.

Two generations of GitLab's `Gitlab::QuickActions::Extractor` are in use on servers: the older one leaves
out code, HTML and quote blocks by regular expression; the newer one looks at top-level Markdown
paragraphs only. A line that either of them takes is taken here, so a text that comes through unharmed is
safe on both.
"""

import re
from dataclasses import dataclass

from markdown_it import MarkdownIt

COMMANDS = frozenset(
    """
    add_child add_contacts add_email approve assign assign_reviewer award blocked_by blocks board_move cc
    checkin_reminder child_of clear_health_status clear_weight clone close confidential convert_to_ticket
    copy_metadata create_merge_request done draft due duplicate epic estimate estimate_time health_status
    iteration label labels link linked_to lock merge milestone move page parent promote promote_to
    promote_to_incident publish react ready rebase reassign relabel relate remove_child remove_contacts
    remove_due_date remove_email remove_epic remove_estimate remove_iteration remove_label remove_link
    remove_milestone remove_parent remove_time_estimate remove_time_spent remove_zoom reopen request_review
    set_parent severity shrug spend spend_time spent status submit_review subscribe tableflip target_branch
    timeline title todo type unapprove unassign unassign_reviewer unlabel unlink unlock unsubscribe weight
    wip zoom
    """.split()  # noqa: SIM905 - a table of words, not one of quotes
)

_NAMES = "|".join(sorted(COMMANDS, key=len, reverse=True))
_COMMAND = rf"^/(?P<cmd>{_NAMES})(?:[ ](?P<arg>[^\n]*))?(?:\s*\n|\s*\Z|$)"
_INLINE_CODE = r"`.+?`"
_HTML_BLOCK = r"^<[^>]+?>\n.+?\n</[^>]+?>$"
_CODE_BLOCK = r"^```.+?\n```$"
_QUOTE_BLOCK = r"^>>>.+?\n>>>$"
_FLAGS = re.MULTILINE | re.DOTALL | re.IGNORECASE

_CANDIDATE = re.compile(_COMMAND, _FLAGS)
_OLDER = re.compile(f"{_CODE_BLOCK}|{_INLINE_CODE}|{_HTML_BLOCK}|{_QUOTE_BLOCK}|{_COMMAND}", _FLAGS)
_NEWER = re.compile(f"{_INLINE_CODE}|{_HTML_BLOCK}|{_COMMAND}", _FLAGS)
_MARKDOWN = MarkdownIt("commonmark", {"html": True})


@dataclass(frozen=True, slots=True)
class QuickAction:
    """One command line, `name` in lower case and without its slash."""

    name: str
    argument: str

    def __str__(self) -> str:
        """Write the line as a person would have typed it."""
        return f"/{self.name} {self.argument}".rstrip()


def extract_quick_actions(text: str) -> tuple[str, list[QuickAction]]:
    """Return the text without its command lines, and the commands in their order.

    As GitLab does, carriage returns are deleted first: one inside a command does not hide it.
    """
    text = text.replace("\r", "")
    if not (text.startswith("/") or "\n/" in text) or not _CANDIDATE.search(text):
        return text, []
    found = {match.start(): match for match in (*_older_matches(text), *_newer_matches(text))}
    kept, last = [], 0
    for start, match in sorted(found.items()):
        kept.append(text[last:start])
        last = match.end()
    kept.append(text[last:])
    actions = [QuickAction(m["cmd"].lower(), (m["arg"] or "").strip()) for _, m in sorted(found.items())]
    return "".join(kept).rstrip(), actions


def _older_matches(text: str) -> list[re.Match[str]]:
    return [match for match in _OLDER.finditer(text) if match["cmd"]]


def _newer_matches(text: str) -> list[re.Match[str]]:
    """Search each top-level paragraph alone, at its place in the whole text."""
    starts = [0, *(match.end() for match in re.finditer("\n", text)), len(text)]
    found = []
    for token in _MARKDOWN.parse(text):
        if token.type == "paragraph_open" and token.level == 0 and token.map:
            first, after = token.map
            span = starts[first], starts[min(after, len(starts) - 1)]
            found += [match for match in _NEWER.finditer(text, *span) if match["cmd"]]
    return found
