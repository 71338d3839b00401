"""Delta updates: what EXT-X-SKIP left out is taken from the playlist before (RFC 8216bis 6.2.5.1, 6.3.7)."""

from __future__ import annotations

from dataclasses import replace

from qoed.source.hls.model import Key, MediaPlaylist, MediaSegment


class DeltaError(ValueError):
    """A delta update does not fit what was seen; the text says how. A full playlist must be loaded."""


def merge(update: MediaPlaylist, before: MediaPlaylist | None) -> MediaPlaylist:
    """The full playlist that `update` stands for; one without skipped segments is returned as it is.

    Raises `DeltaError`.
    """
    if update.skipped == 0:
        return update
    if before is None:
        raise DeltaError(f"it skips {update.skipped} segments and no playlist came before it")
    first = update.media_sequence - update.skipped
    known = before.segments[0].sequence if before.segments else before.media_sequence
    if first < known:
        raise DeltaError(f"it skips segments from {first} on, the playlist before begins with {known}")
    kept = tuple(s for s in before.segments if s.complete and first <= s.sequence < update.media_sequence)
    if len(kept) < update.skipped:
        raise DeltaError(
            f"it skips segments up to {update.media_sequence - 1},"
            f" the playlist before ends with {before.end_sequence - 1}"
        )
    return replace(
        update,
        media_sequence=first,
        segments=_recounted(kept + update.segments, update.discontinuity_sequence),
        skipped=0,
        tags=(before.tags | update.tags) - {"SKIP"},
        fractional=before.fractional or update.fractional,
        keys=_keys(before, update, kept),
    )


def _recounted(segments: tuple[MediaSegment, ...], first: int) -> tuple[MediaSegment, ...]:
    """Discontinuities counted from the list's own EXT-X-DISCONTINUITY-SEQUENCE, if that has moved."""
    off = first + segments[0].discontinuity - segments[0].discontinuity_sequence
    if off == 0:
        return segments
    return tuple(replace(s, discontinuity_sequence=s.discontinuity_sequence + off) for s in segments)


def _keys(before: MediaPlaylist, update: MediaPlaylist, kept: tuple[MediaSegment, ...]) -> tuple[Key, ...]:
    """Distinct keys still of use, in order: those of rotated-out segments would pile up for ever."""
    used = {segment.key for segment in kept}
    still = [key for key in before.keys if key in used]
    return tuple(dict.fromkeys([*still, *update.keys]))
