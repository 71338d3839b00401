"""Whether the renditions of a presentation run together, where each has a timeline of its own. No IO."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice

from qoed.model import Finding
from qoed.source.alignment import KEPT, Alignment, Begin
from qoed.source.dash.presentation import Presentation
from qoed.source.options import SourceOptions


class LadderChecks:
    """Follows the video renditions of an AdaptationSet that promises aligned segments (@segmentAlignment)."""

    def __init__(self, stream: str, options: SourceOptions) -> None:
        self._alignment = Alignment(stream, options.checks)
        self._reached: dict[str, float] = {}

    def loaded(self, presentation: Presentation, now: float, now_s: float) -> list[Finding]:
        """Take an MPD, also one that has not changed: time may have brought new segments."""
        names = _followed(presentation)
        findings: list[Finding] = []
        for name in [name for name in self._reached if name not in names]:
            del self._reached[name]
            findings += self._alignment.gone(name, now)
        for name in names:
            edge = presentation.edge_s(name, now_s) if presentation.live else math.inf
            if edge is None:
                continue
            reached = self._reached.get(name, -math.inf)
            if presentation.live:
                reached = max(reached, edge - KEPT * max(presentation.target_s(name), 0.1))
            steps = islice(presentation.steps(name, reached, lambda representation: representation), KEPT)
            begins = [
                Begin(step.at_s, step.segment.duration_s, step.at_s)
                for step in steps
                if step.end_s <= edge + 1e-3
            ]
            if begins:
                reached = begins[-1].media_time_s + begins[-1].duration_s
            self._reached[name] = reached
            findings += self._alignment.listed(name, begins, now, ended=not presentation.live)
        # The line of an MPD is not the stream's media timeline, which begins where we joined.
        return [replace(finding, media_time_s=None) for finding in findings]


def _followed(presentation: Presentation) -> list[str]:
    """Video of the newest Period that promises alignment and could break it."""
    tracks = [track for track in presentation.tracks[-1].values() if not track.rendition.audio_only]
    if len(tracks) < 2 or not all(track.aligned for track in tracks) or len({t.group for t in tracks}) > 1:
        return []
    first = tracks[0].representation.addressing
    if all(track.representation.addressing is first for track in tracks):
        return []  # one list for all of them
    return [track.rendition.id for track in tracks]
