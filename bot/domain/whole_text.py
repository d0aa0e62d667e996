"""The whole text of a report as one more file, for a tracker whose issues hold only its beginning."""

from dataclasses import replace

from bot.domain.issue import Foreign, IssueDraft
from bot.domain.privacy import SafeFile
from bot.domain.report import Report, ReportFile

_TYPE, _SUFFIX = "text/plain", ".txt"


def is_cut(draft: IssueDraft, report: Report) -> bool:
    """Tell whether an issue holds less than the whole text of its report."""
    return Foreign not in map(type, draft.body) or any(
        isinstance(block, Foreign) and block.text != report.text for block in draft.body
    )


def add_whole_text(
    report: Report, files: tuple[SafeFile, ...], *, most_bytes: int
) -> tuple[Report, tuple[SafeFile, ...]]:
    """Add the redacted text as the last file of a report; one over `most_bytes` stays in the store alone."""
    content = report.text.encode("utf-8", "replace")
    if len(content) > most_bytes:
        return report, files
    number = max((file.number for file in report.files), default=0) + 1
    listed = ReportFile(number, _TYPE, len(content), uploadable=True)
    return (
        replace(report, files=(*report.files, listed)),
        (*files, SafeFile(number, _TYPE, len(content), _SUFFIX, content, None)),
    )
