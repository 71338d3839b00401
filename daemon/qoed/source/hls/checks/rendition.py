"""What one rendition's playlists and exchanges show: new segments and findings. No clock, no IO."""

from __future__ import annotations

import math

from qoed.errors import SourceError
from qoed.model import Finding, Reason, Rendition
from qoed.source.exchange import Asked, ExchangeChecks, PlaylistExchange, error_evidence
from qoed.source.hls.checks.context import Context
from qoed.source.hls.checks.date_ranges import DateRangeChecks
from qoed.source.hls.checks.ladder import LadderChecks
from qoed.source.hls.checks.low_latency import LowLatencyChecks
from qoed.source.hls.checks.moves import Moves, Step
from qoed.source.hls.checks.placed import Listed, Placed
from qoed.source.hls.checks.says import PlaylistChecks
from qoed.source.hls.checks.segments import SegmentChecks
from qoed.source.hls.load import Load
from qoed.source.hls.model import MediaPlaylist, Part, PreloadHint
from qoed.source.http import Fetched, FetchError, FetchKind
from qoed.source.options import SourceOptions
from qoed.source.report import Report
from qoed.source.stale import stands_still
from qoed.source.timeline import Timeline
from qoed.source.url import redact


class RenditionChecks:
    """Follows one rendition. It outlives a source's restart, so that what began also ends.

    `uri` is that of its media playlist, by which others report on it.
    """

    def __init__(
        self,
        stream: str,
        rendition: Rendition,
        options: SourceOptions,
        timeline: Timeline,
        *,
        ladder: LadderChecks | None = None,
        uri: str = "",
    ) -> None:
        self._rendition = rendition
        self._options = options
        self._timeline = timeline
        self._ladder = ladder or LadderChecks(stream, options)
        self._uri = redact(uri)
        self._report = report = Report(stream, rendition.id, options.checks)
        self._exchange = ExchangeChecks(stream, rendition, options, report.lasting)
        self._loads = PlaylistExchange(options, report.lasting)
        self._moves = Moves(report, options, low_latency=options.low_latency)
        self._playlist = PlaylistChecks(report)
        self._segments = SegmentChecks(report)
        self._date_ranges = DateRangeChecks(report)
        self._low_latency = LowLatencyChecks(report)
        self._context = Context(report, self._ladder.ads, self._ladder.slates)
        self._last_new = 0.0
        self._loaded_once = False
        self._stale_limit_s = math.inf
        self._begun = -1
        """The newest segment, complete or not, of which its begin was told."""

    @property
    def stale_at(self) -> float:
        """Monotonic instant at which something is missing if nothing new is listed by then; inf: never.

        Call `loaded` with the same playlist then: it, or its parts, are late.
        """
        stale = self._last_new + self._stale_limit_s
        return min(
            math.inf if Reason.PLAYLIST_STALE in self._report.lasting else stale, self._low_latency.late_at
        )

    def loaded(self, playlist: MediaPlaylist, now: float, load: Load | None = None) -> Listed:
        """Take a playlist that was loaded at `now`, changed or not; `load`: how it came."""
        self._report.new_load()
        target = None if playlist.endlist else playlist.target_duration_s
        asked = load is not None and load.asked is not None
        took = None if load is None or asked else load.timings.total_s
        findings = self._loads.loaded(
            now, took_s=took, target_s=target, media_time_s=self._report.media_time_s
        )
        self._stale_limit_s = math.inf if target is None else self._options.stale_limit_s(target)
        step = self._moves.take(playlist, now, stuck=now - self._last_new > self._stale_limit_s)
        findings += step.findings
        placed: list[Placed] = []
        opened = None
        if not step.old:
            placed, opened, more = self._place(playlist, step, now)
            findings += more
        if step.fresh or not self._loaded_once:
            self._last_new = now
        self._loaded_once = True
        findings += self._staleness(playlist, now, fresh=bool(step.fresh))
        if not step.old:
            findings += self._low_latency.take(playlist, now, load, restarted=step.restarted)
        wanted = tuple(one for one in placed if not one.segment.gap)
        return Listed(wanted, tuple(findings), opened, step.restarted)

    def failed(self, error: SourceError, now: float) -> list[Finding]:
        """Take a load that failed."""
        self._low_latency.interrupted()
        return self._loads.failed(error, now, media_time_s=self._report.media_time_s)

    def fetched(
        self, placed: Placed, fetched: Fetched, now: float, *, data: bytes | None = None
    ) -> list[Finding]:
        """Take a segment that arrived; `data`: its decrypted bytes."""
        slate = self._ladder.slates.covers(placed.media_time_s)
        return self._exchange.arrived(_asked(placed), fetched, now, data=data, slate=slate)

    def part_fetched(
        self, placed: Placed, part: Part, fetched: Fetched, now: float, *, held: bool = False
    ) -> list[Finding]:
        """Take a part, or several at once; `held`: it was asked for by a hint, before it was made."""
        slate = self._ladder.slates.covers(placed.media_time_s)
        return self._exchange.arrived(_asked(placed, part), fetched, now, held=held, slate=slate)

    def missing(
        self, placed: Placed, error: SourceError, now: float, *, what: str = "segment"
    ) -> list[Finding]:
        """Take a segment, or its init section, that did not come."""
        return self._exchange.missing(_asked(placed), error, now, what=what)

    def part_missing(self, placed: Placed, part: Part, error: SourceError, now: float) -> list[Finding]:
        """Take a listed part that did not come."""
        asked = _asked(placed, part)
        return self._exchange.missing(asked, error, now, what="part", reason=Reason.PART_MISSING)

    def hint_missing(self, hint: PreloadHint, error: SourceError, now: float) -> list[Finding]:
        """Take a hinted part that did not come."""
        if isinstance(error, FetchError) and error.kind is FetchKind.QUEUED:
            return self._report.event(Reason.OVERLOADED, f"part not requested, {error}")
        return self._report.rarely(
            Reason.PART_MISSING,
            now,
            f"hinted part missing, {error}",
            what="hint",
            url=redact(hint.uri),
            **error_evidence(error),
        )

    def delta_invalid(self, why: str, now: float) -> list[Finding]:
        """Take a delta update that does not go on from what was listed."""
        return self._report.rarely(Reason.DELTA_UPDATE_INVALID, now, f"delta update invalid, {why}")

    def key_unavailable(self, placed: Placed, error: SourceError, now: float) -> list[Finding]:
        """Take a segment whose key could not be had."""
        return self._exchange.key_unavailable(_asked(placed), error, now)

    def skipped(self, oldest: Placed, count: int, *, unit: str = "segments") -> list[Finding]:
        """Take live segments or parts that were passed over, because downloads lag behind the live edge."""
        return self._exchange.skipped(_asked(oldest), count, unit=unit)

    def gone(self, now: float) -> list[Finding]:
        """Take the news that the rendition has ended or left the ladder: nothing stays open."""
        findings = self._report.lasting.end_all(now, "rendition is no longer listed")
        return findings + self._ladder.gone(self._rendition.id, now)

    # --- one load

    def _place(
        self, playlist: MediaPlaylist, step: Step, now: float
    ) -> tuple[list[Placed], Placed | None, list[Finding]]:
        """New segments at their places, the one still being made, and what all of it shows."""
        findings: list[Finding] = []
        placed: list[Placed] = []
        if step.restarted:
            self._segments.forget()
            self._begun = -1
            findings += self._ladder.restarted(self._rendition.id, now)
        self._context.listed(playlist)
        starts: list[float] = []
        for index, segment in enumerate(step.fresh):
            start = self._timeline.place(self._rendition.id, segment, restarted=step.restarted and index == 0)
            starts.append(start)
            if start < -segment.duration_s / 2:  # from before the stream's first segment
                continue
            one = Placed(segment, max(start, 0.0))
            placed.append(one)
            findings += self._begin(one, playlist)
            findings += self._segments.listed(segment, playlist, one.media_time_s)
        opened = self._opened(playlist, step)
        if opened is not None:
            findings += self._begin(opened, playlist)
        if playlist is not step.before:
            findings += self._playlist.take(playlist, now, restarted=step.restarted)
            findings += self._date_ranges.take(playlist)
        if not self._rendition.audio_only:
            listed = list(zip(step.fresh, starts, strict=True))
            findings += self._ladder.loaded(self._report, self._uri, playlist, listed, now)
        if playlist.endlist and placed:
            last = placed[-1]
            findings += self._context.ended(last.media_time_s + last.segment.duration_s)
        return placed, opened, findings

    def _opened(self, playlist: MediaPlaylist, step: Step) -> Placed | None:
        """The last segment while it is being made, once the rendition has been joined before it."""
        if not playlist.segments or playlist.segments[-1].complete:
            return None
        segment = playlist.segments[-1]
        start = self._timeline.place(self._rendition.id, segment, restarted=step.restarted and not step.fresh)
        return Placed(segment, max(start, 0.0)) if start >= -segment.duration_s / 2 else None

    def _begin(self, placed: Placed, playlist: MediaPlaylist) -> list[Finding]:
        """What a segment's begin tells, once: it is listed when it is begun and again when it is complete."""
        self._report.media_time_s = placed.media_time_s
        if placed.segment.sequence <= self._begun:
            return []
        self._begun = placed.segment.sequence
        findings = self._segments.begun(placed.segment, placed.media_time_s)
        return findings + self._context.take(placed.segment, playlist, placed.media_time_s)

    def _staleness(self, playlist: MediaPlaylist, now: float, *, fresh: bool) -> list[Finding]:
        if fresh or playlist.endlist:
            text = "playlist moves again" if fresh else "playlist has ended"
            return self._report.end(Reason.PLAYLIST_STALE, now, text)
        return stands_still(
            self._report,
            now,
            since=self._last_new,
            limit_s=self._stale_limit_s,
            target_s=playlist.target_duration_s,
            media_sequence=playlist.media_sequence,
        )


def _asked(placed: Placed, part: Part | None = None) -> Asked:
    segment = placed.segment
    if part is None:
        return Asked(
            sequence=segment.sequence,
            url=segment.uri,
            duration_s=segment.duration_s,
            media_time_s=placed.media_time_s,
            discontinuity=segment.discontinuity,
        )
    before = sum(one.duration_s for one in segment.parts if one.index < part.index)
    return Asked(
        sequence=segment.sequence,
        url=part.uri,
        duration_s=part.duration_s,
        media_time_s=placed.media_time_s + before,
        discontinuity=segment.discontinuity and part.index == 0,
        part=True,
    )
