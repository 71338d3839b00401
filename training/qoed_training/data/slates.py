"""Pictures that no camera took: slates, test patterns, clocks, codes, snow, user interfaces.

Quality as people see it means nothing on them, and the network was not made for them. Every kind is a
function of a random generator; `fresh` asks for the fonts and patterns that are kept for the test split.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from qoed_training.data.lettering import FONTS, FRESH_FONTS, Canvas, Colour, width_of, write

Rng = np.random.Generator
Size = tuple[int, int]
"""Width and height in pixels."""
Draw = Callable[[Rng, Size, int, bool], list[Canvas]]
"""`(rng, size, count, fresh)` to `count` pictures in display order; equal ones are one object."""

BARS, FRESH_BARS = ("smptebars", "pal75bars"), ("smptehdbars", "pal100bars")
PATTERNS, FRESH_PATTERNS = ("testsrc2", "rgbtestsrc", "yuvtestsrc"), ("testsrc",)
"""Sources of FFmpeg."""
PICTURE_RATE = 12
"""Pictures a second of what is drawn: enough for clips, cheap to draw."""

_LINES = (
    "WE WILL BE RIGHT BACK",
    "Stream starting soon",
    "PLEASE STAND BY",
    "Technical difficulties",
    "Coming up next",
    "OFF AIR",
    "No signal",
    "Thank you for watching",
    "Channel 7 HD",
    "Event begins at 20:30",
    "Commercial break",
    "Input 1 lost",
)
_WORDS = """
file edit view window help open settings user name value total status ready error warning network
import return class self def for while True None 0x1f 127.0.0.1 3.14 12:45 42 % GET POST /usr/bin
price volume chart message inbox search home profile order date amount latency bitrate
"""


def flat(rng: Rng, size: Size, count: int, fresh: bool) -> list[Canvas]:
    """One colour all over."""
    return [_filled(size, _colour(rng))] * count


def gradient(rng: Rng, size: Size, count: int, fresh: bool) -> list[Canvas]:
    """One colour fades into another, along a line or outwards from a point."""
    return [_faded(rng, size, _colour(rng), _colour(rng))] * count


def bars(rng: Rng, size: Size, count: int, fresh: bool) -> list[Canvas]:
    """Colour bars of the standards, or upright ones of any colour."""
    if rng.random() < 0.6:
        return _source(str(rng.choice(FRESH_BARS if fresh else BARS)), size, 1) * count
    canvas = _filled(size, (0, 0, 0))
    edges = np.linspace(0, size[0], int(rng.integers(4, 13))).astype(int)
    for left, right in pairwise(edges):
        canvas[:, left:right] = _colour(rng)
    return [canvas] * count


def pattern(rng: Rng, size: Size, count: int, fresh: bool) -> list[Canvas]:
    """A test pattern, mostly moving."""
    name = str(rng.choice(FRESH_PATTERNS if fresh else PATTERNS))
    return _source(name, size, count, begin=int(rng.integers(0, 2 * PICTURE_RATE)))


def slate(rng: Rng, size: Size, count: int, fresh: bool) -> list[Canvas]:
    """A logo and a few words on a plain ground, with a dot that goes round now and then."""
    width, height = size
    dark = _colour(rng, high=90)
    still = _faded(rng, size, dark, _colour(rng, high=120)) if rng.random() < 0.5 else _filled(size, dark)
    ink, font = _colour(rng, low=170), _font(rng, fresh)
    if rng.random() < 0.7:
        radius = height * rng.uniform(0.05, 0.16)
        _disc(still, width * rng.uniform(0.2, 0.8), height * 0.28, radius, _colour(rng))
        _disc(still, width * 0.5, height * 0.28, radius * 0.6, dark)
    y = height * rng.uniform(0.4, 0.55)
    for words in rng.choice(_LINES, size=int(rng.integers(1, 4)), replace=False):
        line = int(height * rng.uniform(0.04, 0.13))
        left = (width - width_of(str(words), line, font)) // 2
        write(still, str(words), x=left, y=int(y), height=line, colour=ink, font=font)
        y += line * 1.5
    if rng.random() < 0.6:
        return [still] * count
    canvases = [still.copy() for _ in range(count)]
    for index, canvas in enumerate(canvases):
        turn = 2 * np.pi * index / PICTURE_RATE
        _disc(canvas, width * 0.5 + 40 * np.cos(turn), height * 0.9 + 20 * np.sin(turn), height * 0.012, ink)
    return canvases


def countdown(rng: Rng, size: Size, count: int, fresh: bool) -> list[Canvas]:
    """A clock that counts down: a hand goes round a large figure."""
    width, height = size
    ground, ink, font = _colour(rng), _colour(rng), _font(rng, fresh)
    still = _filled(size, ground)
    rows, columns = np.ogrid[:height, :width]
    distance = np.hypot(rows - height / 2, columns - width / 2)
    for share in (0.36, 0.42):
        still[abs(distance - share * height) < height * 0.006] = ink
    angle = np.arctan2(rows - height / 2, columns - width / 2) % (2 * np.pi)
    begin, seconds = float(rng.uniform(0, 2 * np.pi)), int(rng.integers(2, 60))
    canvases = []
    for index in range(count):
        canvas = still.copy()
        swept = (angle - begin) % (2 * np.pi) < 2 * np.pi * (index + 1) / PICTURE_RATE
        canvas[swept & (distance < 0.36 * height)] = (np.array(ground) * 0.7).astype(np.uint8)
        words, line = str(seconds - (index >= count // 2)), int(height * 0.4)
        left = (width - width_of(words, line, font)) // 2
        write(canvas, words, x=left, y=int(height * 0.35), height=line, colour=ink, font=font)
        canvases.append(canvas)
    return canvases


def code(rng: Rng, size: Size, count: int, fresh: bool) -> list[Canvas]:
    """Squares as in a printed code, on a plain ground."""
    width, height = size
    canvas = _filled(size, _colour(rng, low=150))
    cells = int(rng.integers(17, 60))
    side = max(2, int(height * rng.uniform(0.4, 0.95) / cells))
    squares = np.kron(rng.random((cells, cells)) < 0.5, np.ones((side, side), bool))
    squares = squares[:height, :width]
    top, left = (height - squares.shape[0]) // 2, int(rng.integers(0, width - squares.shape[1] + 1))
    canvas[top : top + squares.shape[0], left : left + squares.shape[1]][squares] = _colour(rng, high=60)
    return [canvas] * count


def snow(rng: Rng, size: Size, count: int, fresh: bool) -> list[Canvas]:
    """Noise without a picture, new every time."""
    width, height = size
    grain = int(rng.integers(1, 5))
    shape = (count, -(-height // grain), -(-width // grain), 3 if rng.random() < 0.3 else 1)
    contrast = rng.uniform(0.3, 1.0)
    coarse = (127.5 + contrast * (rng.random(shape) * 255 - 127.5)).astype(np.uint8)
    fine = coarse.repeat(grain, axis=1).repeat(grain, axis=2)[:, :height, :width]
    return [np.ascontiguousarray(np.broadcast_to(each, (height, width, 3))) for each in fine]


def screen(rng: Rng, size: Size, count: int, fresh: bool) -> list[Canvas]:
    """A user interface: panels, lists, buttons and running text that scrolls or stands."""
    width, height = size
    dark = rng.random() < 0.5
    ground, ink = _tint(rng, dark=dark), _tint(rng, dark=not dark)
    font, line = _font(rng, fresh), int(height * rng.uniform(0.018, 0.05))
    still = _filled(size, ground)
    body = 0
    if rng.random() < 0.8:
        body = int(line * 2)
        still[:body] = _tint(rng, dark=dark)
        write(still, _sentence(rng, 6), x=line, y=line // 2, height=line, colour=ink, font=font)
    for _ in range(int(rng.integers(0, 6))):
        x, y = int(rng.integers(0, width)), int(rng.integers(body, height))
        block = still[
            y : y + int(rng.integers(line, height // 3)), x : x + int(rng.integers(line, width // 3))
        ]
        block[:] = _colour(rng) if rng.random() < 0.4 else _tint(rng, dark=dark)
    left = int(width * rng.choice([0.02, 0.2, 0.35]))
    pitch = int(line * rng.uniform(1.2, 2.2))
    rows = [_sentence(rng, int(rng.integers(1, 14))) for _ in range(height // pitch + count)]
    inks = [_colour(rng) if rng.random() < 0.25 else ink for _ in rows]
    step = float(rng.choice([0, 0, line / 3, pitch]))
    canvases = [still.copy() for _ in range(count if step else 1)]
    for index, canvas in enumerate(canvases):
        shift = int(index * step)
        for number, words in enumerate(rows):
            y = body + number * pitch - shift
            if body <= y < height:
                write(canvas, words, x=left, y=y, height=line, colour=inks[number], font=font)
    return canvases if step else canvases * count


SLATES: dict[str, Draw] = {
    draw.__name__: draw for draw in (flat, gradient, bars, pattern, slate, countdown, code, snow, screen)
}
"""By kind."""


def _filled(size: Size, colour: Colour) -> Canvas:
    return np.full((size[1], size[0], 3), colour, np.uint8)


def _faded(rng: Rng, size: Size, first: Colour, last: Colour) -> Canvas:
    x, y = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    if rng.random() < 0.6:
        turn = rng.uniform(0, 2 * np.pi)
        share = np.cos(turn) * x + np.sin(turn) * y
    else:
        share = np.hypot(x - rng.random(), y - rng.random())
    share = ((share - share.min()) / np.ptp(share))[..., None]
    made: Canvas = np.rint(np.array(first) * (1 - share) + np.array(last) * share).astype(np.uint8)
    return made


def _disc(canvas: Canvas, x: float, y: float, radius: float, colour: Colour) -> None:
    rows, columns = np.ogrid[: canvas.shape[0], : canvas.shape[1]]
    canvas[np.hypot(rows - y, columns - x) < radius] = colour


def _colour(rng: Rng, *, low: int = 0, high: int = 255) -> Colour:
    red, green, blue = (int(value) for value in rng.integers(low, high + 1, size=3))
    return red, green, blue


def _tint(rng: Rng, *, dark: bool) -> Colour:
    """A grey with a touch of colour."""
    level = int(rng.integers(0, 60) if dark else rng.integers(195, 246))
    red, green, blue = (int(value) for value in level + rng.integers(0, 10, size=3))
    return red, green, blue


def _font(rng: Rng, fresh: bool) -> str:
    return str(rng.choice(FRESH_FONTS if fresh else FONTS))


def _sentence(rng: Rng, words: int) -> str:
    return " ".join(str(word) for word in rng.choice(_WORDS.split(), size=words))


def _source(name: str, size: Size, count: int, *, begin: int = 0) -> list[Canvas]:
    """`count` pictures of a source of FFmpeg from its picture `begin` on."""
    graph = av.filter.Graph()
    source = graph.add(name, f"size={size[0]}x{size[1]}:rate={PICTURE_RATE}")
    sink = graph.add("buffersink")
    source.link_to(sink)
    graph.configure()
    for _ in range(begin):
        graph.pull()
    return [_canvas(graph.pull()) for _ in range(count)]


def _canvas(frame: Any) -> NDArray[np.uint8]:
    made: NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
    return made
