"""What one rendition's segments show, beyond what any exchange shows. No clock, no IO."""

from __future__ import annotations

from qoed.errors import SourceError
from qoed.model import Finding, Reason, Rendition
from qoed.source.dash.addressing import listed_start_s
from qoed.source.dash.presentation import Presentation, Step
from qoed.source.exchange import Asked, ExchangeChecks
from qoed.source.http import Fetched, FetchError, FetchKind
from qoed.source.options import SourceOptions
from qoed.source.report import Report


class ProtectedError(SourceError):
    """Segments are encrypted by a DRM system, whose keys are not for monitors."""


class RenditionChecks:
    """Follows one rendition. It outlives a source's restart, so that what began also ends."""

    def __init__(self, stream: str, rendition: Rendition, options: SourceOptions) -> None:
        self._report = Report(stream, rendition.id, options.checks)
        self._exchange = ExchangeChecks(stream, rendition, options, self._report.lasting)
        self._joined_at: float | None = None
        self._listed_s: float | None = None
        self._live = False
        self.count = 0
        """Segments asked for so far."""
        self.reached_s: float | None = None
        """Where the newest segment that was asked for ends, on the presentation's line."""
        self.period_limit_s = options.checks.limit(Reason.PERIOD_GAP)

    @property
    def media_time_s(self) -> float | None:
        """Where the rendition stands on the stream's media timeline."""
        return self._report.media_time_s

    @media_time_s.setter
    def media_time_s(self, at_s: float) -> None:
        self._report.media_time_s = at_s

    def joined(self) -> None:
        """Take the begin of a run."""
        self._joined_at = None

    def joined_at(self, now: float) -> float:
        """When the first segment of this run was asked for: what had waited before is no lag of ours."""
        if self._joined_at is None:
            self._joined_at = now
        return self._joined_at

    def follows(
        self, presentation: Presentation, last: Step | None, step: Step, cursor_s: float
    ) -> list[Finding]:
        """Take the segment that is next in the MPD, where `cursor_s` was to be reached."""
        self._exchange.rendition = step.track.rendition
        self._live = presentation.live
        known, self._listed_s = self._listed_s, presentation.listed_s(step.track.rendition.id)
        gap = step.at_s - cursor_s
        if last is None or gap <= step.segment.duration_s / 2:
            return []
        if last.track.period.id != step.track.period.id:
            departs = abs(step.track.period.departs_s) > self.period_limit_s
            if gap <= self.period_limit_s or departs:  # the MPD's own word is told where it is read
                return []
            return self._report.event(
                Reason.PERIOD_GAP,
                f"the media of Period {last.track.period.id[:64]} end {gap:.3g} s before"
                f" Period {step.track.period.id[:64]} begins",
                value=round(gap, 3),
                unit="s",
                period=step.track.period.id[:64],
            )
        begin = listed_start_s(step.track.representation, step.track.period)
        first = begin is not None and abs(presentation.origin_s + begin - step.at_s) < 1e-3
        if not first or (known is not None and known >= step.at_s - 1e-3):
            return []  # a hole within the list is told where the list is read
        missed = max(round(gap / max(step.segment.duration_s, 1e-3)), 1)
        if missed <= self._report.checks.limit(Reason.SEQUENCE_GAP):
            return []
        return self._report.event(
            Reason.SEQUENCE_GAP,
            f"{missed} segments were never listed",
            value=float(missed),
            unit="segments",
            sequence=step.segment.number,
        )

    def arrived(self, step: Step, asked: Asked, fetched: Fetched, now: float) -> list[Finding]:
        """Take a segment that arrived in the clear."""
        self._exchange.rendition = step.track.rendition
        return self._exchange.arrived(asked, fetched, now)

    def missing(
        self, step: Step, asked: Asked, error: SourceError, now: float, *, what: str
    ) -> list[Finding]:
        """Take a segment, its init section or its index that did not come."""
        status = error.status if isinstance(error, FetchError) and error.kind is FetchKind.STATUS else None
        refused = status is not None and 400 <= status < 500 and what == "segment"
        reason = Reason.SEGMENT_UNAVAILABLE if refused and self._live else Reason.SEGMENT_MISSING
        return self._exchange.missing(asked, error, now, what=what, reason=reason)

    def protected(self, asked: Asked, protection: str, now: float) -> list[Finding]:
        """Take a segment that arrived and cannot be decrypted."""
        error = ProtectedError(f"segments are encrypted for DRM ({protection}), which qoed does not decrypt")
        return self._exchange.key_unavailable(asked, error, now)

    def skipped(self, step: Step, oldest: Asked, count: int) -> list[Finding]:
        """Take live segments that were passed over."""
        self._exchange.rendition = step.track.rendition
        return self._exchange.skipped(oldest, count)

    def gone(self, now: float) -> list[Finding]:
        """Take the news that the rendition has ended or is no longer listed: nothing stays open."""
        return self._report.lasting.end_all(now, "rendition is no longer listed")
