"""Ladders of held-out videos: what is planned, what is read back, and what counts as in order."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from qoed_training.data import codecs
from qoed_training.data.corpus import CorpusError, read_corpus
from qoed_training.data.opinion import MOS_BY_CRF, score_of_mos
from qoed_training.evaluation.ladders import (
    CRF,
    CRF_BY_SIX,
    CRF_LADDER,
    OTHER_CODECS,
    RESOLUTION,
    SECTIONS,
    SIX_LADDER,
    Ladder,
    ladder_specs,
    ladders_of,
    name_of_plan,
    rungs_of,
)
from qoed_training.evaluation.order import order_receipt
from qoed_training.evaluation.people import people_receipt, read_opinions
from qoed_training.evaluation.scoring import Scored
from training_material import made_scene, write_corpus

HUMAN = [score_of_mos(MOS_BY_CRF.get(crf, 4.48)) for crf in CRF_LADDER]


def ladder(scores: list[float], *, kind: str = CRF, number: int = 0) -> Ladder:
    rungs = {CRF: CRF_LADDER, CRF_BY_SIX: SIX_LADDER}.get(kind) or rungs_of(kind)
    return Ladder(kind, f"clip{number}-0123456789", f"group{number}", tuple(rungs), np.array(scores, float))


def test_ladders_are_planned_for_test_videos_only(tmp_path: Path) -> None:
    """Each held-out video gives so many sections, each with every CRF, share and codec once."""
    specs = ladder_specs(read_corpus(write_corpus(tmp_path)))

    assert [spec.source.group for spec in specs] == ["pixabay_macro"] * SECTIONS
    assert len({spec.start_s for spec in specs}) == SECTIONS
    plans = specs[0].plans
    assert len(set(plans)) == len(plans)
    assert {plan.quality for plan in plans if plan.codec == "h264" and plan.rung_share is None} == {
        *CRF_LADDER,
        *SIX_LADDER,
    }
    assert {plan.codec for plan in plans} == set(codecs.ENCODERS)
    assert set(np.diff(rungs_of("hevc"))) == {6}


def test_a_scene_gives_back_the_ladders_that_were_planned(tmp_path: Path) -> None:
    """Scores find their rungs by what was done to each entry, whatever the order; others are left out."""
    (spec, *_) = ladder_specs(read_corpus(write_corpus(tmp_path)))
    plans = [{}, *(plan.to_json() for plan in reversed(spec.plans)), {"blur": 2, "seed": 1}]
    scene = dataclasses.replace(made_scene(0), plans=plans)
    scores = np.arange(len(plans), dtype=float)
    found = {each.kind: each for each in ladders_of(Scored(scene, scores, scores[:, None]), scores)}

    assert set(found) == {CRF, CRF_BY_SIX, RESOLUTION, *OTHER_CODECS}
    assert found[CRF].rungs == CRF_LADDER
    assert found[RESOLUTION].rungs[0] == 1.0
    assert found[RESOLUTION].scores[0] == 0.0
    for each in found.values():
        assert (np.diff(each.scores[1:]) < 0).all(), each.kind  # planned best first, scored in reverse

    short = dataclasses.replace(scene, plans=[plan for plan in plans if plan.get("quality") != 28])
    kinds = {
        each.kind for each in ladders_of(Scored(short, scores, scores[:, None]), scores[: len(short.plans)])
    }
    assert kinds == set(found) - {CRF_BY_SIX}


def test_a_falling_ladder_is_all_right() -> None:
    """Scores that fall with every step are right in every pair and never rise."""
    receipt = order_receipt([ladder([90, 80, 60, 40, 20], kind=CRF_BY_SIX, number=n) for n in range(3)])
    kind = receipt["kinds"][CRF_BY_SIX]

    assert (receipt["clips"], receipt["sources"], kind["ladders"]) == (3, 3, 3)
    assert (kind["adjacent_right"], kind["two_steps_right"]) == (1.0, 1.0)
    assert kind["adjacent_right_confidence"] == [1.0, 1.0]
    assert dict(zip(kind["rungs"], kind["mean_score"], strict=True)) == {
        22: 90,
        28: 80,
        34: 60,
        40: 40,
        46: 20,
    }
    assert (receipt["worst_rise_points"], receipt["rises_beyond_allowed"]) == (0.0, 0)


def test_the_worst_rise_is_told_with_its_clip_and_rungs() -> None:
    """A rise counts between any two rungs, however far apart, in any codec, and is named."""
    good = ladder([90, 80, 60, 40, 20], kind=CRF_BY_SIX)
    sagging = ladder([70, 50, 51, 52, 53.5, 10], kind="hevc", number=4)
    receipt = order_receipt([good, sagging])

    assert receipt["worst_rise_points"] == 3.5
    assert receipt["kinds"][CRF_BY_SIX]["worst_rise_points"] == 0.0
    assert receipt["worst_rises"] == [
        {
            "kind": "hevc",
            "points": 3.5,
            "clip": sagging.scene,
            "from": sagging.rungs[1],
            "to": sagging.rungs[4],
        }
    ]


def test_pairs_that_people_cannot_tell_apart_are_not_asked_for() -> None:
    """A step below CRF 22, or from a codec's invisible first rung, is no fault; a tie further down is."""
    unseen = [90.0, 91, 92, *np.linspace(80, 10, len(CRF_LADDER) - 3)]
    tied = [*unseen[:-1], unseen[-2]]
    pairs = len(CRF_LADDER) - 1 - CRF_LADDER.index(22)

    assert order_receipt([ladder(unseen)])["kinds"][CRF]["adjacent_right"] == 1.0
    assert order_receipt([ladder(tied)])["kinds"][CRF]["adjacent_right"] == pytest.approx(
        1 - 1 / pairs, abs=1e-4
    )
    assert (
        order_receipt([ladder([80, 81, 60, 40, 30, 20], kind="hevc")])["kinds"]["hevc"]["adjacent_right"] == 1
    )


def test_the_mean_curve_is_held_against_peoples() -> None:
    """A curve like people's agrees bare; a bent one agrees after the map; a reversed one never does."""
    alike = people_receipt([ladder(HUMAN, number=0), ladder(HUMAN, number=1)], None)
    bent = people_receipt([ladder([50 + 10 * np.log(h / (100 - h)) for h in HUMAN])], None)
    turned = people_receipt([ladder(HUMAN[::-1])], None)

    assert alike["pearson"] == alike["pearson_after_map"] == 1.0
    assert alike["drop_0_to_22_mean"] == pytest.approx(1.5, abs=1e-6)
    assert alike["people_spread"] is None
    assert bent["pearson"] < 0.995 < 0.999 < bent["pearson_after_map"]
    assert turned["pearson_after_map"] < 0


def test_peoples_spread_stands_beside_ours(tmp_path: Path) -> None:
    """The opinion file gives mean and spread over its sources; ours is the spread over videos, not clips."""
    names = [f"UGC{n}_1280x720_30_crf_{crf:02d}.yuv" for n in (1, 2) for crf in CRF_LADDER]
    mos = [f"{4.5 - crf / 20 + n * 0.2:.4f}" for n in (1, 2) for crf in CRF_LADDER]
    path = tmp_path / "mos.json"
    path.write_text(json.dumps({"train": {"dis": names, "mos": mos}}))
    opinions = read_opinions(path)
    receipt = people_receipt([ladder(HUMAN, number=n // 2) for n in range(4)], opinions)

    assert opinions.shape == (2, len(CRF_LADDER))
    assert receipt["people_spread"] == pytest.approx([2.5] * len(CRF_LADDER), abs=0.01)
    assert receipt["spread"] == [0.0] * len(CRF_LADDER)
    assert receipt["people_mean"][0] == pytest.approx(25 * (4.8 - 1), abs=0.01)


@pytest.mark.parametrize("content", ["{", '{"test": {"dis": ["a"], "mos": ["1"]}}', "[1]"])
def test_a_wrong_opinion_file_is_said_so(tmp_path: Path, content: str) -> None:
    """What is no opinion file ends in one line that names it."""
    (tmp_path / "mos.json").write_text(content)

    with pytest.raises(CorpusError, match=r"mos\.json: not the opinions"):
        read_opinions(tmp_path / "mos.json")
    with pytest.raises(CorpusError, match="absent"):
        read_opinions(tmp_path / "absent.json")


def test_a_degradation_reads_as_a_person_would_say_it() -> None:
    """Codec, quality, share of lines and faults are told; seeds and presets are not."""
    plan = {
        "codec": "h264",
        "quality": 37,
        "rung_share": 0.5,
        "motion_blur": 2,
        "seed": 4,
        "preset": "faster",
    }

    assert name_of_plan(plan) == "h264 at 37, shown from 0.5 of the lines, motion blur 2"
    assert name_of_plan({}) == "untouched"
