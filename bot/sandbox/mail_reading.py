"""A caught mail as a person or a test reads it."""

from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage

from bot.sandbox.mail_catcher import CaughtMail


@dataclass(frozen=True, slots=True)
class ReadMail:
    """Headers in their order, decoded, and the text part."""

    headers: tuple[tuple[str, str], ...]
    text: str

    def header(self, name: str) -> str:
        """Return the first header of that name, or nothing."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


def read_mail(mail: CaughtMail) -> ReadMail:
    """Decode a mail; what cannot be decoded is shown as replacement characters."""
    message = message_from_bytes(mail.raw, policy=policy.default)
    body = message.get_body(("plain", "html")) if isinstance(message, EmailMessage) else None
    text = str(body.get_content()).replace("\r\n", "\n") if body else ""
    return ReadMail(tuple((key, str(value)) for key, value in message.items()), text)


def mail_json(mail: CaughtMail) -> dict[str, object]:
    """Return a mail for GET /sandbox/mails; `raw` has one character for each byte."""
    read = read_mail(mail)
    return {
        "number": mail.number,
        "at": mail.at,
        "sender": mail.sender,
        "recipients": list(mail.recipients),
        "subject": read.header("Subject"),
        "message_id": read.header("Message-ID"),
        "headers": [list(pair) for pair in read.headers],
        "text": read.text,
        "raw": mail.raw.decode("latin-1"),
    }
