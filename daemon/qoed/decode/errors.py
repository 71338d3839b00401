"""Why media was not decoded."""

from __future__ import annotations


class RefusedError(Exception):
    """The media is beyond a limit; it was not decoded."""


class UndecodableError(Exception):
    """The bytes are not what they should be."""


def reason_of(error: Exception) -> str:
    """FFmpeg's own words for an error, else the exception's name."""
    return str(getattr(error, "strerror", None) or type(error).__name__)
