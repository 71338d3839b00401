"""Media checks of one stream: what was decoded against what was declared, and against what was before."""

from __future__ import annotations

from qoed.checks import DEFAULT, CheckSettings
from qoed.conform.declared import Declared
from qoed.conform.keys import KeyAlignment, KeyInterval
from qoed.conform.sound import Sound
from qoed.conform.steady import Steady
from qoed.conform.timing import Timing
from qoed.conform.whole import Assembler, Whole
from qoed.model import Decoded, Finding, Rendition
from qoed.reason import Reason
from qoed.source.lasting import Lasting

MISALIGNED_SEGMENTS = 3
"""Segments in a row with key frames elsewhere."""


class _Checks:
    """The checks of one rendition."""

    def __init__(self, stream: str, rendition: str, settings: CheckSettings) -> None:
        lasting = Lasting(stream, rendition, settings)
        self.assembler = Assembler()
        self.declared = Declared(lasting, settings)
        self.timing = Timing(lasting, settings)
        self.interval = KeyInterval(lasting, settings)
        self.sound = Sound(lasting, settings)
        self.misaligned = Steady(lasting, Reason.KEY_FRAMES_MISALIGNED, bad=MISALIGNED_SEGMENTS)


class Conform:
    """Fed with a stream's results in the order in which they come. No clock, no IO."""

    def __init__(self, stream: str, settings: CheckSettings = DEFAULT) -> None:
        self._stream = stream
        self._settings = settings
        self._ladder: dict[str, Rendition] = {}
        self._checks: dict[str, _Checks] = {}
        self._alignment = KeyAlignment(settings)

    def judge(self, decoded: Decoded) -> list[Finding]:
        """What the result of a segment, or of a part that ends one, shows."""
        segment = decoded.segment
        if segment.container == "image":
            return []
        name = segment.rendition.id
        self._ladder[name] = segment.rendition
        checks = self._checks.get(name) or self._begin(name)
        found = [finding for whole in checks.assembler.add(decoded) for finding in self._judge(checks, whole)]
        return [finding for finding in found if self._settings.wanted(finding)]

    def forget(self, rendition: str) -> None:
        """A rendition is no longer watched."""
        self._ladder.pop(rendition, None)
        self._checks.pop(rendition, None)
        self._alignment.forget(rendition)

    def _begin(self, name: str) -> _Checks:
        checks = self._checks[name] = _Checks(self._stream, name, self._settings)
        return checks

    def _judge(self, checks: _Checks, whole: Whole) -> list[Finding]:
        return [
            *checks.declared.judge(whole, self._ladder),
            *checks.timing.judge(whole),
            *checks.interval.judge(whole),
            *checks.sound.judge(whole),
            *self._alignment.judge(whole, checks.misaligned),
        ]
