"""Generated mail of 66 kB on average: every fifth has an attachment of 200 kB."""

import random
from email.message import EmailMessage
from email.policy import SMTP

WORDS = [
    "de",
    "het",
    "een",
    "kwetsbaarheid",
    "melding",
    "systeem",
    "gebruiker",
    "pagina",
    "formulier",
    "token",
    "sessie",
    "verzoek",
    "antwoord",
    "server",
    "klant",
    "portaal",
    "beheer",
    "rechten",
    "toegang",
    "gegevens",
    "stap",
    "scherm",
    "invoer",
    "veld",
    "waarde",
    "fout",
    "controle",
]
TEXT_BYTES = 11_500
FILE_BYTES = 200_000


def make_mail(number: int) -> bytes:
    """Return mail `number`, the same bytes each time, from a sender of its own."""
    dice = random.Random(number)
    mail = EmailMessage(SMTP)
    mail["From"] = f"Melder {number} <melder{number}@example.org>"
    mail["To"] = "security@example.nl"
    mail["Subject"] = f"Lek nummer {number:05}"
    mail["Message-ID"] = f"<melding-{number}@example.org>"
    lines: list[str] = []
    while sum(map(len, lines)) < TEXT_BYTES:
        lines.append(" ".join(dice.choices(WORDS, k=10)) + "\n")
    mail.set_content("".join(lines))
    if number % 5 == 0:
        mail.add_attachment(
            b"%PDF-1.7\n" + dice.randbytes(FILE_BYTES) + b"\n%%EOF\n",
            "application",
            "pdf",
            filename="bewijs.pdf",
        )
    return mail.as_bytes()
