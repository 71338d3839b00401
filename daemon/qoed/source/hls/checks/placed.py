"""What a load of a playlist brought."""

from __future__ import annotations

from dataclasses import dataclass

from qoed.model import Finding
from qoed.source.hls.model import MediaSegment


@dataclass(frozen=True, slots=True)
class Placed:
    """A listed segment and its place on the stream's media timeline."""

    segment: MediaSegment
    media_time_s: float


@dataclass(frozen=True, slots=True)
class Listed:
    """What a load of the playlist brought: segments to fetch, in order, and findings."""

    segments: tuple[Placed, ...]
    """Complete ones that are new; gaps are left out."""
    findings: tuple[Finding, ...]
    open: Placed | None = None
    """The last segment, of which only parts are there, once it is not older than the live start."""
    restarted: bool = False
    """Sequence numbers began anew."""
