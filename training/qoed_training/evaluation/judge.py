"""The whole receipt: one engine on everything that was held out."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

from qoed_engine import Engine
from qoed_engine.manifest import Calibration
from qoed_training.data.opinion import OpinionMap, score_of_mos
from qoed_training.data.scenes import Scene
from qoed_training.data.stills import Still
from qoed_training.evaluation.clips import clip_receipt
from qoed_training.evaluation.head import head_receipt
from qoed_training.evaluation.intervals import interval_receipt
from qoed_training.evaluation.ladders import Ladder, ladders_of
from qoed_training.evaluation.order import order_receipt
from qoed_training.evaluation.people import people_receipt
from qoed_training.evaluation.pictures import still_receipt
from qoed_training.evaluation.scoring import Floats, on_scale, score_scenes, score_stills
from qoed_training.evaluation.table import Table, table_of


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What nothing was learned from: scenes and ladders of test productions, stills of test sources.

    `opinions` is people's `[sources, CRFs]` as `people.read_opinions` gives it, or None.
    """

    scenes: list[Scene]
    ladders: list[Scene]
    stills: list[Still]
    opinion: OpinionMap
    opinions: Floats | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The receipt and what it was taken from."""

    receipt: dict[str, Any]
    table: Table
    ladders: list[Ladder]
    still_scores: Floats


def judge(engine: Engine, calibration: Calibration, held_out: HeldOut) -> Generator[str, None, Judgement]:
    """Score and judge everything; yields progress lines."""
    scored = yield from score_scenes(engine, held_out.scenes, "held-out clips")
    table = table_of(scored, held_out.opinion, calibration)
    climbed = yield from score_scenes(engine, held_out.ladders, "ladders")
    ladders = [ladder for each in climbed for ladder in ladders_of(each, on_scale(calibration, each.raw))]
    still_scores = on_scale(calibration, score_stills(engine, held_out.stills, engine.manifest.recipe))
    yield f"held-out stills: {len(still_scores)} scored"
    abstain = engine.manifest.abstain
    receipt = {
        "backend": engine.backend,
        "precision": engine.backend.rpartition("-")[2],
        "cuts_a_score": int(held_out.scenes[0].clips.shape[1]),
        "held_out_clips": clip_receipt(table, abstain_above=None if abstain is None else abstain.above),
        "ladders": order_receipt(ladders),
        "people": people_receipt(ladders, held_out.opinions),
        "held_out_stills": still_receipt(held_out.stills, still_scores),
        "interval": interval_receipt(
            table,
            calibration,
            still_scores,
            np.array([score_of_mos(still.mos) for still in held_out.stills]),
        ),
        "head": head_receipt(engine.manifest.distortions, table.targets, table.probabilities),
    }
    return Judgement(receipt, table, ladders, still_scores)
