"""How a stand-in says no."""

from collections.abc import Mapping


class Refusal(Exception):  # noqa: N818 - the vendor refuses; nothing went wrong here
    """The vendor says no, in its own words."""

    def __init__(
        self, status: int, body: Mapping[str, object], headers: Mapping[str, str] | None = None
    ) -> None:
        """Take the HTTP status, the JSON body and headers beside it."""
        super().__init__(str(body))
        self.status, self.body, self.headers = status, body, dict(headers or {})
