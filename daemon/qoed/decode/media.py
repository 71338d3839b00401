"""Opening media bytes for decoding: the container is always named, never guessed, and limits come first."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from qoed.decode.errors import RefusedError, UndecodableError, reason_of
from qoed.decode.packed import id3_length, packed_format
from qoed.model import Container

MAX_STREAMS = 32
"""Elementary streams in one segment."""
_PICTURE_CODECS = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "mjpeg"), (b"BM", "bmp"))
_TS_PACKET = 188
_TS_SYNC = 0x47


class _OneWay:
    """Bytes that cannot be sought in: a transport stream's demuxer then leaves out its search for the end."""

    def __init__(self, media: memoryview) -> None:
        self._left = media

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`."""
        read, self._left = self._left[:size], self._left[size:]
        return bytes(read)


@contextmanager
def open_media(media: memoryview | bytes, container: Container, max_pixels: int) -> Iterator[InputContainer]:
    """Demux bytes as the named container. Raises `RefusedError` or `UndecodableError`."""
    options = {
        "max_pixels": str(max_pixels),
        "max_streams": str(MAX_STREAMS + 1),
        "protocol_whitelist": "none",
        "skip_frame": "all",
    }
    view, name = memoryview(media), str(container)
    if container == "packed_audio":
        view, name = view[id3_length(view) :], packed_format(view)
    source = _OneWay(view) if name == "mpegts" else io.BytesIO(view)
    try:
        # With these options for the probing decoder only; `prepare` repeats max_pixels for the real one.
        opened = av.open(source, "r", format=name, options=options, metadata_errors="replace")
    except (av.FFmpegError, ValueError) as error:
        raise UndecodableError(f"not {container}: {reason_of(error)}") from error
    with opened:
        if len(opened.streams) > MAX_STREAMS:
            raise RefusedError(f"more than {MAX_STREAMS} elementary streams")
        yield opened


def video_of(opened: InputContainer) -> VideoStream | None:
    """The first video stream that is not a cover picture and has a decoder."""
    for stream in opened.streams.video:
        cover = stream.disposition & av.stream.Disposition.attached_pic
        # PyAV leaves the context out where FFmpeg has no decoder, whatever the type stubs say.
        if not cover and cast("VideoCodecContext | None", stream.codec_context) is not None:
            return stream
    return None


def audio_of(opened: InputContainer) -> AudioStream | None:
    """The first sound stream that has a decoder."""
    for stream in opened.streams.audio:
        if cast("object | None", stream.codec_context) is not None:
            return stream
    return None


def prepare(context: VideoCodecContext, max_pixels: int) -> None:
    """Bound the real decoder: pixels, one thread. Raises `RefusedError` for pictures known to be larger."""
    if context.width * context.height > max_pixels:
        raise RefusedError(f"pictures of {context.width}x{context.height}, more than {max_pixels} pixels")
    context.options = {"max_pixels": str(max_pixels), "strict": "1"}
    context.thread_count = 1


def decode_picture(media: memoryview | bytes, max_pixels: int) -> tuple[av.VideoFrame, str]:
    """(frame, codec) of a PNG, JPEG, WebP or BMP picture. Raises `RefusedError` or `UndecodableError`."""
    data = bytes(media)
    codec = _picture_codec(data)
    if codec is None:
        raise UndecodableError("not a PNG, JPEG, WebP or BMP picture")
    context = cast(VideoCodecContext, av.CodecContext.create(codec, "r"))
    prepare(context, max_pixels)
    try:
        frames = context.decode(av.Packet(data)) or context.decode(None)
    except (av.FFmpegError, ValueError) as error:
        if context.width * context.height > max_pixels:
            raise RefusedError(
                f"a picture of {context.width}x{context.height}, more than {max_pixels} pixels"
            ) from error
        raise UndecodableError(f"not a {codec} picture: {reason_of(error)}") from error
    if not frames:
        raise UndecodableError(f"the {codec} picture is empty")
    return frames[0], codec


def cut_inside_packet(media: memoryview | bytes) -> bool:
    """Whether a transport stream of 188-byte packets ends in the middle of one."""
    whole = len(media) > _TS_PACKET and media[0] == media[_TS_PACKET] == _TS_SYNC
    return whole and len(media) % _TS_PACKET != 0


def _picture_codec(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return next((codec for magic, codec in _PICTURE_CODECS if data.startswith(magic)), None)
