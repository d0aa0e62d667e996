"""What time it is, as the sandbox keeps times."""

from datetime import UTC, datetime


def now() -> str:
    """Return the time in UTC with milliseconds, in ISO 8601, as GitLab writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
