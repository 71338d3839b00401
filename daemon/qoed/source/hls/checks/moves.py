"""How a playlist moves from load to load: what is new, and what a server may not do. No clock, no IO."""

from __future__ import annotations

from dataclasses import dataclass

from qoed.model import Finding, Reason
from qoed.source.hls.checks.changes import changes
from qoed.source.hls.checks.history import History
from qoed.source.hls.checks.overlap import Overlap
from qoed.source.hls.live_start import live_start
from qoed.source.hls.model import MediaPlaylist, MediaSegment
from qoed.source.options import SourceOptions
from qoed.source.report import Report

_MAX_HOLE_S = 600.0
"""Numbers that leap further than this in media, and in time, began anew."""
_AWAY_TARGETS = 3.0
"""A load as late as this, and as late as the whole window is long, may miss segments by itself."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a load brought: `fresh` complete segments. Of an `old` copy nothing counts."""

    fresh: tuple[MediaSegment, ...]
    findings: list[Finding]
    old: bool = False
    restarted: bool = False
    """Sequence numbers began anew."""
    before: MediaPlaylist | None = None
    """The load before; None: there was none, or it says nothing about this one."""


class Moves:
    """Follows the media sequence of one playlist."""

    def __init__(self, report: Report, options: SourceOptions, *, low_latency: bool = False) -> None:
        self._report = report
        self._options = options
        self._low_latency = low_latency
        self._overlap = Overlap(report)
        self._history = History()
        self._before: MediaPlaylist | None = None
        self._looked_at = 0.0
        self._regressed_end: int | None = None
        self._ended = False

    def take(self, playlist: MediaPlaylist, now: float, *, stuck: bool) -> Step:
        """Take a load. `stuck`: nothing new has been listed for longer than a live playlist may stand."""
        before, away_s = self._before, now - self._looked_at
        self._looked_at = now
        if before is None:
            if playlist.segments:
                self._accept(playlist, _complete(playlist.segments))
                return Step(self._joined(playlist), [])
            return Step((), [])
        if not playlist.segments or playlist is before:
            return Step((), [], old=not playlist.segments, before=before)
        findings: list[Finding] = []
        restarted = False
        if playlist.end_sequence < before.end_sequence:
            restarted = self._began_anew(playlist, stuck=stuck)
            if self._regressed_end is None:
                findings += self._backwards(before, playlist, now, restarted=restarted)
                self._regressed_end = playlist.end_sequence
            if not restarted:
                return Step((), findings, old=True, before=before)
        elif playlist.media_sequence < before.media_sequence and self._regressed_end is None:
            findings += self._backwards(before, playlist, now, restarted=False)
        missed = playlist.media_sequence - before.end_sequence
        if missed > 0:
            hole_s = missed * playlist.target_duration_s
            restarted = hole_s > _MAX_HOLE_S and hole_s > 2 * away_s
            findings += self._gap(before, playlist, missed, away_s, restarted=restarted)
        if restarted:
            self._overlap.forget()
            self._history.clear()
            self._ended = False
            fresh = self._joined(playlist)
        else:
            findings += self._after_end(before, playlist, now)
            if missed <= 0:
                findings += self._overlap.take(before, playlist, now)
            new = max(before.end_sequence - playlist.media_sequence, 0)
            fresh = _complete(playlist.segments[new:])
        findings += changes(self._report, before, playlist, now)
        self._accept(playlist, _complete(playlist.segments) if restarted else fresh)
        return Step(fresh, findings, restarted=restarted, before=None if restarted else before)

    def _accept(self, playlist: MediaPlaylist, new: tuple[MediaSegment, ...]) -> None:
        self._history.note(new)
        self._before = playlist
        self._regressed_end = None
        self._ended = self._ended or playlist.endlist

    def _joined(self, playlist: MediaPlaylist) -> tuple[MediaSegment, ...]:
        start = live_start(playlist, self._options.start_segments, low_latency=self._low_latency)
        return _complete(playlist.segments[start:])

    def _began_anew(self, playlist: MediaPlaylist, *, stuck: bool) -> bool:
        """True when lower sequence numbers are new content (an encoder began anew), not an older copy.

        Copies agree in name and date-time with what was seen under the same number. A list that agrees, yet
        moves on below the known end for longer than the stale limit, is taken for new as well.
        """
        if not any(self._history.agrees(segment) for segment in _complete(playlist.segments)):
            return True
        moving = self._regressed_end is not None and playlist.end_sequence > self._regressed_end
        return moving and stuck

    def _backwards(
        self, before: MediaPlaylist, playlist: MediaPlaylist, now: float, *, restarted: bool
    ) -> list[Finding]:
        vanished = before.end_sequence - playlist.end_sequence
        back = vanished if vanished > 0 else before.media_sequence - playlist.media_sequence
        evidence = {"media_sequence": playlist.media_sequence, "restarted": restarted}
        if restarted:
            return self._report.event(
                Reason.SEQUENCE_REGRESSION,
                f"media sequence runs backwards by {back}: sequence begins anew",
                value=float(back),
                unit="segments",
                **evidence,
            )
        if playlist.media_sequence >= before.media_sequence:
            return self._report.rarely(
                Reason.PLAYLIST_SHRUNK,
                now,
                f"{vanished} segments vanished from the end of the playlist",
                value=float(vanished),
                unit="segments",
                media_sequence=playlist.media_sequence,
            )
        return self._report.rarely(
            Reason.SEQUENCE_REGRESSION,
            now,
            f"media sequence runs backwards by {back}: playlist is older than the one before",
            value=float(back),
            unit="segments",
            **evidence,
        )

    def _gap(
        self, before: MediaPlaylist, playlist: MediaPlaylist, missed: int, away_s: float, *, restarted: bool
    ) -> list[Finding]:
        """Segments that were never listed while we looked often enough."""
        window_s = sum(segment.duration_s for segment in before.segments)
        if away_s >= max(window_s, _AWAY_TARGETS * playlist.target_duration_s) and not restarted:
            return []
        if missed <= self._report.checks.limit(Reason.SEQUENCE_GAP):
            return []
        evidence = {"media_sequence": playlist.media_sequence, "since_last_load_s": round(away_s, 3)}
        text = f"{missed} segments were never listed"
        if restarted:
            text = f"media sequence leaps ahead by {missed}: sequence begins anew"
            evidence["restarted"] = True
        return self._report.event(Reason.SEQUENCE_GAP, text, value=float(missed), unit="segments", **evidence)

    def _after_end(self, before: MediaPlaylist, playlist: MediaPlaylist, now: float) -> list[Finding]:
        """What follows EXT-X-ENDLIST. An equal list without the tag may be a copy from before: not told."""
        added = playlist.end_sequence - before.end_sequence
        if not self._ended or added <= 0:
            return []
        self._ended = False
        return self._report.rarely(
            Reason.ENDLIST_VIOLATED,
            now,
            f"playlist went on by {added} segments after EXT-X-ENDLIST",
            value=float(added),
            unit="segments",
            media_sequence=playlist.media_sequence,
        )


def _complete(segments: tuple[MediaSegment, ...]) -> tuple[MediaSegment, ...]:
    """Without the one that is still being made."""
    return segments if not segments or segments[-1].complete else segments[:-1]
