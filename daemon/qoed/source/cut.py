"""Cutting a video file into segments at key frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import av

from qoed.errors import ErrorReason, SourceError
from qoed.ingest.remux import MAX_PIXELS, Cutter, Piece, rendition_of, video_of
from qoed.model import Container, Rendition

__all__ = ["Piece", "cut", "probe"]


def probe(file: BinaryIO, container: Container) -> tuple[Rendition, float | None]:
    """What a file says of itself: rendition `main` and duration in seconds. Raises `SourceError`."""
    try:
        with _open(file, container) as source:
            video = video_of(source)
            seconds = None if source.duration is None else source.duration / av.time_base
            return rendition_of(source, video), seconds
    except (av.FFmpegError, ValueError) as error:
        raise _unreadable(error) from error


def cut(file: BinaryIO, container: Container, *, target_s: float, max_bytes: int) -> Iterator[Piece]:
    """Segments of at least `target_s` in order; holds about two of them. Raises `SourceError`.

    Pictures that refer across a cut (leading pictures of an open GOP) are left out: alone they do not decode.
    """
    try:
        with _open(file, container) as source:
            cutter = Cutter(source, target_s=target_s, max_bytes=max_bytes, container=container)
            for packet in source.demux(cutter.streams):
                yield from cutter.take(packet)
            yield from cutter.finish()
    except (av.FFmpegError, ValueError) as error:
        raise _unreadable(error) from error


def _open(file: BinaryIO, container: Container) -> av.container.InputContainer:
    file.seek(0)
    return av.open(file, "r", format=container, options={"max_pixels": str(MAX_PIXELS)})


def _unreadable(error: Exception) -> SourceError:
    text = error.strerror if isinstance(error, av.FFmpegError) and error.strerror else type(error).__name__
    return SourceError(f"cannot be read: {text}", reason=ErrorReason.SOURCE_INVALID, retryable=False)
