"""One way of logging: a stable event key and facts, never personal data, report text or secrets."""

import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Protocol

import structlog


class Log(Protocol):
    """What the house uses of a logger."""

    def info(self, event: str, /, **facts: object) -> None:
        """Say what happened."""

    def warning(self, event: str, /, **facts: object) -> None:
        """Say what a person may have to look at."""

    def error(self, event: str, /, **facts: object) -> None:
        """Say what a person must look at."""


def get_log() -> Log:
    """Return the logger; call it where it is used, settings may come later than imports."""
    log: Log = structlog.get_logger()
    return log


Facts = Mapping[str, object]


def start_log(
    level: str, *, pretty: bool = True, tell: Callable[[str, Facts], str | None] | None = None
) -> None:
    """Send log lines to standard error: for people when `pretty`, else one JSON object a line.

    `tell` puts an event into words of its own; what it has no words for is left out unless it is a fault.
    Libraries are kept to warnings: at debug level they print headers and bodies.
    """
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    renderer = structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer()
    # A tick that finds the one before still at work is no news.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    structlog.configure(
        processors=[
            *([_Teller(tell)] if tell else []),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


class _Teller:
    """A processor that prints sentences and keeps faults for the renderer."""

    def __init__(self, tell: Callable[[str, Facts], str | None]) -> None:
        """Take the function that has the words."""
        self._tell = tell

    def __call__(self, _: object, method: str, facts: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Print what there are words for; let warnings and errors through."""
        sentence = self._tell(str(facts["event"]), facts)
        if sentence is not None:
            print(sentence, flush=True)  # noqa: T201 - the demo tells its story on standard output
        if sentence is not None or method == "info":
            raise structlog.DropEvent
        return facts
