"""Distortions: repeatable, of the right length, and really there."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from qoed_training.data import pictures
from qoed_training.data.codecs import ENCODERS, QUALITY_RANGE, transcode
from qoed_training.data.degrade import DISTORTIONS, Degradation, apply, random_plans
from training_material import FPS, HEIGHT, WIDTH, luma, moving

STEPS = (
    Degradation(hold=3, seed=1),
    Degradation(blur=2, seed=1),
    Degradation(motion_blur=2, seed=1),
    Degradation(contrast=2, seed=1),
    Degradation(noise=2, seed=1),
    Degradation(banding=2, seed=1),
    Degradation(sharpen=2, seed=1),
    Degradation(rung_share=0.5, seed=1),
    *(Degradation(codec=codec, quality=QUALITY_RANGE[codec][1] - 4, seed=1) for codec in ENCODERS),
    Degradation(
        hold=4,
        blur=0,
        motion_blur=1,
        contrast=1,
        noise=1,
        rung_share=0.75,
        codec="h264",
        quality=40,
        preset="veryfast",
        seed=1,
    ),
)
"""Each step of the chain alone, then all together."""


def name(plan: Degradation) -> str:
    return "-".join(key for key in plan.to_json() if key != "seed") + f"-{plan.codec}"


def error(pictures_: list[np.ndarray], originals: list[np.ndarray]) -> np.ndarray:
    return np.array([np.abs(a - b).mean() for a, b in zip(pictures_, originals, strict=True)])


@pytest.mark.parametrize("codec", list(ENCODERS))
def test_coding_keeps_every_frame_in_its_place(codec: str) -> None:
    """Whatever the codec and quality, as many frames come out as went in, in the same order."""
    frames = moving(12)
    originals = [luma(frame) for frame in frames]
    for quality in QUALITY_RANGE[codec]:
        decoded = transcode(frames, codec, quality, fps=FPS)

        assert [(frame.width, frame.height) for frame in decoded] == [(WIDTH, HEIGHT)] * 12
        # The camera pans: each frame must be nearest to its own original.
        nearest = [
            int(np.argmin([np.abs(luma(frame) - original).mean() for original in originals]))
            for frame in decoded
        ]
        if quality == QUALITY_RANGE[codec][0]:
            assert nearest == list(range(12))
        # At the worst quality motion is lost and frames look like earlier ones, but never swapped.
        assert nearest == sorted(nearest)


@pytest.mark.parametrize("codec", ["h264", "hevc", "mpeg2"])
def test_lost_packets_spoil_pictures_but_lose_none(codec: str) -> None:
    """The first picture survives; later ones are damaged or repeat the one before, all in place."""
    frames = moving(24)
    originals = [luma(frame) for frame in frames]
    quality = QUALITY_RANGE[codec][0]
    clean = error([luma(f) for f in transcode(frames, codec, quality, fps=FPS)], originals)
    spoilt = [
        error([luma(f) for f in transcode(frames, codec, quality, fps=FPS, loss=4, seed=seed)], originals)
        for seed in range(4)
    ]

    assert all(len(one) == 24 for one in spoilt)
    assert all(one[0] < 1.5 * clean[0] + 0.1 for one in spoilt)
    assert sum(one.max() > 2 * clean.max() for one in spoilt) >= 3


def test_key_frames_alone_cost_no_picture() -> None:
    """With a group of one picture every frame stands for itself, and all come out."""
    frames = moving(8)

    assert len(transcode(frames, "h264", 30, fps=FPS, gop=1)) == 8
    assert len(transcode(frames, "vp9", 30, fps=FPS, gop=1)) == 8


def test_an_unknown_codec_is_answered_with_the_known_ones() -> None:
    """A wrong codec name ends in an error that lists the right ones."""
    with pytest.raises(ValueError, match="unknown codec 'vp3', use one of h264, hevc, av1, vp9, mpeg2"):
        transcode(moving(2), "vp3", 30, fps=FPS)


@pytest.mark.parametrize("plan", STEPS, ids=name)
def test_every_step_degrades_and_repeats(plan: Degradation) -> None:
    """Each step changes the pictures, keeps their number, and does the same again from the same seed."""
    reference = moving(12)
    before = [luma(frame) for frame in reference]
    once, again = (apply(reference, plan, fps=FPS) for _ in range(2))

    assert len(once.frames) == len(once.reference) == len(once.shown) == 12
    assert once.shown == again.shown
    for a, b in zip(once.frames, again.frames, strict=True):
        np.testing.assert_array_equal(luma(a), luma(b))
    changed = [
        frame.width != WIDTH or np.abs(luma(frame) - pixels).mean() > 0.2
        for frame, pixels in zip(once.frames, before, strict=True)
    ]
    # A frozen second may begin with the frame that belongs there; every other step touches every frame.
    assert sum(changed) >= (3 if plan.hold is not None and plan.blur is None else 12)
    for frame, pixels in zip(reference, before, strict=True):
        np.testing.assert_array_equal(luma(frame), pixels)


def test_a_rung_keeps_its_coded_size() -> None:
    """A smaller rung leaves the chain at its own, even size, as a decoder would give it."""
    made = apply(moving(4), Degradation(rung_share=0.4, codec="h264", quality=20), fps=FPS)

    assert {(frame.width, frame.height) for frame in made.frames} == {(52, 28)}


def test_held_pictures_are_compared_to_what_they_show() -> None:
    """A frozen second counts as one picture shown all the time, each frame compared to that very picture."""
    reference = moving(10)
    made = apply(reference, Degradation(hold=4), fps=FPS)

    assert made.shown == [0] * 10
    assert all(np.array_equal(luma(frame), luma(reference[0])) for frame in made.reference)


@pytest.mark.parametrize(
    ("kind", "distance"),
    [
        ("blur", "sharpness"),
        ("motion_blur", "sharpness"),
        ("contrast", "spread"),
        ("noise", "error"),
        ("banding", "error"),
        ("sharpen", "error"),
    ],
)
def test_severities_grow(kind: str, distance: str) -> None:
    """Of the five severities of a picture fault, each is worse than the one before."""
    reference = moving(2)
    original = luma(reference[0])

    def damage(severity: int) -> float:
        plan = dataclasses.replace(Degradation(seed=3), **{kind: severity})
        picture = luma(apply(reference, plan, fps=FPS).frames[0])
        if distance == "sharpness":
            return -float(np.abs(np.diff(picture, axis=1)).mean() + np.abs(np.diff(picture, axis=0)).mean())
        return -float(picture.std()) if distance == "spread" else float(np.abs(picture - original).mean())

    damages = [damage(severity) for severity in range(5)]
    assert damages == sorted(damages)
    assert damages[0] < damages[4]


def test_freezes_grow_and_judder_drops_single_frames() -> None:
    """The share of pictures that are really shown falls with the severity of a freeze."""
    frames = moving(20)
    shares = [
        len(set(pictures.hold(frames, severity, np.random.default_rng(0)))) / 20 for severity in range(5)
    ]

    assert shares[0] > shares[1]
    assert shares[2] > shares[3] > shares[4] == 1 / 20


def test_plans_repeat_and_cover_every_distortion() -> None:
    """Equal seeds draw equal plans, and over a few scenes every distortion comes up, and none alone."""
    plans = [random_plans(np.random.default_rng(seed), 13) for seed in range(20)]
    targets = np.array([plan.targets() for scene in plans for plan in scene])

    assert random_plans(np.random.default_rng(4), 13) == plans[4]
    assert {len(scene) for scene in plans} == {13}
    assert dict(zip(DISTORTIONS, targets.sum(axis=0) > 0, strict=True)) == dict.fromkeys(DISTORTIONS, True)
    assert (targets.sum(axis=0) < len(targets)).all()


@pytest.mark.parametrize(
    ("plan", "present"),
    [
        (Degradation(), ""),
        (Degradation(codec="h264", quality=18), ""),
        (Degradation(codec="h264", quality=40), "compression"),
        (Degradation(rung_share=0.5, codec="hevc", quality=20), "upscale"),
        (Degradation(blur=2, noise=3), "blur noise"),
        (Degradation(motion_blur=1, contrast=1, hold=2), "motion_blur contrast hold"),
        (Degradation(blur=0, noise=0, hold=1, banding=0, sharpen=0, loss=0), ""),
        (Degradation(banding=3, sharpen=2, loss=1), "banding sharpening damage"),
    ],
)
def test_targets_name_what_can_be_seen(plan: Degradation, present: str) -> None:
    """The distortion head is asked for what is visible, not for what is too mild to be told apart."""
    wanted = [float(distortion in present.split()) for distortion in DISTORTIONS]

    assert plan.targets() == wanted
