"""An MPD as frozen values, named after its elements (ISO/IEC 23009-1 5.3). Times are seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from qoed.errors import ErrorReason, SourceError
from qoed.source.sniff import Container


class MpdError(SourceError):
    """An MPD that ISO/IEC 23009-1 does not allow, or that qoed cannot follow; one line, redacted URL."""

    default_reason = ErrorReason.SOURCE_INVALID


class Run(NamedTuple):
    """One S element: `number` segments of `duration` from media time `start` on, all in timescale units.

    `first` counts the timeline's segments before it; `number` None: the period has no end yet. There may be
    thousands in an MPD, hence a tuple.
    """

    start: int
    duration: int
    number: int | None
    first: int
    promised: bool = False
    """@r is negative: segments come as time goes on, and are not listed one by one."""

    @property
    def end(self) -> int | None:
        """Where its last segment ends; None: open."""
        return None if self.number is None else self.start + self.number * self.duration


class Resource(NamedTuple):
    """A URL, or with None the Representation's own BaseURL, and (offset, length) within it."""

    url: str | None = None
    byte_range: tuple[int, int] | None = None

    def __repr__(self) -> str:
        return f"Resource({self.byte_range})"  # URLs may hold secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A media or initialization template: text pieces and (identifier, width) in between."""

    pieces: tuple[str | tuple[str, int], ...] = field(repr=False)

    def fill(self, representation: str, bandwidth: int, number: int, time: int) -> str:
        """The URL reference of one segment."""
        values = {"Bandwidth": bandwidth, "Number": number, "Time": time}
        return "".join(
            piece
            if isinstance(piece, str)
            else representation
            if piece[0] == "RepresentationID"
            else f"{values[piece[0]]:0{piece[1]}d}"
            for piece in self.pieces
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressing:
    """What the ways to name segments share (SegmentBase attributes)."""

    timescale: int = 1
    presentation_offset: int = 0
    """@presentationTimeOffset: media time at the period's start."""
    init: Resource | None = None
    early_s: float = 0.0
    """@availabilityTimeOffset: so much earlier than complete a segment may be asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered(Addressing):
    """Segments that are counted: by constant @duration, or by SegmentTimeline `runs` when there is one."""

    start_number: int = 1
    end_number: int | None = None
    duration: int | None = None
    runs: tuple[Run, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentTemplate(Numbered):
    """5.3.9.4: names made by a pattern."""

    media: Pattern
    init_pattern: Pattern | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentList(Numbered):
    """5.3.9.3: names one by one."""

    urls: tuple[Resource, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentBase(Addressing):
    """5.3.9.2: one file; its index (sidx, Cues) lies in `index_range` (offset, length)."""

    index_range: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed(Addressing):
    """A SegmentBase whose index has been read: (start, duration) in timescale units and (offset, length)."""

    entries: tuple[tuple[int, int, int, int], ...] = field(repr=False)


AnyAddressing = SegmentTemplate | SegmentList | SegmentBase | Indexed


@dataclass(frozen=True, slots=True, kw_only=True)
class Representation:
    """One coding of an AdaptationSet. `bases` are absolute: the first is used, the others stand in for it."""

    id: str
    bandwidth_bps: int | None
    width: int | None
    height: int | None
    frame_rate: float | None
    codecs: str | None
    container: Container | None
    addressing: AnyAddressing
    bases: tuple[str, ...] = field(repr=False)
    protection: str | None = None
    """What encrypts it (ContentProtection), in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptationSet:
    """Representations to switch between. `kind` is video, audio or another content type."""

    kind: str
    representations: tuple[Representation, ...]
    main: bool = False
    """Its Role is main."""
    aligned: bool = False
    """@segmentAlignment: segment boundaries of its Representations agree."""
    continues: bool = False
    """The Period before ends where it begins (period continuity or connectivity, 5.3.2.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One Event of a SCTE-35 EventStream, or an emsg. `start_s` counts from the period's start."""

    id: str
    start_s: float
    duration_s: float | None = None
    out_of_network: bool | None = None
    """True: a break begins; False: it ends; None: the event says neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """`start_s` and `duration_s` are computed (5.3.2.1); duration None: open end."""

    id: str
    start_s: float
    duration_s: float | None
    sets: tuple[AdaptationSet, ...]
    events: tuple[Event, ...] = ()
    departs_s: float = 0.0
    """So much later than the period before ends by its own @duration does this one start by @start."""

    @property
    def end_s(self) -> float | None:
        """Presentation time of its end; None: open."""
        return None if self.duration_s is None else self.start_s + self.duration_s


@dataclass(frozen=True, slots=True, kw_only=True)
class UtcTiming:
    """One UTCTiming: where the presentation's clock can be read."""

    scheme: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mpd:
    """One MPD at one instant. `available_s` and `published_s` are seconds since 1970."""

    url: str = field(repr=False)
    """Where it was fetched from."""
    dynamic: bool
    periods: tuple[Period, ...]
    available_s: float = 0.0
    """@availabilityStartTime; 0 where there is none."""
    published_s: float | None = None
    duration_s: float | None = None
    update_s: float | None = None
    """@minimumUpdatePeriod; None: it does not change."""
    buffer_s: float | None = None
    """@timeShiftBufferDepth; None: all is kept."""
    delay_s: float | None = None
    """@suggestedPresentationDelay."""
    min_buffer_s: float = 0.0
    """@minBufferTime: @bandwidth carries a Representation after so much was buffered."""
    location: str | None = field(default=None, repr=False)
    """First Location, absolute: where the next MPD is asked for."""
    timings: tuple[UtcTiming, ...] = ()
