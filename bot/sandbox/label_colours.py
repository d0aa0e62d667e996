"""Colours for labels that nobody gave one, and the text colour that can be read on them."""

import hashlib
import re

_FAMILIES = {
    "severity::critical": "#9f1239",
    "severity::high": "#c2410c",
    "severity::medium": "#a16207",
    "severity::low": "#15803d",
    "severity::none": "#475569",
    "severity::unrated": "#6b7280",
    "suggested::critical": "#fecdd3",
    "suggested::high": "#fed7aa",
    "suggested::medium": "#fef08a",
    "suggested::low": "#bbf7d0",
    "suggested::none": "#e2e8f0",
    "sla::breached": "#b91c1c",
}
_PALETTE = ("#1d4ed8", "#6d28d9", "#0f766e", "#9d174d", "#4d7c0f", "#0e7490", "#7c2d12", "#3730a3")
_HALF_BRIGHT = 500
# What a program gives to find an issue again says nothing to people.
_FOR_PROGRAMS = re.compile(r"[a-z]+-[0-9a-f]{8,}")


def colour_of(name: str) -> str:
    """Return the same colour for the same label name, always."""
    if name in _FAMILIES:
        return _FAMILIES[name]
    if _FOR_PROGRAMS.fullmatch(name):
        return "#e5e7eb"
    family = name.split("::", maxsplit=1)[0]
    return _PALETTE[hashlib.sha256(family.encode()).digest()[0] % len(_PALETTE)]


def text_colour_on(color: str) -> str:
    """Return dark or light text for a background, by GitLab's rule (the sum of its three channels)."""
    digits = color.removeprefix("#")
    if len(digits) == 3:  # noqa: PLR2004 - the short way to write a colour
        digits = "".join(digit * 2 for digit in digits)
    try:
        channels = [int(digits[at : at + 2], 16) for at in (0, 2, 4)]
    except ValueError:
        return "#FFFFFF"
    return "#1F1E24" if sum(channels) > _HALF_BRIGHT else "#FFFFFF"
