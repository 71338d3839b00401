"""Where key frames are: close enough to each other, and at the same times in all renditions."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise

from qoed.checks import CheckSettings
from qoed.conform.clock import apart
from qoed.conform.steady import Steady
from qoed.conform.whole import Whole
from qoed.model import Finding, Rendition
from qoed.reason import Reason
from qoed.source.lasting import Lasting

ROUNDING_S = 0.1
"""A segment's announced duration and the distance of its key frames differ by so much at most."""
KEPT = 256
"""Key frames of a rendition that are remembered."""
OPEN_KEYS = 16
"""Key frames of a rendition that may wait for those of the top rendition."""


class KeyInterval:
    """KEY_FRAME_INTERVAL of one rendition, over the seams of segments too."""

    def __init__(self, lasting: Lasting, checks: CheckSettings) -> None:
        self._checks = checks
        self._steady = Steady(lasting, Reason.KEY_FRAME_INTERVAL)
        self._last_s: float | None = None
        """The newest key frame, on the media's clock."""
        self._before_s = 0.0

    def judge(self, whole: Whole) -> list[Finding]:
        """Findings of one segment."""
        measures, before_s = whole.measures, self._before_s
        self._before_s = whole.duration_s
        start_s, period_s = measures.video_start_s, measures.clock_period_s
        if not whole.follows or not whole.complete or start_s is None:
            self._last_s = None
        if not whole.complete or start_s is None:
            return []
        keys = [start_s + lead_s for lead_s in measures.key_frames_s]
        chain = [*([] if self._last_s is None else [self._last_s]), *keys]
        distances = [apart(later, earlier, period_s) for earlier, later in pairwise(chain)]
        # A segment may begin with its only key frame, however long it is.
        allowed = max(
            self._checks.limit(Reason.KEY_FRAME_INTERVAL),
            max(whole.duration_s, before_s if whole.follows else 0.0) + ROUNDING_S,
        )
        if chain and not keys:
            distances.append(apart(start_s, chain[-1], period_s) + (measures.video_duration_s or 0.0))
        self._last_s = chain[-1] if chain else None
        longest_s = max(distances, default=None)
        if longest_s is None:
            return []
        said = f"{longest_s:.1f} s from key frame to key frame"
        if longest_s > allowed:
            return self._steady.off(whole, said, value=round(longest_s, 3), unit="s")
        return self._steady.fine(whole, said) if keys else []


@dataclass(slots=True)
class _Known:
    """What is remembered of a rendition, on its media's clock."""

    rendition: Rendition
    steady: Steady
    keys: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))
    waiting: deque[tuple[Whole, float]] = field(default_factory=lambda: deque(maxlen=OPEN_KEYS))
    """Segments and their first key frames that were not compared yet."""


class KeyAlignment:
    """KEY_FRAMES_MISALIGNED: each segment's first key frame must be one of the top rendition, too.

    By timestamps, which renditions share (RFC 8216bis 6.2.4), not by sequence numbers, which they need not.
    Further key frames in a segment need not agree: encoders set them where the picture changes.
    """

    def __init__(self, checks: CheckSettings) -> None:
        self._checks = checks
        self._known: dict[str, _Known] = {}

    def judge(self, whole: Whole, steady: Steady) -> list[Finding]:
        """Findings that a segment allows; `steady` is its rendition's."""
        name, measures = whole.rendition.id, whole.measures
        mine = self._known.setdefault(name, _Known(whole.rendition, steady))
        mine.rendition = whole.rendition
        if not whole.follows or not whole.complete:  # what is not known cannot be missed by others
            mine.keys.clear()
            mine.waiting.clear()
        if not whole.complete or measures.video_start_s is None or not measures.key_frames_s:
            return []
        keys = [measures.video_start_s + lead_s for lead_s in measures.key_frames_s]
        mine.keys.extend(keys)
        mine.waiting.append((whole, keys[0]))
        top = max(self._known.values(), key=lambda known: known.rendition.bandwidth_bps or 0)
        judged = [mine] if mine is not top else [each for each in self._known.values() if each is not top]
        return [finding for each in judged for finding in self._compare(each, top)]

    def forget(self, rendition: str) -> None:
        """A rendition is no longer watched."""
        self._known.pop(rendition, None)

    def _compare(self, mine: _Known, top: _Known) -> list[Finding]:
        found: list[Finding] = []
        limit_s = self._checks.limit(Reason.KEY_FRAMES_MISALIGNED)
        while mine.waiting and top.keys:
            whole, key_s = mine.waiting[0]
            period_s = whole.measures.clock_period_s
            if apart(top.keys[-1], key_s, period_s) < -limit_s:
                break  # the top rendition has not come so far
            mine.waiting.popleft()
            if apart(key_s, top.keys[0], period_s) < -limit_s:
                continue  # from before what is known of it, or of another clock
            off_s = min((apart(key_s, each, period_s) for each in top.keys), key=abs)
            if abs(off_s) <= limit_s:
                found += mine.steady.fine(whole, f"key frames are where those of {top.rendition.id} are")
                continue
            side = "after" if off_s > 0 else "before"
            said = f"key frames come {abs(off_s):.2f} s {side} those of {top.rendition.id}"
            found += mine.steady.off(whole, said, value=round(off_s, 3), unit="s", other=top.rendition.id)
        return found
