"""The seam between sources and what drives them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from qoed.model import Finding, Reason, RenditionGone, Segment

Item = Segment | Finding | RenditionGone
Emit = Callable[[Item], Awaitable[None]]
"""Takes what a source yields; may wait, which holds back VOD and files."""


class Source(Protocol):
    """One stream's input. It never retries as a whole: the supervisor does."""

    async def run(self, emit: Emit) -> None:
        """Block and emit until the stream ends (return) or fails (`SourceError`); may be run again then."""
        ...


def unavailable_of(source: Source) -> Reason:
    """What it is called when a source fails again and again: its own `unavailable`, or that of playlists."""
    reason: Reason = getattr(source, "unavailable", Reason.PLAYLIST_UNAVAILABLE)
    return reason
