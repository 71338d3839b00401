"""What a source is asked of one stream: what to pull, how long to wait, when the wire is at fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from qoed.checks import DEFAULT, CheckSettings
from qoed.source.selector import parse_selector

Pace = Literal["fast", "realtime"]
"""How media that is already there (VOD, files) is released: as fast as it is taken, or by its own clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOptions:
    """Settings of one stream's source; the defaults suit live HLS with segments of 2-10 s.

    Raises `ValueError` with one clear line when a value cannot be used.
    """

    renditions: str = "all"
    """`all`, `top`, or a selector: `720p`, `height<=720`, `bandwidth>1M`, id glob (`*-2500k`); comma = or."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Extra request headers. `Authorization` and `Cookie` go to the stream's own origin only."""
    start_segments: int | None = None
    """Live start, in segments from the end; None: three target durations from the end (RFC 8216bis 6.3.3)."""
    pace: Pace = "fast"
    """Release of VOD and files; live sources ignore it."""

    stale_after_s: float | None = None
    """No new segment for so long is `playlist_stale`; None: 3 x target duration, at least 6 s."""
    unavailable_after: int = 2
    """So many playlist failures in a row are `playlist_unavailable`."""
    give_up_after_s: float = 30.0
    """All renditions failing for so long ends the run with a `SourceError`; the supervisor starts anew."""

    playlist_deadline_s: float = 5.0
    """A playlist or key must have arrived within this."""
    segment_deadline_factor: float = 2.0
    """A segment must have arrived within this many times its duration ..."""
    segment_deadline_min_s: float = 4.0
    """... but it is never given less than this ..."""
    segment_deadline_max_s: float = 30.0
    """... nor more than this."""
    segment_retry_s: float = 0.5
    """Pause before the one quick retry of a segment that did not come."""
    segment_slow_factor: float = 1.0
    """A segment that took longer than its duration times this is `segment_slow`."""
    throughput_segments: int = 3
    """Throughput is measured over so many segments."""
    throughput_low_factor: float = 1.0
    """Throughput below the rendition's bandwidth times this starts `throughput_low`."""
    throughput_clear_factor: float = 1.2
    """Throughput above the bandwidth times this ends it."""

    max_playlist_bytes: int = 2 * 1024 * 1024
    """Larger playlists are refused (decompressed size)."""
    max_segment_bytes: int = 64 * 1024 * 1024
    """Larger segments are refused."""
    max_pending: int = 8
    """Live segments waiting for their download per rendition; the oldest are skipped, with a finding."""
    file_segment_s: float = 3.0
    """Files are cut at key frames into segments of at least this length."""

    checks: CheckSettings = DEFAULT
    """Limits of the wire checks, and which are off."""

    def __post_init__(self) -> None:
        parse_selector(self.renditions)
        if self.pace not in ("fast", "realtime"):
            raise ValueError(f"pace must be fast or realtime, not {self.pace!r}")
        for name in (
            "give_up_after_s",
            "playlist_deadline_s",
            "segment_deadline_factor",
            "segment_deadline_min_s",
            "segment_deadline_max_s",
            "segment_slow_factor",
            "throughput_low_factor",
            "max_playlist_bytes",
            "max_segment_bytes",
            "file_segment_s",
        ):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0")
        for name in ("unavailable_after", "throughput_segments", "max_pending"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        if self.segment_retry_s < 0:
            raise ValueError("segment_retry_s must not be negative")
        if self.stale_after_s is not None and self.stale_after_s <= 0:
            raise ValueError("stale_after_s must be above 0")
        if self.start_segments is not None and self.start_segments < 1:
            raise ValueError("start_segments must be at least 1")
        if self.throughput_clear_factor < self.throughput_low_factor:
            raise ValueError("throughput_clear_factor must not be below throughput_low_factor")
        if self.segment_deadline_max_s < self.segment_deadline_min_s:
            raise ValueError("segment_deadline_max_s must not be below segment_deadline_min_s")

    def segment_deadline_s(self, duration_s: float) -> float:
        """Seconds that a segment of `duration_s` may take."""
        wished = duration_s * self.segment_deadline_factor
        return min(max(wished, self.segment_deadline_min_s), self.segment_deadline_max_s)

    def stale_limit_s(self, target_duration_s: float) -> float:
        """Seconds without a new segment after which a live playlist is stale."""
        return self.stale_after_s if self.stale_after_s is not None else max(3.0 * target_duration_s, 6.0)
