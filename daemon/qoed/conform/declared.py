"""What the playlist or MPD declares of a rendition against what its segments are."""

from __future__ import annotations

from collections.abc import Mapping

from qoed.checks import CATALOGUE, CheckSettings
from qoed.conform.codecs import difference, video_of
from qoed.conform.steady import Steady
from qoed.conform.whole import Whole
from qoed.model import Finding, Measures, Rendition
from qoed.reason import Reason
from qoed.source.lasting import Lasting

DURATION_OFF_S = 0.25
"""Durations may differ by so much in any case: players hide it, and packagers round."""
MIN_FRAMES = 10
"""Fewer pictures tell no rate."""
SIZE_PLAY = 0.02
SIZE_PLAY_PX = 8
"""Coded sizes are rounded to whole blocks: so much is the same size."""
SHORT = 0.5
"""Bit rates are of stretches of at least half a segment (RFC 8216bis 4.4.6.2, peak segment bit rate)."""


def duration_off(announced_s: float, measured_s: float | None, share: float) -> bool:
    """Whether the measured duration differs from the announced one by more than rounding explains."""
    if measured_s is None:
        return False
    off_s = abs(measured_s - announced_s)
    return off_s > DURATION_OFF_S and off_s > share * announced_s


class Declared:
    """DURATION_OFF, BANDWIDTH_EXCEEDED, CODECS_OFF, RESOLUTION_OFF and FRAME_RATE_OFF of one rendition."""

    def __init__(self, lasting: Lasting, checks: CheckSettings) -> None:
        self._checks = checks
        self._bandwidth = Steady(lasting, Reason.BANDWIDTH_EXCEEDED, bad=2, good=3)
        self._codecs = Steady(lasting, Reason.CODECS_OFF)
        self._size = Steady(lasting, Reason.RESOLUTION_OFF)
        self._rate = Steady(lasting, Reason.FRAME_RATE_OFF)
        self._longest_s = 0.0
        self._carried = (0, 0.0)
        """(bytes, seconds) of segments too short to be judged alone."""
        self._level = 0.0
        """Bits in the buffer that DASH's `bandwidth` is defined by (ISO/IEC 23009-1 5.3.5.2)."""

    def judge(self, whole: Whole, ladder: Mapping[str, Rendition]) -> list[Finding]:
        """Findings of one segment; `ladder` are the renditions known, by id."""
        found = self._judge_duration(whole) if whole.measured else []
        if not whole.rendition.declared:
            return found
        found += self._judge_bandwidth(whole)
        if whole.measured:
            found += self._judge_codecs(whole)
        if whole.measured and whole.measures.frames_decoded:  # aspect and fields come with pictures only
            found += self._judge_size(whole, ladder)
            found += self._judge_rate(whole)
        return found

    def _judge_duration(self, whole: Whole) -> list[Finding]:
        share = self._checks.limit(Reason.DURATION_OFF)
        measured_s = whole.length_s
        if measured_s is None or not duration_off(whole.duration_s, measured_s, share):
            return []
        if abs(measured_s - whole.duration_s) <= whole.rendition.stray_s:
            return []
        return [
            Finding(
                stream=whole.stream,
                rendition=whole.rendition.id,
                reason=Reason.DURATION_OFF,
                severity=CATALOGUE[Reason.DURATION_OFF].severity,
                media_time_s=whole.media_time_s,
                value=round(measured_s, 3),
                unit="s",
                message=f"{measured_s:.2f} s of media in a segment announced as {whole.duration_s:.2f} s",
                evidence={"announced_s": whole.duration_s, "sequence": whole.sequence},
            )
        ]

    def _judge_bandwidth(self, whole: Whole) -> list[Finding]:
        declared = whole.rendition.bandwidth_bps
        if not declared or whole.duration_s <= 0:
            return []
        size, seconds = self._carried if whole.follows else (0, 0.0)
        # The longer of both durations: a wrong EXTINF is another finding.
        size, seconds = size + whole.size, seconds + max(whole.duration_s, whole.length_s or 0.0)
        self._longest_s = max(self._longest_s, whole.duration_s)
        if seconds < SHORT * self._longest_s:
            self._carried = (size, seconds)
            return []
        self._carried = (0, 0.0)
        rate = 8 * size / seconds
        said = f"{rate / 1e6:.2f} Mbit/s in {seconds:.1f} s where {declared / 1e6:.2f} Mbit/s are declared"
        if self._overflows(whole, 8 * size, seconds, declared):
            return self._bandwidth.off(whole, said, value=round(rate), unit="bit/s", declared_bps=declared)
        return self._bandwidth.fine(whole, said)

    def _overflows(self, whole: Whole, bits: float, seconds: float, declared: int) -> bool:
        """Whether the stretch is more than the declared rate carries, after the buffer that is granted."""
        buffer_s, allowed = whole.rendition.buffer_s, self._allowed(declared)
        carried = self._level if buffer_s and whole.follows else 0.0
        level = max(0.0, carried + bits - allowed * seconds)
        self._level = min(level, allowed * (buffer_s + seconds))
        return level > allowed * buffer_s

    def _allowed(self, declared: int) -> float:
        return self._checks.limit(Reason.BANDWIDTH_EXCEEDED) * declared

    def _judge_codecs(self, whole: Whole) -> list[Finding]:
        declared, measured = video_of(whole.rendition.codecs), video_of(whole.measures.codecs)
        if declared is None or measured is None:
            return []
        what = difference(declared, measured)
        if what is None:
            return self._codecs.fine(whole, f"{measured} fits the declared {declared}")
        said = f"{measured} where CODECS declares {declared}: another {what}"
        return self._codecs.off(whole, said, declared=declared, measured=measured, differs=what)

    def _judge_size(self, whole: Whole, ladder: Mapping[str, Rendition]) -> list[Finding]:
        rendition, measures = whole.rendition, whole.measures
        if not rendition.width or not rendition.height or not measures.width or not measures.height:
            return []
        size = f"{measures.width}x{measures.height}"
        if _fits(measures, rendition):
            return self._size.fine(whole, f"the picture is {size} as declared")
        said = f"the picture is {size} where {rendition.width}x{rendition.height} is declared"
        alike = [each.id for each in ladder.values() if each.id != rendition.id and _fits(measures, each)]
        evidence: dict[str, object] = {"declared": f"{rendition.width}x{rendition.height}", "measured": size}
        if alike:
            said += f": it looks like that of {alike[0]}; the two may be swapped"
            evidence["looks_like"] = alike[0]
        return self._size.off(whole, said, value=float(measures.height), unit="px", **evidence)

    def _judge_rate(self, whole: Whole) -> list[Finding]:
        declared, measures = whole.rendition.frame_rate, whole.measures
        if not declared or not measures.frame_rate or measures.packets < MIN_FRAMES:
            return []
        rates = [measures.frame_rate]
        if measures.video_duration_s:  # of variable frame rate, the mean may be what was declared
            rates.append(measures.packets / measures.video_duration_s)
        if measures.interlaced:  # pictures or fields may have been declared, or counted
            rates += [factor * rate for rate in tuple(rates) for factor in (0.5, 2.0)]
        rate = min(rates, key=lambda each: abs(each - declared))
        said = f"{measures.frame_rate:g} pictures/s where {declared:g} are declared"
        if abs(rate - declared) > self._checks.limit(Reason.FRAME_RATE_OFF) * declared:
            return self._rate.off(whole, said, value=measures.frame_rate, unit="1/s", declared=declared)
        return self._rate.fine(whole, said)


def _fits(measures: Measures, rendition: Rendition) -> bool:
    """Whether a picture has the declared size: coded or as displayed (its pixels need not be square), upright
    or turned."""
    width, height = rendition.width, rendition.height
    if not width or not height or not measures.width or not measures.height:
        return False
    coded = (measures.width, measures.height)
    shown = (measures.width * (measures.sample_aspect or 1.0), measures.height)
    declared = ((width, height), (height, width))
    return any(_near(size[0], w) and _near(size[1], h) for size in (coded, shown) for w, h in declared)


def _near(measured: float, declared: int) -> bool:
    return abs(measured - declared) <= max(SIZE_PLAY_PX, SIZE_PLAY * declared)
