"""Whether scores fall with every step down a ladder, and how far they ever rise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from qoed_training.evaluation.figures import confidence, rounded
from qoed_training.evaluation.ladders import CRF, CRF_BY_SIX, RESOLUTION, Ladder
from qoed_training.evaluation.scoring import Floats

FIRST_VISIBLE_CRF = 22
"""People cannot order pairs below this CRF (CompressedVQA labels), so the receipt does not ask for it."""
RISE_ALLOWED = 2.0
MOST_TOLD = 10


def order_receipt(ladders: Sequence[Ladder]) -> dict[str, Any]:
    """By kind of ladder: shares of pairs in the right order, worst rise, mean score of each rung.

    A pair is right when the worse rung scores strictly lower. Order is asked from `FIRST_VISIBLE_CRF` up for
    x264, from the second rung for other codecs (their first is invisible), everywhere for resolutions. A rise
    is asked about everywhere, between any two rungs.
    """
    kinds = dict.fromkeys(ladder.kind for ladder in ladders)
    by_kind = {kind: _kind([ladder for ladder in ladders if ladder.kind == kind]) for kind in kinds}
    risen = _risen(ladders)
    return {
        "clips": len({ladder.scene for ladder in ladders}),
        "sources": len({ladder.source for ladder in ladders}),
        "kinds": by_kind,
        "worst_rise_points": max((kind["worst_rise_points"] for kind in by_kind.values()), default=None),
        "rises_beyond_allowed": len(risen),
        "worst_rises": risen[:MOST_TOLD],
    }


def _kind(ladders: Sequence[Ladder]) -> dict[str, Any]:
    table = np.array([ladder.scores for ladder in ladders])
    rungs, first = ladders[0].rungs, _first_visible(ladders[0])
    visible = table[:, first:]
    one, two = visible[:, 1:] < visible[:, :-1], visible[:, 2:] < visible[:, :-2]
    sources, scenes = [ladder.source for ladder in ladders], [ladder.scene for ladder in ladders]
    rises = [_worst_rise(ladder) for ladder in ladders]
    worst = max(rises, key=lambda rise: rise["points"])
    return {
        "ladders": len(ladders),
        "asked_from": rungs[first],
        "adjacent_right": rounded(one.mean()),
        "adjacent_right_confidence": confidence(lambda rows: float(one[rows].mean()), sources, scenes),
        "two_steps_right": rounded(two.mean()),
        "two_steps_right_confidence": confidence(lambda rows: float(two[rows].mean()), sources, scenes),
        "worst_rise_points": worst["points"],
        "worst_rise": worst,
        "rungs": list(rungs),
        "mean_score": [rounded(value) for value in table.mean(axis=0)],
    }


def _first_visible(ladder: Ladder) -> int:
    if ladder.kind in (CRF, CRF_BY_SIX):
        return ladder.rungs.index(FIRST_VISIBLE_CRF)
    return 0 if ladder.kind == RESOLUTION else 1


def _worst_rise(ladder: Ladder) -> dict[str, Any]:
    """How much the worst pair gains from a worse rung, 0 where none does, and which pair that is."""
    rise: Floats = ladder.scores[None, :] - ladder.scores[:, None]
    rise[np.tril_indices(len(rise))] = 0.0
    better, worse = np.unravel_index(int(rise.argmax()), rise.shape)
    return {
        "points": round(float(rise[better, worse]), 4),
        "clip": ladder.scene,
        "from": ladder.rungs[better],
        "to": ladder.rungs[worse],
    }


def _risen(ladders: Sequence[Ladder]) -> list[Mapping[str, Any]]:
    """Each ladder with a rise beyond `RISE_ALLOWED`, worst first."""
    rises = [{"kind": ladder.kind, **_worst_rise(ladder)} for ladder in ladders]
    return sorted((r for r in rises if r["points"] > RISE_ALLOWED), key=lambda rise: -rise["points"])
