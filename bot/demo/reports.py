"""A handful of invented reports as real mail: what people send to a desk, the robot and the joker included."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid

from PIL import Image, ImageDraw

from bot.app import utc_now

TO = "security@example.nl"


@dataclass(frozen=True, slots=True)
class Story:
    """One mail with a line that says why it is in the demo."""

    why: str
    mail: bytes


def demo_stories() -> Iterator[Story]:
    """Yield the mails of the demo in the order in which they arrive."""
    yield Story("Een Nederlandse melding met een schermafdruk", _sql_injection())
    yield Story("An English report with a CVSS vector and a log file", _stored_scripting())
    yield Story("Een melding met een telefoonnummer en een rekeningnummer erin", _invoices())
    yield Story("A report that tries to act in the tracker", _joker())
    yield Story("Ein Bericht auf Deutsch: the receipt is in English", _german())
    yield Story("Een vakantiebericht: bewaard, maar geen melding en geen antwoord", _holiday())


def _sql_injection() -> bytes:
    mail = _mail("Sanne Voorbeeld", "sanne@example.org", "SQL-injectie in het zoekveld van uw klantportaal")
    mail.set_content(
        "Goedemiddag,\n\nIn het zoekveld van https://portaal.example.nl/zoek kan ik SQL meegeven.\n\n"
        "Stappen:\n1. Open de zoekpagina.\n2. Zoek op: ' OR 1=1 --\n3. Alle klantnummers verschijnen.\n\n"
        "Ik heb niets gekopieerd en ben na de eerste regel gestopt. De schermafdruk zit erbij.\n\n"
        "Met vriendelijke groet,\nSanne Voorbeeld\n"
    )
    mail.add_attachment(
        _screenshot("SELECT ... WHERE naam = '' OR 1=1 --'"), "image", "png", filename="sanne-scherm.png"
    )
    return mail.as_bytes()


def _stored_scripting() -> bytes:
    mail = _mail("Robin Sample", "robin@example.org", "Stored XSS in ticket comments")
    mail.set_content(
        "Hi team,\n\nComments on support tickets are shown without escaping:\n\n"
        "    <img src=x onerror=alert(document.domain)>\n\n"
        "CVSS:3.1/AV:N/AC:L/PR:L/UI:R/S:C/C:H/I:L/A:N\n\n"
        "The request and the response are in the attached log.\n\nKind regards,\nRobin Sample\n"
    )
    mail.add_alternative(
        "<p>Hi team,</p><p>Comments on support tickets are shown without escaping.</p>"
        "<p>CVSS:3.1/AV:N/AC:L/PR:L/UI:R/S:C/C:H/I:L/A:N</p><p>Kind regards,<br>Robin Sample</p>",
        subtype="html",
    )
    log = "POST /tickets/17/comments HTTP/1.1\nHost: help.example.nl\nX-From: robin@example.org\n\n201 Created\n"
    mail.add_attachment(log, filename="burp-robin.log")
    return mail.as_bytes()


def _invoices() -> bytes:
    mail = _mail(
        "Joris Bedacht", "joris@example.org", "Facturen van anderen zichtbaar door nummer op te hogen"
    )
    mail.set_content(
        "Beste mensen,\n\nWie ingelogd is kan https://facturen.example.nl/pdf?id=1001 ophogen en ziet dan facturen\n"
        "van andere klanten. Ik heb er twee geopend. Op een ervan stond NL91ABNA0417164300.\n\n"
        "Ernst: hoog\n\nBel gerust.\n\nGroeten,\nJoris Bedacht\n06-12345678\n"
    )
    return mail.as_bytes()


def _joker() -> bytes:
    mail = _mail("Max Grap", "max@example.org", "@all please look: open redirect #1 ~critical")
    mail.set_content(
        "Hello,\n\n/close\n/assign @root\n```\n/confidential\n```\n@all your login has an open redirect:\n"
        "https://login.example.nl/?next=https://example.com\n\n/label ~done\n\n"
        "[~admin] {panel}h1. Solved{panel} !https://example.com/seen.png! {noformat}[~all]{noformat}\n\nMax\n"
    )
    return mail.as_bytes()


def _german() -> bytes:
    mail = _mail("Lena Muster", "lena@example.org", "Fehlende Sicherheits-Header auf Ihrer Webseite")
    mail.set_content(
        "Guten Tag,\n\nauf Ihrer Webseite fehlen mehrere Sicherheits-Header, unter anderem die\n"
        "Content-Security-Policy und Strict-Transport-Security.\n"
        "Dadurch sind die Besucher schlechter geschützt, als sie es sein könnten.\n\n"
        "Mit freundlichen Grüßen\nLena Muster\n"
    )
    return mail.as_bytes()


def _holiday() -> bytes:
    mail = _mail("Piet Afwezig", "piet@example.org", "Automatisch antwoord: afwezig")
    mail["Auto-Submitted"] = "auto-replied"
    mail.set_content("Ik ben tot maandag afwezig en lees mijn mail niet.\n")
    return mail.as_bytes()


def _mail(name: str, address: str, subject: str) -> EmailMessage:
    mail = EmailMessage(SMTP)
    mail["From"] = f"{name} <{address}>"
    mail["To"] = TO
    mail["Subject"] = subject
    mail["Date"] = format_datetime(utc_now())
    mail["Message-ID"] = make_msgid(domain="example.org")
    return mail


def _screenshot(words: str) -> bytes:
    picture = Image.new("RGB", (560, 120), "#f4f1ea")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, 560, 28), fill="#33475b")
    draw.text((12, 8), "portaal.example.nl/zoek", fill="white")
    draw.text((16, 56), words, fill="#8a1c1c")
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
