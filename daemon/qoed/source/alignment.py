"""Whether the renditions of a ladder run together: who lags, and whose segments begin elsewhere.

No clock, no IO, and nothing of HLS or DASH.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median, median_low

from qoed.checks import CheckSettings
from qoed.model import Finding, Reason
from qoed.source.lasting import Lasting

MAX_NUMBERS_APART = 64
"""Sequence numbers further apart do not count alike."""
KEPT = 32
"""Segments remembered of each rendition."""
_USUAL_OF = 8
_SEAM_S = 0.5
"""Dates may leave so much between two segments that follow each other."""
_STEADY = 2
"""A lag must be seen so many loads in a row."""
_VERDICTS, _WRONG_OF_THEM = 6, 3
"""Boundaries are off when so many of the last ones are, and good again when none of the last ones is off."""
_SILENT_DURATIONS = 3.0
"""A rendition that listed nothing new for so many segments is stale, which is told elsewhere."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Where a segment begins: on the stream's media timeline, and by date-time in seconds since 1970."""

    media_time_s: float
    duration_s: float
    date_s: float | None = None
    number: int | None = None
    """Its sequence number: without dates, media time is comparable only where numbers are."""


@dataclass(slots=True)
class _Rendition:
    lasting: Lasting
    begins: deque[Begin] = field(default_factory=lambda: deque(maxlen=KEPT))
    duration_s: float = 0.0
    """What its segments usually last."""
    dated: bool = False
    """All that is remembered has a date."""
    seen_at: float = 0.0
    """When it was loaded last."""
    moved_at: float = 0.0
    """When it listed something new."""
    ended: bool = False
    lags: int = 0

    def extend(self, begins: Sequence[Begin]) -> None:
        """More is listed."""
        self.begins.extend(begins)
        self.duration_s = median(begin.duration_s for begin in list(self.begins)[-_USUAL_OF:]) or 1.0
        self.dated = all(begin.date_s is not None for begin in self.begins)

    def end(self, *, dated: bool) -> float:
        """Where its newest segment ends."""
        last = self.begins[-1]
        return _at(last, dated=dated) + last.duration_s

    def nearest(self, time: float, *, dated: bool) -> float | None:
        """Distance from `time` to the nearest boundary; None where `time` lies in no listed segment."""
        after = self.end(dated=dated)
        for begin in reversed(self.begins):
            at = _at(begin, dated=dated)
            if at <= time:
                before = at + begin.duration_s
                return min(time - at, abs(after - time)) if time <= before + _SEAM_S else None
            after = at
        return None


@dataclass(slots=True)
class _Pair:
    """Two renditions' boundaries: judged up to a time, and the last verdicts (True: off)."""

    judged_s: float = float("-inf")
    verdicts: deque[bool] = field(default_factory=lambda: deque(maxlen=_VERDICTS))
    off_s: float = 0.0
    bad: bool = False


class Alignment:
    """VARIANT_DRIFT and VARIANT_MISALIGNED of one stream's renditions, which are told apart by id.

    Program date-time decides where both of a pair have it. Without, media time tells who lags; boundaries
    are then compared only of what is complete (VOD), since durations are rounded and their sums stray.
    """

    def __init__(self, stream: str, checks: CheckSettings) -> None:
        self._stream = stream
        self._checks = checks
        self._renditions: dict[str, _Rendition] = {}
        self._pairs: dict[tuple[str, str], _Pair] = {}

    def listed(
        self, rendition: str, begins: Iterable[Begin], now: float, *, ended: bool = False
    ) -> list[Finding]:
        """A rendition was loaded and lists what begins at `begins` for the first time; `ended`: for good."""
        one = self._renditions.get(rendition)
        if one is None:
            one = _Rendition(Lasting(self._stream, rendition, self._checks))
            self._renditions[rendition] = one
        new = list(begins)
        if ended and not one.begins:
            new = new[:KEPT]
        if new:
            one.extend(new)
        if new or one.ended != ended:
            one.moved_at = now
        one.seen_at, one.ended = now, ended
        if not one.begins:
            return []
        findings = self._drift(rendition, one, now)
        if new and self._checks.on(Reason.VARIANT_MISALIGNED):
            findings += self._misaligned(rendition, one, now)
        return findings

    def forget(self, rendition: str, now: float) -> list[Finding]:
        """Its timeline began anew: nothing of it can be compared with what it was."""
        if rendition in self._renditions:
            self._renditions[rendition].begins.clear()
        for pair in [pair for pair in self._pairs if rendition in pair]:
            del self._pairs[pair]
        return self._verdicts(now)

    def gone(self, rendition: str, now: float) -> list[Finding]:
        """A rendition is no longer listed."""
        one = self._renditions.pop(rendition, None)
        findings = [] if one is None else one.lasting.end_all(now, "rendition is no longer listed")
        return findings + self.forget(rendition, now)

    # --- drift

    def _drift(self, name: str, one: _Rendition, now: float) -> list[Finding]:
        others = [o for o in self._others(name) if self._running(o, now) and _comparable(one, o)]
        right = "the renditions run together again"
        if one.ended or not others or not self._running(one, now):
            one.lags = 0
            return one.lasting.end(Reason.VARIANT_DRIFT, now, right) if one.ended else []
        dated = one.dated and all(other.dated for other in others)
        distance = _behind(one, others, dated=dated) or _ahead(one, others, now, dated=dated)
        limit = self._checks.limit(Reason.VARIANT_DRIFT)
        if abs(distance) <= limit:
            one.lags = 0
            return one.lasting.end(Reason.VARIANT_DRIFT, now, right, media_time_s=_place(one))
        one.lags += 1
        if one.lags < _STEADY:
            return []
        where = "behind" if distance < 0 else "ahead of"
        return one.lasting.start(
            Reason.VARIANT_DRIFT,
            now,
            f"{abs(distance):.1f} segments {where} the other renditions",
            media_time_s=_place(one),
            value=round(abs(distance), 1),
            unit="segments",
            ahead=distance > 0,
        )

    def _running(self, one: _Rendition, now: float) -> bool:
        silent_s = _SILENT_DURATIONS * one.duration_s
        return not one.ended and now - one.moved_at < silent_s

    def _others(self, name: str) -> list[_Rendition]:
        return [other for id_, other in self._renditions.items() if id_ != name and other.begins]

    # --- boundaries

    def _misaligned(self, name: str, one: _Rendition, now: float) -> list[Finding]:
        turned = False
        for id_, other in self._renditions.items():
            if id_ != name and other.begins:
                key = (name, id_) if name < id_ else (id_, name)
                turned |= self._judge(self._pairs.setdefault(key, _Pair()), one, other)
        return self._verdicts(now) if turned else []

    def _verdicts(self, now: float) -> list[Finding]:
        return [
            finding
            for name, rendition in self._renditions.items()
            for finding in self._verdict(name, rendition, now)
        ]

    def _judge(self, pair: _Pair, one: _Rendition, other: _Rendition) -> bool:
        """Compare what both list since the last time: boundaries of the longer segments with all others.

        True when the pair turned bad or good.
        """
        dated = one.dated and other.dated
        if not dated and not (one.ended and other.ended):
            return False
        limit = self._checks.limit(Reason.VARIANT_MISALIGNED)
        coarse, fine = (one, other) if one.duration_s >= other.duration_s else (other, one)
        firsts = (_at(both.begins[0], dated=dated) for both in (one, other))
        after = max(*firsts, pair.judged_s)
        until = min(one.end(dated=dated), other.end(dated=dated)) - limit
        times = []
        for begin in reversed(coarse.begins):
            at = _at(begin, dated=dated)
            if at <= after:
                break
            times.append(at)
        for at in reversed(times):
            if at > until:
                break
            pair.judged_s = at
            off_s = fine.nearest(at, dated=dated)
            if off_s is None:
                continue
            pair.verdicts.append(off_s > limit)
            pair.off_s = off_s if off_s > limit else pair.off_s
        wrong = sum(pair.verdicts)
        was, pair.bad = pair.bad, wrong >= _WRONG_OF_THEM or (pair.bad and wrong > 0)
        return pair.bad is not was

    def _verdict(self, name: str, one: _Rendition, now: float) -> list[Finding]:
        """One is blamed that is off against most others; of two, the one that came later in the ladder."""
        pairs = [pair for key, pair in self._pairs.items() if name in key]
        bad = [pair for pair in pairs if pair.bad]
        first = next(iter(self._renditions)) == name
        if not bad:
            return one.lasting.end(
                Reason.VARIANT_MISALIGNED, now, "segments begin together again", media_time_s=_place(one)
            )
        if len(bad) * 2 <= len(pairs) or (len(pairs) == 1 and first):
            return []
        off_s = median(pair.off_s for pair in bad)
        return one.lasting.start(
            Reason.VARIANT_MISALIGNED,
            now,
            f"segments begin {off_s:.3f} s beside those of the other renditions",
            media_time_s=_place(one),
            value=round(off_s, 3),
            unit="s",
        )


def _behind(one: _Rendition, others: Sequence[_Rendition], *, dated: bool) -> float:
    """Segments that it is behind the others (negative): what they are known to have listed, they have."""
    typical = median_low([other.end(dated=dated) for other in others])
    return min(one.end(dated=dated) - typical, 0.0) / (one.duration_s or 1.0)


def _ahead(one: _Rendition, others: Sequence[_Rendition], now: float, *, dated: bool) -> float:
    """Segments that it is ahead of where most others can be by now; of two, the other is behind."""
    if len(others) < 2:
        return 0.0
    reach = [other.end(dated=dated) + (now - other.seen_at) + other.duration_s for other in others]
    typical = -median_low([-end for end in reach])
    return max(one.end(dated=dated) - typical, 0.0) / (one.duration_s or 1.0)


def _comparable(one: _Rendition, other: _Rendition) -> bool:
    """Whether their times are of one line: by dates, or by numbers that count alike."""
    if one.dated and other.dated:
        return True
    a, b = one.begins[-1].number, other.begins[-1].number
    return a is None or b is None or abs(a - b) <= MAX_NUMBERS_APART


def _at(begin: Begin, *, dated: bool) -> float:
    return begin.date_s if dated and begin.date_s is not None else begin.media_time_s


def _place(one: _Rendition) -> float | None:
    return one.begins[-1].media_time_s if one.begins else None
