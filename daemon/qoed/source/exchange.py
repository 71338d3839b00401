"""What the exchanges of one rendition show: late, missing, slow, repeated media. No clock, no IO."""

from __future__ import annotations

import hashlib
import re
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from qoed.checks import CATALOGUE
from qoed.errors import ErrorReason, SourceError
from qoed.model import Finding, Reason, Rendition, Severity, WireTimings
from qoed.source.http import Fetched, FetchError, FetchKind
from qoed.source.lasting import Lasting
from qoed.source.options import SourceOptions
from qoed.source.url import redact

THROUGHPUT_SEGMENTS = 3
"""Throughput is judged over so many segments."""
THROUGHPUT_CLEARS = 1.2
"""It suffices again at so many times the limit."""
_MOST_BODIES = 256
_LEAST_PART_S = 1.0
"""Shorter parts say nothing about throughput, and are not slow before this."""
_SLOW_LOADS = 2
"""A playlist must be slow so often in a row: a single slow load may be a new connection."""
_SAMPLED_BYTES = 64 * 1024
"""Of long bodies the begin, the middle and the end are compared: timestamps are all over them."""
# CTA-5006: CMSD-Static is a dictionary of RFC 8941. AWS Elemental MediaPackage's key is com.amazon-mqcs.
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_MQCS = re.compile(
    r"(?:^|,)\s*(?:[a-z0-9_.*-]*[.-])?mqcs=(\d{1,3}(?:\.\d{1,3})?)\s*(?=[;,]|$)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A segment that was, or is to be, asked for, and its place on the stream's media timeline."""

    sequence: int
    url: str = field(repr=False)
    duration_s: float
    media_time_s: float
    discontinuity: bool = False
    part: bool = False
    """A piece of a low-latency segment."""


class ExchangeChecks:
    """Follows one rendition's exchanges. Open conditions are kept in `lasting`, which the owner may share."""

    def __init__(self, stream: str, rendition: Rendition, options: SourceOptions, lasting: Lasting) -> None:
        self._stream = stream
        self.rendition = rendition
        self._checks = options.checks
        self._lasting = lasting
        self._samples: deque[tuple[int, float, float]] = deque(maxlen=THROUGHPUT_SEGMENTS)
        self._bodies: deque[tuple[bytes, str, int]] = deque(maxlen=_MOST_BODIES)

    def arrived(
        self,
        asked: Asked,
        fetched: Fetched,
        now: float,
        *,
        data: bytes | None = None,
        held: bool = False,
        slate: bool = False,
    ) -> list[Finding]:
        """Take a segment, or a part of one, that arrived.

        `data` is its body after decryption, where that differs. `held`: the server kept the request until
        the media was made, so its time says nothing. `slate`: what repeats itself is announced.
        """
        findings = self._end(Reason.KEY_UNAVAILABLE, asked, now, "segments can be decrypted again")
        if not held:
            findings += self._slow(asked, fetched.timings) + self._throughput(asked, fetched.timings, now)
        if self._checks.on(Reason.SEGMENT_REPEATED):
            findings += self._repeated(asked, fetched.body if data is None else data, now, slate=slate)
        return findings + self._origin_score(asked, fetched.headers.get("cmsd-static", ""), now)

    def _slow(self, asked: Asked, timings: WireTimings) -> list[Finding]:
        limit = asked.duration_s * self._checks.limit(Reason.SEGMENT_SLOW)
        if asked.part:
            limit = max(limit, _LEAST_PART_S)
        if 0 < limit < timings.total_s:
            return [
                self.event(
                    Reason.SEGMENT_SLOW,
                    asked,
                    f"segment of {asked.duration_s:g} s took {timings.total_s:.2f} s",
                    value=round(timings.total_s, 3),
                    unit="s",
                    ttfb_s=None if timings.ttfb_s is None else round(timings.ttfb_s, 3),
                    bytes=timings.bytes,
                )
            ]
        return []

    def missing(
        self,
        asked: Asked,
        error: SourceError,
        now: float,
        *,
        what: str = "segment",
        reason: Reason = Reason.SEGMENT_MISSING,
    ) -> list[Finding]:
        """Take a segment, or its init section, that did not come."""
        if isinstance(error, FetchError) and error.kind is FetchKind.QUEUED:
            text = f"{what} not requested, {error}"
            return [self.event(Reason.OVERLOADED, asked, text, **error_evidence(error))]
        word = "unavailable" if reason is Reason.SEGMENT_UNAVAILABLE else "missing"
        findings = [self.event(reason, asked, f"{what} {word}, {error}", what=what, **error_evidence(error))]
        if isinstance(error, FetchError) and error.kind is FetchKind.TIMEOUT and error.timings.bytes:
            findings += self._throughput(asked, error.timings, now)
        return findings

    def key_unavailable(self, asked: Asked, error: SourceError, now: float) -> list[Finding]:
        """Take a segment that cannot be decrypted."""
        return self._lasting.start(
            Reason.KEY_UNAVAILABLE,
            now,
            str(error),
            media_time_s=asked.media_time_s,
            sequence=asked.sequence,
            **error_evidence(error),
        )

    def skipped(self, oldest: Asked, count: int, *, unit: str = "segments") -> list[Finding]:
        """Take live segments (or parts) that were passed over, because downloads lag behind the live edge."""
        text = f"{count} {unit} skipped: downloads lag behind the live edge"
        return [self.event(Reason.SEGMENT_SLOW, oldest, text, value=float(count), unit=unit, skipped=count)]

    def event(
        self,
        reason: Reason,
        asked: Asked,
        message: str,
        *,
        severity: Severity | None = None,
        value: float | None = None,
        unit: str | None = None,
        **evidence: Any,
    ) -> Finding:
        """A finding about one segment, at its place, with its number and redacted URL as evidence."""
        where = {"sequence": asked.sequence, "url": redact(asked.url)}
        return Finding(
            stream=self._stream,
            rendition=self.rendition.id,
            reason=reason,
            severity=severity or CATALOGUE[reason].severity,
            media_time_s=asked.media_time_s,
            value=value,
            unit=unit,
            message=message,
            evidence=where | evidence,
        )

    def _throughput(self, asked: Asked, timings: WireTimings, now: float) -> list[Finding]:
        """Payload rate over the last few segments, without connection set-up and first-byte wait."""
        if asked.part and asked.duration_s < _LEAST_PART_S:
            return []  # too little to measure by: a connection only begins to speed up
        seconds = timings.download_s if timings.download_s is not None else timings.total_s
        self._samples.append((timings.bytes, max(seconds, 1e-3), asked.duration_s))
        if len(self._samples) < THROUGHPUT_SEGMENTS:
            return []
        size = sum(sample[0] for sample in self._samples)
        measured = size * 8 / sum(sample[1] for sample in self._samples)
        played = sum(sample[2] for sample in self._samples)
        needed = self.rendition.bandwidth_bps or (size * 8 / played if played else None)
        if needed is None:
            return []
        least = needed * self._checks.limit(Reason.THROUGHPUT_LOW)
        if measured < least:
            return self._lasting.start(
                Reason.THROUGHPUT_LOW,
                now,
                f"{measured / 1e6:.2f} Mbit/s arrive where {needed / 1e6:.2f} Mbit/s are needed",
                media_time_s=asked.media_time_s,
                value=round(measured),
                unit="bit/s",
                needed_bps=round(needed),
            )
        if measured >= least * THROUGHPUT_CLEARS:
            return self._end(Reason.THROUGHPUT_LOW, asked, now, "throughput suffices again")
        return []

    def _repeated(self, asked: Asked, body: bytes, now: float, *, slate: bool) -> list[Finding]:
        """The bytes of an earlier segment under another name.

        Between discontinuities their timestamps cannot be the same. One name that is listed twice repeats on
        purpose, as announced slates do.
        """
        if asked.discontinuity:
            self._bodies.clear()
        back = self._checks.limit(Reason.SEGMENT_REPEATED)
        digest, name = _digest(body), redact(asked.url)
        same = [one for one in self._bodies if one[0] == digest and 0 < asked.sequence - one[2] <= back]
        self._bodies.append((digest, name, asked.sequence))
        if not same:
            return self._end(Reason.SEGMENT_REPEATED, asked, now, "segments hold new bytes again")
        if slate or any(one[1] == name for one in same):
            return []
        first = same[-1][2]
        return self._lasting.start(
            Reason.SEGMENT_REPEATED,
            now,
            f"segment {asked.sequence} holds the very bytes of segment {first}",
            media_time_s=asked.media_time_s,
            value=float(asked.sequence - first),
            unit="segments",
            sequence=asked.sequence,
            first_sequence=first,
            url=name,
        )

    def _origin_score(self, asked: Asked, header: str, now: float) -> list[Finding]:
        score = cmsd_score(header)
        if score is None:
            return []
        least = self._checks.limit(Reason.CMSD_QUALITY_LOW)
        if score >= least:
            return self._end(
                Reason.CMSD_QUALITY_LOW, asked, now, f"the origin rates its media {score:g} of 100"
            )
        return self._lasting.start(
            Reason.CMSD_QUALITY_LOW,
            now,
            f"the origin rates its media {score:g} of 100",
            media_time_s=asked.media_time_s,
            value=score,
            unit="points",
            sequence=asked.sequence,
        )

    def _end(self, reason: Reason, asked: Asked, now: float, message: str) -> list[Finding]:
        return self._lasting.end(reason, now, message, media_time_s=asked.media_time_s)


class PlaylistExchange:
    """Follows the loads of one playlist or MPD: unavailable, invalid, slow."""

    def __init__(self, options: SourceOptions, lasting: Lasting, *, what: str = "playlist") -> None:
        self._options = options
        self._checks = options.checks
        self._lasting = lasting
        self._what = what
        self._failures = 0
        self._slow = 0

    def loaded(
        self,
        now: float,
        *,
        took_s: float | None = None,
        target_s: float | None = None,
        media_time_s: float | None = None,
    ) -> list[Finding]:
        """Take a load that succeeded in `took_s` seconds, a blocked one's wait left out; None: not judged."""
        self._failures = 0
        text = f"{self._what} is available again"
        findings = self._lasting.end(Reason.PLAYLIST_UNAVAILABLE, now, text, media_time_s=media_time_s)
        text = f"{self._what} is valid again"
        findings += self._lasting.end(Reason.PLAYLIST_INVALID, now, text, media_time_s=media_time_s)
        if took_s is None or not target_s:
            return findings
        if took_s <= self._checks.limit(Reason.PLAYLIST_SLOW) * target_s:
            self._slow = 0
            return findings + self._lasting.end(
                Reason.PLAYLIST_SLOW, now, f"{self._what} loads in time again", media_time_s=media_time_s
            )
        self._slow += 1
        if self._slow < _SLOW_LOADS:
            return findings
        return findings + self._lasting.start(
            Reason.PLAYLIST_SLOW,
            now,
            f"{self._what} took {took_s:.2f} s to load",
            media_time_s=media_time_s,
            value=round(took_s, 3),
            unit="s",
            target_duration_s=target_s,
        )

    def failed(self, error: SourceError, now: float, *, media_time_s: float | None = None) -> list[Finding]:
        """Take a load that failed."""
        self._failures += 1
        evidence = error_evidence(error)
        if error.reason is ErrorReason.SOURCE_INVALID:
            self._failures = 0
            text = f"{self._what} is available again"
            return self._lasting.end(
                Reason.PLAYLIST_UNAVAILABLE, now, text, media_time_s=media_time_s
            ) + self._lasting.start(
                Reason.PLAYLIST_INVALID, now, str(error), media_time_s=media_time_s, **evidence
            )
        if self._failures < self._checks.limit(Reason.PLAYLIST_UNAVAILABLE):
            return []
        return self._lasting.start(
            Reason.PLAYLIST_UNAVAILABLE,
            now,
            f"{self._what} unavailable, {error}",
            media_time_s=media_time_s,
            value=float(self._failures),
            unit="failures",
            **evidence,
        )


def cmsd_score(header: str) -> float | None:
    """Media quality confidence score (0-100) in a CMSD-Static header; None: there is none."""
    if "mqcs" not in header.lower():
        return None
    match = _MQCS.search(_QUOTED.sub('""', header))
    score = None if match is None else float(match[1])
    return score if score is not None and score <= 100 else None


def _digest(body: bytes) -> bytes:
    digest = hashlib.blake2b(len(body).to_bytes(8, "big"), digest_size=16)
    if len(body) <= 3 * _SAMPLED_BYTES:
        digest.update(body)
    else:
        view, middle = memoryview(body), len(body) // 2
        digest.update(view[:_SAMPLED_BYTES])
        digest.update(view[middle : middle + _SAMPLED_BYTES])
        digest.update(view[-_SAMPLED_BYTES:])
    return digest.digest()


def error_evidence(error: SourceError) -> dict[str, Any]:
    """Kind and HTTP status of what went wrong."""
    if not isinstance(error, FetchError):
        return {"error": error.reason.value}
    return {"error": error.kind.value, "status": error.status}
