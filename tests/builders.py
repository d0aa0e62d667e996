"""Invented mail for tests; every person here is made up."""

from email.message import EmailMessage
from email.policy import SMTP

SENDER = "Joris Bedacht <joris.bedacht@example.org>"
FINDING = (
    "Goedemiddag,\n\nIn het zoekveld van https://portaal.example.nl/zoek kan ik SQL meegeven. Alle klantnummers "
    "verschijnen dan op het scherm.\n\nIk heb niets gekopieerd en ben na de eerste regel gestopt.\n"
)
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001"
    "a5f645400000000049454e44ae426082"
)


def mail(
    *,
    sender: str | None = SENDER,
    subject: str = "SQL-injectie in het zoekveld",
    text: str = FINDING,
    message_id: str = "<melding-1@example.org>",
    files: tuple[tuple[str, str, bytes], ...] = (),
    **headers: str,
) -> bytes:
    """A mail as bytes; `files` are (name, media type, content); underscores in header names are dashes."""
    message = EmailMessage(SMTP)
    if sender is not None:
        message["From"] = sender
    message["To"] = "security@example.nl"
    message["Subject"] = subject
    message["Message-ID"] = message_id
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    for name, media_type, content in files:
        main, _, sub = media_type.partition("/")
        message.add_attachment(content, main, sub, filename=name)
    return message.as_bytes()
