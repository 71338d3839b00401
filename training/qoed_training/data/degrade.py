"""What can happen to a second of video between the camera and the screen, drawn at random or by plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation

from qoed_training.data import codecs, pictures

DISTORTIONS = (
    "compression",
    "upscale",
    "blur",
    "noise",
    "motion_blur",
    "contrast",
    "hold",
    "banding",
    "sharpening",
    "damage",
)
"""The labels of the distortion head, in its order."""

RUNG_SHARES = (0.75, 0.667, 0.5, 0.4, 0.333, 0.25, 0.2, 0.167, 0.133)
ANCHOR_CRFS = (0, 17, 22, 27, 32, 37, 42, 47)
"""x264 at these CRFs has human opinion to hold the labels against (CompressedVQA, 900 sources)."""
INTRA_SHARE = 0.15
KERNELS = (
    Interpolation.BICUBIC,
    Interpolation.BICUBIC,
    Interpolation.AREA,
    Interpolation.LANCZOS,
    Interpolation.BILINEAR,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Degradation:
    """One chain, applied in field order: time, picture, scaling, coding. None leaves a step out."""

    hold: int | None = None
    blur: int | None = None
    motion_blur: int | None = None
    contrast: int | None = None
    noise: int | None = None
    banding: int | None = None
    sharpen: int | None = None
    rung_share: float | None = None
    codec: str | None = None
    quality: int | None = None
    preset: str | None = None
    gop: int | None = None
    loss: int | None = None
    seed: int = 0

    def targets(self) -> list[float]:
        """1.0 where a distortion of `DISTORTIONS` is present strongly enough to be told apart, else 0.0."""
        present = {
            "compression": self.codec is not None
            and self.quality is not None
            and _visible(self.codec, self.quality),
            "upscale": self.rung_share is not None and self.rung_share < 0.8,
            "blur": self.blur is not None and self.blur > 0,
            "noise": self.noise is not None and self.noise > 0,
            "motion_blur": self.motion_blur is not None and self.motion_blur > 0,
            "contrast": self.contrast is not None and self.contrast > 0,
            "hold": self.hold is not None and self.hold > 1,
            "banding": self.banding is not None and self.banding > 0,
            "sharpening": self.sharpen is not None and self.sharpen > 0,
            "damage": self.loss is not None and self.loss > 0,
        }
        return [float(present[name]) for name in DISTORTIONS]

    def to_json(self) -> dict[str, Any]:
        """Only the steps that are set."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def _visible(codec: str, quality: int) -> bool:
    low, high = codecs.QUALITY_RANGE[codec]
    return quality >= low + 0.35 * (high - low)


@dataclass(frozen=True, slots=True)
class Degraded:
    """Frames as the decoder would give them, with what full-reference measures should compare them to.

    `reference[i]` is the clean picture that `frames[i]` shows: held pictures and a changed contrast are
    followed, since those measures would condemn what people hardly mind.
    """

    frames: list[av.VideoFrame]
    reference: list[av.VideoFrame]
    shown: list[int]


def apply(reference: Sequence[av.VideoFrame], plan: Degradation, *, fps: float) -> Degraded:
    """Run the chain on `yuv420p` frames. Output frames keep the rung's coded size."""
    rng = np.random.default_rng(plan.seed)
    shown = list(range(len(reference)))
    if plan.hold is not None:
        shown = pictures.hold(reference, plan.hold, rng)
    frames = [reference[index] for index in shown]
    compared = list(frames)
    if plan.blur is not None:
        frames = pictures.blur(frames, plan.blur)
    if plan.motion_blur is not None:
        frames = pictures.motion_blur(frames, plan.motion_blur, float(rng.uniform(0, 180)))
    if plan.contrast is not None:
        lift = float(rng.uniform(64, 192))
        frames = pictures.contrast(frames, plan.contrast, lift)
        compared = pictures.contrast(compared, plan.contrast, lift)
    if plan.noise is not None:
        frames = pictures.noise(frames, plan.noise, rng)
    if plan.banding is not None:
        frames = pictures.banding(frames, plan.banding)
    if plan.sharpen is not None:
        frames = pictures.sharpen(frames, plan.sharpen)
    if plan.rung_share is not None:
        width = _even(reference[0].width * plan.rung_share)
        height = _even(reference[0].height * plan.rung_share)
        frames = pictures.resize(frames, width, height, KERNELS[int(rng.integers(len(KERNELS)))])
    if plan.codec is not None and plan.quality is not None:
        # Equal frame objects (held pictures) must be copied before the encoder stamps them.
        frames = [
            frames[0],
            *(b if b is not a else pictures.copy(b) for a, b in pairwise(frames)),
        ]
        frames = codecs.transcode(
            frames,
            plan.codec,
            plan.quality,
            fps=fps,
            preset=plan.preset,
            gop=plan.gop,
            loss=plan.loss,
            seed=plan.seed,
        )
    return Degraded(frames, compared, shown)


def random_plans(rng: np.random.Generator, count: int) -> list[Degradation]:
    """A varied set for one scene: codec ladders, scaled rungs, faults of picture, time and transit, pairs."""
    plans = [
        Degradation(codec="h264", quality=int(crf), preset="faster", seed=_seed(rng))
        for crf in sorted(rng.choice(ANCHOR_CRFS, size=2, replace=False))
    ]
    codec = str(rng.choice(list(codecs.ENCODERS)))
    low, high = codecs.QUALITY_RANGE[codec]
    edges = np.linspace(low, high, 3)
    plans += [_coded(rng, codec, float(rng.uniform(a, b))) for a, b in pairwise(edges)]
    plans.append(
        Degradation(
            rung_share=float(rng.choice(RUNG_SHARES)),
            codec="h264",
            quality=15,
            preset="faster",
            seed=_seed(rng),
        )
    )
    plans += [_scaled(rng) for _ in range(2)]
    kinds = (
        "blur",
        "noise",
        "motion_blur",
        "contrast",
        "hold",
        "banding",
        "sharpen",
        "loss",
        "blur",
        "noise",
    )
    plans += [_pictured(rng, str(name)) for name in rng.permutation(kinds)[:2]]
    plans += [_pair(rng) for _ in range(max(0, count - len(plans)))]
    return plans[:count]


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(1 << 31))


def _coded(rng: np.random.Generator, codec: str, quality: float) -> Degradation:
    preset = str(rng.choice(["ultrafast", "veryfast", "faster"])) if codec == "h264" else None
    # Now and then key frames only: stills, and what a probe sees that decodes nothing else.
    gop = 1 if rng.random() < INTRA_SHARE else None
    return Degradation(codec=codec, quality=round(quality), preset=preset, gop=gop, seed=_seed(rng))


def _scaled(rng: np.random.Generator) -> Degradation:
    codec = str(rng.choice(["h264", "h264", "hevc", "av1", "vp9"]))
    low, high = codecs.QUALITY_RANGE[codec]
    quality = round(float(low + (high - low) * rng.beta(1.2, 2.0)))
    return Degradation(
        rung_share=float(rng.choice(RUNG_SHARES)),
        codec=codec,
        quality=quality,
        preset="veryfast" if codec == "h264" else None,
        gop=1 if rng.random() < INTRA_SHARE else None,
        seed=_seed(rng),
    )


def _pictured(rng: np.random.Generator, name: str) -> Degradation:
    severity = int(rng.integers(5))
    steps: dict[str, Any] = {name: severity}
    if name == "loss" or rng.random() < 0.6:  # a live picture is always coded, if only lightly
        steps |= {"codec": "h264", "quality": int(rng.integers(18, 30)), "preset": "veryfast"}
    return Degradation(**steps, seed=_seed(rng))


def _pair(rng: np.random.Generator) -> Degradation:
    name = str(rng.choice(["blur", "noise", "contrast", "motion_blur", "banding", "sharpen", "hold"]))
    codec = str(rng.choice(["h264", "hevc"]))
    low, high = codecs.QUALITY_RANGE[codec]
    return Degradation(
        **{name: int(rng.integers(4))},
        rung_share=float(rng.choice(RUNG_SHARES)) if rng.random() < 0.5 else None,
        codec=codec,
        quality=int(rng.integers(low, high)),
        preset="veryfast" if codec == "h264" else None,
        seed=_seed(rng),
    )


def _even(size: float) -> int:
    return max(16, 2 * round(size / 2))
