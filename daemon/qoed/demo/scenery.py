"""The demo's own moving pictures: dead leaves and 1/f noise, the classic models of natural-image statistics.

Everything is drawn on a 1920x1080 canvas of packed pixels (`uint32`, bytes R G B 0) and scaled down to the
picture, which softens edges the way a lens does.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

CANVAS_WIDTH, CANVAS_HEIGHT = 1920, 1080

Canvas = NDArray[np.uint32]
Mask = NDArray[np.bool_]
Noise = NDArray[np.float32]

_GREENS = np.array([[40, 74, 30], [66, 104, 40], [92, 128, 52], [30, 52, 28], [120, 110, 58], [150, 60, 52]])
_COLOURS = np.array(
    [
        [186, 168, 140],
        [92, 78, 66],
        [58, 84, 108],
        [140, 66, 50],
        [190, 150, 76],
        [74, 98, 70],
        [212, 204, 190],
    ]
)


class Shot(Protocol):
    """One camera set-up."""

    def picture(self, step: int) -> Canvas:
        """`uint32 [1080,1920]` at frame `step`."""
        ...


class Landscape:
    """Sky, three ridges and a hedge pass at different speeds; balls float between them."""

    _SPEEDS = (1, 3, 5, 8, 14)

    def __init__(self, rng: np.random.Generator, steps: int) -> None:
        noise = _noise(rng, 1024, slope=1.35)
        self._sky = _sky(noise, CANVAS_WIDTH + self._SPEEDS[0] * steps)
        tints = ([136, 150, 168], [96, 120, 112], [62, 92, 58])
        self._ridges = [
            _ridge(rng, noise, CANVAS_WIDTH + speed * steps, 0.36 + 0.15 * number, tint)
            for number, (speed, tint) in enumerate(zip(self._SPEEDS[1:4], tints, strict=True))
        ]
        width = CANVAS_WIDTH + self._SPEEDS[4] * steps
        hedge = _dead_leaves(rng, noise, (290, width), count=1500, radius=(7, 90), palette=_GREENS)
        rough = np.resize(_skyline(rng, 2048), width)
        self._hedge = hedge, np.arange(290)[:, None] > 110 * rough
        self._balls = [_ball(rng, size) for size in (96, 144, 220)]

    def picture(self, step: int) -> Canvas:
        """The camera pans right."""
        view = self._sky[:, step : step + CANVAS_WIDTH].copy()
        for number, (texture, mask) in enumerate(self._ridges):
            start = self._SPEEDS[number + 1] * step
            _overlay(view, texture[:, start : start + CANVAS_WIDTH], mask[:, start : start + CANVAS_WIDTH])
            ball, outline = self._balls[number]
            phase = 2 * np.pi * (step / 64 + number / 3)
            left = int(CANVAS_WIDTH * (0.1 + 0.31 * number) + 180 * np.sin(phase))
            top = int(520 + 150 * np.cos(phase))
            _overlay(view[top : top + len(ball), left : left + len(ball)], ball, outline)
        hedge, outline = self._hedge
        span = slice(self._SPEEDS[4] * step, self._SPEEDS[4] * step + CANVAS_WIDTH)
        _overlay(view[-290:], hedge[:, span], outline[:, span])
        return view


class Collage:
    """A wall of textured shapes drifts by under a ball and a lower third with running text and a counter."""

    def __init__(self, rng: np.random.Generator, steps: int) -> None:
        noise = _noise(rng, 1024, slope=1.35)
        size = CANVAS_HEIGHT + 2 * steps, CANVAS_WIDTH + 4 * steps
        self._wall = _dead_leaves(rng, noise, size, count=700, radius=(26, 420), palette=_COLOURS)
        self._text = _text(rng, columns=220)
        self._ball = _ball(rng, 320)

    def picture(self, step: int) -> Canvas:
        """The camera drifts right and down."""
        view = self._wall[2 * step : 2 * step + CANVAS_HEIGHT, 4 * step : 4 * step + CANVAS_WIDTH].copy()
        ball, outline = self._ball
        angle = 2 * np.pi * step / 96
        left, top = int(800 + 480 * np.cos(angle)), int(280 + 140 * np.sin(2 * angle))
        _overlay(view[top : top + len(ball), left : left + len(ball)], ball, outline)
        view[880:1030, 90:1830] = _pack(np.array([22, 30, 54]))
        text = self._text[:, 9 * step : 9 * step + 1680]
        view[905 : 905 + len(text), 120:1800][text] = _pack(np.array([236, 236, 228]))
        _counter(view, step)
        return view


def _pack(colour: NDArray[np.generic]) -> Canvas:
    """`[..., 3]` in 0-255 to packed `uint32 [...]`."""
    red, green, blue = np.moveaxis(np.clip(colour, 0, 255).astype(np.uint32), -1, 0)
    return np.asarray(red | green << 8 | blue << 16, dtype=np.uint32)


def _overlay(view: Canvas, texture: Canvas, mask: Mask) -> None:
    np.copyto(view, texture, where=mask)


def _noise(rng: np.random.Generator, size: int, *, slope: float) -> Noise:
    """Seamless 1/f^slope noise in 0-1, `float32 [size,size]`."""
    down, across = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None]
    distance = np.hypot(down, across)
    distance[0, 0] = np.inf
    field = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(size, size))) / distance**slope, s=(size, size))
    low, high = np.quantile(field, (0.01, 0.99))
    return np.asarray(np.clip((field - low) / (high - low), 0, 1), dtype=np.float32)


def _skyline(rng: np.random.Generator, width: int) -> Noise:
    """Seamless 1/f^1.2 outline in 0-1, `float32 [width]`."""
    frequency = np.fft.rfftfreq(width)
    frequency[0] = np.inf
    line = np.fft.irfft(np.fft.rfft(rng.normal(size=width)) / frequency**1.2, n=width)
    return np.asarray((line - line.min()) / (line.max() - line.min()), dtype=np.float32)


def _spread(noise: Noise, rows: int, columns: int, offset: tuple[int, int] = (0, 0)) -> Noise:
    """A `[rows,columns]` piece of endless seamless noise."""
    down = (np.arange(rows) + offset[0]) % len(noise)
    across = (np.arange(columns) + offset[1]) % len(noise)
    return np.asarray(noise[np.ix_(down, across)])


def _sky(noise: Noise, width: int) -> Canvas:
    blue, white = np.array([104, 148, 206.0]), np.array([238, 236, 230.0])
    haze = np.linspace(0, 0.5, CANVAS_HEIGHT, dtype=np.float32)[:, None]
    cover = np.clip((_spread(noise, CANVAS_HEIGHT, width) - 0.5) * 2.2, 0, 1) * (1 - haze) + haze
    return _pack(blue + (white - blue) * cover[..., None])


def _ridge(
    rng: np.random.Generator, noise: Noise, width: int, horizon: float, tint: list[int]
) -> tuple[Canvas, Mask]:
    """A mountain range `[1080,width]` and the mask below its skyline."""
    skyline = (horizon + 0.25 * (np.resize(_skyline(rng, 4096), width) - 0.5)) * CANVAS_HEIGHT
    mask = np.arange(CANVAS_HEIGHT)[:, None] > skyline
    light = 0.6 + 0.7 * _spread(noise, CANVAS_HEIGHT, width, (int(horizon * 999), 0))
    return _pack(np.array(tint) * light[..., None]), mask


def _dead_leaves(
    rng: np.random.Generator,
    noise: Noise,
    size: tuple[int, int],
    *,
    count: int,
    radius: tuple[float, float],
    palette: NDArray[np.int64],
) -> Canvas:
    """Overlapping textured ellipses and boxes, radii from r^-2, large ones first: `[rows,columns]`."""
    rows, columns = size
    low, high = radius
    canvas = _pack(palette[0] * (0.6 + 0.6 * _spread(noise, rows, columns))[..., None])
    for length in np.sort(low / (1 - rng.random(count) * (1 - low / high)))[::-1]:
        x, y, reach = int(rng.integers(0, columns)), int(rng.integers(0, rows)), int(length)
        ys, xs = slice(max(0, y - reach), y + reach + 1), slice(max(0, x - reach), x + reach + 1)
        target = canvas[ys, xs]
        down = np.arange(target.shape[0], dtype=np.float32)[:, None] + (ys.start - y)
        across = np.arange(target.shape[1], dtype=np.float32)[None] + (xs.start - x)
        skewed, aspect = across + rng.uniform(-0.6, 0.6) * down, rng.uniform(0.6, 1.6)
        if rng.random() < 0.6:
            inside = skewed**2 + (aspect * down) ** 2 <= length**2
        else:
            inside = (np.abs(skewed) <= 0.7 * length) & (np.abs(down) <= 0.7 * length / aspect)
        contrast = rng.uniform(0.05, 0.7)
        offset = int(rng.integers(1024)), int(rng.integers(1024))
        grain = _spread(noise, target.shape[0], target.shape[1], offset)
        shade = rng.uniform(0.8, 1.2) - 0.2 * down / length + contrast * (grain - 0.5)
        colour = palette[rng.integers(len(palette))] + rng.normal(0, 10, 3)
        _overlay(target, _pack(shade[..., None] * colour), inside)
    return canvas


def _ball(rng: np.random.Generator, size: int) -> tuple[Canvas, Mask]:
    """A shaded, banded sphere `[size,size]` and its mask."""
    down, across = (np.mgrid[:size, :size] - size / 2 + 0.5) / (size / 2)
    depth = np.sqrt(np.clip(1 - down**2 - across**2, 0, 1))
    light = np.clip(0.25 + 0.9 * (0.5 * depth - 0.5 * down - 0.4 * across), 0.1, 1.25)
    bands = np.where(np.sin(9 * (across + 0.3 * down)) > 0, 1.0, 0.6)
    return _pack((light * bands)[..., None] * rng.uniform(110, 235, 3)), np.hypot(down, across) <= 1


def _text(rng: np.random.Generator, *, columns: int) -> Mask:
    """Two rows of made-up letters, 5x7 cells of 5 px strokes: the detail of text without a font file."""
    alphabet = rng.random((24, 7, 5)) < 0.5
    alphabet[:, :, 3:] = alphabet[:, :, 1::-1]
    lines = []
    for _ in range(2):
        cells = np.zeros((10, columns, 6), bool)
        words = rng.random(columns) > 0.16
        cells[1:8, :, :5] = alphabet[rng.integers(0, 24, columns)].transpose(1, 0, 2) & words[None, :, None]
        lines.append(cells.reshape(10, columns * 6))
    return np.kron(np.concatenate(lines), np.ones((5, 5), bool)).astype(bool)


_STROKES = (
    (0, 0, 4, 32),
    (0, 0, 28, 4),
    (0, 28, 28, 32),
    (24, 0, 28, 32),
    (24, 0, 52, 4),
    (24, 28, 52, 32),
    (48, 0, 52, 32),
)
_DIGITS = (0x77, 0x24, 0x5D, 0x6D, 0x2E, 0x6B, 0x7B, 0x25, 0x7F, 0x6F)


def _counter(view: Canvas, step: int) -> None:
    """A seven-segment frame counter in the upper right corner."""
    for place, digit in enumerate(f"{step:03d}"):
        left = 1660 + 50 * place
        for bit, (top, start, bottom, end) in enumerate(_STROKES):
            if _DIGITS[int(digit)] >> bit & 1:
                view[60 + top : 60 + bottom, left + start : left + end] = 0xF0F0F0
