"""What holds for every text in a Jira, Cloud or Data Center: its length, the summary, and the label of a marker.

Jira takes 32,767 characters a text (`jira.text.field.character.limit`), counted in UTF-16 as Java does, and
255 of a summary, which has no line end.
"""

import re

from bot.domain.visible import one_line

# Some room is left: a Jira may count what it adds itself.
MOST_TEXT = 32_000
SUMMARY_LENGTH = 255
JOINER = "\u2060"

_LABEL_LENGTH = 21
# What begins a mention, a link, an image or a macro, with what must follow it.
_TRIGGER = re.compile(r"[@\[{!~^](?=\S)|:(?=//|\\\\)|(?<=www)\.(?=\S)|(?<=mailto):", re.IGNORECASE)


def utf16_length(text: str) -> int:
    """Count the UTF-16 units of a text; a lone surrogate is one."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def break_triggers(text: str) -> str:
    """Put a word joiner, which nobody sees, behind each sign that could begin something which acts."""
    return _TRIGGER.sub(lambda match: match[0] + JOINER, text)


def neutral_summary(reference: str, title: str) -> str:
    """Write a summary of one line and at most 255 UTF-16 units that begins with the reference and cannot act."""
    whole = f"[{reference}] {break_triggers(one_line(title))}".rstrip()
    if utf16_length(whole) <= SUMMARY_LENGTH:
        return whole
    units = whole.encode("utf-16-le")[: 2 * (SUMMARY_LENGTH - 1)]
    return f"{units.decode('utf-16-le', 'ignore').rstrip()}\u2026"


def plain_marker(marker: str) -> str:
    """Write a marker as the last line of a text: letters, digits and dashes, which mean nothing anywhere."""
    return re.sub(r"[^A-Za-z0-9-]", "", marker)


def marker_label(marker: str) -> str:
    """Shorten a marker to a label by which a search finds its issue; the whole marker is the proof."""
    return plain_marker(marker)[:_LABEL_LENGTH]


def plain_label(label: str) -> str:
    """Write a label as Jira takes it: without spaces, at most 255 characters."""
    return re.sub(r"\s+", "_", label.strip())[:SUMMARY_LENGTH]
