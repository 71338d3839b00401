"""From decoded pictures to what the network sees; one code for training and run time, bit for bit.

The picture is judged as it is displayed: it is scaled (bicubic) into a 16:9 screen of `display_height` lines,
and native-resolution patches are cut from *that* picture. Only the pixels under the patches are ever scaled,
which costs about a hundredth of scaling the whole picture.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

from qoed_engine.manifest import Recipe

SCREEN_ASPECT = 16 / 9
MIN_DISPLAY_HEIGHT = 240
BICUBIC_C = 0.6
"""Keys' bicubic with B=0, C=0.6, the kernel that FFmpeg's and most players' scalers use by default."""
_PLASTIC = (0.7548776662466927, 0.5698402909980532)
"""R2 low-discrepancy steps (Roberts 2018): patch offsets spread evenly over cells and over time."""
_AVCOL_SPC_BT470BG, _AVCOL_SPC_SMPTE170M, _AVCOL_SPC_BT709 = 5, 6, 1
_AVCOL_SPC_BT2020 = (9, 10)
_LUMA_COEFFICIENTS = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}

_local = threading.local()


class PreprocessError(ValueError):
    """The pictures cannot be made into a clip."""


def display_size(
    width: int, height: int, *, display_height: int, sample_aspect: float = 1.0
) -> tuple[int, int]:
    """`(width, height)` in screen pixels of a picture fitted into a 16:9 screen of `display_height` lines."""
    shown_width = width * sample_aspect
    scale = min(display_height * SCREEN_ASPECT / shown_width, display_height / height)
    return max(1, round(shown_width * scale)), max(1, round(height * scale))


def clip_from_frames(
    frames: Sequence[av.VideoFrame], recipe: Recipe, *, display_height: int, ordinal: int
) -> NDArray[np.uint8]:
    """Cut one clip, `uint8 [T,2S,S,3]` RGB with S = `recipe.side`: fragments above, whole view below.

    `frames` are `recipe.frames` pictures in display order (repeats allowed). `ordinal` moves the patches from
    clip to clip; equal ordinals look at equal places, so renditions of one moment are comparable. Raises
    `PreprocessError` for a wrong number of frames or a display height under 240.
    """
    if len(frames) != recipe.frames:
        raise PreprocessError(f"a clip takes {recipe.frames} frames, got {len(frames)}")
    if display_height < MIN_DISPLAY_HEIGHT:
        raise PreprocessError(
            f"display_height {display_height} is too small, use at least {MIN_DISPLAY_HEIGHT}"
        )
    clip = np.empty(recipe.clip_shape, dtype=np.uint8)
    previous: av.VideoFrame | None = None
    for index, frame in enumerate(frames):
        if frame is previous:
            clip[index] = clip[index - 1]
            continue
        clip[index] = _column(frame, recipe, display_height=display_height, ordinal=ordinal)
        previous = frame
    return clip


def _column(frame: av.VideoFrame, recipe: Recipe, *, display_height: int, ordinal: int) -> NDArray[np.uint8]:
    """One time step of a clip: `uint8 [2S,S,3]`."""
    frame = _as_yuv420p(frame)
    colour = _Colour.of(frame)
    aspect = frame.sample_aspect_ratio if hasattr(frame, "sample_aspect_ratio") else None
    shown = display_size(
        frame.width, frame.height, display_height=display_height, sample_aspect=float(aspect or 1.0) or 1.0
    )
    corners = _corners(shown, recipe, ordinal)
    patches = [_patches(_plane(frame, index), shown, corners, recipe.patch) for index in range(3)]
    fragments = _mosaic(colour.to_rgb(np.stack(patches, axis=-1)), recipe)
    return np.concatenate([fragments, _view(frame, recipe.side, colour)])


def _corners(shown: tuple[int, int], recipe: Recipe, ordinal: int) -> NDArray[np.float64]:
    """Top-left screen coordinates of the patches, `float64 [grid*grid, 2]` as (y, x): one in each cell."""
    grid, patch = recipe.grid, recipe.patch
    cells = np.arange(grid * grid)
    steps = ordinal * len(cells) + cells
    corners = np.empty((len(cells), 2))
    for axis, (size, place) in enumerate(((shown[1], cells // grid), (shown[0], cells % grid))):
        slack = max(size / grid - patch, 0.0)
        offset = np.modf(0.5 + steps * _PLASTIC[axis])[0] * slack
        corners[:, axis] = np.clip(np.floor(place * size / grid + offset), 0, max(size - patch, 0))
    return corners


def _patches(
    plane: NDArray[np.uint8], shown: tuple[int, int], corners: NDArray[np.float64], patch: int
) -> NDArray[np.float32]:
    """Bicubic-scale only the pixels under the patches: `float32 [N,patch,patch]`."""
    rows, row_weights = _taps(tuple(corners[:, 0].tolist()), patch, plane.shape[0], shown[1])
    columns, column_weights = _taps(tuple(corners[:, 1].tolist()), patch, plane.shape[1], shown[0])
    pixels = plane[rows[:, :, None], columns[:, None, :]].astype(np.float32)
    return cast(NDArray[np.float32], row_weights @ pixels @ column_weights.transpose(0, 2, 1))


@lru_cache(maxsize=16)  # a clip's pictures and chroma planes share theirs: half of a clip's cost
def _taps(
    corners: tuple[float, ...], patch: int, source: int, target: int
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Source indices `[N,taps]`, weights `[N,patch,taps]` of a separable bicubic resize, edges replicated."""
    starts = np.array(corners)
    scale = target / source
    stretch = max(1.0, 1.0 / scale)
    radius = 2.0 * stretch
    centres = (starts[:, None] + np.arange(patch) + 0.5) / scale - 0.5
    first = np.floor(centres[:, :1] - radius).astype(np.intp) + 1
    count = int(np.ceil((patch - 1) / scale + 2 * radius)) + 1
    indices = first + np.arange(count)
    weights = _bicubic((indices[:, None, :] - centres[:, :, None]) / stretch)
    weights /= weights.sum(axis=2, keepdims=True)
    return np.clip(indices, 0, source - 1), weights.astype(np.float32)


def _bicubic(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' cubic convolution kernel (IEEE TASSP 1981) with parameter a = -`BICUBIC_C`."""
    x, a = np.abs(distance), -BICUBIC_C
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _mosaic(patches: NDArray[np.uint8], recipe: Recipe) -> NDArray[np.uint8]:
    """Tile `[grid*grid, patch, patch, 3]` row by row into `[S,S,3]`."""
    grid, patch, side = recipe.grid, recipe.patch, recipe.side
    tiles = patches.reshape(grid, grid, patch, patch, 3)
    return tiles.transpose(0, 2, 1, 3, 4).reshape(side, side, 3)


def _view(frame: av.VideoFrame, side: int, colour: _Colour) -> NDArray[np.uint8]:
    """The whole picture squeezed to `[S,S,3]` with area averaging."""
    levels = ColorRange.JPEG if colour.full_range else ColorRange.MPEG
    small = _reformatter().reformat(
        frame,
        width=side,
        height=side,
        format="yuv444p",
        interpolation=Interpolation.AREA,
        src_color_range=levels,
        dst_color_range=levels,
    )
    planes = [_plane(small, index).astype(np.float32) for index in range(3)]
    return colour.to_rgb(np.stack(planes, axis=-1))


def _plane(frame: av.VideoFrame, index: int) -> NDArray[np.uint8]:
    """A view (no copy) of one 8-bit plane, `[h,w]`."""
    plane = frame.planes[index]
    pixels: NDArray[np.uint8] = np.frombuffer(plane, dtype=np.uint8)  # type: ignore[call-overload]
    rows = pixels[: plane.line_size * plane.height]
    return rows.reshape(plane.height, plane.line_size)[:, : plane.width]


def _as_yuv420p(frame: av.VideoFrame) -> av.VideoFrame:
    if frame.format.name in ("yuv420p", "yuvj420p"):
        return frame
    if frame.format.is_rgb:
        # Stills: RGB has no matrix of its own, so one is chosen and written down for `_Colour`.
        made = _reformatter().reformat(
            frame, format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        made.colorspace, made.color_range = Colorspace.ITU709, ColorRange.MPEG
        return made
    return _reformatter().reformat(frame, format="yuv420p")


def _reformatter() -> VideoReformatter:
    # One per thread: PyAV 18 otherwise keeps a scaler context alive for every frame.
    if not hasattr(_local, "reformatter"):
        _local.reformatter = VideoReformatter()
    return cast(VideoReformatter, _local.reformatter)


@dataclass(frozen=True, slots=True)
class _Colour:
    """Matrix and range of a picture, guessed by size where the stream does not say (as players do)."""

    matrix: str
    full_range: bool

    @classmethod
    def of(cls, frame: av.VideoFrame) -> _Colour:
        space = int(frame.colorspace)
        if space == _AVCOL_SPC_BT709:
            matrix = "bt709"
        elif space in _AVCOL_SPC_BT2020:
            matrix = "bt2020"
        elif space in (_AVCOL_SPC_BT470BG, _AVCOL_SPC_SMPTE170M):
            matrix = "bt601"
        else:
            matrix = "bt709" if frame.height >= 720 else "bt601"
        full = int(frame.color_range) == int(ColorRange.JPEG) or frame.format.name == "yuvj420p"
        return cls(matrix, full)

    def to_rgb(self, yuv: NDArray[np.float32]) -> NDArray[np.uint8]:
        """`float32 [...,3]` Y'CbCr (0-255) to `uint8` R'G'B' (ITU-R BT.601/709/2020)."""
        red, blue = _LUMA_COEFFICIENTS[self.matrix]
        green = 1 - red - blue
        y_gain, c_gain, black = (1.0, 1.0, 0.0) if self.full_range else (255 / 219, 255 / 224, 16.0)
        cb, cr = 2 * (1 - blue) * c_gain, 2 * (1 - red) * c_gain
        matrix = np.array(
            [[y_gain, 0, cr], [y_gain, -cb * blue / green, -cr * red / green], [y_gain, cb, 0]],
            dtype=np.float32,
        )
        rgb = (yuv - np.array([black, 128, 128], dtype=np.float32)) @ matrix.T
        return cast(NDArray[np.uint8], np.clip(np.rint(rgb), 0, 255).astype(np.uint8))
