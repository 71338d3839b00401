"""Media segments as the checks see them: whole, whether they came in one piece or in parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from qoed.conform.clock import apart
from qoed.model import Decoded, Measures, Outcome, Rendition

MAX_PARTS = 512
"""Parts of one media segment; more are no segment any more."""
SEAM_S = 0.05
"""A part begins where the one before it ended, but for rounding."""
_MEASURED = (Outcome.OK, Outcome.DAMAGED, Outcome.NO_VIDEO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """One media segment with what was measured of it."""

    stream: str
    rendition: Rendition
    sequence: int
    media_time_s: float
    duration_s: float
    """As announced."""
    size: int
    """Bytes, without init section."""
    measures: Measures
    measured: bool
    """Its packets were counted; a segment that never got so far says nothing."""
    complete: bool
    """All of it was measured, and it is not known to be damaged."""
    follows: bool
    """The segment before it in the stream is the one that was judged before it, on the same clock."""
    discontinuity: bool = False

    @property
    def end_s(self) -> float:
        """Media time at which it ends."""
        return self.media_time_s + self.duration_s

    @property
    def start_s(self) -> float | None:
        """Its begin on the media's own clock: of its pictures, or of its sound where it has none."""
        measures = self.measures
        return measures.audio_start_s if measures.video_start_s is None else measures.video_start_s

    @property
    def length_s(self) -> float | None:
        """Measured duration of its pictures, or of its sound where it has none."""
        measures = self.measures
        return measures.audio_duration_s if measures.video_start_s is None else measures.video_duration_s


class Assembler:
    """Puts the parts of one rendition's media segments together."""

    def __init__(self) -> None:
        self._parts: list[Decoded] = []
        self._before: Whole | None = None

    def add(self, decoded: Decoded) -> list[Whole]:
        """The segments that are whole with this result: with its last part, or with the first of the next."""
        segment, done = decoded.segment, list[Whole]()
        if self._parts and self._parts[-1].segment.sequence != segment.sequence:
            last = self._parts[-1].segment
            ended = abs(segment.media_time_s - last.media_time_s - last.duration_s) <= SEAM_S
            done.append(self._close(ended=ended))
        self._parts.append(decoded)
        if not segment.unfinished or len(self._parts) >= MAX_PARTS:
            done.append(self._close(ended=True))
        return done

    def _close(self, *, ended: bool) -> Whole:
        parts, self._parts = self._parts, []
        segments = [part.segment for part in parts]
        first, last, before = segments[0], segments[-1], self._before
        discontinuity = any(segment.discontinuity for segment in segments)
        follows = before is not None and first.sequence == before.sequence + 1 and not discontinuity
        follows = follows and last.rendition.declared  # a file is cut by qoed, each piece with its own clock
        from_start = not first.continues or (
            follows and before is not None and abs(first.media_time_s - before.end_s) <= SEAM_S
        )
        unbroken = all(
            abs(later.media_time_s - earlier.media_time_s - earlier.duration_s) <= SEAM_S
            for earlier, later in pairwise(segments)
        )
        there = ended and from_start and unbroken
        whole = Whole(
            stream=first.stream,
            rendition=last.rendition,
            sequence=first.sequence,
            media_time_s=first.media_time_s,
            duration_s=sum(segment.duration_s for segment in segments),
            size=sum(len(segment.data) for segment in segments),
            measures=_merged([part.measures for part in parts]),
            measured=there and all(part.outcome in _MEASURED for part in parts),
            complete=there and all(part.outcome in (Outcome.OK, Outcome.NO_VIDEO) for part in parts),
            follows=follows,
            discontinuity=discontinuity,
        )
        self._before = whole
        return whole


def _merged(parts: Sequence[Measures]) -> Measures:
    """The measures of parts as those of their segment."""
    if len(parts) == 1:
        return parts[0]
    pictures = [part for part in parts if part.video_start_s is not None]
    sounds = [part for part in parts if part.audio_start_s is not None]
    newest = pictures[-1] if pictures else parts[-1]
    merged = replace(
        newest,
        packets=sum(part.packets for part in parts),
        frames_decoded=sum(part.frames_decoded for part in parts),
        has_audio=any(part.has_audio for part in parts),
        codecs=max((part.codecs or "" for part in parts), key=len) or None,
    )
    period_s = parts[0].clock_period_s
    if pictures:
        start_s = pictures[0].video_start_s or 0.0
        leads = [apart(part.video_start_s or 0.0, start_s, period_s) for part in pictures]
        keys = zip(leads, (part.key_frames_s for part in pictures), strict=True)
        merged = replace(
            merged,
            video_start_s=start_s,
            video_duration_s=_length(leads, [part.video_duration_s for part in pictures]),
            key_frames_s=tuple(lead + key_s for lead, part in keys for key_s in part),
        )
    if sounds:
        start_s = sounds[0].audio_start_s or 0.0
        leads = [apart(part.audio_start_s or 0.0, start_s, period_s) for part in sounds]
        merged = replace(
            merged,
            audio_codec=sounds[-1].audio_codec,
            audio_sample_rate=sounds[-1].audio_sample_rate,
            audio_channels=sounds[-1].audio_channels,
            audio_start_s=start_s,
            audio_duration_s=_length(leads, [part.audio_duration_s for part in sounds]),
        )
    return merged


def _length(leads: Sequence[float], lengths: Sequence[float | None]) -> float | None:
    """From the first begin to the last end."""
    ends = [lead + length for lead, length in zip(leads, lengths, strict=True) if length is not None]
    return max(ends, default=None)
