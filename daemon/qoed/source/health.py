"""When an HLS stream as a whole has failed: every rendition that still runs has failed for long."""

from __future__ import annotations

from collections.abc import Iterable

from qoed.errors import SourceError


class Health:
    """Who fails since when. No clock, no IO."""

    def __init__(self, renditions: Iterable[str], give_up_after_s: float) -> None:
        self._failing_since: dict[str, float | None] = dict.fromkeys(renditions)
        self._give_up_after_s = give_up_after_s

    def good(self, rendition: str) -> None:
        """A load succeeded."""
        self._failing_since[rendition] = None

    def failing(self, rendition: str, error: SourceError, now: float) -> None:
        """A load failed. Raises `SourceError` when no rendition works and none has for `give_up_after_s`."""
        if self._failing_since.get(rendition) is None:
            self._failing_since[rendition] = now
        since = [begun for begun in self._failing_since.values() if begun is not None]
        if len(since) == len(self._failing_since) and now - max(since) >= self._give_up_after_s:
            raise SourceError(f"no rendition has been available for {self._give_up_after_s:g} s, {error}")

    def joined(self, rendition: str) -> None:
        """A rendition began while the stream ran."""
        self._failing_since[rendition] = None

    def ended(self, rendition: str) -> None:
        """The rendition has ended as it should and counts no more."""
        self._failing_since.pop(rendition, None)
