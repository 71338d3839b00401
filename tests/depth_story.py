"""Live streams second by second: what the depth controller hears of them, and where it puts them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from qoed.depth import DepthControl, Sampling
from qoed.model import Decoded, Finding, Measures, Outcome, Phase, Reason, Rendition, Score, Segment, Severity

COSTS = {"full": 0.10, "light": 0.07, "extra_light": 0.01}
"""CPU seconds a second of one rendition at the depth that is decoded."""
SEGMENT_S = 4


def segment(
    start_s: float,
    *,
    stream: str = "tv",
    rendition: str = "720p",
    duration_s: float = SEGMENT_S,
    rate: int = 1000,
    continues: bool = False,
    unfinished: bool = False,
) -> Segment:
    """A segment, or part of one, of `rate` bytes a second."""
    return Segment(
        stream=stream,
        rendition=Rendition(id=rendition),
        sequence=int(start_s),
        media_time_s=start_s,
        duration_s=duration_s,
        container="mpegts",
        data=b"x" * round(rate * duration_s),
        continues=continues,
        unfinished=unfinished,
    )


def score(
    at_s: float, value: float | None, *, stream: str = "tv", rendition: str = "720p", width: float = 20.0
) -> Score:
    """A clip's score with an interval of this width."""
    none = value is None
    return Score(
        stream=stream,
        rendition=rendition,
        media_time_s=at_s,
        score=value,
        lo=None if none else value - width / 2,
        hi=None if none else value + width / 2,
        mos=None,
        distortions={},
        model="m",
    )


def finding(
    reason: Reason = Reason.DAMAGE,
    severity: Severity = Severity.WARNING,
    phase: Phase = Phase.EVENT,
    *,
    stream: str = "tv",
    rendition: str | None = "720p",
) -> Finding:
    """Something that was found."""
    return Finding(stream=stream, rendition=rendition, reason=reason, severity=severity, phase=phase)


class Live:
    """A host with live streams of segments of 4 s; every second ends with a tick."""

    def __init__(self, *streams: str, budget: float = 100.0, renditions: Sequence[str] = ("720p",)) -> None:
        self.now = 0.0
        self.control = DepthControl(budget=budget)
        self.sampling: dict[str, Sampling] = {}
        self.renditions = renditions
        self.streams: list[str] = []
        self.silent: set[str] = set()
        self.tense: dict[str, tuple[Severity | None, bool]] = {}
        self.seconds: Counter[tuple[str, str]] = Counter()
        self.peak = 0.0
        for stream in streams:
            self.add(stream)

    def add(self, stream: str, setting: str = "auto") -> Live:
        """One more stream."""
        self.sampling[stream] = Sampling()
        self.control.add(stream, setting, self.now)  # type: ignore[arg-type]
        self.streams.append(stream)
        return self

    def run(self, seconds: int) -> Live:
        """Time passes; every fourth second brings every stream a segment of each rendition."""
        for _ in range(seconds):
            if self.now % SEGMENT_S == 0:
                for stream in self.streams:
                    self._deliver(stream)
            self.now += 1
            self.control.tick(self.now, lambda stream, _now: self.tense.get(stream, (None, False)))
            self.seconds.update((stream, self.level(stream)) for stream in self.streams)
            if self.now > 10:
                self.peak = max(self.peak, self.control.stats(self.now).load)
        return self

    def level(self, stream: str) -> str:
        """Where a stream is now."""
        return self.control.level_of(stream)

    @property
    def levels(self) -> dict[str, str]:
        """Where they all are."""
        return {stream: self.level(stream) for stream in self.streams}

    def _deliver(self, stream: str) -> None:
        if stream in self.silent:
            return
        for rendition in self.renditions:
            piece = segment(self.now, stream=stream, rendition=rendition)
            depth = self.sampling[stream].choose(piece, self.control.level_of(stream))
            measures = Measures(decode_cpu_s=COSTS[depth] * SEGMENT_S)
            decoded = Decoded(segment=piece, outcome=Outcome.OK, measures=measures)
            self.control.on_decoded(decoded, depth, self.now)
