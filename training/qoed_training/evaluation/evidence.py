"""The rows behind a receipt, for tables and figures: `<work>/evaluation.json`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from qoed_engine import Engine
from qoed_training.data.scenes import Scene
from qoed_training.data.stills import Still
from qoed_training.evaluation.judge import Judgement
from qoed_training.evaluation.ladders import CRF, RESOLUTION, name_of_plan
from qoed_training.network.model import QualityNetwork
from qoed_training.page import material

FEATURE_ROWS = 600
BATCH = 8


def evidence(
    engine: Engine,
    judgement: Judgement,
    scenes: Sequence[Scene],
    stills: Sequence[Still],
    network: QualityNetwork,
    coverage: float,
) -> material.Evaluation:
    """Everything that was judged, row by row, with features `[F]` of an even subsample of the clips."""
    table, names = judgement.table, engine.manifest.distortions
    clips = tuple(
        material.Clip(
            scene=str(table.scene[row]),
            group=str(table.group[row]),
            plan=name_of_plan(table.plan[row]),
            score=float(table.score[row]),
            label=float(table.label[row]),
            lo=float(table.bounds[row, 0]),
            hi=float(table.bounds[row, 1]),
            targets=tuple(map(float, table.targets[row])),
            probabilities=tuple(map(float, table.probabilities[row])),
        )
        for row in range(len(table.label))
    )
    rated = tuple(
        material.StillPoint(
            source=still.source, height=still.height, crf=still.crf, mos=still.mos, score=float(score)
        )
        for still, score in zip(stills, judgement.still_scores, strict=True)
    )
    return material.Evaluation(
        model=engine.manifest.model,
        backend=engine.backend,
        coverage=coverage,
        distortions=names,
        clips=clips,
        ladders=_ladders(judgement),
        stills=rated,
        features=_features(scenes, network, names),
    )


def _ladders(judgement: Judgement) -> tuple[material.Ladder, ...]:
    kinds = {(ladder.scene, ladder.kind): ladder for ladder in judgement.ladders}
    rows = []
    for (scene, kind), crf in kinds.items():
        shares = kinds.get((scene, RESOLUTION))
        if kind != CRF or shares is None:
            continue
        rows.append(
            material.Ladder(
                scene=scene,
                group=crf.group,
                untouched=float(shares.scores[0]),
                crf=tuple(int(rung) for rung in crf.rungs),
                crf_score=tuple(map(float, crf.scores)),
                share=shares.rungs[1:],
                share_score=tuple(map(float, shares.scores[1:])),
            )
        )
    return tuple(rows)


def _features(
    scenes: Sequence[Scene], network: QualityNetwork, names: Sequence[str]
) -> tuple[material.FeatureRow, ...]:
    entries = [(scene, entry) for scene in scenes for entry in range(len(scene.clips))]
    every = max(1, -(-len(entries) // FEATURE_ROWS))
    chosen = entries[::every]
    network.eval()
    rows = []
    for first in range(0, len(chosen), BATCH):
        batch = chosen[first : first + BATCH]
        clips = np.stack([scene.clips[entry, 0] for scene, entry in batch])
        with torch.inference_mode():
            features = network.neck(network.features(torch.from_numpy(clips))).numpy().astype(float)
        rows += [
            material.FeatureRow(
                group=scene.group,
                distortion=material.kind_of(scene.targets[entry].tolist(), names),
                features=tuple(np.round(feature, 5).tolist()),
            )
            for (scene, entry), feature in zip(batch, features, strict=True)
        ]
    return tuple(rows)
