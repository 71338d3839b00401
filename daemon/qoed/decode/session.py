"""One run of a rendition's bitstream through its decoders: a media segment, or the parts of one.

It lives in the worker from job to job while a segment is unfinished, so that a part may begin with any
picture and a clip may span several parts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import av
from av.audio.codeccontext import AudioCodecContext
from av.video.codeccontext import VideoCodecContext

from qoed.decode.book import Book
from qoed.decode.codec import Job
from qoed.decode.errors import RefusedError, reason_of
from qoed.decode.media_clock import MediaClock
from qoed.decode.part import Part
from qoed.decode.pictures import DEPTHS, SKIP, Packets, PictureDecoder, Skip
from qoed.decode.rendition import Picture, RenditionState
from qoed.decode.ts_parts import TsJoiner
from qoed.sample import MIN_COVER, Picked, Sampler
from qoed_engine.manifest import Recipe

FRAMES_PLAY = 4
"""A segment may hold so many times the frames that its duration and rate promise."""
MAX_RATE = 120.0
"""Frames per second that are believed."""
FILTER_EVERY_S = 0.1
"""Distance of the pictures that black and freeze are judged on when not every frame is decoded anyway."""
SEAM_S = 0.01
"""A part begins where the one before it ended, but for rounding."""
REJOIN_S = 0.25
"""After a hole the clock of before still holds when it is so near to what is announced."""
_JUDGE_EVERY = 64
"""Frames of sound that may wait in the filters."""


class Session:
    """Decoders, the clip in hand, the place on the media timeline, and the book of the segment at hand."""

    def __init__(self, job: Job, state: RenditionState, recipe: Recipe) -> None:
        self.from_start = not job.continues
        """Whether all of the segment that it began with is known."""
        self.book = Book(job, from_start=self.from_start)
        self.size: tuple[int, int] | None = None
        """Width and height of the newest picture."""
        self._state = state
        self._recipe = recipe
        self._kind = _kind(job)
        self._next_s = job.media_time_s
        self._orphan = job.continues
        """The key frame at which decoding can begin has not come."""
        self._clock: MediaClock | None = None
        self._video: PictureDecoder | None = None
        self._audio: AudioCodecContext | None = None
        self._sampler: Sampler[Picture] | None = None
        self._time_s = job.media_time_s
        self._keyed = False
        self.starved = False
        """Skipping left no picture at all; the next segment is decoded in full."""
        in_parts = job.container == "mpegts" and not job.whole
        self._joiner = TsJoiner(state.parts_aligned) if in_parts else None

    @property
    def depth(self) -> str:
        """How deep pictures are decoded."""
        return DEPTHS[self._wanted() if self._video is None else self._video.skip]

    @property
    def decoder(self) -> VideoCodecContext | None:
        """The decoder of its pictures: it knows what a part without parameter sets does not say."""
        return None if self._video is None else self._video.context

    @property
    def last_error(self) -> str:
        """FFmpeg's words for what went wrong last, if anything did."""
        return (self._video.last_error if self._video is not None else "") or self.book.last_error

    def goes_on_with(self, job: Job) -> bool:
        """Whether the job is the next part of this bitstream."""
        if job.discontinuity or not self.reaches(job) or _kind(job) != self._kind:
            return False
        return job.continues or job.sequence == self.book.job.sequence

    def reaches(self, job: Job) -> bool:
        """Whether nothing is missing between the last job and this one."""
        return abs(job.media_time_s - self._next_s) <= SEAM_S

    def media_of(self, job: Job) -> memoryview | bytes:
        """What to demux of a job."""
        if self._joiner is None:
            return job.media
        media = self._joiner.join(job.media, last=not job.unfinished)
        self._state.parts_aligned = self._joiner.aligned
        self._orphan = self._orphan or self._joiner.torn
        return media

    def play(self, job: Job, part: Part) -> Iterator[Picked[Picture]]:
        """Decode a part; yields the pictures of each clip as soon as they are known.

        Raises `RefusedError` for more pictures than a segment can have.
        """
        if job.sequence != self.book.job.sequence:
            self.book = Book(job, from_start=False)
        self._next_s = job.end_s
        self.book.enter(job, part)
        if self._clock is None:
            self._place(job, part)
        if part.video is not None and part.pictures.packets:
            yield from self._pictures(job, part)
        if not job.unfinished:
            yield from self.drain()
        self._sound(job, part)

    def drain(self) -> Iterator[Picked[Picture]]:
        """What the decoder and the clip in hand still hold, when nothing follows."""
        if self._video is not None:
            yield from self._show(self._video.drain(self.book.counts))
            self._note_starvation(self._video)
        if self._sampler is not None:
            end_s = self.book.end_s()
            yield from self._sampler.finish(self._next_s if end_s is None else self._media_s(end_s))
            self._sampler = None

    def _place(self, job: Job, part: Part) -> None:
        """The job's media time is that of its first picture to be shown, or of its first sound.

        A part that was joined in the middle may begin with any picture: what was known before is better.
        """
        first_s = None if self._orphan else part.pictures.first_key_s()
        if first_s is None:
            first_s = min(part.pictures.known() or part.sounds.known(), default=None)
        if first_s is None:
            return
        media_s, known = job.media_time_s, self._state.clock
        if self._orphan and known is not None and abs(known.media_s(first_s) - media_s) < REJOIN_S:
            media_s = known.media_s(first_s)
        self._clock = self._state.clock = MediaClock(first_s, media_s, part.period_s)

    def _media_s(self, clock_s: float) -> float:
        return self._time_s if self._clock is None else self._clock.media_s(clock_s)

    def _pictures(self, job: Job, part: Part) -> Iterator[Picked[Picture]]:
        packets = self._decodable(part)
        if not packets:
            return
        assert part.video is not None
        if self._video is None:
            context, state = part.video.codec_context, self._state
            if job.container == "mpegts" and not context.extradata and state.parameters:
                context.extradata = state.parameters
            state.parameters = context.extradata or None
            self._video = PictureDecoder(part.video, job.options.max_pixels, self._wanted(), self._key_due)
        decoder, counts = self._video, self.book.counts
        decoder.aim(self._wanted())
        decoder.heal(packets)
        self.book.expect(self._due(packets))
        sampler = self._begin_sampling(job, packets)
        yield from sampler.extend(job.end_s)
        limit = counts.frames + self._frame_limit(job)
        yield from self._show(decoder.frames(packets, counts), limit)
        if job.whole:
            yield from self._show(decoder.drain(counts), limit)
            if decoder.skip != "DEFAULT" and not counts.frames and not counts.passed_over:
                # Nothing left after skipping (intra refresh has no key frames): decode in full after all.
                decoder.start_over()
                yield from self._show(decoder.frames(packets, counts), limit)
                yield from self._show(decoder.drain(counts), limit)
                self._state.skipping_starves = counts.frames > 0 and not counts.decode_errors
        self.book.skipped |= decoder.skip != "DEFAULT"
        if decoder.skip == "NONKEY" and job.unfinished:
            yield from sampler.pass_by(job.end_s)

    def _wanted(self) -> Skip:
        return "DEFAULT" if self._state.skipping_starves else SKIP[self.book.job.options.depth]

    def _key_due(self, clock_s: float | None) -> bool:
        return self._state.key_due(None if clock_s is None else self._media_s(clock_s))

    def _decodable(self, part: Part) -> Packets:
        """The packets, from the key frame on if it is waited for."""
        packets = list(zip(part.pictures.packets, part.pictures.times, strict=True))
        if not self._orphan:
            return packets
        begin = next((place for place, (packet, _) in enumerate(packets) if packet.is_keyframe), None)
        self.book.counts.orphans += len(packets) if begin is None else begin
        if begin is None:
            return ()
        self._orphan = False
        self._sampler = None
        return packets[begin:]

    def _due(self, packets: Packets) -> int | None:
        """How many of the packets must become pictures; None without a key frame to begin at."""
        self._keyed = self._keyed or any(packet.is_keyframe for packet, _ in packets)
        if not self._keyed or self._clock is None:
            return None
        first_s = self._clock.begin_s - 1e-6
        return sum(1 for _, time_s in packets if time_s is None or self._media_s(time_s) >= first_s)

    def _begin_sampling(self, job: Job, packets: Packets) -> Sampler[Picture]:
        """The sampler; in parts a new one counts from the segment's begin, whatever was lost since."""
        if self._sampler is None:
            key_s = next((at for packet, at in packets if packet.is_keyframe and at is not None), None)
            start_s = job.media_time_s if key_s is None else round(self._media_s(key_s), 6)
            if job.whole or self._state.grid is None or self._state.grid[0] != job.sequence:
                self._state.grid = (job.sequence, start_s)
            origin_s, span_s = self._state.grid[1], self._recipe.span_s
            number = max(0, math.ceil((start_s - origin_s) / span_s - MIN_COVER - 1e-6))
            self._sampler = Sampler(origin_s + number * span_s, self._recipe)
        return self._sampler

    def _show(self, frames: Iterable[av.VideoFrame], limit: float = math.inf) -> Iterator[Picked[Picture]]:
        """Count, measure and sample decoded pictures."""
        decoder, counts, job = self._video, self.book.counts, self.book.job
        assert decoder is not None
        # What lies outside has a broken timestamp: counted, but neither sampled nor measured.
        first_s = (job.media_time_s if self._clock is None else self._clock.begin_s) - 1e-3
        last_s = job.media_time_s + 2 * job.duration_s + 10.0
        every_s = 0.0 if decoder.skip == "DEFAULT" and job.options.depth == "full" else FILTER_EVERY_S
        for frame in self._decoded(frames):
            counts.frames += 1
            if counts.frames > limit:
                raise RefusedError(f"more pictures than {job.duration_s:g} s can have")
            clock_s = None
            if frame.pts is not None and decoder.time_base is not None:
                clock_s = frame.pts * decoder.time_base.numerator / decoder.time_base.denominator
                self._time_s = self._media_s(clock_s)
            else:
                self._time_s += self.book.cadence.frame_s or 1 / 30
            if self._time_s < first_s:  # refers to the segment before; a decoder begun here cannot know it
                counts.frames_before_key += 1
                continue
            counts.frames_corrupt += frame.is_corrupt
            counts.interlaced += frame.interlaced_frame
            self.size = (frame.width, frame.height)
            if self._time_s > last_s:
                continue
            picture = self._state.see(frame, self._time_s, every_s)
            if frame.is_corrupt or (clock_s is not None and decoder.tainted(clock_s)):
                picture = replace(picture, corrupt=True)
            if self._sampler is not None:
                yield from self._sampler.offer(self._time_s, picture)

    def _decoded(self, frames: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        """The decoder at work, apart from what is done with its pictures."""
        yield from frames

    def _sound(self, job: Job, part: Part) -> None:
        if part.audio is None:
            return
        if self._audio is None:
            self._audio = part.audio.codec_context
            self._audio.thread_count = 1
        tick, counts = float(part.audio.time_base or 0), self.book.counts
        waiting = 0
        for packet, at_s in zip(part.sounds.packets, part.sounds.times, strict=True):
            try:
                frames = self._audio.decode(packet)
            except (av.FFmpegError, ValueError) as error:
                counts.sound_errors += 1
                self.book.last_error = reason_of(error)
                continue
            for frame in frames:
                counts.sound_errors += frame.is_corrupt
                lead = 0 if frame.pts is None or packet.pts is None else frame.pts - packet.pts
                time_s = job.media_time_s if at_s is None else self._media_s(at_s + lead * tick)
                if -1.0 <= time_s - job.media_time_s <= 2 * job.duration_s + 10.0:
                    self._state.hear(frame, time_s)
                    waiting += 1
            if waiting >= _JUDGE_EVERY:
                self._state.judge_sound()
                waiting = 0
        self._state.judge_sound()

    def _frame_limit(self, job: Job) -> int:
        frame_s = self.book.cadence.frame_s
        rate = min(MAX_RATE, 1 / frame_s) if frame_s else MAX_RATE
        return math.ceil(FRAMES_PLAY * rate * max(job.duration_s, 1.0))

    def _note_starvation(self, decoder: PictureDecoder) -> None:
        """Remember an encoder of whose pictures skipping leaves fewer than the clips need."""
        counts, duration_s = self.book.counts, self.book.cadence.duration_s
        if decoder.skip == "NONKEY":
            none_left = counts.frames == counts.passed_over == 0 and counts.packets > counts.orphans
            self.starved = none_left
            self._state.skipping_starves |= none_left
        elif decoder.skip == "NONREF" and not counts.decode_errors:
            if duration_s is None or duration_s < self._recipe.span_s:
                return
            due = self._recipe.frames / self._recipe.span_s * duration_s
            self._state.skipping_starves |= counts.frames < min(due - 1, counts.packets)


def _kind(job: Job) -> tuple[str, bytes]:
    return job.container, bytes(job.media[: job.init_length])
