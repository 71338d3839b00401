"""What the worker remembers of a rendition between segments: filters, open conditions, what to skip."""

from __future__ import annotations

from dataclasses import dataclass, field

import av

from qoed.decode.codec import Job
from qoed.decode.filters import BlockMeter, PictureFilters, SoundFilters
from qoed.decode.lasting import Lasting, PictureJudge, SoundJudge


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
        self.skipping_starves = False
        """Skipping frames left too few for the clips: this encoder's frames are decoded in full."""
        self.starts_with_key: bool | None = None
        """Whether the rendition's segments are known to begin with a key frame."""
        self._pictures = PictureFilters(job.options)
        self._picture_judge = PictureJudge(self.lasting, job.options)
        self._sounds = SoundFilters(job.options)
        self._sound_judge = SoundJudge(self.lasting, job.options)
        self._seen_s: float | None = None

    @property
    def loudness_lufs(self) -> float | None:
        """Short-term loudness (3 s) at the newest sound."""
        return self._sound_judge.loudness_lufs

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
        """Play sound that begins at media time `time_s` to the filters."""
        try:
            if self._sounds.restarts(frame, time_s):
                self._sound_judge.restart()
            notes = self._sounds.hear(frame, time_s)
        except (av.FFmpegError, ValueError):
            return
        for at_s, note in notes:
            self._sound_judge.step(at_s, note)
