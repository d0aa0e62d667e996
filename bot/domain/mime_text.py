"""What a mail says and what it carries: the readable text and the files of its parts."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from bot.domain.charset import clean_text, decode_bytes
from bot.domain.mime_html import html_to_text, inline_pictures
from bot.domain.mime_parts import Part
from bot.domain.submission import Attachment

TEXT_LIMIT = 1_000_000
READABLE = ("text/plain", "text/html")


@dataclass(frozen=True, slots=True)
class Contents:
    """The text that the sender wrote or quoted, the text of mails he forwarded as files, and all files."""

    text: str
    forwarded: str
    attachments: tuple[Attachment, ...]
    problems: tuple[str, ...]


def read_contents(root: Part) -> Contents:
    """Gather text and files of a mail; of alternatives the plain one is read, files of all are kept."""
    gathering = _Gathering()
    text = gathering.text_of(root)
    forwarded = "\n\n".join(gathering.forwarded)
    return Contents(text, forwarded, tuple(gathering.attachments), tuple(gathering.problems))


@dataclass(slots=True)
class _Gathering:
    attachments: list[Attachment] = field(default_factory=list)
    forwarded: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def text_of(self, part: Part) -> str:
        """The text of a part; its files go to the attachments."""
        if part.media_type == "multipart/alternative":
            return self._best_of(part.children)
        if part.media_type.startswith("multipart/"):
            return _joined(self.text_of(child) for child in part.children)
        if _is_readable(part):
            return self._read(part)
        self._attach(part)
        for child in part.children:  # a forwarded mail
            self.forwarded.append(self.text_of(child))
        return ""

    def _best_of(self, alternatives: Iterable[Part]) -> str:
        chosen = ""
        for part in sorted(alternatives, key=_holds_html):
            if not chosen.strip():
                chosen = self.text_of(part)
            else:
                self._attach_files_of(part)
        return chosen

    def _attach_files_of(self, part: Part) -> None:
        for leaf in part.walk():
            if not leaf.children and not _is_readable(leaf):
                self._attach(leaf)

    def _attach(self, part: Part) -> None:
        content, problem = part.content()
        self._note(problem)
        if content or part.name:
            self.attachments.append(Attachment(part.name, part.media_type, content))

    def _read(self, part: Part) -> str:
        content, problem = part.content()
        self._note(problem)
        if len(content) > TEXT_LIMIT:
            self._note("a text over 1 MB was cut; the whole of it is kept as a file")
            self.attachments.append(Attachment(part.name, part.media_type, content))
        source, problem = decode_bytes(content[:TEXT_LIMIT], part.params.get("charset"))
        self._note(problem)
        text, problem = clean_text(self._laid_out(source, part))
        self._note(problem)
        return text

    def _laid_out(self, source: str, part: Part) -> str:
        if part.media_type == "text/html":
            pictures = [Attachment("", media_type, data) for media_type, data in inline_pictures(source)]
            self.attachments += pictures
            text, problem = html_to_text(source)
            self._note(problem)
            return text
        if part.params.get("format", "").lower() == "flowed":
            return unflow(source, delete_space=part.params.get("delsp", "").lower() == "yes")
        return source

    def _note(self, problem: str | None) -> None:
        if problem:
            self.problems.append(problem)


def unflow(text: str, *, delete_space: bool = False) -> str:
    """Join the soft line breaks of format=flowed within one quote depth (RFC 3676 section 4)."""
    lines: list[list[str]] = []
    open_depth = None
    for line in text.replace("\r\n", "\n").split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        words = line[depth:].removeprefix(" ")
        soft = words.endswith(" ") and words != "-- "
        piece = words[:-1] if soft and delete_space else words
        if depth == open_depth and words != "-- ":
            lines[-1].append(piece)
        else:
            lines.append([">" * depth + " " * bool(depth), piece])
        open_depth = depth if soft else None
    return "\n".join("".join(pieces) for pieces in lines)


def _is_readable(part: Part) -> bool:
    return part.media_type in READABLE and not part.attached and not part.name


def _holds_html(part: Part) -> bool:
    return any(leaf.media_type == "text/html" for leaf in part.walk())


def _joined(texts: Iterable[str]) -> str:
    return "\n\n".join(text.strip("\n") for text in texts if text.strip())
