"""Is there sound where there should be, and is it the sound that it was?"""

from __future__ import annotations

from qoed.checks import CheckSettings
from qoed.conform.codecs import audio_family, audio_of
from qoed.conform.steady import Steady
from qoed.conform.whole import Whole
from qoed.model import Finding, Measures
from qoed.reason import Reason
from qoed.source.lasting import Lasting

ADOPT_S = 60.0
"""Sound that stays different for so long is the new usual."""

_Kind = tuple[str, int, int]
"""(codec family, sample rate in Hz, channels)"""


class Sound:
    """AUDIO_MISSING and AUDIO_MISMATCH of one rendition."""

    def __init__(self, lasting: Lasting, checks: CheckSettings) -> None:
        self._checks = checks
        self._missing = Steady(lasting, Reason.AUDIO_MISSING, bad=1)
        self._mismatch = Steady(lasting, Reason.AUDIO_MISMATCH)
        self._heard = False
        self._silent: list[float] = []
        """Seconds without sound: before the newest segment, and in it."""
        self._usual: _Kind | None = None
        self._other: tuple[_Kind, float] | None = None
        """Sound unlike the usual, and since when."""

    def judge(self, whole: Whole) -> list[Finding]:
        """Findings of one segment."""
        if not whole.measured:
            return []
        found: list[Finding] = []
        if whole.discontinuity:
            self._usual = self._other = None
            self._silent.clear()
            found += self._mismatch.forgive(whole, "a discontinuity begins anew")
        if whole.measures.has_audio:
            return [*found, *self._present(whole), *self._judge_kind(whole)]
        return [*found, *self._absent(whole)]

    def _present(self, whole: Whole) -> list[Finding]:
        self._heard = True
        self._silent.clear()
        return self._missing.fine(whole, "there is sound again")

    def _absent(self, whole: Whole) -> list[Finding]:
        rendition = whole.rendition
        declared = rendition.declared and audio_of(rendition.codecs) is not None
        if rendition.separate_audio or not (self._heard or declared):
            return []
        self._silent = [sum(self._silent), whole.duration_s] if self._silent else [whole.duration_s]
        silent_s = sum(self._silent)
        if len(self._silent) < 2 or silent_s < self._checks.limit(Reason.AUDIO_MISSING) - 1e-6:
            return []
        why = "there was sound before" if self._heard else f"CODECS declares {rendition.codecs}"
        said = f"no sound for {silent_s:.1f} s, though {why}"
        return self._missing.off(whole, said, value=round(silent_s, 3), unit="s")

    def _judge_kind(self, whole: Whole) -> list[Finding]:
        rendition = whole.rendition
        kind, declared = _kind(whole.measures), audio_of(rendition.codecs) if rendition.declared else None
        if kind is None:
            return []
        if declared is not None and declared != kind[0] and not rendition.separate_audio:
            said = f"the sound is {kind[0]} where CODECS declares {rendition.codecs}"
            return self._mismatch.off(whole, said, declared=declared, measured=kind[0])
        usual = self._usual = self._usual or kind
        if _alike(kind, usual):
            self._other = None
            return self._mismatch.fine(whole, f"the sound is {_words(kind)}")
        if self._other is None or not _alike(self._other[0], kind):
            self._other = (kind, whole.media_time_s)
        if whole.media_time_s - self._other[1] >= ADOPT_S:
            self._usual, self._other = kind, None
            return self._mismatch.forgive(whole, f"{_words(kind)} is the new usual")
        said = f"the sound is {_words(kind)}, and was {_words(usual)}"
        return self._mismatch.off(
            whole, said, value=float(kind[1]), unit="Hz", channels=kind[2], before=_words(usual)
        )


def _kind(measures: Measures) -> _Kind | None:
    name = audio_of(measures.codecs) or audio_family(measures.audio_codec or "")
    if not name or not measures.audio_sample_rate or not measures.audio_channels:
        return None
    return name, measures.audio_sample_rate, measures.audio_channels


def _alike(one: _Kind, other: _Kind) -> bool:
    """Of AAC, half the rate, and then one channel, may be the core of the same (SBR, PS: ISO/IEC 14496-3)."""
    if one == other:
        return True
    halved = one[1] == 2 * other[1] or other[1] == 2 * one[1]
    return one[0] == other[0] == "aac" and halved and (one[2] == other[2] or {one[2], other[2]} == {1, 2})


def _words(kind: _Kind) -> str:
    return f"{kind[0]} at {kind[1]} Hz with {kind[2]} channel{'s' if kind[2] != 1 else ''}"
