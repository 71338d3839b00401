"""What a source is asked of one stream: what to pull, how long to wait, when the wire is at fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from qoed.checks import DEFAULT, CheckSettings
from qoed.model import Reason
from qoed.source.input_options import InputOptions
from qoed.source.selector import parse_selector

_LEAST_STALE_S = 6.0
Format = Literal["auto", "hls", "dash", "ts", "file"]
"""What an http(s) URL is: by its name and answer, or as said; `ts` is MPEG-TS without end."""
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
    format: Format = "auto"
    """What the URL is; other schemes than http(s) say it themselves."""
    input: InputOptions = field(default_factory=InputOptions)
    """Continuous inputs: how they are opened and cut."""
    pace: Pace = "fast"
    """Release of VOD and files; live sources ignore it."""
    low_latency: bool = True
    """Take the parts of LL-HLS as they come; False: whole segments, without blocking reloads."""

    stale_after_s: float | None = None
    """No new segment for so long is `playlist_stale`; None: by the check's limit, at least 6 s."""
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
        if self.format not in get_args(Format):
            raise ValueError(f"format must be one of {', '.join(get_args(Format))}, not {self.format!r}")
        if self.pace not in ("fast", "realtime"):
            raise ValueError(f"pace must be fast or realtime, not {self.pace!r}")
        for name in (
            "give_up_after_s",
            "playlist_deadline_s",
            "segment_deadline_factor",
            "segment_deadline_min_s",
            "segment_deadline_max_s",
            "max_playlist_bytes",
            "max_segment_bytes",
            "file_segment_s",
        ):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0")
        if self.max_pending < 1:
            raise ValueError("max_pending must be at least 1")
        if self.segment_retry_s < 0:
            raise ValueError("segment_retry_s must not be negative")
        if self.stale_after_s is not None and self.stale_after_s <= 0:
            raise ValueError("stale_after_s must be above 0")
        if self.start_segments is not None and self.start_segments < 1:
            raise ValueError("start_segments must be at least 1")
        if self.segment_deadline_max_s < self.segment_deadline_min_s:
            raise ValueError("segment_deadline_max_s must not be below segment_deadline_min_s")

    def segment_deadline_s(self, duration_s: float) -> float:
        """Seconds that a segment of `duration_s` may take."""
        wished = duration_s * self.segment_deadline_factor
        return min(max(wished, self.segment_deadline_min_s), self.segment_deadline_max_s)

    def stale_limit_s(self, target_duration_s: float) -> float:
        """Seconds without a new segment after which a live playlist is stale."""
        if self.stale_after_s is not None:
            return self.stale_after_s
        return max(self.checks.limit(Reason.PLAYLIST_STALE) * target_duration_s, _LEAST_STALE_S)
