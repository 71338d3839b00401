"""Attribute lists of HLS tags, and the value types in them (RFC 8216bis 4.2)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime

MAX_SECONDS = 86_400.0
MAX_INTEGER = 2**64 - 1
MAX_ATTRIBUTES = 64
"""In one tag; the richest of the standard have about twenty."""
_MAX_DIGITS = 20

# Possessive throughout: whatever stands in a line, nothing is tried twice.
_ATTRIBUTE = re.compile(r'\s*+([A-Za-z0-9_-]++)\s*+=\s*+(?:"([^"]*+)"\s*+|([^,"]*+))(?:,|\Z)')
_RESOLUTION = re.compile(r"(\d{1,5})[xX](\d{1,5})", re.ASCII)
_HEX = re.compile(r"0[xX]([0-9A-Fa-f]++)")


class RuleError(ValueError):
    """The playlist cannot be used, and the text says why."""


def parse_attributes(text: str) -> dict[str, str]:
    """The attributes of a tag by name, quotes removed; of a repeated name the last one.

    White space around names and values is forgiven. Raises `ValueError` where it is no attribute list.
    """
    found: dict[str, str] = {}
    at, end, count = 0, len(text), 0
    while at < end:
        match = _ATTRIBUTE.match(text, at)
        if match is None:
            raise ValueError("is no attribute list")
        name, quoted, bare = match.groups()
        found[name] = bare.rstrip() if quoted is None else quoted
        at = match.end()
        count += 1
        if count > MAX_ATTRIBUTES:
            raise ValueError(f"has more than {MAX_ATTRIBUTES} attributes")
    return found


def integer(text: str) -> int:
    """A decimal-integer, 0 to 2^64-1. Raises `ValueError`."""
    if not (text.isascii() and text.isdecimal()) or len(text) > _MAX_DIGITS:
        raise ValueError("has a value that is no decimal integer")
    value = int(text)
    if value > MAX_INTEGER:
        raise ValueError("has an integer beyond 64 bits")
    return value


def number(text: str) -> float:
    """A (signed) decimal-floating-point. Raises `ValueError`."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError("has a value that is no number")
    return value


def seconds(attributes: Mapping[str, str], name: str) -> float | None:
    """A duration of 0 s to one day, None where it is absent. Raises `ValueError`."""
    text = attributes.get(name)
    if text is None:
        return None
    value = number(text)
    if not 0 <= value <= MAX_SECONDS:
        raise ValueError(f"has a {name} that is out of range")
    return value


def yes(attributes: Mapping[str, str], name: str) -> bool:
    """Whether an enumerated attribute says YES."""
    return attributes.get(name) == "YES"


def resolution(text: str) -> tuple[int, int]:
    """Width and height. Raises `ValueError`."""
    match = _RESOLUTION.fullmatch(text.strip())
    if match is None:
        raise ValueError("has a RESOLUTION that cannot be read")
    return int(match[1]), int(match[2])


def hexadecimal(text: str) -> bytes:
    """A hexadecimal-sequence as bytes, a leading zero added to an odd one. Raises `ValueError`."""
    match = _HEX.fullmatch(text)
    if match is None:
        raise ValueError("has a value that is no hexadecimal sequence")
    digits = match[1]
    return bytes.fromhex(digits if len(digits) % 2 == 0 else f"0{digits}")


def moment(text: str) -> datetime:
    """A date-time in UTC, also where the zone is missing: packagers then mean UTC. Raises `ValueError`."""
    value = datetime.fromisoformat(text.strip())
    try:
        return value.astimezone(UTC) if value.tzinfo is not None else value.replace(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError("has a date out of range") from error
