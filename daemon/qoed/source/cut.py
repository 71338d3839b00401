"""Cutting a video file into segments at key frames, by stream copy: no picture is decoded or changed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import av
from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.stream import VideoStream

from qoed.errors import ErrorReason, SourceError
from qoed.model import Rendition
from qoed.source.sniff import Container

_MAX_PIXELS = 8192 * 4320
"""av.open decodes a first picture; larger ones than 8K UHD are refused there."""
_AUDIO_LAG_S = 1.0
"""Sound may be stored so much after the picture that it goes with."""
_MP4_CODECS = frozenset({"h264", "hevc", "av1", "vp9", "mpeg4"})
_MP4_SOUND = frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One self-contained segment cut from a file."""

    rendition: Rendition
    container: Container
    duration_s: float
    data: bytes = field(repr=False)


@dataclass(slots=True)
class _Group:
    """Packets from one key frame up to another."""

    start_s: float
    video: list[Packet[Any]] = field(default_factory=list)
    end_s: float | None = None
    size: int = 0


def probe(file: BinaryIO, container: Container) -> tuple[Rendition, float | None]:
    """What a file says of itself: rendition `main` and duration in seconds. Raises `SourceError`."""
    try:
        with _open(file, container) as source:
            video = _video(source)
            seconds = None if source.duration is None else source.duration / av.time_base
            return _rendition(source, video), seconds
    except (av.FFmpegError, ValueError) as error:
        raise _unreadable(error) from error


def cut(file: BinaryIO, container: Container, *, target_s: float, max_bytes: int) -> Iterator[Piece]:
    """Segments of at least `target_s` in order; holds about two of them. Raises `SourceError`.

    Pictures that refer across a cut (leading pictures of an open GOP) are left out: alone they do not decode.
    """
    try:
        with _open(file, container) as source:
            yield from _Cutter(source, container, target_s, max_bytes).pieces()
    except (av.FFmpegError, ValueError) as error:
        raise _unreadable(error) from error


class _Cutter:
    def __init__(
        self, source: av.container.InputContainer, container: Container, target_s: float, max_bytes: int
    ) -> None:
        self._source = source
        self._video = _video(source)
        self._audio: AudioStream | None = next(iter(source.streams.audio), None)
        self._container = _target_container(container, self._video, self._audio)
        self._rendition = _rendition(source, self._video)
        self._target_s = target_s
        self._max_bytes = max_bytes
        self._sound: list[tuple[float, Packet[Any]]] = []

    def pieces(self) -> Iterator[Piece]:
        current: _Group | None = None
        closing: _Group | None = None
        streams = [self._video] if self._audio is None else [self._video, self._audio]
        for packet in self._source.demux(streams):
            at = _time(packet)
            if at is None or packet.size == 0:
                continue
            if packet.stream is self._video:
                if packet.is_keyframe and (current is None or at - current.start_s >= self._target_s):
                    if closing is not None:
                        yield self._piece(closing)
                    closing = current
                    if closing is not None:
                        closing.end_s = at
                    current = _Group(at)
                if current is None or at < current.start_s:
                    continue
                current.video.append(packet)
                current.size += packet.size
                if current.size > self._max_bytes:
                    raise SourceError(
                        f"no key frame within {self._max_bytes} bytes",
                        reason=ErrorReason.SOURCE_INVALID,
                        retryable=False,
                    )
            elif current is not None:
                self._sound.append((at, packet))
            if closing is not None and closing.end_s is not None:
                late = packet.stream is self._audio and at >= closing.end_s
                if self._audio is None or late or at >= closing.end_s + _AUDIO_LAG_S:
                    yield self._piece(closing)
                    closing = None
        for group in (closing, current):
            if group is not None:
                yield self._piece(group)
        if current is None:
            raise SourceError("holds no key frame", reason=ErrorReason.SOURCE_INVALID, retryable=False)

    def _piece(self, group: _Group) -> Piece:
        ends = [(_time(packet) or 0.0) + _seconds(packet, packet.duration) for packet in group.video]
        end_s = group.end_s if group.end_s is not None else max(ends)
        mine = [packet for at, packet in self._sound if group.start_s <= at < end_s]
        self._sound = [(at, packet) for at, packet in self._sound if at >= end_s]
        rate = float(self._video.average_rate or 25)
        duration = end_s - group.start_s
        if not 0 < duration < 10 * max(len(group.video) / rate, self._target_s):  # timestamps leapt
            duration = len(group.video) / rate
        return Piece(
            rendition=self._rendition,
            container=self._container,
            duration_s=round(duration, 6),
            data=self._mux(group, mine),
        )

    def _mux(self, group: _Group, sound: list[Packet[Any]]) -> bytes:
        buffer = io.BytesIO()
        with av.open(buffer, "w", format=self._container) as out:
            video_out = out.add_stream_from_template(self._video)
            audio_out = None if self._audio is None else out.add_stream_from_template(self._audio)
            packets: list[tuple[Packet[Any], Any]] = [(packet, video_out) for packet in group.video]
            if audio_out is not None:
                packets += [(packet, audio_out) for packet in sound]
            packets.sort(key=lambda item: item[0].dts * item[0].time_base if item[0].dts is not None else 0)
            for packet, stream in packets:
                shift = round(group.start_s / packet.time_base)
                packet.pts = None if packet.pts is None else packet.pts - shift
                packet.dts = None if packet.dts is None else packet.dts - shift
                packet.stream = stream
                out.mux_one(packet)
        return buffer.getvalue()


def _open(file: BinaryIO, container: Container) -> av.container.InputContainer:
    file.seek(0)
    return av.open(file, "r", format=container, options={"max_pixels": str(_MAX_PIXELS)})


def _video(source: av.container.InputContainer) -> VideoStream:
    for stream in source.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:  # a cover is no video
            return stream
    raise SourceError("holds no video", reason=ErrorReason.SOURCE_INVALID, retryable=False)


def _rendition(source: av.container.InputContainer, video: VideoStream) -> Rendition:
    return Rendition(
        id="main",
        bandwidth_bps=source.bit_rate or None,
        width=video.width or None,
        height=video.height or None,
        frame_rate=float(video.average_rate) if video.average_rate else None,
        codecs=video.codec_context.name,
    )


def _target_container(container: Container, video: VideoStream, audio: AudioStream | None) -> Container:
    if container == "mpegts":
        return "mpegts"
    fits = video.codec_context.name in _MP4_CODECS
    fits = fits and (audio is None or audio.codec_context.name in _MP4_SOUND)
    return "mp4" if fits else "matroska"


def _time(packet: Packet[Any]) -> float | None:
    value = packet.pts if packet.pts is not None else packet.dts
    return None if value is None else _seconds(packet, value)


def _seconds(packet: Packet[Any], value: int | None) -> float:
    return float((value or 0) * packet.time_base)


def _unreadable(error: Exception) -> SourceError:
    text = error.strerror if isinstance(error, av.FFmpegError) and error.strerror else type(error).__name__
    return SourceError(f"cannot be read: {text}", reason=ErrorReason.SOURCE_INVALID, retryable=False)
