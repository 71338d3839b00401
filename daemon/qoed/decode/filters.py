"""FFmpeg's own detectors as graphs that live across the segments of one rendition."""

from __future__ import annotations

import math
from fractions import Fraction

import av
from av.filter import Graph

from qoed.decode.options import DecodeOptions

TIME_BASE = Fraction(1, 90000)
"""Of pictures in the graphs; MPEG-2 systems time."""
BLOCK_EVERY_S = 1.0
BLOCK_CROP = (640, 360)
"""Blockiness is measured so often, on so many pixels of the centre: blockdetect on a whole 1080p picture
costs twice its decoding, and scaling the picture first would blur the very edges that it looks for."""
BLOCK_MAX = 100.0
"""Pictures of nothing but blocks read as infinite; 1 is none."""
FREEZE_SIZE = "64:36"
"""Freeze is judged on averages of the picture: each key frame codes a still anew, and that noise (up to 0.014
at full size, more than slow motion) shrinks to a third while motion keeps its difference."""
MAX_GAP_S = 10.0
"""A longer hole in the media time starts the filters anew."""


class PictureFilters:
    """blackdetect and freezedetect over one rendition's pictures."""

    def __init__(self, options: DecodeOptions) -> None:
        self._chain = (
            # Durations are ours to judge (a black picture is known at once); 0 lets every one through.
            (
                "blackdetect",
                f"d=0:pic_th={options.black_picture_ratio}:pix_th={options.black_pixel_threshold}",
            ),
            ("scale", f"{FREEZE_SIZE}:flags=area"),
            ("freezedetect", f"d={options.freeze_duration_s}:n={options.freeze_noise}"),
        )
        self._graph: Graph | None = None
        self._shape: tuple[int, int, str] | None = None
        self._last_s: float | None = None

    def restarts(self, frame: av.VideoFrame, time_s: float) -> bool:
        """Whether this picture begins a new run: first, other shape, time backwards, or a long gap."""
        if self._graph is None or self._shape != _shape(frame) or self._last_s is None:
            return True
        return not self._last_s < time_s <= self._last_s + MAX_GAP_S

    def look(self, frame: av.VideoFrame, time_s: float) -> dict[str, str]:
        """What the filters note on a picture at media time `time_s`. Raises `av.FFmpegError`."""
        if self.restarts(frame, time_s):
            self._graph = _picture_graph(frame, *self._chain)
            self._shape = _shape(frame)
        self._last_s = time_s
        assert self._graph is not None
        return _through(self._graph, frame, time_s)


class BlockMeter:
    """blockdetect on the centre of about one picture a second."""

    def __init__(self) -> None:
        self._next_s = float("-inf")
        self._readings: list[float] = []

    def look(self, frame: av.VideoFrame, time_s: float) -> None:
        """Measure the picture if one is due. Raises `av.FFmpegError`."""
        if time_s < self._next_s <= time_s + 2 * BLOCK_EVERY_S:
            return
        self._next_s = time_s + BLOCK_EVERY_S
        width, height = min(BLOCK_CROP[0], frame.width), min(BLOCK_CROP[1], frame.height)
        # A graph for each picture: what blockdetect notes is its mean since the graph began.
        graph = _picture_graph(frame, ("crop", f"{width}:{height}"), ("blockdetect", ""))
        reading = float(_through(graph, frame, time_s).get("lavfi.block", "nan"))
        if not math.isnan(reading):  # as it is of a flat picture
            self._readings.append(min(reading, BLOCK_MAX))

    def take(self) -> float | None:
        """Mean of the readings since the last call, or None."""
        readings, self._readings = self._readings, []
        return sum(readings) / len(readings) if readings else None


class SoundFilters:
    """ebur128 and silencedetect over one rendition's sound; notes come for every 100 ms."""

    def __init__(self, options: DecodeOptions) -> None:
        self._silence = f"n={options.silence_noise_db}dB:d={options.silence_duration_s}"
        self._graph: Graph | None = None
        self._shape: tuple[int, str, str] | None = None
        self._last_s: float | None = None

    def restarts(self, frame: av.AudioFrame, time_s: float) -> bool:
        """Whether this frame begins a new run: first, other format, time backwards, or a long gap."""
        if self._graph is None or self._last_s is None or self._shape != _sound_shape(frame):
            return True
        # Announced durations are rounded: half a second back is the same sound.
        return not self._last_s - 0.5 <= time_s <= self._last_s + MAX_GAP_S

    def hear(self, frame: av.AudioFrame, time_s: float) -> None:
        """Play a frame; `notes` says what came of it. Raises `av.FFmpegError`."""
        if self.restarts(frame, time_s):
            self._graph = self._sound_graph(frame)
            self._shape = _sound_shape(frame)
            self._last_s = None
        assert self._graph is not None
        self._last_s = time_s if self._last_s is None else max(time_s, self._last_s)
        frame.time_base = Fraction(1, frame.sample_rate)
        frame.pts = round(self._last_s * frame.sample_rate)
        self._last_s += frame.samples / frame.sample_rate
        self._graph.push(frame)

    def notes(self) -> list[tuple[float, dict[str, str]]]:
        """(media time, notes) of every 100 ms that was completed since the last call."""
        heard = []
        while self._graph is not None and (out := _pull(self._graph)) is not None:
            if out.pts is not None and out.time_base is not None:
                heard.append((float(out.pts * out.time_base), dict(out.metadata)))
        return heard

    def _sound_graph(self, frame: av.AudioFrame) -> Graph:
        graph = Graph()
        graph.threads = 1
        source = graph.add_abuffer(
            sample_rate=frame.sample_rate,
            format=frame.format,
            layout=frame.layout.name,
            time_base=Fraction(1, frame.sample_rate),
        )
        # In this order: ebur128 cuts the sound anew and would lose notes made before it.
        nodes = [source, graph.add("ebur128", "metadata=1"), graph.add("silencedetect", self._silence)]
        graph.link_nodes(*nodes, graph.add("abuffersink"))
        graph.configure()
        return graph


def _picture_graph(frame: av.VideoFrame, *chain: tuple[str, str]) -> Graph:
    graph = Graph()
    graph.threads = 1
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=TIME_BASE
    )
    graph.link_nodes(source, *(graph.add(name, args) for name, args in chain), graph.add("buffersink"))
    graph.configure()
    return graph


def _through(graph: Graph, frame: av.VideoFrame, time_s: float) -> dict[str, str]:
    frame.time_base = TIME_BASE
    frame.pts = round(time_s / TIME_BASE)
    graph.push(frame)
    notes: dict[str, str] = {}
    while (out := _pull(graph)) is not None:
        notes.update(out.metadata)
    return notes


def _pull(graph: Graph) -> av.VideoFrame | av.AudioFrame | None:
    try:
        return graph.pull()
    except (av.error.BlockingIOError, av.error.EOFError):
        return None


def _shape(frame: av.VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name


def _sound_shape(frame: av.AudioFrame) -> tuple[int, str, str]:
    return frame.sample_rate, frame.format.name, frame.layout.name
