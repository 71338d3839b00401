"""The pass over one segment: demux, decode as deep as asked, sample, count."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Literal, Self

import av
from av.packet import Packet
from av.video.stream import VideoStream

from qoed.decode.codec import CutClip, Job, Result
from qoed.decode.findings import damage_event, duration_event, event
from qoed.decode.measure import Cadence, Tally, cadence_of, damage, duration_off
from qoed.decode.media import (
    RefusedError,
    UndecodableError,
    audio_of,
    cut_inside_packet,
    open_media,
    prepare,
    reason_of,
    video_of,
)
from qoed.decode.rendition import Picture, RenditionState
from qoed.model import Finding, Measures, Outcome, Reason, Severity
from qoed.sample import Picked, Sampler, plan_clips
from qoed_engine.manifest import Recipe

FRAMES_PLAY = 4
"""A segment may hold so many times the frames that its duration and rate promise."""
MAX_RATE = 120.0
"""Frames per second that are believed."""
MAX_PACKETS = 100_000
FILTER_EVERY_S = 0.1
"""Distance of the pictures that black and freeze are judged on when not every frame is decoded anyway."""
_SKIP: dict[str, Literal["DEFAULT", "NONREF", "NONKEY"]] = {
    "full": "DEFAULT",
    # Not BIDIR, though it skips more: P frames may refer to B frames, and x264's do; without those the
    # pictures came out as far as 35 dB from the true ones, unflagged. And of x265, which codes P as B, key
    # frames alone were left.
    "light": "NONREF",
    "extra_light": "NONKEY",
}


@dataclass(slots=True)
class _Counts:
    packets_corrupt: int = 0
    frames: int = 0
    frames_before_key: int = 0
    frames_corrupt: int = 0
    interlaced: int = 0
    decode_errors: int = 0
    demux_errors: int = 0
    sound_errors: int = 0
    last_error: str = ""


class SegmentPass:
    """Open the segment, draw its clips with `clips`, then ask for the `result`.

    Raises `RefusedError` for media beyond a limit, `UndecodableError` for bytes not of the named container.
    """

    def __init__(
        self,
        job: Job,
        container: Literal["mpegts", "mp4", "matroska"],
        state: RenditionState,
        recipe: Recipe,
    ) -> None:
        self._job = job
        self._container = container
        self._state = state
        self._recipe = recipe
        self._stack = ExitStack()
        self._counts = _Counts()
        self._video: VideoStream | None = None
        self._video_packets: list[Packet[Any]] = []
        self._audio_packets: list[Packet[Any]] = []
        self._skip: Literal["DEFAULT", "NONREF", "NONKEY"] = "DEFAULT"
        self._size: tuple[int, int] | None = None
        self._taints: list[tuple[float, float]] = []

    def __enter__(self) -> Self:
        job = self._job
        opened = self._stack.enter_context(open_media(job.media, self._container, job.options.max_pixels))
        try:
            if not opened.streams:
                raise UndecodableError(f"no elementary stream in the {self._container} segment")
            self._video, self._audio = video_of(opened), audio_of(opened)
            if self._video is not None:
                prepare(self._video.codec_context, job.options.max_pixels)
            if self._audio is not None:
                self._audio.codec_context.thread_count = 1
            self._demux(opened)
        except BaseException:
            self._stack.close()
            raise
        self._key_s = next((_time(packet) for packet in self._video_packets if packet.is_keyframe), None)
        times = _times(self._video_packets)
        self._cadence = cadence_of(times) if self._video_packets else cadence_of(_times(self._audio_packets))
        audio_times = _times(self._audio_packets)
        # Media time 0 of the segment: its first picture to be shown, or its first sound.
        self._anchor_s = self._key_s if self._key_s is not None else min(times or audio_times, default=0.0)
        for packet in self._video_packets:
            if packet.is_corrupt:
                self._taint(_time(packet))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._video_packets.clear()
        self._audio_packets.clear()
        self._stack.close()

    def clips(self) -> Iterator[Picked[Picture]]:
        """Decode everything; yields the pictures of each clip as soon as they are known."""
        if self._video is not None and self._video_packets:
            state, depth = self._state, self._job.options.depth
            self._skip = "DEFAULT" if state.skipping_starves else _SKIP[depth]
            yield from self._decode_video(self._video)
            if self._counts.frames == 0 and self._skip != "DEFAULT":
                # Nothing left after skipping (intra refresh has no key frames): decode in full after all.
                self._video.codec_context.flush_buffers()
                self._skip = "DEFAULT"
                yield from self._decode_video(self._video)
                state.skipping_starves = self._counts.frames > 0 and not self._counts.decode_errors
            elif self._skip == "NONREF" and self._starved():
                state.skipping_starves = True
        self._decode_audio()

    def result(self, clips: tuple[CutClip, ...]) -> Result:
        """What the pass found; call it after `clips` is exhausted."""
        job, counts, cadence = self._job, self._counts, self._cadence
        tally = Tally(
            announced_s=job.duration_s,
            cadence=cadence if self._video_packets else Cadence(),
            packets=len(self._video_packets),
            packets_corrupt=counts.packets_corrupt,
            frames=counts.frames - counts.frames_before_key,
            frames_corrupt=counts.frames_corrupt,
            frames_due=self._frames_due(),
            decode_errors=counts.decode_errors,
            demux_errors=counts.demux_errors,
            sound_errors=counts.sound_errors,
        )
        evidence = damage(tally) | self._container_damage()
        events: list[Finding] = []
        detail = ""
        if not self._video_packets:
            outcome, detail = Outcome.NO_VIDEO, "no video in the segment"
            events.append(event(job, Reason.NO_VIDEO, Severity.CRITICAL, detail))
        elif counts.frames == 0:
            outcome = Outcome.UNDECODABLE
            detail = f"none of {len(self._video_packets)} video packets could be decoded"
            detail += f": {counts.last_error}" if counts.last_error else ""
            events.append(event(job, Reason.UNDECODABLE, Severity.CRITICAL, detail, evidence=dict(evidence)))
        else:
            outcome = Outcome.DAMAGED if evidence else Outcome.OK
        if evidence and outcome is not Outcome.UNDECODABLE:
            events.append(damage_event(job, evidence))
            detail = detail or events[-1].message
        if cadence.duration_s is not None and duration_off(job.duration_s, cadence.duration_s):
            events.append(duration_event(job, cadence.duration_s))
        measures = self._measures(tally)  # may add a finding
        return Result(
            outcome=outcome,
            clips=clips,
            findings=(*self._state.lasting.findings, *events),
            measures=measures,
            detail=detail,
        )

    def _demux(self, opened: av.container.InputContainer) -> None:
        streams = [stream for stream in (self._video, self._audio) if stream is not None]
        if not streams:
            return
        try:
            for packet in opened.demux(streams):
                if packet.size == 0:
                    continue
                video = packet.stream is self._video
                (self._video_packets if video else self._audio_packets).append(packet)
                self._counts.packets_corrupt += packet.is_corrupt
                if len(self._video_packets) + len(self._audio_packets) > MAX_PACKETS:
                    raise RefusedError(f"more than {MAX_PACKETS} packets in one segment")
        except (av.FFmpegError, ValueError) as error:
            self._counts.demux_errors += 1
            self._counts.last_error = reason_of(error)

    def _decode_video(self, stream: VideoStream) -> Iterator[Picked[Picture]]:
        context = stream.codec_context
        context.skip_frame = self._skip
        sampler: Sampler[Picture] = Sampler(
            plan_clips(self._job.media_time_s, self._job.duration_s, self._recipe)
        )
        every_s = 0.0 if self._job.options.depth == "full" else FILTER_EVERY_S
        # What lies outside has a broken timestamp: counted, but neither sampled nor measured.
        first_s = self._job.media_time_s - 1e-3
        last_s = self._job.media_time_s + 2 * self._job.duration_s + 10.0
        time_s = self._job.media_time_s
        limit = self._frame_limit()
        for frame in self._frames(stream):
            counts = self._counts
            counts.frames += 1
            if counts.frames > limit:
                raise RefusedError(f"more than {limit} frames in a segment of {self._job.duration_s:g} s")
            if frame.pts is not None and stream.time_base is not None:  # flushed frames bring no time base
                time_s = self._job.media_time_s + float(frame.pts * stream.time_base) - self._anchor_s
            else:
                time_s += self._cadence.frame_s or 1 / 30
            if time_s < first_s:  # refers to the segment before; a decoder begun here cannot know it
                counts.frames_before_key += 1
                continue
            counts.frames_corrupt += frame.is_corrupt
            counts.interlaced += frame.interlaced_frame
            self._size = (frame.width, frame.height)
            if time_s > last_s:
                continue
            picture = self._state.see(frame, time_s, every_s)
            at_s = time_s - self._job.media_time_s + self._anchor_s
            if frame.is_corrupt or any(since_s <= at_s < until_s for since_s, until_s in self._taints):
                picture = replace(picture, corrupt=True)
            yield from sampler.offer(time_s, picture)
        yield from sampler.finish(self._job.media_time_s + (self._cadence.duration_s or 0.0))

    def _frames(self, stream: VideoStream) -> Iterator[av.VideoFrame]:
        packets: Iterable[Packet[Any] | None] = (*self._video_packets, None)
        for packet in packets:
            try:
                frames = stream.codec_context.decode(packet)
            except (av.FFmpegError, ValueError) as error:
                self._counts.decode_errors += 1
                self._counts.last_error = reason_of(error)
                self._taint(None if packet is None else _time(packet))
                continue
            yield from frames

    def _taint(self, since_s: float | None) -> None:
        """Pictures from a broken packet's time to the next key frame are not of full worth."""
        if since_s is not None:
            keys = (_time(packet) for packet in self._video_packets if packet.is_keyframe)
            later = [key_s for key_s in keys if key_s is not None and key_s > since_s]
            self._taints.append((since_s - 1e-6, min(later, default=math.inf)))

    def _decode_audio(self) -> None:
        if self._audio is None:
            return
        for packet in self._audio_packets:
            try:
                frames = self._audio.codec_context.decode(packet)
            except (av.FFmpegError, ValueError) as error:
                self._counts.sound_errors += 1
                self._counts.last_error = reason_of(error)
                continue
            for frame in frames:
                self._counts.sound_errors += frame.is_corrupt
                at = _time(packet) if frame.pts is None else float(frame.pts * (frame.time_base or 0))
                since_s = 0.0 if at is None else at - self._anchor_s
                if -1.0 <= since_s <= 2 * self._job.duration_s + 10.0:
                    self._state.hear(frame, self._job.media_time_s + since_s)

    def _frame_limit(self) -> int:
        rate = min(MAX_RATE, 1 / self._cadence.frame_s) if self._cadence.frame_s else MAX_RATE
        return math.ceil(FRAMES_PLAY * rate * max(self._job.duration_s, 1.0))

    def _starved(self) -> bool:
        """Fewer pictures than the clips' targets, though the stream has more."""
        duration_s = self._cadence.duration_s
        if duration_s is None or self._counts.decode_errors or duration_s < self._recipe.span_s:
            return False
        due = self._recipe.frames / self._recipe.span_s * duration_s
        return self._counts.frames < due - 1 and self._counts.frames < len(self._video_packets)

    def _frames_due(self) -> int | None:
        """Frames that the packets hold from the first key frame on; None when some were skipped."""
        if self._skip != "DEFAULT" or self._key_s is None:
            return None
        times = (_time(packet) for packet in self._video_packets)
        due = sum(1 for time_s in times if time_s is None or time_s >= self._key_s - 1e-6)
        frames = self._counts.frames
        if self._counts.interlaced and abs(2 * frames - due) <= 2:  # a packet for each field
            return frames
        return due

    def _container_damage(self) -> dict[str, int]:
        evidence = {}
        if self._container == "mpegts" and cut_inside_packet(self._job.media):
            evidence["cut_packet"] = 1
        if self._video_packets:
            with_key = self._video_packets[0].is_keyframe
            if not with_key and self._state.starts_with_key:
                evidence["no_key_start"] = 1
            self._state.starts_with_key = with_key or bool(self._state.starts_with_key)
        return evidence

    def _measures(self, tally: Tally) -> Measures:
        frame_s = tally.cadence.frame_s
        return Measures(
            width=self._size[0] if self._size else None,
            height=self._size[1] if self._size else None,
            codec=self._video.codec_context.name if self._video is not None else None,
            frame_rate=round(1 / frame_s, 3) if frame_s else None,
            frames_expected=tally.frames_expected,
            packets=tally.packets,
            frames_decoded=self._counts.frames,
            frames_corrupt=tally.frames_corrupt,
            video_duration_s=tally.cadence.duration_s,
            blockiness=self._blockiness(),
            loudness_lufs=self._state.loudness_lufs if self._audio_packets else None,
            has_audio=bool(self._audio_packets),
        )

    def _blockiness(self) -> float | None:
        reading = self._state.blocks.take()
        limit, at_s = self._job.options.blockiness_max, self._job.media_time_s
        if reading is not None and limit is not None:
            lasting = self._state.lasting
            if reading > limit:
                lasting.start(
                    Reason.BLOCKINESS, at_s, f"blockiness {reading:.2f} is above {limit:g}", value=reading
                )
            else:
                lasting.end(Reason.BLOCKINESS, at_s, f"blockiness {reading:.2f}")
        return reading


def _time(packet: Packet[Any]) -> float | None:
    return None if packet.pts is None else float(packet.pts * packet.time_base)


def _times(packets: list[Packet[Any]]) -> list[float]:
    return [time_s for packet in packets if (time_s := _time(packet)) is not None]
