"""Files: a video, a picture, a folder or a glob of them is a stream that ends."""

from __future__ import annotations

import asyncio
import glob
import io
import re
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO

from qoed.clock import Clock
from qoed.errors import ErrorReason, SourceError
from qoed.model import Finding, Reason, Rendition, Segment, Severity
from qoed.source.cut import Piece, cut, probe
from qoed.source.local import path_of
from qoed.source.options import SourceOptions
from qoed.source.pace import Pacer
from qoed.source.protocol import Emit
from qoed.source.sniff import Container, sniff

PICTURE_S = 1.0
"""A still picture counts as so many seconds of media."""
_HEAD_BYTES = 1024
_TS_SUFFIXES = (".ts", ".m2t")
_KNOWN = "MPEG-TS, MP4/MOV, Matroska/WebM, PNG, JPEG or WebP"


class FileSource:
    """Media on disk, in natural order of names, as one rendition `main`.

    Long files are cut at key frames; short ones pass untouched. In a folder, a file that cannot be read is a
    finding and the rest goes on. Raises `SourceError` when there is nothing to read.
    """

    def __init__(self, stream: str, path: str, options: SourceOptions, *, clock: Clock) -> None:
        self._stream = stream
        self._path = path_of(path)
        self._options = options
        self._clock = clock

    async def run(self, emit: Emit) -> None:
        """Emit every segment; return at the end."""
        paths = await asyncio.to_thread(media_files, self._path)
        pacer = Pacer(self._options.pace, self._clock)
        sequence, media_time_s = 0, 0.0
        for path in paths:
            try:
                async with aclosing(_in_thread(_pieces(path, self._options))) as pieces:
                    async for piece, init in pieces:
                        await pacer.wait(media_time_s)
                        await emit(self._segment(piece, init, sequence, media_time_s))
                        sequence += 1
                        media_time_s = round(media_time_s + piece.duration_s, 6)
            except SourceError as error:
                if len(paths) == 1:
                    raise SourceError(
                        f"{path}: {error}", reason=error.reason, retryable=error.retryable
                    ) from error
                await emit(self._unreadable(path, error, media_time_s))

    def _segment(self, piece: Piece, init: bytes, sequence: int, media_time_s: float) -> Segment:
        return Segment(
            stream=self._stream,
            rendition=piece.rendition,
            sequence=sequence,
            media_time_s=media_time_s,
            duration_s=piece.duration_s,
            container=piece.container,
            data=piece.data,
            init=init,
            received_s=self._clock.monotonic(),
        )

    def _unreadable(self, path: Path, error: SourceError, media_time_s: float) -> Finding:
        return Finding(
            stream=self._stream,
            rendition="main",
            reason=Reason.UNDECODABLE,
            severity=Severity.CRITICAL,
            media_time_s=media_time_s,
            message=f"{path.name}: {error}",
            evidence={"file": path.name},
        )


def media_files(text: str) -> list[Path]:
    """The files that `text` names (file, folder or glob), in natural order. Raises `SourceError`."""
    path = Path(text)
    if path.is_dir():
        found = [entry for entry in path.iterdir() if entry.is_file() and not entry.name.startswith(".")]
        found = [entry for entry in found if not _is_init(entry) and _container(entry) is not None]
    elif path.exists():
        return [path]
    else:
        found = [Path(name) for name in glob.glob(text)]
        found = [entry for entry in found if entry.is_file()]
    if not found:
        what = f"holds no {_KNOWN}" if path.is_dir() else "no such file"
        raise SourceError(f"{text}: {what}")
    return sorted(found, key=_natural)


async def _in_thread(
    iterator: Iterator[tuple[Piece, bytes]],
) -> AsyncGenerator[tuple[Piece, bytes], None]:
    """Step a blocking iterator in a thread of its own, which also closes it."""
    executor = ThreadPoolExecutor(1, thread_name_prefix="qoed-file")
    loop = asyncio.get_running_loop()
    try:
        while (item := await loop.run_in_executor(executor, next, iterator, None)) is not None:
            yield item
    finally:
        executor.submit(getattr(iterator, "close", lambda: None))
        executor.shutdown(wait=False)


def _pieces(path: Path, options: SourceOptions) -> Iterator[tuple[Piece, bytes]]:
    """(piece, init section) of one file, in order."""
    try:
        container = _container(path)
        if container is None:
            raise SourceError(f"is not {_KNOWN}", reason=ErrorReason.SOURCE_INVALID, retryable=False)
        size = path.stat().st_size
        with path.open("rb") as file:
            if container == "image":
                yield _picture(file, size, options.max_segment_bytes), b""
                return
            init = _init_of(path, file) if container == "mp4" else b""
            media: BinaryIO = io.BytesIO(init + file.read()) if init else file
            rendition, seconds = probe(media, container)
            if seconds and seconds <= 2 * options.file_segment_s and size <= options.max_segment_bytes:
                file.seek(0)
                whole = Piece(rendition=rendition, container=container, duration_s=seconds, data=file.read())
                yield whole, init
                return
            for piece in cut(
                media, container, target_s=options.file_segment_s, max_bytes=options.max_segment_bytes
            ):
                yield piece, b""
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror}") from error


def _picture(file: BinaryIO, size: int, max_bytes: int) -> Piece:
    if size > max_bytes:
        raise SourceError(
            f"has more than {max_bytes} bytes", reason=ErrorReason.SOURCE_INVALID, retryable=False
        )
    file.seek(0)
    return Piece(rendition=Rendition(id="main"), container="image", duration_s=PICTURE_S, data=file.read())


def _container(path: Path) -> Container | None:
    """By content; by name for a transport stream that was cut in mid-packet."""
    with path.open("rb") as file:
        found = sniff(file.read(_HEAD_BYTES))
    return found or ("mpegts" if path.suffix.lower() in _TS_SUFFIXES else None)


def _is_init(path: Path) -> bool:
    return path.stem.lower().startswith("init") and path.suffix.lower() in (".mp4", ".m4i", ".m4s", ".cmfv")


def _init_of(path: Path, file: BinaryIO) -> bytes:
    """The init section beside a bare fMP4 segment (its first box is no `ftyp`), or nothing."""
    file.seek(0)
    first = file.read(8)[4:]
    file.seek(0)
    if first not in (b"styp", b"moof", b"sidx", b"emsg", b"prft"):
        return b""
    for beside in sorted(path.parent.iterdir(), key=_natural):
        if _is_init(beside):
            return beside.read_bytes()
    raise SourceError(
        "is a fragment, and no init section (init*.mp4) lies beside it",
        reason=ErrorReason.SOURCE_INVALID,
        retryable=False,
    )


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """`seg_9` before `seg_10`."""
    parts = re.findall(r"\d+|\D+", path.name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]
