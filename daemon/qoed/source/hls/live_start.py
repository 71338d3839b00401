"""Where a live rendition is joined: as far from its end as the server wants (RFC 8216bis 4.4.2.2, 6.3.3)."""

from __future__ import annotations

from qoed.source.hls.model import MediaPlaylist

_MOST_SEGMENTS = 8
"""EXT-X-START of a long list may lie hours back; a monitor wants the live edge, and queues hold no more."""


def live_start(playlist: MediaPlaylist, start_segments: int | None, *, low_latency: bool) -> int:
    """Index of the segment to begin with: of an ended list the first, of live one the last far enough back.

    The distance to the end is `start_segments`, else EXT-X-START, else PART-HOLD-BACK (`low_latency`, where
    parts are listed) or HOLD-BACK, three target durations by default; a shorter list begins at its begin.
    """
    segments = playlist.segments
    if playlist.endlist or not segments:
        return 0
    if start_segments is not None:
        complete = sum(segment.complete for segment in segments)
        return max(complete - start_segments, 0)
    offset = playlist.start_offset_s
    if offset is not None:
        behind = -offset if offset < 0 else max(sum(s.duration_s for s in segments) - offset, 0.0)
        return max(_index(playlist, behind), len(segments) - _MOST_SEGMENTS, 0)
    return _index(playlist, hold_back_s(playlist, low_latency=low_latency))


def first_part(playlist: MediaPlaylist, index: int) -> int:
    """Number of the part of `segments[index]` to begin with: independent, and far enough from the end.

    0 where the segment is to be taken from its begin.
    """
    parts = playlist.segments[index].parts
    left = sum(segment.duration_s for segment in playlist.segments[index + 1 :])
    hold = hold_back_s(playlist, low_latency=True)
    if left >= hold:
        return 0
    for part in reversed(parts):
        left += part.duration_s
        if left >= hold and part.independent:
            return part.index
    return 0


def hold_back_s(playlist: MediaPlaylist, *, low_latency: bool) -> float:
    """Seconds that a client is to stay behind the end."""
    server, target = playlist.server, playlist.part_target_s
    if low_latency and target is not None and any(segment.parts for segment in playlist.segments[-3:]):
        return server.part_hold_back_s if server.part_hold_back_s is not None else 3 * target
    return server.hold_back_s if server.hold_back_s is not None else 3 * playlist.target_duration_s


def _index(playlist: MediaPlaylist, behind_s: float) -> int:
    """The last segment that begins at least `behind_s` before the end."""
    left = 0.0
    for index in range(len(playlist.segments) - 1, -1, -1):
        left += playlist.segments[index].duration_s
        if left >= behind_s - 1e-6:
            return index
    return 0
