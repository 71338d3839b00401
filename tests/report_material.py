"""A made-up but plausible evaluation and results, as the page and the tables read them."""

from __future__ import annotations

import numpy as np

from qoed_training.data.degrade import DISTORTIONS
from qoed_training.page.material import Clip, Evaluation, FeatureRow, Ladder, RecipePoint, StillPoint
from qoed_training.tables.published import ABLATION_TASKS
from qoed_training.tables.results import Ablation, Finetuned, Judged, Results

CRF = (0, 17, 22, 27, 32, 37, 42, 47)
SHARES = (0.75, 0.5, 0.333, 0.25)
GROUPS = ("stadium", "macro", "bedroom", "lane", "ui <tabs>")


def made_evaluation(*, per_group: int = 12, features: int = 40, seed: int = 1) -> Evaluation:
    """Scores that follow their labels with an error of 6 points; everything filled in."""
    rng = np.random.default_rng(seed)
    clips = tuple(
        _clip(rng, group, f"{group}_{number // 14}", number)
        for group in GROUPS
        for number in range(per_group)
    )
    return Evaluation(
        model="small-1@1a2b3c4d",
        backend="openvino-f32",
        coverage=0.9,
        distortions=DISTORTIONS,
        clips=clips,
        ladders=tuple(_ladder(rng, group) for group in GROUPS),
        stills=tuple(_still(rng, number) for number in range(76)),
        features=tuple(_feature(rng, number) for number in range(features)),
        recipes=tuple(
            RecipePoint(
                name=name,
                gflop=cost / 12,
                cpu_ms=float(cost),
                spearman=0.93 - 0.5 / cost - 0.01 * (number % 2),
                chosen=name == "6×6 + view, 4 frames",
            )
            for number, (name, cost) in enumerate(
                {
                    "view alone, 2 frames": 5,
                    "4×4, 2 frames": 7,
                    "4×4 + view, 4 frames": 14,
                    "6×6, 4 frames": 19,
                    "6×6 + view, 4 frames": 31,
                    "7×7 + view, 8 frames": 92,
                }.items()
            )
        ),
    )


def _clip(rng: np.random.Generator, group: str, scene: str, number: int) -> Clip:
    label = float(rng.uniform(5, 92))
    score = float(np.clip(label + rng.normal(0, 6), 0, 100))
    targets = np.zeros(len(DISTORTIONS))
    if number % 14:
        targets[rng.choice(len(DISTORTIONS), size=1 + (number % 4 == 0), replace=False)] = 1.0
    stated = 1 / (1 + np.exp(-(5 * targets - 2.5 + rng.normal(0, 1.2, len(targets)))))
    return Clip(
        scene=scene,
        group=group,
        plan=f"h264 at {int(rng.integers(17, 48))}, shown from half of the lines",
        score=score,
        label=label,
        lo=max(0.0, score - 10),
        hi=min(100.0, score + 10),
        targets=tuple(map(float, targets)),
        probabilities=tuple(map(float, stated)),
    )


def _ladder(rng: np.random.Generator, group: str) -> Ladder:
    lift = float(rng.normal(0, 3))
    crf = np.array([86, 85, 84, 79, 67, 46, 24, 8]) + lift + rng.normal(0, 1, len(CRF))
    share = np.array([80, 58, 36, 20]) + lift
    return Ladder(
        scene=f"{group}-1",
        group=group,
        untouched=88.0 + lift,
        crf=CRF,
        crf_score=tuple(map(float, crf)),
        share=SHARES,
        share_score=tuple(map(float, share)),
    )


def _still(rng: np.random.Generator, number: int) -> StillPoint:
    height = int(rng.choice([144, 180, 220, 260, 300, 360, 420, 480, 560, 620, 720, 864]))
    mos = float(np.clip(1 + 3.4 * (height / 864) ** 0.6 - rng.uniform(0, 0.9), 1, 5))
    score = float(np.clip(25 * (mos - 1) + rng.normal(0, 6), 0, 100))
    return StillPoint(
        source=f"source{number % 9}", height=height, crf=int(rng.integers(0, 45)), mos=mos, score=score
    )


def _feature(rng: np.random.Generator, number: int) -> FeatureRow:
    kinds = (*DISTORTIONS, "several", "none")
    kind = number % len(kinds)
    centre = np.random.default_rng(kind).normal(0, 1.2, 16)
    return FeatureRow(
        group=GROUPS[number % len(GROUPS)],
        distortion=kinds[kind],
        features=tuple(map(float, centre + rng.normal(0, 0.6, 16))),
    )


def made_judged(repeat: int, error: float, *, n: int = 40) -> Judged:
    """Predictions that miss their opinions (0-100) by `error` points."""
    rng = np.random.default_rng([repeat, n])
    mos = rng.uniform(0, 100, n)
    return Judged(
        repeat=repeat,
        predicted=tuple(map(float, mos / 100 + rng.normal(0, error / 100, n))),
        mos=tuple(map(float, mos)),
        distortion=tuple("blur" if index % 2 else "noise" for index in range(n)),
        content=tuple(f"content{index % 5}" for index in range(n)),
    )


def made_results() -> Results:
    """Fine-tuned on the corpus, and every ablation of it; nothing on any set with opinion."""
    repeats = tuple(made_judged(number, 12.0) for number in range(5))
    rows = [
        Ablation(
            judged_on="surrogate",
            network="tiny",
            tasks=tasks,
            multi_scale=True,
            repeats=tuple(made_judged(number, 40.0 - 8 * len(tasks)) for number in range(5)),
        )
        for tasks in ABLATION_TASKS
    ]
    bare = Ablation(
        judged_on="surrogate", network="tiny", tasks=rows[-1].tasks, multi_scale=False, repeats=repeats
    )
    tuned = Finetuned(trained_on="surrogate", judged_on="surrogate", network="small", repeats=repeats)
    return Results((tuned,), (*rows, bare))
