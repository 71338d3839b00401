"""A scripted live DASH presentation on `LiveOrigin`: segments appear when they are due, faults on request.

live = LiveDash(origin, segment_s=0.5, addressing="time")
... live.url ... live.stall(); live.resume(); live.regress(3); live.cut(4) ...
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import mpds as m
from origin import Listing, LiveOrigin

Media = Callable[[str, int], bytes]
RUNGS = {"hd": (2_500_000, "1280x720"), "sd": (800_000, "640x360")}


def fragment(name: str, index: int, size: int = 2000) -> bytes:
    """Bytes that pass for an fMP4 segment and name it."""
    label = f"{name}-{index:08d}".encode()
    return b"\0\0\0\x18styp" + bytes(16) + label + bytes(size - 24 - len(label))


@dataclass(slots=True, eq=False)
class LiveDash(Listing):
    """`addressing`: number, time (SegmentTimeline with $Time$) or counted (SegmentTimeline with $Number$).

    Segment `i` plays from `i` to `i + 1` times `segment_s` after `begun_s` (seconds since 1970).
    """

    origin: LiveOrigin
    name: str = "live"
    segment_s: float = 0.5
    addressing: Literal["number", "time", "counted"] = "number"
    rungs: dict[str, tuple[int, str]] = field(default_factory=lambda: dict(RUNGS))
    media: Media = fragment
    window: int = 20
    begun_s: float = 0.0
    early_s: float = 0.0
    """availabilityTimeOffset: segments are answered so much early, when they are complete."""
    late_s: float = 0.0
    """The origin publishes so much later than the MPD promises."""
    ahead_s: float = 0.0
    """The origin's clock is so much ahead of ours."""
    update_s: float | None = 0.5
    cuts: list[int] = field(default_factory=list)
    """A new Period begins with each of these segments."""
    extra: tuple[str, ...] = ()
    """More elements of the MPD."""
    attributes: dict[str, object] = field(default_factory=dict)
    """More attributes of the MPD, or others than usual."""
    edit: Callable[[str], str] = lambda text: text
    """A last word on the text."""
    absent: set[int] = field(default_factory=set)
    """Segments that the origin never publishes."""
    ended: int | None = None
    """The MPD turns static and ends before this segment."""

    def __post_init__(self) -> None:
        self.begun_s = self.begun_s or self.now_s() - self.window * self.segment_s
        self.origin.put(f"/{self.name}/live.mpd", self.text)
        self.origin.serve(f"/{self.name}/", self._file)

    @property
    def url(self) -> str:
        """URL of the MPD."""
        return self.origin.url(f"/{self.name}/live.mpd")

    @property
    def due(self) -> int:
        """Number of complete segments by now."""
        return int((self.now_s() - self.begun_s - self.late_s) / self.segment_s + 1e-6)

    def now_s(self) -> float:
        """The origin's clock, in seconds since 1970."""
        return time.time() + self.ahead_s

    def text(self) -> str:
        """The MPD now."""
        edge = self.edge if self.ended is None else self.ended
        first = max(edge - self.window, 0)
        starts = [0, *(cut for cut in self.cuts if cut <= edge)]
        ends: list[int | None] = [*starts[1:], self.ended]
        periods = [
            self._period(number, begin, end, first, edge)
            for number, (begin, end) in enumerate(zip(starts, ends, strict=True))
            if end is None or end > first
        ]
        attributes: dict[str, object] = {
            "availabilityStartTime": m.when(self.begun_s),
            "minimumUpdatePeriod": None if self.update_s is None else m.duration(self.update_s),
            "timeShiftBufferDepth": m.duration(self.window * self.segment_s),
            "publishTime": m.when(self.begun_s + edge * self.segment_s),
        }
        if self.ended is not None:
            attributes = {
                "type": "static",
                "mediaPresentationDuration": m.duration(self.ended * self.segment_s),
                "availabilityStartTime": m.when(self.begun_s),
                "minimumUpdatePeriod": None,
            }
        return self.edit(m.live_mpd(*periods, *self.extra, **(attributes | self.attributes)))

    def _period(self, number: int, begin: int, end: int | None, first: int, edge: int) -> str:
        at = begin * self.segment_s
        units = round(self.segment_s * 1000)
        offset = {"presentationTimeOffset": begin * units or None}
        early = {"availabilityTimeOffset": self.early_s or None}
        if self.addressing == "number":
            how = m.template(duration=units, startNumber=begin, **early)
        else:
            here = max(begin, first)
            last = edge if end is None else min(end, edge)
            entries = [m.s(units, here * units, last - here - 1)] if last > here else []
            media = "$RepresentationID$/t$Time$.m4s" if self.addressing == "time" else None
            extra = {"media": media} if media else {}
            how = m.template(
                m.timeline(*entries) if entries else m.tag("SegmentTimeline"),
                startNumber=here,
                **offset,
                **extra,
            )
        rungs = [m.rung(name, rate, size) for name, (rate, size) in self.rungs.items()]
        return m.period(m.video(how, *rungs), id=f"p{number}", start=m.duration(at))

    def _file(self, path: str) -> bytes | None:
        rung, _, file = path.partition("/")
        if rung not in self.rungs:
            return None
        if file == "init.mp4":
            return b"\0\0\0\x18ftyp" + bytes(16)
        stem = file.removesuffix(".m4s")
        if stem.startswith("t"):
            index = round(int(stem[1:]) / (self.segment_s * 1000))
        elif stem.isdecimal():
            index = int(stem)
        else:
            return None
        ready = self.edge + (1 if self.early_s else 0)
        return self.media(rung, index) if 0 <= index < ready and index not in self.absent else None
