"""XML with distrust: DOCTYPE and entities refused, size and element counts capped, values checked.

The parser is the standard library's ElementTree over expat. Only UTF-8 is read, so that what is refused or
counted in the bytes cannot hide in another encoding (expat heeds a UTF-16 byte order mark, whatever it was
told); without a DOCTYPE there is nothing that it could expand or fetch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, ParseError, XMLParser

# What is beyond these took longer to read than a poll of thousands of streams can bear.
MAX_ELEMENTS = 12_000
MAX_ATTRIBUTES = 40_000
MAX_LINES = 50_000
MAX_TEXT_CHARS = 4096
"""Of one attribute that is used as a URL, an id or a template."""
MAX_ID_CHARS = 256
MAX_SECONDS = 4e9
"""Durations and dates end in about the year 2096; floats keep microseconds up to there."""
_MAX_INT = 2**63 - 1
# A long namespace name would be copied for every element that is in it.
_LONG_NAMESPACE = re.compile(rb"xmlns[^\s=]{0,64}\s*=\s*(?:\"[^\"]{256}|'[^']{256})")
_DURATION = re.compile(
    r"P(?:(\d{1,9})Y)?(?:(\d{1,9})M)?(?:(\d{1,9})D)?"
    r"(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,12}(?:\.\d{0,12})?)S)?)?"
)
_UNITS_S = (365.25 * 86_400, 30.4375 * 86_400, 86_400.0, 3600.0, 60.0, 1.0)
_INTEGER = re.compile(r"[+-]?\d{1,19}")


def read_document(body: bytes) -> Element:
    """The root element. Raises `ValueError` saying in words what is wrong."""
    if not body.strip():
        raise ValueError("it is empty")
    if body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html")):
        raise ValueError("it is an HTML page")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    if b"\0" in body:
        raise ValueError("it is not UTF-8")
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise ValueError("it has a DOCTYPE, which is refused")
    if body.count(b"<") - body.count(b"</") > MAX_ELEMENTS:
        raise ValueError(f"it has more than {MAX_ELEMENTS} elements")
    if body.count(b"=") > MAX_ATTRIBUTES:
        raise ValueError(f"it has more than {MAX_ATTRIBUTES} attributes")
    if body.count(b"\n") + body.count(b"\r") + body.count(b"&") > MAX_LINES:
        raise ValueError(f"it has more than {MAX_LINES} lines or references")
    if _LONG_NAMESPACE.search(body):
        raise ValueError("it declares a namespace of more than 255 characters")
    parser = XMLParser(encoding="utf-8")  # noqa: S314  (guarded above)
    try:
        parser.feed(body)
        root: Element = parser.close()
    except ParseError as error:
        line, column = error.position
        raise ValueError(f"line {line}, column {column}: it is not well-formed XML") from error
    return root


def local(element: Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def children(element: Element, name: str) -> Iterator[Element]:
    """Children of that local name, whatever their namespace."""
    suffix = "}" + name
    return (child for child in element if child.tag == name or child.tag.endswith(suffix))


def child(element: Element, name: str) -> Element | None:
    """The first child of that local name."""
    return next(children(element, name), None)


def text(attributes: Mapping[str, str], name: str, *, longest: int = MAX_TEXT_CHARS) -> str | None:
    """A text attribute, None where it is missing or empty. Raises `ValueError` when it is too long."""
    value = attributes.get(name)
    if not value:
        return None
    if len(value) > longest:
        raise ValueError(f"@{name} is longer than {longest} characters")
    return value


def integer(attributes: Mapping[str, str], name: str, *, least: int = 0) -> int | None:
    """A whole number of at least `least`. Raises `ValueError`."""
    value = attributes.get(name)
    if value is None:
        return None
    if not _INTEGER.fullmatch(value.strip()) or not least <= (number := int(value)) <= _MAX_INT:
        raise ValueError(f"@{name}={shown(value)} is not a whole number of at least {least}")
    return number


def seconds(attributes: Mapping[str, str], name: str) -> float | None:
    """An xs:duration in seconds. Raises `ValueError`."""
    value = attributes.get(name)
    if value is None:
        return None
    match = _DURATION.fullmatch(value.strip())
    if match is None or not any(match.groups()):
        raise ValueError(f"@{name}={shown(value)} is not a duration such as PT2S")
    total = sum(float(part) * unit for part, unit in zip(match.groups(), _UNITS_S, strict=True) if part)
    if total > MAX_SECONDS:
        raise ValueError(f"@{name}={shown(value)} is out of range")
    return total


def instant(attributes: Mapping[str, str], name: str) -> float | None:
    """An xs:dateTime in seconds since 1970; without a zone it is UTC. Raises `ValueError`."""
    value = attributes.get(name)
    if value is None:
        return None
    try:
        return date_time(value)
    except ValueError:
        raise ValueError(f"@{name}={shown(value)} is not a date and time") from None


def date_time(value: str) -> float:
    """xs:dateTime text in seconds since 1970. Raises `ValueError`."""
    moment = datetime.fromisoformat(value.strip()[:64])
    found = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()
    if not 0 <= found <= MAX_SECONDS:
        raise ValueError("out of range")
    return found


def number(attributes: Mapping[str, str], name: str) -> float | None:
    """A decimal number of 0 or more, or INF. Raises `ValueError`."""
    value = attributes.get(name)
    if value is None:
        return None
    if value.strip().upper() in ("INF", "+INF"):
        return math.inf
    try:
        found = float(value)
    except ValueError:
        found = math.nan
    if not 0 <= found <= MAX_SECONDS:
        raise ValueError(f"@{name}={shown(value)} is not a number of 0 or more")
    return found


def byte_range(attributes: Mapping[str, str], name: str) -> tuple[int, int] | None:
    """`first-last` as (offset, length). Raises `ValueError`."""
    value = attributes.get(name)
    if value is None:
        return None
    first, _, last = value.strip().partition("-")
    if not (first.isdecimal() and last.isdecimal() and len(value) < 40 and int(first) <= int(last)):
        raise ValueError(f"@{name}={shown(value)} is not a byte range such as 0-999")
    return int(first), int(last) - int(first) + 1


def shown(value: str) -> str:
    """A value as a message may quote it."""
    return repr(value[:40])
