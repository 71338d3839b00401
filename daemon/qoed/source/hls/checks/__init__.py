"""Checks of HLS: one rendition's playlists and exchanges, and what holds between the renditions."""

from qoed.source.hls.checks.ladder import LadderChecks
from qoed.source.hls.checks.placed import Listed, Placed
from qoed.source.hls.checks.rendition import RenditionChecks

__all__ = ["LadderChecks", "Listed", "Placed", "RenditionChecks"]
