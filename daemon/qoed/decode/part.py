"""One job's media taken apart into packets: a whole media segment, or a part of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from qoed.decode.codec import Job
from qoed.decode.errors import RefusedError, UndecodableError, reason_of
from qoed.decode.media import audio_of, open_media, video_of
from qoed.decode.packed import start_of

MAX_PACKETS = 100_000
WRAP_S = 2**33 / 90_000
"""Clocks of MPEG-2 systems begin anew after so long (ISO/IEC 13818-1 2.4.3.7)."""


@dataclass(slots=True)
class Track:
    """An elementary stream's packets in decoding order; their presentation times on the media's clock."""

    packets: list[Packet[Any]] = field(default_factory=list)
    times: list[float | None] = field(default_factory=list)

    def add(self, packet: Packet[Any], time_s: float | None) -> None:
        """Put a packet at the end."""
        self.packets.append(packet)
        self.times.append(time_s)

    def known(self) -> list[float]:
        """The times that are known."""
        return [time_s for time_s in self.times if time_s is not None]

    def since_key(self) -> int | None:
        """Place of the first key frame."""
        return next((place for place, packet in enumerate(self.packets) if packet.is_keyframe), None)

    def first_key_s(self) -> float | None:
        """Time of the first key frame."""
        place = self.since_key()
        return None if place is None else self.times[place]


@dataclass(slots=True)
class Part:
    """What is in a job's media. Its streams live as long as `open_part`'s block."""

    video: VideoStream | None = None
    audio: AudioStream | None = None
    pictures: Track = field(default_factory=Track)
    sounds: Track = field(default_factory=Track)
    period_s: float | None = None
    corrupt: int = 0
    demux_errors: int = 0
    last_error: str = ""


@contextmanager
def open_part(job: Job, media: memoryview | bytes) -> Iterator[Part]:
    """Take `media` apart. Raises `RefusedError` beyond a limit, `UndecodableError` for other bytes."""
    with open_media(media, job.container, job.options.max_pixels) as opened:
        if not opened.streams:
            raise UndecodableError(f"no elementary stream in the {job.container} segment")
        part = Part(video=None if job.audio_only else video_of(opened), audio=audio_of(opened))
        if job.container in ("mpegts", "packed_audio"):
            part.period_s = WRAP_S
        begin_s = start_of(media) if job.container == "packed_audio" else None
        _demux(opened, part, begin_s)
        try:
            yield part
        finally:
            part.pictures.packets.clear()
            part.sounds.packets.clear()


def _demux(opened: InputContainer, part: Part, begin_s: float | None) -> None:
    streams = [stream for stream in (part.video, part.audio) if stream is not None]
    if not streams:
        return
    tracks = {stream.index: track for stream, track in _pairs(part)}
    ticks = {stream.index: stream.time_base for stream in streams}
    count = 0
    try:
        for packet in opened.demux(streams):
            if packet.size == 0:
                continue
            place, pts = packet.stream_index, packet.pts
            tick = ticks[place]
            at_s = None if pts is None or tick is None else pts * tick.numerator / tick.denominator
            tracks[place].add(packet, at_s)
            part.corrupt += packet.is_corrupt
            count += 1
            if count > MAX_PACKETS:
                raise RefusedError(f"more than {MAX_PACKETS} packets in one segment")
    except (av.FFmpegError, ValueError) as error:
        part.demux_errors += 1
        part.last_error = reason_of(error)
    if begin_s is not None:
        _shift(part.sounds, begin_s)


def _pairs(part: Part) -> Iterator[tuple[VideoStream | AudioStream, Track]]:
    if part.video is not None:
        yield part.video, part.pictures
    if part.audio is not None:
        yield part.audio, part.sounds


def _shift(track: Track, begin_s: float) -> None:
    """Raw sound counts from zero: move it to where its tag says that it begins."""
    first = next(iter(track.known()), 0.0)
    track.times = [None if time_s is None else time_s - first + begin_s for time_s in track.times]
