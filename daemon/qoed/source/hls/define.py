"""EXT-X-DEFINE: playlist variables (RFC 8216bis 4.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, urlsplit

from qoed.source.hls.attributes import parse_attributes

_DEFINE = "#EXT-X-DEFINE:"
_REFERENCE = re.compile(r"\{\$([a-zA-Z0-9_-]++)\}")
MAX_LINE_CHARS = 16 * 1024
"""Longer lines are refused, before and after substitution: a few doubling variables could fill the memory."""
_MAX_DEFINITIONS = 1000
_MAX_REFERENCES = 40_000


def substitute(
    lines: Sequence[str], url: str, inherited: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Replace `{$name}` in URIs and tags; returns the lines and the variables known at the end.

    `inherited` are the multivariant playlist's variables, for IMPORT. Raises `ValueError` naming the line.
    """
    variables: dict[str, str] = {}
    replaced = []
    references = 0
    for number, line in enumerate(lines, 1):
        if "{$" in line and not line.startswith("#EXTINF") and (line.startswith("#EXT") or line[:1] != "#"):
            references += line.count("{$")
            if references > _MAX_REFERENCES:
                raise ValueError(f"it uses variables more than {_MAX_REFERENCES} times")
            line = _replaced(line, variables, number)
            if len(line) > MAX_LINE_CHARS:
                raise ValueError(f"line {number} is longer than {MAX_LINE_CHARS} characters once substituted")
        if line.startswith(_DEFINE):
            name, value = _define(line, url, inherited, number)
            if name in variables:
                raise ValueError(f"line {number} defines variable {name} twice")
            variables[name] = value
            if len(variables) > _MAX_DEFINITIONS:
                raise ValueError(f"it defines more than {_MAX_DEFINITIONS} variables")
        replaced.append(line)
    return replaced, variables


def _define(line: str, url: str, inherited: Mapping[str, str], number: int) -> tuple[str, str]:
    try:
        attributes = parse_attributes(line[len(_DEFINE) :])
    except ValueError as error:
        raise ValueError(f"line {number}: EXT-X-DEFINE {error}") from error
    if "NAME" in attributes and "VALUE" in attributes:
        return attributes["NAME"], attributes["VALUE"]
    if name := attributes.get("IMPORT"):
        if name not in inherited:
            raise ValueError(f"line {number} imports variable {name}, which the multivariant playlist lacks")
        return name, inherited[name]
    if name := attributes.get("QUERYPARAM"):
        values = parse_qs(urlsplit(url).query, keep_blank_values=True).get(name)
        if not values:
            raise ValueError(f"line {number} needs query parameter {name}, which the playlist's URL lacks")
        return name, values[0]
    raise ValueError(f"line {number}: EXT-X-DEFINE has no NAME and VALUE, IMPORT or QUERYPARAM")


def _replaced(line: str, variables: Mapping[str, str], number: int) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] not in variables:
            raise ValueError(f"line {number} uses variable {match[1]}, which is not defined")
        return variables[match[1]]

    return _REFERENCE.sub(value, line)
