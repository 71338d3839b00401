"""What one rendition's playlists and exchanges show: new segments and findings. No clock, no IO."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from qoed.errors import ErrorReason, SourceError
from qoed.model import Finding, Reason, Rendition, Severity, WireTimings
from qoed.source.hls.model import MediaPlaylist, MediaSegment
from qoed.source.http import FetchError, FetchKind
from qoed.source.lasting import Lasting
from qoed.source.options import SourceOptions
from qoed.source.timeline import Timeline
from qoed.source.url import file_name, redact

_KEPT_SEQUENCES = 256
_RELOAD_FLOOR_S = 0.25
"""No playlist is polled faster than this, whatever target duration it claims."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A listed segment and its place on the stream's media timeline."""

    segment: MediaSegment
    media_time_s: float


@dataclass(frozen=True, slots=True)
class Listed:
    """What a load of the playlist brought: segments to fetch, in order, and findings."""

    segments: tuple[Placed, ...]
    findings: tuple[Finding, ...]


def reload_delay_s(target_duration_s: float, *, changed: bool) -> float:
    """Seconds from the begin of one load to the next (RFC 8216bis 6.3.4)."""
    return max(target_duration_s if changed else target_duration_s / 2, _RELOAD_FLOOR_S)


def live_start(playlist: MediaPlaylist, start_segments: int | None) -> int:
    """Index of the first segment to play: of VOD the first, of live the last that is far enough from the end.

    RFC 8216bis 6.3.3: not closer to the end than three target durations; a shorter list begins at its begin.
    """
    count = len(playlist.segments)
    if playlist.endlist:
        return 0
    if start_segments is not None:
        return max(count - start_segments, 0)
    left = 0.0
    for index in range(count - 1, -1, -1):
        left += playlist.segments[index].duration_s
        if left >= 3 * playlist.target_duration_s:
            return index
    return 0


class RenditionChecks:
    """Follows one rendition. It outlives a source's restart, so that what began also ends."""

    def __init__(self, stream: str, rendition: Rendition, options: SourceOptions, timeline: Timeline) -> None:
        self._stream = stream
        self._rendition = rendition
        self._options = options
        self._timeline = timeline
        self._lasting = Lasting(stream, rendition.id)
        self._next: int | None = None
        self._media_sequence = 0
        self._seen: OrderedDict[int, tuple[str, datetime | None]] = OrderedDict()
        self._regressed_end: int | None = None
        self._failures = 0
        self._last_new = 0.0
        self._last_load: float | None = None
        self._stale_limit_s = math.inf
        self._media_time_s: float | None = None
        self._samples: deque[tuple[int, float, float]] = deque(maxlen=options.throughput_segments)

    @property
    def stale_at(self) -> float:
        """Monotonic instant at which the playlist turns stale if nothing new is listed; inf: never."""
        return math.inf if Reason.PLAYLIST_STALE in self._lasting else self._last_new + self._stale_limit_s

    def loaded(self, playlist: MediaPlaylist, now: float) -> Listed:
        """Take a playlist that was loaded at `now`, changed or not."""
        self._failures = 0
        findings = self._end(Reason.PLAYLIST_UNAVAILABLE, now, "playlist is available again")
        findings += self._end(Reason.PLAYLIST_INVALID, now, "playlist is valid again")
        self._stale_limit_s = (
            math.inf if playlist.endlist else self._options.stale_limit_s(playlist.target_duration_s)
        )
        fresh, notes, restarted = self._fresh(playlist, now)
        findings += notes
        placed: list[Placed] = []
        for index, segment in enumerate(fresh):
            start = self._timeline.place(self._rendition.id, segment, restarted=restarted and index == 0)
            if start < -segment.duration_s / 2:  # from before the stream's first segment
                continue
            here = Placed(segment, max(start, 0.0))
            self._media_time_s = here.media_time_s
            findings += self._listed(here, playlist)
            if not segment.gap:
                placed.append(here)
        if fresh or self._last_load is None:
            self._last_new = now
        self._last_load = now
        findings += self._staleness(playlist, now, bool(fresh))
        return Listed(tuple(placed), tuple(findings))

    def failed(self, error: SourceError, now: float) -> list[Finding]:
        """Take a load that failed."""
        self._failures += 1
        evidence = _evidence(error)
        if error.reason is ErrorReason.SOURCE_INVALID:
            self._failures = 0
            return self._end(Reason.PLAYLIST_UNAVAILABLE, now, "playlist is available again") + self._start(
                Reason.PLAYLIST_INVALID, now, str(error), **evidence
            )
        if self._failures < self._options.unavailable_after:
            return []
        return self._start(
            Reason.PLAYLIST_UNAVAILABLE,
            now,
            f"playlist unavailable, {error}",
            value=float(self._failures),
            unit="failures",
            **evidence,
        )

    def fetched(self, placed: Placed, timings: WireTimings, now: float) -> list[Finding]:
        """Take a segment that arrived."""
        findings = self._end(Reason.KEY_UNAVAILABLE, now, "segments can be decrypted again")
        limit = placed.segment.duration_s * self._options.segment_slow_factor
        if 0 < limit < timings.total_s:
            findings.append(
                self._event(
                    Reason.SEGMENT_SLOW,
                    Severity.WARNING,
                    placed,
                    f"segment of {placed.segment.duration_s:g} s took {timings.total_s:.2f} s",
                    value=round(timings.total_s, 3),
                    unit="s",
                    ttfb_s=None if timings.ttfb_s is None else round(timings.ttfb_s, 3),
                    bytes=timings.bytes,
                )
            )
        return findings + self._throughput(placed, timings, now)

    def missing(
        self, placed: Placed, error: SourceError, now: float, *, what: str = "segment"
    ) -> list[Finding]:
        """Take a segment, or its init section, that did not come."""
        if isinstance(error, FetchError) and error.kind is FetchKind.QUEUED:
            return [
                self._event(
                    Reason.OVERLOADED,
                    Severity.WARNING,
                    placed,
                    f"{what} not requested, {error}",
                    **_evidence(error),
                )
            ]
        findings = [
            self._event(
                Reason.SEGMENT_MISSING,
                Severity.WARNING,
                placed,
                f"{what} missing, {error}",
                what=what,
                **_evidence(error),
            )
        ]
        if isinstance(error, FetchError) and error.kind is FetchKind.TIMEOUT and error.timings.bytes:
            findings += self._throughput(placed, error.timings, now)
        return findings

    def key_unavailable(self, placed: Placed, error: SourceError, now: float) -> list[Finding]:
        """Take a segment whose key could not be had."""
        return self._start(
            Reason.KEY_UNAVAILABLE, now, str(error), sequence=placed.segment.sequence, **_evidence(error)
        )

    def skipped(self, oldest: Placed, count: int) -> list[Finding]:
        """Take live segments that were passed over, because downloads lag behind the live edge."""
        return [
            self._event(
                Reason.SEGMENT_SLOW,
                Severity.WARNING,
                oldest,
                f"{count} segments skipped: downloads lag behind the live edge",
                value=float(count),
                unit="segments",
                skipped=count,
            )
        ]

    def gone(self, now: float) -> list[Finding]:
        """Take the news that the rendition has ended or left the ladder: nothing stays open."""
        return self._lasting.end_all(now, "rendition is no longer listed")

    # --- the playlist's progress

    def _fresh(
        self, playlist: MediaPlaylist, now: float
    ) -> tuple[tuple[MediaSegment, ...], list[Finding], bool]:
        """Segments not seen before, what is odd about them, and whether sequence numbers began anew."""
        findings: list[Finding] = []
        restarted = False
        expected = self._next
        if expected is not None and playlist.segments and playlist.end_sequence < expected:
            restarted = self._restarted(playlist, now)
            if self._regressed_end is None:
                findings.append(self._regression(playlist, expected - playlist.end_sequence, restarted))
                self._regressed_end = playlist.end_sequence
            if not restarted:
                return (), findings, False
        elif expected is not None and playlist.segments:
            if playlist.media_sequence < self._media_sequence and self._regressed_end is None:
                findings.append(
                    self._regression(playlist, self._media_sequence - playlist.media_sequence, False)
                )
            missed = playlist.media_sequence - expected
            if missed > 0:
                findings.append(self._sequence_gap(playlist, missed, now))
        if not playlist.segments:
            return (), findings, False
        if expected is None or restarted:
            fresh = playlist.segments[live_start(playlist, self._options.start_segments) :]
        else:
            fresh = tuple(segment for segment in playlist.segments if segment.sequence >= expected)
        self._regressed_end = None
        self._media_sequence = playlist.media_sequence
        self._next = playlist.end_sequence
        self._remember(playlist, anew=restarted)
        return fresh, findings, restarted

    def _restarted(self, playlist: MediaPlaylist, now: float) -> bool:
        """True when lower sequence numbers are new content (an encoder began anew), not an older copy.

        Copies agree in name and date-time with what was seen under the same number. A list that agrees, yet
        moves on below the known end for longer than the stale limit, is taken for new as well.
        """
        shared = [segment for segment in playlist.segments if segment.sequence in self._seen]
        if not any(self._seen[segment.sequence] == _identity(segment) for segment in shared):
            return True
        moving = self._regressed_end is not None and playlist.end_sequence > self._regressed_end
        return moving and now - self._last_new > self._stale_limit_s

    def _remember(self, playlist: MediaPlaylist, *, anew: bool) -> None:
        if anew:
            self._seen.clear()
        for segment in playlist.segments[-_KEPT_SEQUENCES:]:
            self._seen[segment.sequence] = _identity(segment)
        while len(self._seen) > _KEPT_SEQUENCES:
            self._seen.popitem(last=False)

    def _staleness(self, playlist: MediaPlaylist, now: float, fresh: bool) -> list[Finding]:
        if fresh or playlist.endlist:
            text = "playlist moves again" if fresh else "playlist has ended"
            return self._end(Reason.PLAYLIST_STALE, now, text)
        age = now - self._last_new
        if age < self._stale_limit_s:
            return []
        return self._start(
            Reason.PLAYLIST_STALE,
            now,
            f"no new segment for {age:.1f} s",
            value=round(age, 3),
            unit="s",
            target_duration_s=playlist.target_duration_s,
            limit_s=self._stale_limit_s,
            media_sequence=playlist.media_sequence,
        )

    # --- findings

    def _regression(self, playlist: MediaPlaylist, back: int, restarted: bool) -> Finding:
        meaning = "sequence begins anew" if restarted else "playlist is older than the one before"
        return Finding(
            stream=self._stream,
            rendition=self._rendition.id,
            reason=Reason.SEQUENCE_REGRESSION,
            severity=Severity.WARNING,
            media_time_s=self._media_time_s,
            value=float(back),
            unit="segments",
            message=f"media sequence runs backwards by {back}: {meaning}",
            evidence={"media_sequence": playlist.media_sequence, "restarted": restarted},
        )

    def _sequence_gap(self, playlist: MediaPlaylist, missed: int, now: float) -> Finding:
        since = None if self._last_load is None else round(now - self._last_load, 3)
        return Finding(
            stream=self._stream,
            rendition=self._rendition.id,
            reason=Reason.SEQUENCE_GAP,
            severity=Severity.WARNING,
            media_time_s=self._media_time_s,
            value=float(missed),
            unit="segments",
            message=f"{missed} segments were never listed",
            evidence={"media_sequence": playlist.media_sequence, "since_last_load_s": since},
        )

    def _listed(self, placed: Placed, playlist: MediaPlaylist) -> list[Finding]:
        segment, findings = placed.segment, []
        if segment.discontinuity:
            findings.append(self._event(Reason.DISCONTINUITY, Severity.INFO, placed, "discontinuity"))
        if segment.gap:
            findings.append(
                self._event(
                    Reason.SEGMENT_GAP, Severity.WARNING, placed, "packager marks the segment as a gap"
                )
            )
        # RFC 8216bis 4.4.3.1: EXTINF, rounded to the nearest integer, must not exceed the target duration.
        if math.floor(segment.duration_s + 0.5) > playlist.target_duration_s:
            findings.append(
                self._event(
                    Reason.DURATION_OFF,
                    Severity.WARNING,
                    placed,
                    f"EXTINF {segment.duration_s:g} s exceeds the target duration"
                    f" of {playlist.target_duration_s:g} s",
                    value=segment.duration_s,
                    unit="s",
                    target_duration_s=playlist.target_duration_s,
                )
            )
        return findings

    def _throughput(self, placed: Placed, timings: WireTimings, now: float) -> list[Finding]:
        """Payload rate over the last few segments, without connection set-up and first-byte wait."""
        seconds = timings.download_s if timings.download_s is not None else timings.total_s
        self._samples.append((timings.bytes, max(seconds, 1e-3), placed.segment.duration_s))
        if len(self._samples) < self._options.throughput_segments:
            return []
        size = sum(sample[0] for sample in self._samples)
        measured = size * 8 / sum(sample[1] for sample in self._samples)
        played = sum(sample[2] for sample in self._samples)
        needed = self._rendition.bandwidth_bps or (size * 8 / played if played else None)
        if needed is None:
            return []
        if measured < needed * self._options.throughput_low_factor:
            return self._start(
                Reason.THROUGHPUT_LOW,
                now,
                f"{measured / 1e6:.2f} Mbit/s arrive where {needed / 1e6:.2f} Mbit/s are needed",
                severity=Severity.WARNING,
                value=round(measured),
                unit="bit/s",
                needed_bps=round(needed),
            )
        if measured >= needed * self._options.throughput_clear_factor:
            return self._end(Reason.THROUGHPUT_LOW, now, "throughput suffices again")
        return []

    def _event(
        self,
        reason: Reason,
        severity: Severity,
        placed: Placed,
        message: str,
        *,
        value: float | None = None,
        unit: str | None = None,
        **evidence: Any,
    ) -> Finding:
        where = {"sequence": placed.segment.sequence, "url": redact(placed.segment.uri)}
        return Finding(
            stream=self._stream,
            rendition=self._rendition.id,
            reason=reason,
            severity=severity,
            media_time_s=placed.media_time_s,
            value=value,
            unit=unit,
            message=message,
            evidence=where | evidence,
        )

    def _start(self, reason: Reason, now: float, message: str, **more: Any) -> list[Finding]:
        return self._lasting.start(reason, now, message, media_time_s=self._media_time_s, **more)

    def _end(self, reason: Reason, now: float, message: str) -> list[Finding]:
        return self._lasting.end(reason, now, message, media_time_s=self._media_time_s)


def _identity(segment: MediaSegment) -> tuple[str, datetime | None]:
    """What stays the same in copies of a playlist from another host or with another token."""
    return file_name(segment.uri), segment.program_date_time


def _evidence(error: SourceError) -> dict[str, Any]:
    if not isinstance(error, FetchError):
        return {"error": error.reason.value}
    return {"error": error.kind.value, "status": error.status}
