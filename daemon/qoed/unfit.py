"""Pictures that the network was not made for, as a finding that lasts while a rendition's clips abstain."""

from __future__ import annotations

from dataclasses import dataclass

from qoed.checks import CATALOGUE
from qoed.model import Finding, Phase, Quality, Reason, Score

CONFIRM_CLIPS = 2
"""So many in a row make a finding: a title or a flash of one second is none."""


@dataclass(slots=True)
class _Run:
    """The unfit clips of one rendition since the last one that has a score."""

    since_s: float
    clips: int = 0


class UnfitPictures:
    """One stream's renditions; feed it every score."""

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}

    def see(self, score: Score) -> Finding | None:
        """Take in a score; returns the finding that begins or ends with it."""
        if score.quality is not Quality.ABSTAINED:
            run = self._runs.pop(score.rendition, None)
            if run is None or run.clips < CONFIRM_CLIPS:
                return None
            lasted_s = max(0.0, score.media_time_s - run.since_s)
            return _finding(score, Phase.END, score.media_time_s, lasted_s, "the picture has scores again")
        if score.reason != Reason.UNFIT_PICTURE:
            return None  # black is a finding of its own, and says nothing for or against this one
        run = self._runs.setdefault(score.rendition, _Run(score.media_time_s))
        run.clips += 1
        if run.clips != CONFIRM_CLIPS:
            return None
        return _finding(
            score,
            Phase.START,
            run.since_s,
            None,
            "a slate, a screen or near-black: no score would mean anything",
        )

    def forget(self, rendition: str) -> None:
        """A rendition is no longer watched."""
        self._runs.pop(rendition, None)


def _finding(score: Score, phase: Phase, at_s: float, lasted_s: float | None, message: str) -> Finding:
    return Finding(
        stream=score.stream,
        rendition=score.rendition,
        reason=Reason.UNFIT_PICTURE,
        severity=CATALOGUE[Reason.UNFIT_PICTURE].severity,
        phase=phase,
        media_time_s=round(at_s, 3),
        value=None if lasted_s is None else round(lasted_s, 3),
        unit=None if lasted_s is None else "s",
        message=message,
    )
