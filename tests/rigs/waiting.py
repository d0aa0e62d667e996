"""Waiting for what another process does, but not for ever."""

import time
from collections.abc import Callable

LONG = 60.0


def wait_for(happened: Callable[[], object]) -> bool:
    """Look again and again until it happened; False when it did not for a long time."""
    ends = time.monotonic() + LONG
    while not happened():
        if time.monotonic() > ends:
            return False
        time.sleep(0.05)
    return True
