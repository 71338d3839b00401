"""Which segments a Representation has in a Period (5.3.9): windows by arithmetic, never a whole timeline."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from qoed.source.dash.mpd import (
    Addressing,
    Indexed,
    Period,
    Representation,
    Resource,
    Run,
    SegmentBase,
    SegmentList,
    SegmentTemplate,
)
from qoed.source.dash.segment_info import spare_s
from qoed.source.uris import Uris


@dataclass(frozen=True, slots=True, kw_only=True)
class Init:
    """An initialization section: the same value names the same bytes."""

    urls: tuple[str, ...] = field(repr=False)
    byte_range: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaSegment:
    """One segment. `start_s` is presentation time (period start included), `number` counts as $Number$.

    `urls`: one for each BaseURL, the first to be tried first; empty when the MPD names no URL.
    """

    urls: tuple[str, ...] = field(repr=False)
    number: int
    start_s: float
    duration_s: float
    byte_range: tuple[int, int] | None = None
    init: Init | None = None
    listed: bool = False
    """The MPD lists it (SegmentTimeline, SegmentList, index) instead of promising it by arithmetic."""
    early_s: float = 0.0
    """So much earlier than complete it may be asked for."""

    @property
    def end_s(self) -> float:
        """Presentation time of its end."""
        return self.start_s + self.duration_s


def segments(representation: Representation, period: Period, from_s: float) -> Iterator[MediaSegment]:
    """Segments that lie for more than half after presentation time `from_s`, made as they are taken.

    Without an end (open period, @duration) the iterator has none either. An unread SegmentBase yields one
    segment for the whole file.
    """
    how = representation.addressing
    match how:
        case Indexed():
            return _indexed(representation, how, period, from_s)
        case SegmentBase():
            return _whole(representation, period, from_s)
        case _ if how.runs is not None:
            return _by_timeline(representation, how, period, from_s)
        case _:
            return _by_duration(representation, how, period, from_s)


def listed_end_s(representation: Representation, period: Period) -> float | None:
    """Presentation time at which the last listed segment ends; None: nothing is listed."""
    how = representation.addressing
    if isinstance(how, Indexed):
        start, duration, _, _ = how.entries[-1]
        return _presented(how, period, start + duration)
    if isinstance(how, SegmentBase):
        return None
    if how.runs is not None:
        listed = [run for run in how.runs[-2:] if not run.promised]
        end = listed[-1].end if listed else None
        return None if end is None else _presented(how, period, end)
    if isinstance(how, SegmentList) and how.duration is not None:
        return period.start_s + len(how.urls) * how.duration / how.timescale
    return None


def listed_start_s(representation: Representation, period: Period) -> float | None:
    """Presentation time of the first segment of a SegmentTimeline; None: there is none."""
    how = representation.addressing
    if isinstance(how, SegmentBase | Indexed) or not how.runs:
        return None
    return _presented(how, period, how.runs[0].start)


def promised(representation: Representation, period: Period) -> tuple[float, float] | None:
    """(presentation time, seconds of a segment) from where on segments come with time; None: nowhere."""
    how = representation.addressing
    if isinstance(how, SegmentBase | Indexed | SegmentList):
        return None
    if how.runs is None:
        return None if how.duration is None else (period.start_s, how.duration / how.timescale)
    last = how.runs[-1] if how.runs else None
    if last is None or not last.promised:
        return None
    return _presented(how, period, last.start), last.duration / how.timescale


def stray_s(representation: Representation) -> float:
    """Seconds by which a segment may be longer or shorter than said: half of a constant @duration.

    It is an approximation (5.3.9.2.2; DASH-IF IOP 4.3, 3.2.7.1); what a SegmentTimeline says is exact.
    """
    how = representation.addressing
    if isinstance(how, SegmentBase | Indexed) or how.runs is not None or how.duration is None:
        return 0.0
    return how.duration / how.timescale / 2


def target_s(representation: Representation, period: Period) -> float:
    """Seconds of the longest segment (of a timeline: of its newest ones); 0.0 when nothing is known yet."""
    how = representation.addressing
    if isinstance(how, Indexed):
        return max(entry[1] for entry in how.entries) / how.timescale
    if isinstance(how, SegmentBase):
        return period.duration_s or 0.0
    if how.runs:
        return max(run.duration for run in how.runs[-16:]) / how.timescale
    if how.duration is not None:
        return how.duration / how.timescale
    return period.duration_s or 0.0 if how.runs is None else 0.0


def _by_duration(
    representation: Representation, how: SegmentTemplate | SegmentList, period: Period, from_s: float
) -> Iterator[MediaSegment]:
    end = period.duration_s
    if how.duration is None:
        if end is not None:
            yield _segment(representation, how, period, 0, 0, 0.0, end)
        return
    length = how.duration / how.timescale
    last = len(how.urls) if isinstance(how, SegmentList) else None
    if how.end_number is not None:
        last = how.end_number - how.start_number + 1
    index = max(int((from_s - period.start_s) / length + 0.5), 0)
    spare = spare_s(length)
    while (last is None or index < last) and (end is None or index * length < end - spare):
        start = index * length
        time = index * how.duration + how.presentation_offset
        shown = length if end is None else min(length, end - start)
        yield _segment(representation, how, period, index, time, start, shown)
        index += 1


def _by_timeline(
    representation: Representation, how: SegmentTemplate | SegmentList, period: Period, from_s: float
) -> Iterator[MediaSegment]:
    runs = how.runs or ()
    wanted = round((from_s - period.start_s) * how.timescale) + how.presentation_offset
    last = len(how.urls) if isinstance(how, SegmentList) else None
    if how.end_number is not None:
        last = how.end_number - how.start_number + 1
    begun = max(bisect_right(runs, wanted, key=lambda run: run.start) - 1, 0)
    for run in runs[begun:]:
        for place in _places(run, wanted):
            index = run.first + place
            if last is not None and index >= last:
                return
            time = run.start + place * run.duration
            start = (time - how.presentation_offset) / how.timescale
            if period.duration_s is not None and start >= period.duration_s - 1e-6:
                return
            if start + run.duration / how.timescale <= 0:  # before the period: cut off by the offset
                continue
            length = run.duration / how.timescale
            yield _segment(representation, how, period, index, time, start, length, listed=not run.promised)


def _places(run: Run, wanted: int) -> Iterator[int]:
    """Which segments of a run lie, for more than half, after media time `wanted`."""
    place = max((2 * (wanted - run.start) + run.duration) // (2 * run.duration), 0)
    while run.number is None or place < run.number:
        yield place
        place += 1


def _indexed(
    representation: Representation, how: Indexed, period: Period, from_s: float
) -> Iterator[MediaSegment]:
    wanted = round((from_s - period.start_s) * how.timescale) + how.presentation_offset
    begun = max(bisect_right(how.entries, wanted, key=lambda entry: entry[0]) - 1, 0)
    init = _init(representation, how)
    for number, (time, duration, offset, length) in enumerate(how.entries[begun:], begun + 1):
        if 2 * time + duration <= 2 * wanted:
            continue
        yield MediaSegment(
            urls=representation.bases,
            number=number,
            start_s=_presented(how, period, time),
            duration_s=duration / how.timescale,
            byte_range=(offset, length),
            init=init,
            listed=True,
        )


def _whole(representation: Representation, period: Period, from_s: float) -> Iterator[MediaSegment]:
    duration = period.duration_s or 0.0
    if period.start_s + duration / 2 >= from_s:
        yield MediaSegment(
            urls=representation.bases,
            number=1,
            start_s=period.start_s,
            duration_s=duration,
            init=_init(representation, representation.addressing),
            listed=True,
        )


def _presented(how: Addressing, period: Period, time: int) -> float:
    """Presentation time of a media time."""
    return period.start_s + (time - how.presentation_offset) / how.timescale


def _segment(
    representation: Representation,
    how: SegmentTemplate | SegmentList,
    period: Period,
    index: int,
    time: int,
    start: float,
    duration: float,
    *,
    listed: bool = False,
) -> MediaSegment:
    byte_range: tuple[int, int] | None = None
    number = how.start_number + index
    if isinstance(how, SegmentTemplate):
        reference: str | None = how.media.fill(
            representation.id, representation.bandwidth_bps or 0, number, time
        )
    else:
        reference, byte_range, listed = how.urls[index].url, how.urls[index].byte_range, True
    return MediaSegment(
        urls=_resolve(representation.bases, reference),
        number=number,
        start_s=period.start_s + start,
        duration_s=duration,
        byte_range=byte_range,
        init=_init(representation, how),
        listed=listed,
        early_s=how.early_s,
    )


def _init(
    representation: Representation, how: SegmentTemplate | SegmentList | SegmentBase | Indexed
) -> Init | None:
    if isinstance(how, SegmentTemplate) and how.init_pattern is not None:
        reference = how.init_pattern.fill(representation.id, representation.bandwidth_bps or 0, 0, 0)
        return Init(urls=_resolve(representation.bases, reference))
    init: Resource | None = how.init
    if init is None:
        return None
    return Init(urls=_resolve(representation.bases, init.url), byte_range=init.byte_range)


def _resolve(bases: tuple[str, ...], reference: str | None) -> tuple[str, ...]:
    """`reference` against each BaseURL; nothing when it is no URL that is fetched."""
    if reference is None:
        return bases
    try:
        return tuple(Uris(base).resolve(reference) for base in bases)
    except ValueError:
        return ()
