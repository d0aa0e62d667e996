"""The floor: the same calls made bare, one after another, with nothing kept and nothing checked."""

import smtplib
import sqlite3
import time
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote

import imapclient
import requests

from bot.domain.mime import parse_mail
from tests.rigs.dovecot import Dovecot
from tests.rigs.sandbox import PROJECT, TOKEN, Sandbox


def measure_floor(folder: Path, dovecot: Dovecot, sandbox: Sandbox) -> float:
    """Return mails per second: fetch, parse, commit, POST (and upload, and note), SMTP, for each mail in turn."""
    imap = imapclient.IMAPClient(dovecot.host, dovecot.port, ssl=False)
    imap.login(dovecot.username, dovecot.password)
    imap.select_folder("INBOX")
    uids = imap.search()
    database = sqlite3.connect(folder / "floor.db", isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE mail (uid INTEGER PRIMARY KEY, raw BLOB)")
    session = requests.Session()
    session.headers["Private-Token"] = TOKEN
    smtp = smtplib.SMTP(sandbox.smtp_host, sandbox.smtp_port)
    parse_mail(b"Subject: warm\n\nwarm\n")
    started = time.perf_counter()
    for uid in uids:
        raw = imap.fetch([uid], ["BODY.PEEK[]"])[uid][b"BODY[]"]
        submission = parse_mail(raw)
        database.execute("INSERT INTO mail VALUES (?, ?)", (uid, raw))
        _post(
            session,
            sandbox,
            submission.subject,
            submission.text,
            [file.content for file in submission.attachments],
        )
        receipt = EmailMessage()
        receipt["Subject"], receipt["From"], receipt["To"] = (
            "Receipt",
            "security@example.nl",
            submission.from_address or "",
        )
        receipt.set_content("Received.\n" * 30)
        smtp.send_message(receipt)
    seconds = time.perf_counter() - started
    smtp.quit()
    imap.logout()
    database.close()
    return len(uids) / seconds


def _post(session: requests.Session, sandbox: Sandbox, title: str, text: str, files: list[bytes]) -> None:
    project = f"{sandbox.gitlab}/api/v4/projects/{quote(PROJECT, safe='')}"
    body = {
        "title": title,
        "description": text,
        "confidential": True,
        "labels": "severity::unrated",
        "due_date": "2026-12-01",
    }
    issue = session.post(f"{project}/issues", json=body, timeout=30).json()
    links = [
        session.post(f"{project}/uploads", files={"file": ("file.pdf", content)}, timeout=30).json()[
            "markdown"
        ]
        for content in files
    ]
    if links:
        note = {"body": "\n".join(links), "internal": True}
        session.post(f"{project}/issues/{issue['iid']}/notes", json=note, timeout=30)
