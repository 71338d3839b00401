"""What two loads both list must be the same segments (RFC 8216bis 6.2.1, 6.2.2). No clock, no IO."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qoed.model import Finding, Reason
from qoed.source.hls.model import MediaPlaylist, MediaSegment
from qoed.source.report import Report
from qoed.source.url import file_name, redact

_MOST_PAIRS = 512
_SAME_DURATION_S = 0.001
_SAME_DATE_S = 0.05

Pair = tuple[MediaSegment, MediaSegment]
"""One sequence number in the load before and in this one."""


class Overlap:
    """Compares each load with the one before.

    Names that all change at once while durations stay may be tokens in file names: such a change is told
    only when the load after it keeps the new names, and never where names change with every load.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._doubt: tuple[Reason, str, dict[str, Any]] | None = None
        self._rotating = False

    def forget(self) -> None:
        """Sequence numbers began anew: there is nothing to compare with."""
        self._doubt = None

    def take(self, before: MediaPlaylist, after: MediaPlaylist, now: float) -> list[Finding]:
        """Findings of what `before` and `after` list under the same numbers."""
        held, self._doubt = self._doubt, None
        pairs = _pairs(before, after)
        if not pairs:
            return self._recount(before.discontinuity_sequence, after.discontinuity_sequence, after, now)
        replaced = [pair for pair in pairs if not _same(*pair)]
        if replaced:
            verdict = _verdict(replaced, moved=after.media_sequence != before.media_sequence)
            if len(replaced) < len(pairs) or not _may_be_renamed(pairs) or _shifted(before, pairs):
                return self._tell(verdict, now)
            if held is not None:
                self._rotating = True
            elif not self._rotating and not _dates_agree(pairs):
                self._doubt = verdict
            return []
        if held is not None:
            return self._tell(held, now)
        return self._discontinuities(pairs, after, now)

    def _discontinuities(self, pairs: Sequence[Pair], after: MediaPlaylist, now: float) -> list[Finding]:
        was, is_ = pairs[0]
        if was.discontinuity_sequence != is_.discontinuity_sequence:
            off = is_.discontinuity_sequence - was.discontinuity_sequence
            return self._report.rarely(
                Reason.DISCONTINUITY_SEQUENCE,
                now,
                f"segment {is_.sequence} was in discontinuity {was.discontinuity_sequence}"
                f" and is now in {is_.discontinuity_sequence}",
                value=float(off),
                unit="discontinuities",
                sequence=is_.sequence,
                discontinuity_sequence=after.discontinuity_sequence,
            )
        moved = next((p for p in pairs if p[0].discontinuity_sequence != p[1].discontinuity_sequence), None)
        if moved is None:
            return []
        verb = "gained" if moved[1].discontinuity else "lost"
        return self._report.rarely(
            Reason.PLAYLIST_REWRITTEN,
            now,
            f"listed segment {moved[1].sequence} {verb} its discontinuity",
            value=1.0,
            unit="segments",
            sequence=moved[1].sequence,
        )

    def _recount(self, was: int, is_: int, after: MediaPlaylist, now: float) -> list[Finding]:
        if is_ >= was:
            return []
        return self._report.rarely(
            Reason.DISCONTINUITY_SEQUENCE,
            now,
            f"EXT-X-DISCONTINUITY-SEQUENCE ran backwards from {was} to {is_}",
            value=float(is_ - was),
            unit="discontinuities",
            sequence=after.media_sequence,
            discontinuity_sequence=is_,
        )

    def _tell(self, verdict: tuple[Reason, str, dict[str, Any]], now: float) -> list[Finding]:
        reason, message, more = verdict
        return self._report.rarely(reason, now, message, **more)


def _pairs(before: MediaPlaylist, after: MediaPlaylist) -> list[Pair]:
    """What both list, in order, complete segments only; of long lists the end."""
    first = max(before.media_sequence, after.media_sequence)
    count = min(before.end_sequence, after.end_sequence) - first
    if count <= 0:
        return []
    first, count = first + max(count - _MOST_PAIRS, 0), min(count, _MOST_PAIRS)
    old = before.segments[first - before.media_sequence :][:count]
    new = after.segments[first - after.media_sequence :][:count]
    return list(zip(old, new, strict=True))


def _same(was: MediaSegment, is_: MediaSegment) -> bool:
    if was.byte_range != is_.byte_range:
        return False
    return was.uri == is_.uri or file_name(was.uri) == file_name(is_.uri)


def _may_be_renamed(pairs: Sequence[Pair]) -> bool:
    """Whether durations and dates allow that the segments are the same under other names."""
    for was, is_ in pairs:
        if was.byte_range != is_.byte_range or abs(was.duration_s - is_.duration_s) > _SAME_DURATION_S:
            return False
        apart = _dates_apart(was, is_)
        if apart is not None and apart > _SAME_DATE_S:
            return False
    return True


def _shifted(before: MediaPlaylist, pairs: Sequence[Pair]) -> bool:
    """Whether segments stand under other numbers than before."""
    names = {file_name(segment.uri) for segment in before.segments[-_MOST_PAIRS:]}
    # One name for all, with tokens in the query, shifts no more than it stays.
    return len(names) > 1 and any(file_name(is_.uri) in names for _, is_ in pairs)


def _dates_agree(pairs: Sequence[Pair]) -> bool:
    """Whether dates show that the segments are the same."""
    return all(_dates_apart(*pair) is not None for pair in pairs)


def _dates_apart(was: MediaSegment, is_: MediaSegment) -> float | None:
    if was.program_date_time is None or is_.program_date_time is None:
        return None
    return abs((is_.program_date_time - was.program_date_time).total_seconds())


def _verdict(replaced: Sequence[Pair], *, moved: bool) -> tuple[Reason, str, dict[str, Any]]:
    was, is_ = replaced[0]
    expected, found = file_name(redact(was.uri)), file_name(redact(is_.uri))
    more = {
        "value": float(len(replaced)),
        "unit": "segments",
        "sequence": is_.sequence,
        "expected": expected,
        "found": found,
    }
    if moved:
        text = f"segment {is_.sequence} is {found} where {expected} was due: the window moved otherwise"
        return Reason.SEGMENT_CONTINUITY, text, more
    text = f"segment {is_.sequence} was {expected} and is now {found}"
    return Reason.PLAYLIST_REWRITTEN, text, more
