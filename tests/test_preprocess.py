"""Clips: the picture as displayed, cut alike in training and at run time."""

from __future__ import annotations

import av
import numpy as np
import pytest

from qoed_engine.manifest import Recipe
from qoed_engine.preprocess import PreprocessError, clip_from_frames, display_size

RECIPE = Recipe()
SIDE = RECIPE.side


def picture(width: int, height: int, *, rows: int = 90) -> av.VideoFrame:
    """Smooth coloured noise of `rows` blotches from top to bottom."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(16, 240, size=(rows, rows * 16 // 9, 3), dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(coarse, format="rgb24")
    return frame.reformat(width=width, height=height, format="yuv420p", interpolation="BICUBIC")


def clip(frame: av.VideoFrame, *, display_height: int = 720, ordinal: int = 0) -> np.ndarray:
    return clip_from_frames([frame] * RECIPE.frames, RECIPE, display_height=display_height, ordinal=ordinal)


def sharpness(cut: np.ndarray) -> float:
    """Mean step between neighbouring pixels inside the fragments."""
    luma = cut[0, :SIDE].astype(float).mean(axis=2)
    return float(np.abs(np.diff(luma, axis=1)).mean())


def test_a_clip_has_the_shape_that_the_manifest_promises() -> None:
    """A clip is T columns of fragments above a whole view, uint8 RGB."""
    cut = clip(picture(1280, 720))

    assert cut.shape == RECIPE.clip_shape == (4, 384, 192, 3)
    assert cut.dtype == np.uint8


def test_fragments_at_native_size_are_the_pixels_themselves() -> None:
    """Where the picture fills the screen exactly, fragments are its own pixels, not resampled ones."""
    frame = picture(1280, 720)
    luma = np.frombuffer(frame.planes[0], np.uint8).reshape(720, frame.planes[0].line_size)[:, :1280]
    grey = frame.reformat(format="gray").reformat(format="yuv420p")
    cut = clip(grey)[0, :32, :32, 1].astype(float)
    patches = np.lib.stride_tricks.sliding_window_view(luma, (32, 32))[:120, :213]
    wanted = (patches.astype(np.float32) - 16) * 255 / 219
    nearest = np.abs(wanted - cut).mean(axis=(2, 3)).min()

    assert nearest < 1.0


def test_a_smaller_rung_looks_as_soft_as_it_will_on_the_screen() -> None:
    """A clean small picture is judged enlarged to the screen: softer than the same scene at full size."""
    scene = picture(1280, 720)
    rng = np.random.default_rng(1)
    noisy = np.clip(scene.to_ndarray(format="gray").astype(int) + rng.integers(-30, 30, (720, 1280)), 0, 255)
    full = av.VideoFrame.from_ndarray(noisy.astype(np.uint8), format="gray").reformat(format="yuv420p")
    small = full.reformat(width=640, height=360, interpolation="BICUBIC")

    assert sharpness(clip(small)) < 0.6 * sharpness(clip(full))


def test_enlarging_equals_enlarging_the_whole_picture_first() -> None:
    """Scaling only the pixels under the patches gives what scaling the whole picture gives."""
    small = picture(320, 180)
    large = small.reformat(width=640, height=360, interpolation="BICUBIC")
    cuts = [clip(frame, display_height=360)[0, :SIDE].astype(int) for frame in (small, large)]
    difference = np.abs(cuts[0] - cuts[1])

    assert difference.mean() < 2.0  # the whole picture is rounded once more


def test_equal_moments_of_a_ladder_are_looked_at_in_the_same_places() -> None:
    """Renditions of one moment are cut at the same places of the screen, so their scores compare."""
    cuts = [clip(picture(1280 // k, 720 // k), ordinal=7)[0, :SIDE].astype(float) for k in (1, 2)]

    assert np.corrcoef(cuts[0].ravel(), cuts[1].ravel())[0, 1] > 0.97


def test_later_moments_are_looked_at_elsewhere() -> None:
    """Patches move from clip to clip, so that over time the whole picture is seen."""
    frame = picture(1280, 720)

    assert not np.array_equal(clip(frame, ordinal=1), clip(frame, ordinal=2))
    assert np.array_equal(clip(frame, ordinal=1), clip(frame, ordinal=1))


FORMATS = ("yuv420p10le", "yuv422p", "yuv444p", "nv12", "rgb24", "gray", "yuvj420p", "rgba", "gbrp")


@pytest.mark.parametrize("name", FORMATS)
def test_every_common_pixel_format_gives_the_same_view(name: str) -> None:
    """Whatever the decoder's pixel format and range, the network sees the same colours."""
    frame = picture(640, 360, rows=18)
    same = frame.reformat(format=name)
    reference, other = clip(frame)[0].astype(int), clip(same)[0].astype(int)
    if name == "gray":
        reference = reference.mean(axis=2, keepdims=True) * [1, 1, 1]
        assert np.abs(reference.mean() - other.mean()) < 12
    else:
        assert np.abs(reference - other).mean() < 4


@pytest.mark.parametrize(
    ("width", "height", "shown"),
    [
        (1920, 1080, (1920, 1080)),
        (640, 360, (1920, 1080)),
        (1080, 1920, (608, 1080)),
        (1440, 1080, (1440, 1080)),
        (2560, 1080, (1920, 810)),
    ],
)
def test_pictures_are_fitted_into_the_screen(width: int, height: int, shown: tuple[int, int]) -> None:
    """Portrait, 4:3 and wide pictures keep their shape and fit into a 16:9 screen."""
    assert display_size(width, height, display_height=1080) == shown


def test_anamorphic_pictures_are_judged_in_their_shown_shape() -> None:
    """Non-square pixels count at their displayed width."""
    assert display_size(720, 576, display_height=1080, sample_aspect=64 / 45) == (1920, 1080)


@pytest.mark.parametrize(("width", "height"), [(16, 16), (64, 36), (180, 320), (7680, 4320)])
def test_tiny_and_huge_pictures_are_cut_too(width: int, height: int) -> None:
    """No picture size breaks the cutter."""
    assert clip(picture(width, height), display_height=1080).shape == RECIPE.clip_shape


def test_a_wrong_number_of_frames_is_refused() -> None:
    """Too few frames end in an error that names both numbers."""
    with pytest.raises(PreprocessError, match="takes 4 frames, got 1"):
        clip_from_frames([picture(64, 36)], RECIPE, display_height=1080, ordinal=0)


def test_a_screen_too_small_to_see_on_is_refused() -> None:
    """A display height below 240 is refused with the least that works."""
    with pytest.raises(PreprocessError, match="at least 240"):
        clip(picture(64, 36), display_height=100)
