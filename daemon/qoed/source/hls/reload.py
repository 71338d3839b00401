"""When a playlist is loaded again, and what the server is asked to wait for (RFC 8216bis 6.2.5, 6.3.4)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from qoed.source.hls.model import MediaPlaylist

RELOAD_FLOOR_S = 0.25
"""No playlist is polled faster than this, whatever target duration it claims ..."""
BLOCKED_FLOOR_S = 0.05
"""... but where the server holds the answer back until there is news, the news sets the pace."""


@dataclass(frozen=True, slots=True)
class Ask:
    """The directives of one load: wait for part `part` of segment `msn`; `skip`: a delta update will do."""

    msn: int | None = None
    part: int | None = None
    skip: bool = False

    @property
    def waited_for(self) -> tuple[int, int | None] | None:
        """What the answer is to hold."""
        return None if self.msn is None else (self.msn, self.part)


PLAIN = Ask()
"""A load without directives."""


def next_ask(playlist: MediaPlaylist, age_s: float) -> Ask:
    """The directives for the load after `playlist`, which was had `age_s` ago.

    Delta updates are asked for while the playlist held is younger than half of the skip boundary (6.2.5.1).
    """
    if playlist.endlist:
        return PLAIN
    server = playlist.server
    skip = server.can_skip_until_s is not None and age_s < server.can_skip_until_s / 2
    if not server.can_block_reload:
        return Ask(skip=skip)
    return Ask(msn=playlist.end_sequence, part=_next_part(playlist), skip=skip)


def holds(playlist: MediaPlaylist, msn: int, part: int | None) -> bool:
    """Whether `playlist` lists what a blocking reload waited for."""
    end = playlist.end_sequence
    if end > msn:
        return True
    return end == msn and part is not None and (_next_part(playlist) or 0) > part


def directed(url: str, ask: Ask) -> str:
    """`url` with the delivery directives; its own query stays as it was written (6.2.5)."""
    pairs = []
    if ask.msn is not None:
        pairs.append(f"_HLS_msn={ask.msn}")
        if ask.part is not None:
            pairs.append(f"_HLS_part={ask.part}")
    if ask.skip:
        pairs.append("_HLS_skip=YES")
    if not pairs:
        return url
    parts = urlsplit(url)
    query = "&".join(([parts.query] if parts.query else []) + pairs)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def reload_delay_s(playlist: MediaPlaylist, *, changed: bool, asked: Ask, low_latency: bool) -> float:
    """Seconds from the begin of the load that brought `playlist` to the begin of the next.

    Nothing to speak of where a server that blocks reloads did as asked; else the target duration, or the part
    target where parts are taken, and half of it after a load without news.
    """
    pace_s, floor_s = playlist.target_duration_s, RELOAD_FLOOR_S
    if low_latency and playlist.part_target_s is not None:
        pace_s, floor_s = playlist.part_target_s, BLOCKED_FLOOR_S
    if low_latency and playlist.server.can_block_reload and not playlist.endlist:
        first = asked.msn is None  # without directives there was nothing to wait for
        if first or holds(playlist, asked.msn or 0, asked.part):
            return BLOCKED_FLOOR_S
    return max(pace_s if changed else pace_s / 2, floor_s)


def _next_part(playlist: MediaPlaylist) -> int | None:
    """Number of the part that comes next in the segment numbered `end_sequence`; None without parts."""
    if playlist.part_target_s is None:
        return None
    last = playlist.segments[-1] if playlist.segments else None
    return 0 if last is None or last.complete or not last.parts else last.parts[-1].index + 1
