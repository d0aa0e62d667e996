"""A reader that dies of mails which say so: stands for whatever a mail may do to its reader."""

import os
import time

from bot.domain.understanding import Reading, Understanding, understand

KILLS, HANGS = b"X-Kills: yes", b"X-Hangs: yes"


def understand_or_die(raw: bytes, alias: str, reading: Reading) -> Understanding:
    """Understand as always, but end the process or never come back where the mail asks for it."""
    if KILLS in raw:
        os._exit(9)
    if HANGS in raw:
        time.sleep(600)
    return understand(raw, alias, reading)
