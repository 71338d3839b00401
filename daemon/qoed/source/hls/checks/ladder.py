"""What holds between the renditions of a stream, and what is the stream's as a whole. No clock, no IO."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qoed.model import Finding, Reason
from qoed.source.alignment import KEPT, Alignment, Begin
from qoed.source.hls.checks.agreement import Agreement
from qoed.source.hls.checks.low_latency import newest_part
from qoed.source.hls.checks.seams import Seams
from qoed.source.hls.model import MediaPlaylist, MediaSegment, MultivariantPlaylist
from qoed.source.options import SourceOptions
from qoed.source.report import Report
from qoed.source.spans import Spans
from qoed.source.url import redact

_REPORT_STEADY = 2
"""A rendition report must disagree so many loads in a row."""


@dataclass(frozen=True, slots=True)
class _Newest:
    """How far a rendition was at its last load."""

    uri: str
    end_sequence: int
    part: tuple[int, int]
    duration_s: float
    at: float


class LadderChecks:
    """Fed by the checks of each rendition; outlives a source's restart, as they do.

    Renditions of sound alone may be cut otherwise: they are not compared.
    """

    def __init__(self, stream: str, options: SourceOptions) -> None:
        checks = options.checks
        self._checks = checks
        self._report = Report(stream, None, checks)
        self._alignment = Alignment(stream, checks)
        self._seams = Seams(stream, checks)
        self._targets = Agreement(self._report, Reason.VARIANT_TARGET_DURATION, "target duration")
        self._types = Agreement(self._report, Reason.VARIANT_PLAYLIST_TYPE, "playlist type")
        self.ads = Spans(stream, Reason.AD_BREAK, checks)
        self.slates = Spans(stream, Reason.SLATE, checks)
        self._newest: dict[str, _Newest] = {}
        self._disagreeing: dict[str, int] = {}

    def multivariant(self, playlist: MultivariantPlaylist, now: float) -> list[Finding]:
        """Take the multivariant playlist."""
        problems = playlist.problems
        return self._report.last(
            Reason.RENDITION_GROUP_INVALID,
            now,
            problems[0] if problems else None,
            "the groups are as they should be",
            value=float(len(problems)),
            unit="problems",
        )

    def loaded(
        self,
        report: Report,
        uri: str,
        playlist: MediaPlaylist,
        fresh: Sequence[tuple[MediaSegment, float]],
        now: float,
    ) -> list[Finding]:
        """A rendition was loaded from `uri` (redacted); `fresh`: new segments with their media times.

        Media time is below zero of what is from before the stream's first segment.
        """
        name, ended = report.rendition or "", playlist.endlist
        # Renditions of VOD have their begin in common, of live their end.
        some = fresh[:KEPT] if ended else fresh[-KEPT:]
        begins = [
            Begin(at_s, segment.duration_s, _date_s(segment), segment.sequence) for segment, at_s in some
        ]
        findings = self._alignment.listed(name, begins, now, ended=ended)
        findings += self._seams.listed(name, fresh, now, ended=ended)
        findings += self._targets.take(name, f"{playlist.target_duration_s:g} s", now, settled=ended)
        findings += self._types.take(name, playlist.playlist_type or "none", now, settled=ended)
        findings += self._reports(report, playlist, now)
        self._newest[name] = _Newest(
            uri, playlist.end_sequence, newest_part(playlist), playlist.target_duration_s, now
        )
        return findings

    def restarted(self, rendition: str, now: float) -> list[Finding]:
        """A rendition's timeline began anew."""
        self._seams.gone(rendition)
        return self._alignment.forget(rendition, now)

    def gone(self, rendition: str, now: float) -> list[Finding]:
        """A rendition has ended or left the ladder; with the last one nothing of the stream stays open."""
        self._seams.gone(rendition)
        self._newest.pop(rendition, None)
        self._disagreeing.pop(rendition, None)
        findings = self._alignment.gone(rendition, now)
        findings += self._targets.gone(rendition, now)
        findings += self._types.gone(rendition, now)
        if not self._newest:
            findings += self._report.lasting.end_all(now, "the stream has ended")
            findings += self.ads.abandon() + self.slates.abandon()
        return findings

    def _reports(self, report: Report, playlist: MediaPlaylist, now: float) -> list[Finding]:
        """EXT-X-RENDITION-REPORT against what the reported renditions themselves have listed."""
        if not playlist.reports or not self._checks.on(Reason.RENDITION_REPORT_OFF):
            return []
        name = report.rendition or ""
        by_uri = {newest.uri: (id_, newest) for id_, newest in self._newest.items() if id_ != name}
        reported = {redact(one.uri): one for one in playlist.reports}
        limit = self._checks.limit(Reason.RENDITION_REPORT_OFF)
        wrong = None
        off = 0.0
        for uri, (id_, newest) in by_uri.items():
            one = reported.get(uri)
            if one is None:
                wrong = f"no rendition report for {id_}"
                continue
            # RFC 8216bis 4.4.5.4: LAST-MSN is that of the last segment, or of the last one begun.
            end = playlist.end_sequence if one.last_msn is None else one.last_msn + 1
            since = (now - newest.at) / (newest.duration_s or 1.0) + 1
            behind = newest.end_sequence - end
            ahead = end - max(newest.end_sequence, newest.part[0] + 1) - since
            off = max(behind, ahead)
            if off > limit:
                wrong = f"the rendition report for {id_} is {off:.0f} segments off"
                break
        if wrong is None:
            self._disagreeing.pop(name, None)
            return report.end(Reason.RENDITION_REPORT_OFF, now, "the rendition reports agree")
        seen = self._disagreeing[name] = self._disagreeing.get(name, 0) + 1
        if seen < _REPORT_STEADY:
            return []
        value = round(off, 1) if off > limit else None
        return report.start(Reason.RENDITION_REPORT_OFF, now, wrong, value=value, unit=value and "segments")


def _date_s(segment: MediaSegment) -> float | None:
    return None if segment.program_date_time is None else segment.program_date_time.timestamp()
