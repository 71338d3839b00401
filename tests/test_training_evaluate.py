"""The accuracy receipt: right numbers for scripted scores, and None where there is no number."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Generator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from engines import ScriptedEngine
from qoed_engine import Calibration
from qoed_training.data.opinion import OpinionMap
from qoed_training.data.scenes import Scene
from qoed_training.data.stills import Still
from qoed_training.data.unfit import SCREEN_GROUPS
from qoed_training.evaluation.clips import clip_receipt
from qoed_training.evaluation.figures import confidence, spearman
from qoed_training.evaluation.intervals import interval_receipt
from qoed_training.evaluation.order import order_receipt
from qoed_training.evaluation.pictures import still_receipt
from qoed_training.evaluation.scoring import Scored, score_scenes, score_stills
from qoed_training.evaluation.table import Table, table_of
from qoed_training.evaluation.targets import TARGETS, Target, judged_targets
from training_material import OPINION, RECIPE, made_scene, moving, write_png

Value = TypeVar("Value")


def finished(stage: Generator[str, None, Value]) -> tuple[list[str], Value]:
    """The progress lines of a stage and what it returns."""
    lines = []
    while True:
        try:
            lines.append(next(stage))
        except StopIteration as end:
            return lines, end.value


def judged(
    scenes: list[Scene],
    *,
    turned: bool = False,
    half_width: float = 5.0,
    opinion: OpinionMap = OPINION,
) -> Table:
    """A table whose scores are the labels, or run against them."""
    scored = []
    for scene in scenes:
        raw = opinion.label(scene) / 100
        head = np.full(scene.targets.shape, 0.5)
        scored.append(Scored(scene, 1 - raw if turned else raw, head, unfit=1 - raw))
    return table_of(scored, opinion, Calibration(half_width=(half_width,)))


def test_right_scores_agree_with_their_labels() -> None:
    """Scores equal to the labels agree perfectly in every part, scene and group."""
    receipt = clip_receipt(judged([made_scene(number, split="test") for number in range(3)]))

    assert (receipt["clips"], receipt["scenes"]) == (15, 3)
    assert receipt["groups"] == ["group0", "group1", "group2"]
    whole = receipt["all"]
    assert (whole["spearman"], whole["kendall"], whole["pearson"]) == (1.0, 1.0, pytest.approx(1, abs=0.01))
    assert whole["spearman_confidence"] == [1.0, 1.0]
    assert receipt["rmse_on_scale"] == pytest.approx(0.0, abs=1e-6)
    assert receipt["spearman_within_scene_mean"] == 1.0
    assert {row["spearman"] for row in receipt["by_group"].values()} == {1.0}


def test_wrong_scores_disagree_with_their_labels() -> None:
    """Reversed scores disagree perfectly, and no logistic makes that look good."""
    receipt = clip_receipt(judged([made_scene(0, split="test")], turned=True))

    assert receipt["all"]["spearman"] == receipt["spearman_within_scene_mean"] == -1.0
    assert receipt["all"]["pearson"] < 0
    assert receipt["all"]["spearman_confidence"] is None  # one production says nothing of others


def test_each_part_holds_what_its_name_says() -> None:
    """Codecs and scales leave out every other fault, `without_screens` recordings of screens."""
    plans: list[dict[str, Any]] = [
        {},
        {"codec": "h264", "quality": 30, "preset": "faster", "gop": 12, "seed": 3},
        {"rung_share": 0.5, "codec": "av1", "quality": 30, "seed": 4},
        {"blur": 2, "codec": "h264", "quality": 20},
        {"noise": 1},
    ]
    filmed = dataclasses.replace(made_scene(0), plans=plans)
    screen = dataclasses.replace(made_scene(1), plans=plans, group=sorted(SCREEN_GROUPS)[0])
    receipt = clip_receipt(judged([filmed, screen]))

    assert receipt["screen_groups"] == sorted(SCREEN_GROUPS)[:1]
    parts = ("all", "codecs_and_scales", "all_without_screens", "codecs_and_scales_without_screens")
    assert [receipt[part]["n"] for part in parts] == [10, 6, 5, 3]
    assert receipt["by_distortion"]["noise"] == {"n": 8, "spearman": 1.0}
    assert receipt["by_distortion"]["hold"] == {"n": 0, "spearman": None}


def test_clips_without_a_score_are_counted_apart() -> None:
    """Above the manifest's threshold a clip abstains: the rest is judged alone, shares told by group."""
    table = judged([made_scene(0), made_scene(1)])
    receipt = clip_receipt(table, abstain_above=0.5)
    assert table.unfit is not None
    left = int((table.unfit <= 0.5).sum())

    assert 0 < left < 10
    assert receipt["all_that_get_a_score"]["n"] == left
    assert np.mean(list(receipt["abstained_share_by_group"].values())) == pytest.approx(1 - left / 10)


def test_coverage_is_told_by_score_and_by_group() -> None:
    """Labels inside the interval are counted overall, in each bin and production, and for stills."""
    right, wrong = made_scene(0), dataclasses.replace(made_scene(1), group="off")
    table = judged([right, wrong], half_width=4.0)
    score = table.score.copy()
    score[5:] = np.clip(score[5:] + 20, 0, 100)
    calibration = Calibration(bin_edges=(50.0, 100.0), half_width=(4.0, 4.0))
    bounds = np.array([calibration.interval(float(value)) for value in score])
    table = dataclasses.replace(table, score=score, bounds=bounds)
    receipt = interval_receipt(table, calibration, np.array([50.0, 60.0]), np.array([53.0, 70.0]))

    assert receipt["coverage_by_group"]["group0"] == 1.0
    assert receipt["coverage_by_group"]["off"] < 0.5
    assert receipt["coverage"] == pytest.approx(np.mean(list(receipt["coverage_by_group"].values())))
    assert receipt["off_by"] == pytest.approx(0.9 - receipt["coverage"], abs=1e-4)
    assert sum(row["n"] for row in receipt["coverage_by_score"]) == 10
    assert receipt["coverage_of_stills"] == 0.5
    assert 4.0 <= receipt["mean_width"] <= 8.0


def stills(tmp_path: Path) -> list[Still]:
    path = tmp_path / "still.png"
    write_png(path, moving(1)[0])
    return [
        Still(path, f"source{index % 2}", "test", 10, height, 1.0 + index / 5)
        for index, height in enumerate([160, 170, 180, 190, 200, 260, 270, 300, 360, 390])
    ]


def test_opinion_is_met_overall_within_heights_and_within_sources(tmp_path: Path) -> None:
    """Scores in the order of opinion are right overall, in each band of heights and in each source."""
    rated = stills(tmp_path)
    receipt = still_receipt(rated, np.arange(10.0))

    assert (receipt["stills"], receipt["sources"]) == (10, 2)
    assert (receipt["spearman"], receipt["spearman_of_height_alone"]) == (1.0, 1.0)
    bands = receipt["spearman_within_height_band"]
    assert {band: (row["n"], row["spearman"]) for band, row in bands.items()} == {
        "144-240": (5, 1.0),
        "240-400": (5, 1.0),
    }
    assert receipt["spearman_within_height_band_lowest"] == receipt["spearman_within_source_mean"] == 1.0
    turned = still_receipt(rated, np.concatenate([np.arange(5.0), np.arange(5.0)[::-1]]))
    assert turned["spearman_within_height_band_lowest"] == -1.0
    assert turned["spearman_within_height_band_mean"] == 0.0


def test_what_cannot_be_measured_is_none(tmp_path: Path) -> None:
    """Constant scores or missing material give None, never 0 and never a NaN that breaks JSON readers."""
    table = judged([made_scene(0, split="test")])
    flat = dataclasses.replace(table, score=np.full(len(table.label), 50.0))
    nothing = np.array([])
    receipts = [
        clip_receipt(flat),
        order_receipt([]),
        still_receipt(stills(tmp_path), np.full(10, 50.0)),
        still_receipt([], nothing),
        interval_receipt(table, Calibration(), nothing, nothing),
    ]

    assert receipts[0]["all"]["spearman"] is receipts[0]["spearman_within_scene_mean"] is None
    assert receipts[1]["worst_rise_points"] is None
    assert receipts[2]["spearman"] is receipts[3]["spearman"] is receipts[4]["coverage_of_stills"] is None
    json.dumps(receipts, allow_nan=False)


def test_every_cut_of_a_clip_counts(tmp_path: Path) -> None:
    """The raw output of an entry is the mean over its cuts, entry by entry, for scenes as for stills."""
    engine = ScriptedEngine(RECIPE)
    scene = made_scene(0)
    lines, (scored,) = finished(score_scenes(engine, [scene], "clips"))

    assert lines == ["clips: 1/1 scenes scored"]
    assert scored.raw == pytest.approx(scene.clips.mean(axis=(1, 2, 3, 4, 5)) / 255, abs=1e-5)
    assert scored.distortions.shape == (len(scene.clips), 1)
    assert scored.unfit is None
    assert score_stills(engine, stills(tmp_path)[:2], RECIPE).shape == (2,)


def test_the_interval_of_a_figure_follows_its_productions() -> None:
    """The seeded bootstrap repeats itself, is wider where a production errs alike, and holds the truth."""
    rng = np.random.default_rng(0)
    label = rng.normal(size=240)
    group = [f"group{index // 40}" for index in range(240)]
    scene = [f"scene{index // 10}" for index in range(240)]
    shift = np.repeat(rng.normal(0, 2, 6), 40)
    alike, apart = label + shift, label + rng.permutation(shift)

    def interval(score: np.ndarray, names: list[str]) -> list[float]:
        found = confidence(lambda rows: spearman(label[rows], score[rows]), names, scene)
        assert found is not None
        return found

    low, high = interval(alike, group)
    assert interval(alike, group) == [low, high]
    assert low < (spearman(label, alike) or 0) < high
    narrow = interval(apart, scene)
    assert high - low > 1.5 * (narrow[1] - narrow[0])


def test_targets_say_what_was_reached() -> None:
    """A figure at its bound is reached, one beyond is not, one that is missing is not either."""
    least, most = Target("a", ("x", "y"), least=0.9), Target("b", ("z",), most=2.0)

    assert least.judged({"x": {"y": 0.9}}) == {
        "target": "a",
        "wanted": ">= 0.9",
        "figure": 0.9,
        "reached": True,
    }
    assert not least.judged({"x": {"y": 0.89}})["reached"]
    assert most.judged({"z": 2.0})["reached"]
    assert not most.judged({"z": 2.1})["reached"]
    assert [row["reached"] for row in judged_targets({})] == [False] * len(TARGETS)
    against = {"against_base": {"times_cheaper": 6.0, "spearman_behind": 0.01}}
    assert [row["reached"] for row in judged_targets(against)][len(TARGETS) :] == [True, True]
