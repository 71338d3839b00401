"""Cutting demuxed packets into segments at key frames, by stream copy: no picture is decoded or changed."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.stream import VideoStream

from qoed.errors import ErrorReason, SourceError
from qoed.model import Container, Rendition

MAX_PIXELS = 8192 * 4320
"""av.open decodes a first picture; larger ones than 8K UHD are refused there."""
_AUDIO_LAG_S = 1.0
"""Sound may be stored so much after the picture that it goes with."""
_BREAK_S = 10.0
"""Time stamps of a live stream that leap so far ahead, or back at all, are another time base."""
_BACK_S = 0.5
_TICK_S = Fraction(1, 90_000)
"""Of the clock of transport streams: times that are closer are the same there."""
_EARLY_S = 0.05
"""A key frame so much before the target is taken: frame durations do not add up to whole seconds."""
_MP4_CODECS = frozenset({"h264", "hevc", "av1", "vp9", "mpeg4"})
_TS_CODECS = frozenset({"h264", "hevc", "mpeg2video"})
_TS_SOUND = frozenset({"aac", "mp2", "mp3", "ac3", "eac3", "opus"})
_MP4_SOUND = frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One segment. It decodes by itself unless it `continues` the one before, which is then `unfinished`."""

    rendition: Rendition
    container: Container
    duration_s: float
    data: bytes = field(repr=False)
    discontinuity: bool = False
    continues: bool = False
    unfinished: bool = False


@dataclass(slots=True)
class _Group:
    """Packets from one cut up to another."""

    start_s: float
    reorder_s: float = 0.0
    """From decoding to presentation of the first picture."""
    continues: bool = False
    discontinuity: bool = False
    unfinished: bool = False
    video: list[Packet[Any]] = field(default_factory=list)
    end_s: float | None = None
    size: int = 0


class Cutter:
    """Packets in, pieces out: of at least `target_s`, each from one key frame to another.

    `live_s` makes it one for live streams: pieces keep their time stamps and have at most `live_s` seconds
    and about `max_bytes` (without a key frame in time it cuts between pictures), and time stamps that leap
    are a discontinuity.

    Raises `SourceError` without video, or when a file has no key frame within `max_bytes`.
    """

    def __init__(
        self,
        source: av.container.InputContainer,
        *,
        target_s: float,
        max_bytes: int,
        container: Container | None = None,
        live_s: float | None = None,
    ) -> None:
        self._video = video_of(source)
        self._audio: AudioStream | None = next(iter(source.streams.audio), None)
        self._container = _target_container(container, self._video, self._audio)
        self._rendition = rendition_of(source, self._video)
        self._target_s = target_s
        self._max_bytes = max_bytes
        self._live_s = live_s
        self._current: _Group | None = None
        self._closing: _Group | None = None
        self._last_s: float | None = None
        self._broken = False
        self._sound: list[tuple[float, Packet[Any]]] = []

    @property
    def streams(self) -> list[Any]:
        """The elementary streams that it wants the packets of."""
        return [self._video] if self._audio is None else [self._video, self._audio]

    def take(self, packet: Packet[Any]) -> Iterator[Piece]:
        """Take in a packet, in the order of the container; the pieces that are complete now."""
        at = _time(packet)
        if at is None or packet.size == 0:
            return
        if packet.stream is self._video:
            yield from self._picture(packet, at)
        elif self._current is not None:
            self._sound.append((at, packet))
        closing = self._closing
        if closing is not None and closing.end_s is not None:
            late = packet.stream is self._audio and at >= closing.end_s
            if self._audio is None or late or at >= closing.end_s + _AUDIO_LAG_S:
                yield self._close(closing)

    def finish(self) -> Iterator[Piece]:
        """What is left at the end."""
        if self._closing is not None:
            yield self._close(self._closing)
        if self._current is not None:
            yield self._piece(self._current)
        elif self._live_s is None:
            raise SourceError("holds no key frame", reason=ErrorReason.SOURCE_INVALID, retryable=False)
        self._current = None

    def _picture(self, packet: Packet[Any], at: float) -> Iterator[Piece]:
        decoded_s = at if packet.dts is None else _seconds(packet, packet.dts)
        if self._live_s is not None:
            if self._last_s is not None and not -_BACK_S <= decoded_s - self._last_s <= _BREAK_S:
                yield from self.finish()
                self._sound.clear()
                self._broken = True
            self._last_s = decoded_s
        current = self._current
        forced = self._forced(decoded_s, packet)
        early_s = 0.0 if self._live_s is None else _EARLY_S
        due = packet.is_keyframe and (current is None or at - current.start_s >= self._target_s - early_s)
        if due or forced:
            if self._closing is not None:
                yield self._close(self._closing)
            begins_s = at if due or current is None else decoded_s + current.reorder_s
            if current is not None:
                current.end_s, current.unfinished = begins_s, not due
                self._closing = current
            current = self._current = _Group(
                begins_s, begins_s - decoded_s, continues=not due, discontinuity=self._broken
            )
            self._broken = False
        if current is None or (at < current.start_s and not current.continues):
            return
        current.video.append(packet)
        current.size += packet.size
        if current.size > self._max_bytes and self._live_s is None:
            raise SourceError(
                f"no key frame within {self._max_bytes} bytes",
                reason=ErrorReason.SOURCE_INVALID,
                retryable=False,
            )

    def _forced(self, decoded_s: float, packet: Packet[Any]) -> bool:
        """Whether a live segment has become too long for a key frame to be waited for."""
        current = self._current
        if self._live_s is None or current is None or packet.is_keyframe:
            return False
        length_s = decoded_s + current.reorder_s - current.start_s
        return length_s >= self._live_s or current.size >= self._max_bytes

    def _close(self, group: _Group) -> Piece:
        self._closing = None
        return self._piece(group)

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
            discontinuity=group.discontinuity,
            continues=group.continues,
            unfinished=group.unfinished,
        )

    def _mux(self, group: _Group, sound: list[Packet[Any]]) -> bytes:
        buffer = io.BytesIO()
        _straighten(group.video)
        _straighten(sound)
        with av.open(buffer, "w", format=self._container) as out:
            video_out = out.add_stream_from_template(self._video)
            audio_out = None if self._audio is None else out.add_stream_from_template(self._audio)
            packets: list[tuple[Packet[Any], Any]] = [(packet, video_out) for packet in group.video]
            if audio_out is not None:
                packets += [(packet, audio_out) for packet in sound]
            packets.sort(key=lambda item: item[0].dts * item[0].time_base if item[0].dts is not None else 0)
            for packet, stream in packets:
                shift = 0 if self._live_s is not None else round(group.start_s / packet.time_base)
                packet.pts = None if packet.pts is None else packet.pts - shift
                packet.dts = None if packet.dts is None else packet.dts - shift
                packet.stream = stream
                out.mux_one(packet)
        return buffer.getvalue()


def video_of(source: av.container.InputContainer) -> VideoStream:
    """The first video that is no cover picture. Raises `SourceError`."""
    for stream in source.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:  # a cover is no video
            return stream
    raise SourceError("holds no video", reason=ErrorReason.SOURCE_INVALID, retryable=False)


def rendition_of(source: av.container.InputContainer, video: VideoStream) -> Rendition:
    """What a container says of its video: rendition `main`."""
    return Rendition(
        id="main",
        bandwidth_bps=source.bit_rate or None,
        width=video.width or None,
        height=video.height or None,
        frame_rate=float(video.average_rate) if video.average_rate else None,
        codecs=video.codec_context.name,
        declared=False,
    )


def _target_container(
    container: Container | None, video: VideoStream, audio: AudioStream | None
) -> Container:
    """That of the file; of a live stream one that keeps time stamps."""
    if container is None:
        fits = video.codec_context.name in _TS_CODECS
        fits = fits and (audio is None or audio.codec_context.name in _TS_SOUND)
        return "mpegts" if fits else "matroska"
    if container == "mpegts":
        return "mpegts"
    fits = video.codec_context.name in _MP4_CODECS
    fits = fits and (audio is None or audio.codec_context.name in _MP4_SOUND)
    return "mp4" if fits else "matroska"


def _straighten(packets: list[Packet[Any]]) -> None:
    """Cameras repeat decoding times, or step back a little; muxers refuse that, and the order is right."""
    last: int | None = None
    for packet in packets:
        if packet.dts is None:
            continue
        if last is not None and packet.dts <= last:
            packet.dts = last + math.ceil(_TICK_S / packet.time_base)
            packet.pts = None if packet.pts is None else max(packet.pts, packet.dts)
        last = packet.dts


def _time(packet: Packet[Any]) -> float | None:
    value = packet.pts if packet.pts is not None else packet.dts
    return None if value is None else _seconds(packet, value)


def _seconds(packet: Packet[Any], value: int | None) -> float:
    return float((value or 0) * packet.time_base)
