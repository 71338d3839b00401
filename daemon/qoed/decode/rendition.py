"""What the worker remembers of a rendition between jobs: filters, open conditions, an unfinished segment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import av

from qoed.decode.codec import Job
from qoed.decode.filters import BlockMeter, PictureFilters, SoundFilters
from qoed.decode.lasting import Lasting, PictureJudge, SoundJudge
from qoed.decode.media_clock import MediaClock
from qoed.decode.options import KEY_EVERY_S
from qoed.decode.transport import TransportWatch
from qoed.model import Reason

if TYPE_CHECKING:
    from qoed.decode.session import Session

_EDGE_S = 0.05
"""Announced durations are rounded: a key frame so short before a slot belongs to it."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture as the sampler holds it."""

    frame: av.VideoFrame = field(repr=False)
    black: bool
    corrupt: bool


class RenditionState:
    """Filters and judges of one rendition. Which conditions are open, the daemon knows and sends along."""

    def __init__(self, job: Job) -> None:
        self.options = job.options
        self.lasting = Lasting(job.stream, job.rendition, job.opened)
        self.blocks = BlockMeter()
        self.session: Session | None = None
        """The media segment whose end has not come yet."""
        self.transport = TransportWatch()
        self.used_s = 0.0
        self.parameters: bytes | None = None
        """The newest parameter sets: segments of open GOPs may come without."""
        self.clock: MediaClock | None = None
        """Of the newest media segment."""
        self.grid: tuple[int, float] | None = None
        """Sequence number of the newest media segment and where its clips are counted from."""
        self.parts_aligned: bool | None = None
        """Whether the parts of transport streams begin with PES packets."""
        self.skipping_starves = False
        """Skipping frames left too few for the clips: this encoder's frames are decoded in full."""
        self.starts_with_key: bool | None = None
        """Whether the rendition's segments are known to begin with a key frame."""
        self._pictures = PictureFilters(job.options)
        self._picture_judge = PictureJudge(self.lasting, job.options)
        self._sounds = SoundFilters(job.options)
        self._sound_judge = SoundJudge(self.lasting, job.options)
        self._seen_s: float | None = None
        self._key_slot: int | None = None

    @property
    def loudness_lufs(self) -> float | None:
        """Short-term loudness (3 s) at the newest sound."""
        return self._sound_judge.loudness_lufs

    def key_due(self, time_s: float | None) -> bool:
        """Whether the key frame of media time `time_s` is to be decoded when only key frames are.

        Slots of media time, so that all renditions of a stream are seen at the same moments; and every one
        while the picture is in doubt.
        """
        if time_s is None:
            return True
        before, self._key_slot = self._key_slot, int((time_s + _EDGE_S) // KEY_EVERY_S)
        in_doubt = self._picture_judge.black or not {Reason.BLACK, Reason.FREEZE}.isdisjoint(
            self.lasting.opened
        )
        return in_doubt or self._key_slot != before

    def see(self, frame: av.VideoFrame, time_s: float, every_s: float) -> Picture:
        """Show a picture at media time `time_s` to the filters, unless they saw one `every_s` ago or less."""
        if self._seen_s is None or not 0 < time_s - self._seen_s < every_s:
            self._seen_s = time_s
            try:
                if self._pictures.restarts(frame, time_s):
                    self._picture_judge.restart()
                notes = self._pictures.look(frame, time_s)
                self.blocks.look(frame, time_s)
            except (av.FFmpegError, ValueError):  # a format that no filter takes: not measured
                notes = {}
            self._picture_judge.step(time_s, notes)
        return Picture(frame, self._picture_judge.black, frame.is_corrupt)

    def hear(self, frame: av.AudioFrame, time_s: float) -> None:
        """Play sound that begins at media time `time_s` to the filters; `judge_sound` has what they heard."""
        try:
            if self._sounds.restarts(frame, time_s):
                self.judge_sound()
                self._sound_judge.restart()
            self._sounds.hear(frame, time_s)
        except (av.FFmpegError, ValueError):
            return

    def judge_sound(self) -> None:
        """Judge what was played since the last call."""
        for at_s, note in self._sounds.notes():
            self._sound_judge.step(at_s, note)
