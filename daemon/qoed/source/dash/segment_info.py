"""How a Representation names its segments: SegmentTemplate, SegmentList, SegmentBase (5.3.9)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element

from qoed.source.dash.document import (
    MAX_SECONDS,
    byte_range,
    child,
    children,
    integer,
    local,
    number,
    shown,
    text,
)
from qoed.source.dash.mpd import (
    AnyAddressing,
    Pattern,
    Resource,
    Run,
    SegmentBase,
    SegmentList,
    SegmentTemplate,
)

KINDS = ("SegmentTemplate", "SegmentList", "SegmentBase")
_IDENTIFIER = re.compile(r"\$([^$]*)\$")
_KNOWN = re.compile(r"(RepresentationID)|(Number|Time|Bandwidth)(?:%0(\d{1,2})d)?")
_INT = 2**63
_MAX_IDENTIFIERS = 16
_SHORTEST_S = 0.01
"""Segments are not asked for more often than that."""


def spare_s(length_s: float) -> float:
    """A rest of a Period shorter than this holds no segment: the Period ends with its longest track."""
    return min(0.1 * length_s, 0.2)


def naming(element: Element, outer: tuple[Element, ...]) -> tuple[Element, ...]:
    """The elements that name segments at `element`, outermost first (5.3.9.1).

    An inner element of another kind replaces the outer ones. Raises `ValueError`.
    """
    found = [each for each in element if local(each) in KINDS]
    if not found:
        return outer
    if len(found) > 1:
        raise ValueError(f"{local(element)} has more than one way to name segments")
    return (*outer, found[0]) if outer and outer[-1].tag == found[0].tag else (found[0],)


def addressing_of(
    elements: Sequence[Element], period_duration_s: float | None, early_s: float = 0.0
) -> AnyAddressing:
    """Merge elements of one kind, outermost first: attributes and children of inner ones win.

    `early_s` is the @availabilityTimeOffset of the BaseURLs. Raises `ValueError`.
    """
    if not elements:
        # 5.3.9.1: a Representation with only a BaseURL is one self-initializing segment.
        return SegmentBase(early_s=early_s)
    attributes: dict[str, str] = {}
    for element in elements:
        attributes |= element.attrib
    kind = local(elements[-1])
    try:
        return _read(kind, elements, attributes, period_duration_s, early_s)
    except ValueError as error:
        raise ValueError(f"{kind}: {error}") from error


def _read(
    kind: str,
    elements: Sequence[Element],
    attributes: dict[str, str],
    period_duration_s: float | None,
    early_s: float,
) -> AnyAddressing:
    timescale = integer(attributes, "timescale", least=1) or 1
    offset = integer(attributes, "presentationTimeOffset") or 0
    early_s += number(attributes, "availabilityTimeOffset") or 0.0
    init = _initialization(_last(elements, "Initialization"))
    if kind == "SegmentBase":
        index = byte_range(attributes, "indexRange")
        if init is None and index is not None and index[0] > 0:
            init = Resource(byte_range=(0, index[0]))
        return SegmentBase(
            timescale=timescale,
            presentation_offset=offset,
            early_s=early_s,
            init=init,
            index_range=index,
        )
    timeline = _last(elements, "SegmentTimeline")
    duration = integer(attributes, "duration", least=1)
    if duration is not None and duration / timescale < _SHORTEST_S:
        raise ValueError(f"@duration={duration} of timescale {timescale} is less than {_SHORTEST_S:g} s")
    end = None if period_duration_s is None else offset + round(period_duration_s * timescale)
    runs = None if timeline is None else _runs(timeline, end, timescale)
    last_place = max((run.end or run.start for run in runs or ()), default=0)
    if max(last_place, offset, duration or 0) / timescale > MAX_SECONDS:
        raise ValueError("its times are out of range")
    longest = max((run.duration for run in runs or ()), default=duration or 0) / timescale
    early_s = min(early_s, longest)  # INF and more than a segment: before its first byte is made
    start_number = integer(attributes, "startNumber")
    first = 1 if start_number is None else start_number
    last = integer(attributes, "endNumber")
    if kind == "SegmentTemplate":
        media = text(attributes, "media")
        if media is None:
            raise ValueError("it has no @media")
        initialization = text(attributes, "initialization")
        if duration is None and timeline is None and period_duration_s is None:
            raise ValueError("it has neither @duration nor SegmentTimeline")
        return SegmentTemplate(
            timescale=timescale,
            presentation_offset=offset,
            early_s=early_s,
            init=init,
            start_number=first,
            end_number=last,
            duration=duration,
            runs=runs,
            media=pattern_of(media, "media"),
            init_pattern=None if initialization is None else pattern_of(initialization, "initialization"),
        )
    owner = next((each for each in reversed(elements) if child(each, "SegmentURL") is not None), elements[-1])
    urls = tuple(
        Resource(url=text(each.attrib, "media"), byte_range=byte_range(each.attrib, "mediaRange"))
        for each in children(owner, "SegmentURL")
    )
    if not urls:
        raise ValueError("it has no SegmentURL")
    if len(urls) > 1 and duration is None and runs is None:
        raise ValueError("it has neither @duration nor SegmentTimeline")
    return SegmentList(
        timescale=timescale,
        presentation_offset=offset,
        early_s=early_s,
        init=init,
        start_number=first,
        duration=duration,
        runs=runs,
        urls=urls,
    )


def pattern_of(template: str, name: str) -> Pattern:
    """Read a template (5.3.9.4.4). Raises `ValueError` naming the identifier that is not known."""
    pieces: list[str | tuple[str, int]] = []
    for at, part in enumerate(_IDENTIFIER.split(template)):
        if at % 2 == 0:
            if "$" in part:
                raise ValueError(f"@{name} has a single $")
            pieces.append(part)
            continue
        if not part:  # $$ stands for itself
            pieces.append("$")
            continue
        match = _KNOWN.fullmatch(part)
        if match is None:
            raise ValueError(f"@{name} has the identifier {shown(f'${part}$')}, which is not known")
        pieces.append((match[1] or match[2], int(match[3] or 1)))
    if len(pieces) > 2 * _MAX_IDENTIFIERS:
        raise ValueError(f"@{name} has more than {_MAX_IDENTIFIERS} identifiers")
    return Pattern(pieces=tuple(pieces))


def _initialization(element: Element | None) -> Resource | None:
    if element is None:
        return None
    return Resource(url=text(element.attrib, "sourceURL"), byte_range=byte_range(element.attrib, "range"))


def _last(elements: Sequence[Element], name: str) -> Element | None:
    """The innermost child of that name."""
    for element in reversed(elements):
        if (found := child(element, name)) is not None:
            return found
    return None


def _runs(timeline: Element, end: int | None, timescale: int) -> tuple[Run, ...]:
    """The S elements, neighbours that only go on joined. `end`: of the period, in media time; None: open."""
    runs: list[Run] = []
    index = 0
    at: int | None = 0
    entries = [each.attrib for each in timeline if each.tag == "S" or each.tag.endswith("}S")]
    for place, entry in enumerate(entries):
        try:
            said = entry.get("t")
            start = at if said is None else int(said)
            duration = int(entry["d"])
            repeat = int(entry.get("r", 0))
        except (KeyError, ValueError):
            raise ValueError(f"S number {place + 1} cannot be read") from None
        if start is None:
            raise ValueError(f"S number {place + 1} has no @t after one that repeats without end")
        if not (0 <= start < _INT and 0 < duration < _INT and -_INT < repeat < _INT):
            raise ValueError(f"S number {place + 1} is out of range")
        count: int | None = repeat + 1
        if repeat < 0:
            following = entries[place + 1].get("t", "") if place + 1 < len(entries) else None
            count = _until(start, duration, following, end, timescale)
            if count == 0:
                continue
        elif runs and at == start:
            before = runs[-1]
            if before.duration == duration and not before.promised and before.number:
                runs[-1] = Run(before.start, duration, before.number + repeat + 1, before.first)
                index += repeat + 1
                at = start + (repeat + 1) * duration
                continue
        at = None if count is None else start + count * duration
        runs.append(Run(start, duration, count, index, repeat < 0))
        index += count or 0
    return tuple(runs)


def _until(start: int, duration: int, following: str | None, end: int | None, timescale: int) -> int | None:
    """How often an S with a negative @r repeats: up to @t of the S that follows, or to the period's end."""
    if following is not None:
        limit = int(following) if following.strip().isdecimal() else None
    else:
        limit = None if end is None else end - round(spare_s(duration / timescale) * timescale)
    return None if limit is None else max(-((start - limit) // duration), 0)
