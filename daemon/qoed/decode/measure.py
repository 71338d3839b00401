"""What packets and frames of one segment say about damage and duration. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, median
from typing import Protocol

MAX_GAPS_SHARE = 0.05
"""More gaps than this share of the frames is variable frame rate, not loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """The rhythm of a segment's video packets, from their presentation times (s)."""

    frame_s: float | None = None
    """Usual distance of two frames; None with fewer than two."""
    duration_s: float | None = None
    """First to last presentation time plus one frame; None when not known."""
    missing: int = 0
    """Frames that gaps between the others say are missing."""


def cadence_of(times: Sequence[float]) -> Cadence:
    """The cadence of presentation times in any order."""
    ordered = sorted(set(times))
    if len(ordered) < 2:
        return Cadence()
    gaps = [later - earlier for earlier, later in pairwise(ordered)]
    usual = median(gaps)
    wide = [gap for gap in gaps if gap > 1.5 * usual]
    # The mean of the others: Matroska rounds times to milliseconds.
    frame_s = fmean(gap for gap in gaps if gap <= 1.5 * usual)
    duration_s = ordered[-1] - ordered[0] + frame_s
    if len(wide) > max(1.0, MAX_GAPS_SHARE * len(ordered)):
        return Cadence(frame_s=frame_s, duration_s=duration_s)
    # Lost frames leave holes of whole frames; other holes are a muxer's way with time.
    whole = [gap / frame_s for gap in wide if abs(gap / frame_s - round(gap / frame_s)) < 0.25]
    return Cadence(frame_s=frame_s, duration_s=duration_s, missing=sum(round(gap) - 1 for gap in whole))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What was counted over one segment's video, and its sound errors."""

    announced_s: float
    """Duration as the playlist has it (EXTINF)."""
    cadence: Cadence
    packets: int = 0
    packets_corrupt: int = 0
    frames: int = 0
    frames_corrupt: int = 0
    frames_due: int | None = None
    """Frames that the packets must yield; None where frames were skipped on purpose."""
    decode_errors: int = 0
    demux_errors: int = 0
    sound_errors: int = 0

    @property
    def frames_expected(self) -> int | None:
        """Frames in the announced duration at the measured rate."""
        return None if self.cadence.frame_s is None else round(self.announced_s / self.cadence.frame_s)


class _Flags(Protocol):
    """What FFmpeg flags."""

    @property
    def packets_corrupt(self) -> int: ...
    @property
    def frames_corrupt(self) -> int: ...
    @property
    def decode_errors(self) -> int: ...
    @property
    def demux_errors(self) -> int: ...
    @property
    def sound_errors(self) -> int: ...


def flagged(flags: _Flags) -> dict[str, int]:
    """Damage that FFmpeg says itself, by name; known at once, and empty for a sound segment."""
    evidence = {
        "packets_corrupt": flags.packets_corrupt,
        "frames_corrupt": flags.frames_corrupt,
        "decode_errors": flags.decode_errors,
        "demux_errors": flags.demux_errors,
        "sound_errors": flags.sound_errors,
    }
    return {name: count for name, count in evidence.items() if count}


def counted(tally: Tally) -> dict[str, int]:
    """Damage that shows when a whole segment is counted, by name: flags miss one damaged segment in twenty.

    Frames are compared with packets, packets with their own rhythm and with the announced duration.
    """
    evidence = {
        "frames_lost": max(0, (tally.frames_due or 0) - tally.frames),
        "frames_missing": tally.cadence.missing,
        "frames_short": _shortfall(tally),
    }
    return {name: count for name, count in evidence.items() if count}


def _shortfall(tally: Tally) -> int:
    """Packets fewer than the announced duration holds, beyond what encoders and packagers may vary."""
    expected = tally.frames_expected
    if expected is None:
        return 0
    play = max(2.0, 0.05 * expected)
    if float(tally.announced_s).is_integer() and tally.cadence.frame_s:
        play = max(play, 0.5 / tally.cadence.frame_s)  # EXTINF rounded to whole seconds (RFC 8216 §4.3.2.1)
    # By the time that they cover: of variable frame rate, fewer packets than usual are all that there are.
    covered = round((tally.cadence.duration_s or 0.0) / tally.cadence.frame_s) if tally.cadence.frame_s else 0
    short = expected - max(tally.packets, covered)
    return short if short > play else 0
