"""Pictures and sound for the demo's origin: rendered by ourselves, or the person's own clip."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import av
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

from qoed.demo.scenery import CANVAS_HEIGHT, CANVAS_WIDTH, Canvas, Collage, Landscape, Shot
from qoed.errors import ErrorReason, SourceError

WIDTH, HEIGHT, FPS = 1280, 720, 25
FRAMES_PER_SEGMENT = 48
"""48 pictures at 25 fps last exactly as long as 90 AAC frames at 48 kHz: 1.92 s, so segments never drift."""
SEGMENT_S = FRAMES_PER_SEGMENT / FPS
SAMPLE_RATE = 48_000

_SHOTS = 2
_SEGMENTS_PER_SHOT = 2


class Pictures(Protocol):
    """Endless moving pictures, one segment at a time."""

    def segment(self, index: int) -> list[av.VideoFrame]:
        """The 48 yuv420p 1280x720 frames of segment `index`; asked for in ascending order."""
        ...


class RenderedPictures:
    """Two shots with cuts between them, looped: a parallax landscape and a dense collage with text.

    A segment is rendered when first asked for, then kept (66 MB each, four in all).
    """

    def __init__(self, seed: int = 7) -> None:
        self._seed = seed
        self._shot: tuple[int, Shot] | None = None
        self._grain = np.random.default_rng(seed).normal(0, 1.1, (HEIGHT, 2 * WIDTH)).round().astype(np.int8)
        self._kept: dict[int, list[av.VideoFrame]] = {}

    def segment(self, index: int) -> list[av.VideoFrame]:
        """The 48 frames of segment `index`, the same every fourth segment."""
        place = index % (_SHOTS * _SEGMENTS_PER_SHOT)
        if place not in self._kept:
            shot = self._set_up(place // _SEGMENTS_PER_SHOT)
            first = place % _SEGMENTS_PER_SHOT * FRAMES_PER_SEGMENT
            steps = range(first, first + FRAMES_PER_SEGMENT)
            self._kept[place] = [_developed(shot.picture(step), self._grain_at(step)) for step in steps]
        return self._kept[place]

    def _set_up(self, number: int) -> Shot:
        """Shot `number`; only one is kept, since segments are asked for in order."""
        if self._shot is None or self._shot[0] != number:
            rng = np.random.default_rng(self._seed + number)
            self._shot = number, (Landscape, Collage)[number](rng, FRAMES_PER_SEGMENT * _SEGMENTS_PER_SHOT)
        return self._shot[1]

    def _grain_at(self, step: int) -> NDArray[np.int8]:
        left = 397 * step % WIDTH
        return np.roll(self._grain, 211 * step, axis=0)[:, left : left + WIDTH]


class ClipPictures:
    """A person's own video, looped for ever, as 1280x720 at 25 fps, cropped to fill."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._frames = self._endless()

    def segment(self, index: int) -> list[av.VideoFrame]:
        """The next 48 frames of the clip. Raises `SourceError` when there is no video in it."""
        return [next(self._frames) for _ in range(FRAMES_PER_SEGMENT)]

    def _endless(self) -> Iterator[av.VideoFrame]:
        while True:
            count = 0
            for frame in self._once():
                count += 1
                yield frame
            if count == 0:
                raise self._refused("no video in it")

    def _once(self) -> Iterator[av.VideoFrame]:
        try:
            with av.open(str(self._path)) as container:
                if not container.streams.video:
                    raise self._refused("no video in it")
                stream = container.streams.video[0]
                stream.codec_context.thread_count = 1
                graph = _fill_screen(stream)
                for frame in container.decode(stream):
                    graph.push(frame)
                    yield from _drain(graph)
                graph.push(None)
                yield from _drain(graph)
        except (av.FFmpegError, OSError) as error:
            raise self._refused(str(error.strerror)) from error

    def _refused(self, why: str) -> SourceError:
        return SourceError(
            f"{self._path}: cannot play this clip ({why}); give a video file that FFmpeg reads",
            reason=ErrorReason.SOURCE_INVALID,
            retryable=False,
        )


def music(seconds: float) -> NDArray[np.float32]:
    """A soft chord that breathes: `float32 [1, samples]` at 48 kHz, seamless when `seconds` is looped."""
    samples = round(seconds * SAMPLE_RATE)
    turn = 2 * np.pi * np.arange(samples) / samples
    tone = np.zeros(samples)
    for pitch_hz, level, beats in ((196.0, 0.3, 3), (246.94, 0.2, 5), (293.66, 0.2, 4), (392.0, 0.12, 7)):
        whole_turns = round(pitch_hz * seconds)
        tone += level * (0.75 + 0.25 * np.cos(beats * turn)) * np.sin(whole_turns * turn)
    return (0.4 * tone).astype(np.float32).reshape(1, -1)


def _fill_screen(stream: av.VideoStream) -> Graph:
    graph = Graph()
    steps = [
        graph.add_buffer(template=stream),
        graph.add("fps", f"fps={FPS}"),
        graph.add("scale", f"{WIDTH}:{HEIGHT}:force_original_aspect_ratio=increase:flags=bicubic"),
        graph.add("crop", f"{WIDTH}:{HEIGHT}"),
        graph.add("format", "yuv420p"),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*steps).configure()
    return graph


def _drain(graph: Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        assert isinstance(frame, av.VideoFrame)
        yield frame


def _developed(canvas: Canvas, grain: NDArray[np.int8]) -> av.VideoFrame:
    """The canvas at picture size in yuv420p, with film-like grain on its luma."""
    packed = canvas.view(np.uint8).reshape(CANVAS_HEIGHT, CANVAS_WIDTH, 4)
    frame = av.VideoFrame.from_ndarray(packed, format="rgba").reformat(
        width=WIDTH, height=HEIGHT, format="yuv420p", interpolation="AREA"
    )
    luma = np.frombuffer(frame.planes[0], np.uint8).reshape(HEIGHT, -1)[:, :WIDTH]  # type: ignore[call-overload]
    luma[:] = np.clip(luma.astype(np.int16) + grain, 16, 235)
    return frame
