"""The accuracy receipt: right numbers for scripted scores, and None where there is no number."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engines import ScriptedEngine
from qoed_engine import Calibration
from qoed_training.data.corpus import read_corpus
from qoed_training.data.stills import Still
from qoed_training.evaluate import (
    CRF_LADDER,
    SHARE_LADDER,
    ladder_receipt,
    ladder_specs,
    raw_of_scenes,
    raw_of_stills,
    scene_receipt,
    still_receipt,
)
from training_material import OPINION, RECIPE, made_scene, moving, write_corpus, write_png

ENTRIES = 1 + len(CRF_LADDER) + len(SHARE_LADDER)


def ladder(crf: list[float], shares: list[float]) -> np.ndarray:
    return np.array([99.0, *crf, *shares])


PERFECT = ladder([95, 90, 80, 65, 45, 25, 10], [85, 60, 35, 15])


def test_a_perfect_ladder_is_all_right() -> None:
    """Scores that fall with every step of both ladders are right in every pair."""
    receipt = ladder_receipt([PERFECT, PERFECT - 1])

    assert receipt["sources"] == 2
    assert receipt["crf_adjacent_pairs_right"] == 1.0
    assert receipt["crf_two_steps_right"] == 1.0
    assert receipt["crf_worst_rise_points"] == 0.0
    assert receipt["resolution_adjacent_pairs_right"] == 1.0
    assert receipt["crf_pearson_to_human_mean"] > 0.95
    assert receipt["crf_mean_score"]["17"] == 94.5
    assert receipt["resolution_mean_score"]["1.0"] == 98.5
    assert receipt["resolution_mean_score"]["0.75"] == 84.5


def test_a_reversed_ladder_is_all_wrong() -> None:
    """Scores that rise with every step are right in no pair, and the worst rise is told in points."""
    receipt = ladder_receipt([ladder([10, 25, 45, 65, 80, 90, 95], [99.2, 99.4, 99.6, 99.8])])

    assert receipt["crf_adjacent_pairs_right"] == 0.0
    assert receipt["crf_two_steps_right"] == 0.0
    assert receipt["crf_worst_rise_points"] == 20.0
    assert receipt["resolution_adjacent_pairs_right"] == 0.0
    assert receipt["crf_pearson_to_human_mean"] < 0


def test_pairs_that_people_cannot_tell_apart_are_not_asked_for() -> None:
    """A rise between the two best rungs, which people do not see, is no fault; a tie further down is."""
    unseen = ladder([90, 92, 80, 65, 45, 25, 10], [85, 60, 35, 15])
    tied = ladder([95, 90, 80, 65, 65, 25, 10], [85, 60, 35, 15])

    assert ladder_receipt([unseen])["crf_adjacent_pairs_right"] == 1.0
    assert ladder_receipt([tied])["crf_adjacent_pairs_right"] == 0.8


def test_ladders_are_planned_for_test_sources_only(tmp_path: Path) -> None:
    """Ladders are built from held-out productions, rows in the order that the receipt reads."""
    specs = ladder_specs(read_corpus(write_corpus(tmp_path)))

    assert [spec.source.group for spec in specs] == ["pixabay_macro"]
    plans = specs[0].plans
    assert [plan.quality for plan in plans[: len(CRF_LADDER)]] == list(CRF_LADDER)
    assert [plan.rung_share for plan in plans[len(CRF_LADDER) :]] == list(SHARE_LADDER)
    assert len(plans) == ENTRIES - 1


def test_right_scores_agree_with_their_labels() -> None:
    """Scores equal to the labels agree perfectly and lie inside their intervals."""
    scenes = [made_scene(number, split="test") for number in range(3)]
    labels = [OPINION.label(scene) for scene in scenes]
    receipt = scene_receipt(scenes, labels, OPINION, Calibration(half_width=(5.0,)))

    assert receipt["clips"] == 15
    assert receipt["groups"] == ["group0", "group1", "group2"]
    assert (receipt["spearman"], receipt["pearson"], receipt["rmse"]) == (1.0, 1.0, 0.0)
    assert receipt["spearman_within_scene_mean"] == 1.0
    assert receipt["interval_coverage"] == 1.0


def test_wrong_scores_disagree_with_their_labels() -> None:
    """Reversed scores disagree perfectly, and far-off labels fall outside their intervals."""
    scene = made_scene(0, split="test")
    label = OPINION.label(scene)
    receipt = scene_receipt([scene], [100 - label], OPINION, Calibration(half_width=(1.0,)))

    assert receipt["spearman"] == -1.0
    assert receipt["spearman_within_scene_mean"] == -1.0
    assert receipt["interval_coverage"] < 0.5
    assert receipt["rmse"] == pytest.approx(np.sqrt(np.mean((2 * label - 100) ** 2)), abs=1e-3)


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
    assert receipt["spearman_within_height_band"] == {
        "144-240": {"n": 5, "spearman": 1.0},
        "240-400": {"n": 5, "spearman": 1.0},
    }
    assert receipt["spearman_within_source_mean"] == 1.0
    assert still_receipt(rated, -np.arange(10.0))["spearman_within_source_mean"] == -1.0


def test_what_cannot_be_measured_is_none(tmp_path: Path) -> None:
    """Constant scores or missing material give None, never 0 and never a NaN that breaks JSON readers."""
    scene = made_scene(0, split="test")
    flat = np.full(len(scene.labels), 50.0)
    receipts = [
        scene_receipt([scene], [flat], OPINION, Calibration()),
        ladder_receipt([np.full(ENTRIES, 50.0)]),
        still_receipt(stills(tmp_path), np.full(10, 50.0)),
        still_receipt([], np.array([])),
    ]

    assert receipts[0]["spearman"] is receipts[0]["spearman_within_scene_mean"] is None
    assert receipts[1]["crf_pearson_to_human_mean"] is None
    assert receipts[1]["crf_adjacent_pairs_right"] == 0.0
    assert receipts[2]["spearman"] is receipts[3]["spearman"] is None
    json.dumps(receipts, allow_nan=False)


def test_every_cut_of_a_clip_counts(tmp_path: Path) -> None:
    """The raw output of an entry is the mean over its cuts, entry by entry, for scenes as for stills."""
    engine = ScriptedEngine(RECIPE)
    scene = made_scene(0)
    rated = stills(tmp_path)[:2]
    (raw,) = raw_of_scenes(engine, [scene])

    assert raw == pytest.approx(scene.clips.mean(axis=(1, 2, 3, 4, 5)) / 255, abs=1e-5)
    assert raw_of_stills(engine, rated, RECIPE).shape == (2,)
