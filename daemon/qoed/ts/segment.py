"""A segment of a transport stream under way, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from qoed.ts.pes import CLOCK_HZ, ticks_between

BREAK_S = 10.0
"""Time stamps that leap so far ahead, or back at all, are another time base."""
BACK_S = 0.5
MIN_S = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One segment: PAT and PMT, then the packets as they came."""

    data: bytes = field(repr=False)
    duration_s: float
    discontinuity: bool = False
    continues: bool = False
    unfinished: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture's (or sound's) first packet. Times in ticks of 90 kHz."""

    index: int
    pts: int
    dts: int
    key: bool


@dataclass(slots=True)
class OpenSegment:
    """A segment under way. Times in ticks of 90 kHz."""

    start: int
    reorder: int
    """From decoding to presentation of its first picture."""
    dts: int
    last: int
    """Latest decoding time."""
    continues: bool
    discontinuity: bool
    keys: int
    """Key frames in it."""
    frame: int = 0
    """From one picture to the next, the last ones."""
    chunks: list[bytes] = field(default_factory=list)
    size: int = 0
    duration_s: float = 0.0
    unfinished: bool = False

    def add(self, data: bytes) -> None:
        """Append packets."""
        if data:
            self.chunks.append(data)
            self.size += len(data)

    def leaps(self, dts: int) -> bool:
        """Whether a picture of this decoding time belongs to another time base."""
        return not -BACK_S <= ticks_between(self.last, dts) / CLOCK_HZ <= BREAK_S

    def pass_by(self, picture: Picture) -> None:
        """Another picture came."""
        self.frame = max(ticks_between(self.last, picture.dts), 0) or self.frame
        self.last = picture.dts
        self.keys += picture.key

    def start_of(self, picture: Picture) -> int:
        """Where a segment begins on the time line that begins with this picture."""
        return picture.pts if picture.key else picture.dts + self.reorder

    def length_s(self, picture: Picture) -> float:
        """Seconds up to this picture."""
        return ticks_between(self.start, self.start_of(picture)) / CLOCK_HZ

    def end(self) -> None:
        """No other follows: it ends with its last picture."""
        self.duration_s = (ticks_between(self.dts, self.last) + self.frame) / CLOCK_HZ

    def cut(self) -> Cut:
        """The finished segment."""
        return Cut(
            data=b"".join(self.chunks),
            duration_s=round(max(self.duration_s, MIN_S), 6),
            discontinuity=self.discontinuity,
            continues=self.continues,
            unfinished=self.unfinished,
        )
