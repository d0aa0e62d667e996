"""How one part of the bot tells another that there is work, so that nothing waits for the next tick."""

from collections.abc import Callable


def _nobody(_: str) -> None:
    """Nothing ticks: whoever drives the bot looks for work himself."""


class Bells:
    """Rings for jobs by name; safe between threads. A ring that nobody hears is no loss: jobs also tick."""

    def __init__(self) -> None:
        """Begin with nobody listening."""
        self._listener: Callable[[str], None] = _nobody

    def answer(self, listener: Callable[[str], None]) -> None:
        """Let `listener` be called with the name of each job that is rung for."""
        self._listener = listener

    def ring(self, job: str) -> None:
        """Say that there is work for a job now."""
        self._listener(job)
