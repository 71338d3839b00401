"""Words in pictures, drawn with the fonts that come with matplotlib."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.ft2font import FT2Font
from numpy.typing import NDArray

Canvas = NDArray[np.uint8]
"""A picture that is drawn on in place: `uint8 [H,W,3]` RGB."""
Colour = tuple[int, int, int]

FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "cmss10")
FRESH_FONTS = ("DejaVuSerif", "STIXGeneral", "DejaVuSansMono-Bold")
"""Fonts of the test split, which no probe has learned from."""


def write(
    canvas: Canvas, words: str, *, x: int, y: int, height: int, colour: Colour, font: str = FONTS[0]
) -> int:
    """Draw `words` with their top left corner at (x, y), `height` pixels a line; returns their width.

    What does not fit on the canvas is cut off.
    """
    mask = _mask(words, max(4, height), font)
    shown = mask[max(0, -y) : max(0, canvas.shape[0] - y), max(0, -x) : max(0, canvas.shape[1] - x), None]
    top, left = max(0, y), max(0, x)
    under = canvas[top : top + shown.shape[0], left : left + shown.shape[1]]
    under[:] = np.rint(under * (1 - shown) + np.array(colour) * shown)
    return int(mask.shape[1])


def width_of(words: str, height: int, font: str = FONTS[0]) -> int:
    """Pixels that `write` needs for `words`."""
    return int(_mask(words, max(4, height), font).shape[1])


@lru_cache(maxsize=512)
def _mask(words: str, height: int, font: str) -> NDArray[np.float32]:
    """How much ink each pixel takes, `float32 [h,w]`, 0-1."""
    face = _face(font)
    face.set_size(height, 72)
    face.set_text(words)
    face.draw_glyphs_to_bitmap(antialiased=True)
    return np.asarray(face.get_image()).astype(np.float32) / np.float32(255)


@lru_cache(maxsize=len(FONTS) + len(FRESH_FONTS))
def _face(font: str) -> FT2Font:
    return FT2Font(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf"))
