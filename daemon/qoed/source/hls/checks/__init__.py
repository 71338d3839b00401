"""Checks of HLS: one rendition's playlists and exchanges, and what holds between the renditions."""

from qoed.source.hls.checks.ladder import LadderChecks
from qoed.source.hls.checks.placed import Listed, Placed
from qoed.source.hls.checks.rendition import RenditionChecks

__all__ = ["LadderChecks", "Listed", "Placed", "RenditionChecks"]


def reload_delay_s(target_duration_s: float, *, changed: bool) -> float:
    """Seconds from the begin of one load to the next (RFC 8216bis 6.3.4)."""
    return max(target_duration_s if changed else target_duration_s / 2, 0.25)
