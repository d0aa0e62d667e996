"""The reporter's pages: what came back by mail, and a form to write to the desk."""

import mailbox
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formataddr, formatdate, make_msgid
from mimetypes import guess_type
from pathlib import Path

from jinja2 import Environment
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from bot.sandbox.mail_catcher import CaughtMail, MailStore
from bot.sandbox.mail_reading import ReadMail, read_mail
from bot.sandbox.refusal import Refusal

_DESK = "security@example.nl"
_SHOWN_AT_MOST = 100
_SMALL_HEADERS = (
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "Content-Language",
)


@dataclass(frozen=True, slots=True)
class Received:
    """A mail that came back, with its envelope."""

    caught: CaughtMail
    read: ReadMail


class MailboxPages:
    """The routes of the mailbox; what is written here lands in a Maildir."""

    def __init__(self, mails: MailStore, maildir: Path, pages: Environment) -> None:
        """Take what came back, where mail goes, and the templates."""
        self._mails, self._maildir, self._pages = mails, maildir, pages

    def routes(self) -> list[Route]:
        """Return the table of methods and paths."""
        return [
            Route("/mailbox", self.show_mailbox),
            Route("/mailbox/mails/{number:int}", self.show_mail),
            Route("/mailbox/write", self.show_form),
            Route("/mailbox/write", self.send_mail, methods=["POST"]),
        ]

    async def show_mailbox(self, request: Request) -> Response:
        """List what came back, the newest first; `for` keeps one recipient's mail."""
        wanted = request.query_params.get("for", "")
        caught = self._mails.mails()[::-1]
        addresses = sorted({address for each in caught for address in each.recipients})
        shown = [each for each in caught if not wanted or wanted in each.recipients][:_SHOWN_AT_MOST]
        return self._page(
            "mailbox.html",
            mails=[Received(each, read_mail(each)) for each in shown],
            addresses=addresses,
            wanted=wanted,
            sent="sent" in request.query_params,
        )

    async def show_mail(self, request: Request) -> Response:
        """Show one mail: its text as text, its telling headers small."""
        received = self._received(request.path_params["number"])
        headers = [(name, received.read.header(name)) for name in _SMALL_HEADERS]
        return self._page("mail.html", mail=received, headers=[pair for pair in headers if pair[1]])

    async def show_form(self, request: Request) -> Response:
        """Show the form, filled in as an answer when it is one."""
        values = {
            "name": "",
            "address": "",
            "to": _DESK,
            "subject": "",
            "text": "",
            "in_reply_to": "",
            "references": "",
        }
        number = request.query_params.get("answer", "")
        if number.isascii() and number.isdigit():
            values |= _answer_to(self._received(int(number)))
        return self._page("write.html", values=values, problem="")

    async def send_mail(self, request: Request) -> Response:
        """Deliver what was written."""
        async with request.form() as form:
            values = {key: value for key, value in form.items() if isinstance(value, str)}
            try:
                message = _draft_mail(values)
            except ValueError:
                problem = "An address or the subject cannot be written in a mail; check them, please."
                page = self._pages.get_template("write.html")
                return HTMLResponse(
                    page.render(here="reporter", values=_Missing(values), problem=problem), 400
                )
            await _attach(message, form)
        self._deliver(message)
        return RedirectResponse("/mailbox?sent=1", 303)

    def _deliver(self, message: EmailMessage) -> None:
        """Put the mail into the Maildir: written in tmp, then moved to new, so that no half mail is seen."""
        self._maildir.parent.mkdir(parents=True, exist_ok=True)
        box = mailbox.Maildir(self._maildir, create=True)
        box.add(message.as_bytes())

    def _received(self, number: int) -> Received:
        caught = self._mails.mail(number)
        if caught is None:
            raise Refusal(404, {"message": "There is no such mail."})
        return Received(caught, read_mail(caught))

    def _page(self, name: str, **values: object) -> Response:
        return HTMLResponse(self._pages.get_template(name).render(here="reporter", **values))


class _Missing(dict[str, str]):
    """Form values, where what was not sent is empty."""

    def __missing__(self, key: str) -> str:
        return ""


def _answer_to(received: Received) -> dict[str, str]:
    read = received.read
    subject = read.header("Subject")
    quoted = "\n".join(f"> {line}" for line in read.text.strip().splitlines())
    return {
        "address": next(iter(received.caught.recipients), ""),
        "to": read.header("Reply-To") or read.header("From"),
        "subject": subject if subject.lower().startswith("re:") else f"Re: {subject}",
        "text": f"\n\n{quoted}\n",
        "in_reply_to": read.header("Message-ID"),
        "references": f"{read.header('References')} {read.header('Message-ID')}".strip(),
    }


def _draft_mail(values: dict[str, str]) -> EmailMessage:
    """Write an RFC 5322 message as a mail program would; raises ValueError for what no header can hold."""
    sent = _Missing(values)
    address = sent["address"].strip()
    if "@" not in address:
        raise ValueError("no address")
    message = EmailMessage()
    message["Return-Path"] = f"<{address}>"
    message["Received"] = (
        f"from sandbox.example.org by mx.example.nl with ESMTP; {formatdate(localtime=True)}"
    )
    message["From"] = formataddr((sent["name"].strip(), address))
    message["To"] = sent["to"].strip() or _DESK
    message["Subject"] = sent["subject"].strip()
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = make_msgid(domain="sandbox.example.org")
    for name, key in (("In-Reply-To", "in_reply_to"), ("References", "references")):
        if sent[key].strip():
            message[name] = sent[key].strip()
    message.set_content(sent["text"].replace("\r\n", "\n"))
    return message


async def _attach(message: EmailMessage, form: FormData) -> None:
    for file in form.getlist("files"):
        if isinstance(file, UploadFile) and file.filename:
            kind, _, subtype = (guess_type(file.filename)[0] or "application/octet-stream").partition("/")
            message.add_attachment(await file.read(), maintype=kind, subtype=subtype, filename=file.filename)
