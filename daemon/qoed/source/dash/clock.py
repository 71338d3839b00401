"""The presentation's clock: ours, corrected by what UTCTiming says (5.8.4.11)."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from qoed.clock import Clock
from qoed.errors import SourceError
from qoed.model import Finding, Reason
from qoed.source.dash.document import MAX_SECONDS, date_time
from qoed.source.dash.mpd import Mpd, UtcTiming
from qoed.source.http import Fetched
from qoed.source.report import Report
from qoed.source.transport import Transport
from qoed.source.uris import Uris

SYNC_EVERY_S = 600.0
"""How long an answer is good for: what clocks drift in that time is far below a segment."""
RETRY_S = 30.0
_MAX_URLS = 4
_DIRECT = ("direct",)
_DATES = ("http-iso", "http-xsdate")
_HEAD = ("http-head",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Another clock read: it was `epoch_s` there, give or take `doubt_s`, when it was `wall_s` here."""

    epoch_s: float
    wall_s: float
    doubt_s: float

    @property
    def ahead_s(self) -> float:
        """How far that clock is ahead of ours."""
        return self.epoch_s - self.wall_s


class PresentationClock:
    """Seconds since 1970 as the stream's server counts them; our own wall clock until another was read."""

    def __init__(self, report: Report, transport: Transport, clock: Clock) -> None:
        self._report = report
        self._transport = transport
        self._clock = clock
        self._anchor: tuple[float, float] | None = None
        self._due = 0.0
        self._failed = 0

    def now_s(self) -> float:
        """The time there."""
        if self._anchor is None:
            return self._clock.wall().timestamp()
        epoch_s, monotonic = self._anchor
        return epoch_s + self._clock.monotonic() - monotonic

    async def sync(self, mpd: Mpd, fetched: Fetched | None) -> list[Finding]:
        """Read the clocks that a live MPD names, when it is time to; `fetched`: how it came, if anew."""
        now = self._clock.monotonic()
        timings = [timing for timing in mpd.timings if _kind(timing) is not None]
        if not mpd.dynamic or not timings or now < self._due:
            return []
        for timing in timings:
            if (reading := await self._read(timing, mpd, fetched)) is not None:
                return self._take(reading)
        self._failed += 1
        self._due = self._clock.monotonic() + RETRY_S
        if self._failed < 2 and self._anchor is not None:
            return []
        text = "no UTCTiming of the MPD answers; our own clock is used"
        return self._report.start(Reason.CLOCK_UNAVAILABLE, now, text, asked=len(timings))

    async def _read(self, timing: UtcTiming, mpd: Mpd, fetched: Fetched | None) -> Reading | None:
        kind = _kind(timing)
        if kind in _DIRECT:
            return None if fetched is None else _direct(timing, mpd, fetched, self._clock.wall().timestamp())
        for reference in timing.value.split()[:_MAX_URLS]:
            begun = self._clock.wall().timestamp()
            try:
                url = Uris(mpd.url).resolve(reference)
                answer = await self._transport.time(url, head=kind in _HEAD)
                ended = self._clock.wall().timestamp()
                return _reading(answer, begun, ended, head=kind in _HEAD)
            except (SourceError, ValueError):
                continue
        return None

    def _take(self, reading: Reading) -> list[Finding]:
        now = self._clock.monotonic()
        self._failed = 0
        self._due = now + SYNC_EVERY_S
        self._anchor = (self._clock.wall().timestamp() + reading.ahead_s, now)
        findings = self._report.end(Reason.CLOCK_UNAVAILABLE, now, "a UTCTiming of the MPD answers")
        limit, ahead = self._report.checks.limit(Reason.CLOCK_SKEW), reading.ahead_s
        if abs(ahead) - reading.doubt_s > limit:
            side = "ahead of" if ahead > 0 else "behind"
            return findings + self._report.start(
                Reason.CLOCK_SKEW,
                now,
                f"the presentation's clock is {abs(ahead):.1f} s {side} ours",
                value=round(ahead, 3),
                unit="s",
                doubt_s=round(reading.doubt_s, 3),
            )
        if abs(ahead) <= limit:
            findings += self._report.end(Reason.CLOCK_SKEW, now, "the presentation's clock and ours agree")
        return findings


def _kind(timing: UtcTiming) -> str | None:
    """`http-iso` of `urn:mpeg:dash:utc:http-iso:2014`; None: a scheme that qoed does not read (NTP)."""
    parts = timing.scheme.strip().lower().split(":")
    kind = parts[4] if len(parts) == 6 and parts[:4] == ["urn", "mpeg", "dash", "utc"] else None
    return kind if kind in (*_DIRECT, *_DATES, *_HEAD) else None


def _direct(timing: UtcTiming, mpd: Mpd, fetched: Fetched, wall_s: float) -> Reading | None:
    """The time that stands in the MPD itself, which may come from a cache that does not say so."""
    try:
        epoch_s = date_time(timing.value)
    except ValueError:
        return None
    age = fetched.headers.get("age", "")
    age_s = float(age) if age.isdecimal() and len(age) < 10 else 0.0
    doubt_s = fetched.timings.total_s + max(mpd.update_s or 0.0, 1.0)
    return Reading(epoch_s=epoch_s + age_s, wall_s=wall_s, doubt_s=doubt_s)


def _reading(answer: Fetched, begun: float, ended: float, *, head: bool) -> Reading:
    """One answer; it was made somewhere between `begun` and `ended`. Raises `ValueError`."""
    half = max(ended - begun, 0.0) / 2
    if head:  # a Date has whole seconds, cut off
        try:
            epoch_s = parsedate_to_datetime(answer.headers.get("date", "")).timestamp() + 0.5
        except (TypeError, OverflowError):
            raise ValueError("no Date header") from None
        half += 0.5
    else:
        epoch_s = date_time(answer.body.decode("ascii", "replace"))
    if not 0 <= epoch_s <= MAX_SECONDS:
        raise ValueError("out of range")
    return Reading(epoch_s=epoch_s, wall_s=(begun + ended) / 2, doubt_s=half)
