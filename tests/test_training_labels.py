"""Labels: full-reference measures and their blend fall as pictures get worse."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qoed_training.data import pictures
from qoed_training.data.codecs import transcode
from qoed_training.data.corpus import CorpusError
from qoed_training.data.degrade import Degradation
from qoed_training.data.fullref import MEASURES, XPSNR_CEILING, measure
from qoed_training.data.opinion import (
    MOS_BY_CRF,
    OpinionMap,
    fit_opinion,
    load_opinion,
    score_of_mos,
)
from qoed_training.data.scenes import Scene
from qoed_training.data.stills import Still, read_stills
from training_material import FPS, OPINION, made_scene, moving, write_stills

SIZE = {"width": 320, "height": 180}


def test_identical_pictures_are_perfect() -> None:
    """A picture compared to itself gets the best value of every measure."""
    frames = moving(4, **SIZE)

    found = dict(zip(MEASURES, measure(frames, frames), strict=True))

    assert found.pop("vmaf") > 97  # it depends a little on motion, even then
    assert found == pytest.approx(
        {"xpsnr": XPSNR_CEILING, "ssim": 1, "adm": 1, "vif0": 1, "vif1": 1, "vif2": 1, "vif3": 1}, abs=1e-3
    )


def test_every_measure_falls_with_the_rate_factor() -> None:
    """The coarser x264 quantises, the lower every measure."""
    frames = moving(6, **SIZE)
    table = np.array(
        [measure(frames, transcode(frames, "h264", crf, fps=FPS)) for crf in (18, 26, 34, 42, 50)]
    )

    assert (np.diff(table, axis=0) < 0).all(), table


def test_every_measure_falls_with_blur() -> None:
    """The stronger the blur, the lower every measure."""
    frames = moving(4, **SIZE)
    table = np.array([measure(frames, pictures.blur(frames, severity)) for severity in range(5)])

    assert (np.diff(table, axis=0) < 0).all(), table


def test_the_blend_tells_ladders_apart_alike() -> None:
    """Both ladders also fall in the blended score, from nearly perfect to awful."""
    frames = moving(4, **SIZE)
    coded = [transcode(frames, "h264", crf, fps=FPS) for crf in (14, 30, 50)]
    blurred = [pictures.blur(frames, severity) for severity in (0, 2, 4)]
    for ladder in (coded, blurred):
        scores = [float(OPINION.score(measure(frames, rung))) for rung in ladder]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] - scores[-1] > 20


values = st.tuples(st.floats(0, 60), st.floats(0, 1), st.floats(0, 100), *(st.floats(0, 1) for _ in range(5)))
curves = st.lists(st.floats(0, 100), min_size=2, max_size=6, unique=True).map(sorted)


@given(
    values,
    values,
    st.tuples(*(st.floats(0, 10) for _ in MEASURES)),
    st.floats(-10, 5),
    curves,
)
def test_better_measures_never_lower_the_score(
    a: tuple[float, ...],
    b: tuple[float, ...],
    weights: tuple[float, ...],
    bias: float,
    curve: list[float],
) -> None:
    """Whatever blend was fitted, a picture that is better by every measure never scores lower."""
    knots = tuple(np.linspace(0, 100, len(curve)))
    opinion = OpinionMap(weights, bias, knots, tuple(curve))
    worse, better = np.minimum(a, b), np.maximum(a, b)

    assert 0 <= opinion.score(worse) <= opinion.score(better) + 1e-9 <= 100 + 2e-9


def test_frozen_and_faded_pictures_cost_points() -> None:
    """What full-reference measures cannot see is charged: a freeze and lost contrast, in 0 to 100."""
    scene = made_scene(0, entries=4)
    plans = [{}, {"hold": 4}, {"contrast": 1}, {"contrast": 4}]
    labels = OPINION.label(
        dataclasses.replace(
            scene,
            labels=np.repeat(scene.labels[:1], 4, axis=0),
            shown_share=np.array([1.0, 0.1, 1.0, 1.0]),
            plans=plans,
        )
    )

    assert labels[1] < labels[0] - 20
    assert labels[3] < labels[2] < labels[0]
    assert ((labels >= 0) & (labels <= 100)).all()


def test_a_blend_survives_its_file(tmp_path: Path) -> None:
    """A fitted blend is read back exactly as it was written, from plain JSON."""
    OPINION.save(tmp_path / "opinion.json")

    assert load_opinion(tmp_path / "opinion.json") == OPINION
    assert set(json.loads((tmp_path / "opinion.json").read_text())) == {
        "weights",
        "bias",
        "blend",
        "opinion",
    }


def test_a_blend_of_another_version_is_said_so(tmp_path: Path) -> None:
    """A file without the curve of today ends in one line with the remedy."""
    (tmp_path / "opinion.json").write_text('{"weights": [1, 2], "bias": 0}')
    with pytest.raises(CorpusError, match="another version of qoed: delete it"):
        load_opinion(tmp_path / "opinion.json")


def anchored(number: int, split: str = "train") -> Scene:
    """A CRF ladder whose measures fall evenly."""
    plans = [Degradation(codec="h264", quality=crf, preset="faster").to_json() for crf in sorted(MOS_BY_CRF)]
    severity = np.linspace(0.1, 0.8, len(plans)) + 0.01 * number
    measures = np.column_stack(
        [60 - 50 * severity, 1 - 0.3 * severity, 100 - 90 * severity, *[1 - 0.8 * severity] * 5]
    )
    scene = made_scene(number, entries=len(plans), split=split)
    return dataclasses.replace(scene, labels=measures, plans=plans)


@pytest.fixture(scope="module")
def stills(tmp_path_factory: pytest.TempPathFactory) -> list[Still]:
    return read_stills(write_stills(tmp_path_factory.mktemp("stills")))


def test_the_fitted_blend_scores_ladders_as_people_did(stills: list[Still]) -> None:
    """On average, x264 at each CRF is labelled as people scored it, to a few points."""
    scenes = [anchored(number) for number in range(10)]
    opinion = fit_opinion(scenes, stills)
    means = np.mean([opinion.label(scene) for scene in scenes], axis=0)
    people = [score_of_mos(MOS_BY_CRF[crf]) for crf in sorted(MOS_BY_CRF)]

    assert min(opinion.weights) >= 0
    assert np.abs(means - people).max() < 8


def test_held_out_material_does_not_shape_the_labels(stills: list[Still]) -> None:
    """Scenes kept for calibration and test, and held-out stills, change nothing about the labels."""
    scenes = [anchored(number) for number in range(10)]
    others = [anchored(number + 40, split) for number, split in enumerate(["calibration", "test"])]
    changed: list[Still] = [
        dataclasses.replace(still, mos=5.0) if still.split == "test" else still for still in stills
    ]

    assert fit_opinion([*scenes, *others], changed) == fit_opinion(scenes, stills)


def test_too_few_scenes_for_labels_are_said_so(stills: list[Still]) -> None:
    """Fitting labels on too little ends in one line with the count and the remedy."""
    with pytest.raises(CorpusError, match=r"only 8 clips .* 50 are needed: run qoed-train scenes first"):
        fit_opinion([anchored(0)], stills)
