"""EXT-X-DATERANGE (RFC 8216bis 4.4.5.1): read as far as it can be, with the rules that it breaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TypeVar

from qoed.source.hls.attributes import hexadecimal, moment, number
from qoed.source.hls.model import DateRange

_T = TypeVar("_T")
_CUES = frozenset({"PRE", "POST", "ONCE"})
_SPLICES = ("SCTE35-OUT", "SCTE35-IN", "SCTE35-CMD")
_ROUNDING_S = 0.05
"""START-DATE + DURATION and END-DATE may differ by the rounding of what wrote them."""


def parse_date_range(attributes: Mapping[str, str]) -> DateRange:
    """One date range; what is wrong with it is in `problems`."""
    problems: list[str] = []

    def read(name: str, parse: Callable[[str], _T]) -> _T | None:
        given = attributes.get(name)
        if given is None:
            return None
        try:
            return parse(given)
        except ValueError:
            problems.append(f"{name} cannot be read")
            return None

    start = read("START-DATE", moment)
    end = read("END-DATE", moment)
    duration = read("DURATION", number)
    planned = read("PLANNED-DURATION", number)
    for name in _SPLICES:
        read(name, hexadecimal)
    if not attributes.get("ID"):
        problems.append("it has no ID")
    if "START-DATE" not in attributes:
        problems.append("it has no START-DATE")
    if start is not None and end is not None and end < start:
        problems.append("END-DATE is before START-DATE")
    if duration is not None and duration < 0:
        problems.append("DURATION is negative")
    if planned is not None and planned < 0:
        problems.append("PLANNED-DURATION is negative")
    if start is not None and end is not None and duration is not None and duration >= 0:
        apart = abs((end - start) / timedelta(seconds=1) - duration)
        if apart > _ROUNDING_S:
            problems.append("END-DATE is not START-DATE plus DURATION")
    problems += _end_on_next(attributes) + _cue(attributes)
    return DateRange(
        id=attributes.get("ID", ""),
        class_name=attributes.get("CLASS"),
        start=start,
        end=end,
        duration_s=duration if duration is not None and duration >= 0 else None,
        planned_duration_s=planned if planned is not None and planned >= 0 else None,
        scte35_out=attributes.get("SCTE35-OUT"),
        scte35_in=attributes.get("SCTE35-IN"),
        scte35_cmd=attributes.get("SCTE35-CMD"),
        problems=tuple(problems),
    )


def _end_on_next(attributes: Mapping[str, str]) -> list[str]:
    value = attributes.get("END-ON-NEXT")
    if value is None:
        return []
    problems = [] if value == "YES" else ["END-ON-NEXT is not YES"]
    if "CLASS" not in attributes:
        problems.append("END-ON-NEXT comes without CLASS")
    problems += [f"END-ON-NEXT comes with {name}" for name in ("DURATION", "END-DATE") if name in attributes]
    return problems


def _cue(attributes: Mapping[str, str]) -> list[str]:
    value = attributes.get("CUE")
    if value is None:
        return []
    cues = [cue.strip() for cue in value.split(",")]
    problems = ["CUE is none of PRE, POST and ONCE"] if not _CUES.issuperset(cues) else []
    if "PRE" in cues and "POST" in cues:
        problems.append("CUE says both PRE and POST")
    return problems
