"""The paper's questions asked of our own corpus: scenes of held-out productions, full-reference labels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from qoed_training.agreement import agreement
from qoed_training.page.material import Clip, Evaluation, kind_of
from qoed_training.tables.layout import Row, Table
from qoed_training.tables.results import Results
from qoed_training.tables.spread import Spread, by_type, judged, number, spread

COLUMNS = ("SROCC", "PLCC", "KROCC", "RMSE", "clips")
LABELS = "Labels are full-reference measures on the scale of opinion, 0-100; RMSE in points."


def surrogate_tables(evaluation: Evaluation, results: Results) -> list[Table]:
    """Tables 2, 3 and 5 over held-out scenes, and fine-tuning over repeats where it ran."""
    again = repeated(results)
    tables = [overall(evaluation), by_distortion(evaluation), by_production(evaluation)]
    return [*tables, again] if again else tables


def overall(evaluation: Evaluation) -> Table:
    """All held-out clips at once, and the mean inside scenes: content against degradation alone."""
    clips = evaluation.clips
    scenes = [list(group) for _, group in groupby(sorted(clips, key=_scene), key=_scene)]
    inside = [agreement([c.score for c in scene], [c.label for c in scene]) for scene in scenes]
    measures = [[getattr(one, name) for one in inside] for name in ("srocc", "plcc", "krocc")]
    rmse = spread([one.rmse for one in inside]).mean
    within = (*(str(spread(values)) for values in measures), _points(rmse), f"{len(clips)}")
    return Table(
        name="2s",
        title="Our corpus: all held-out clips",
        head="clips",
        columns=COLUMNS,
        rows=(_row("all together", clips), Row(name="inside a scene (mean ± sd)", cells=within)),
        notes=(LABELS,),
    )


def by_distortion(evaluation: Evaluation) -> Table:
    """Clips with one visible distortion by its type, with several, and with none."""
    kinds: dict[str, list[Clip]] = {name: [] for name in (*evaluation.distortions, "several", "none")}
    for clip in evaluation.clips:
        kinds[kind_of(clip.targets, evaluation.distortions)].append(clip)
    return Table(
        name="3s",
        title="Our corpus: by distortion type",
        head="visible distortion",
        columns=COLUMNS,
        rows=tuple(_row(name.replace("_", " "), clips) for name, clips in kinds.items() if clips),
        notes=(LABELS, "A type holds the clips with that distortion alone."),
    )


def by_production(evaluation: Evaluation) -> Table:
    """From the training productions to each one that was held out: the cross-dataset question."""
    groups = sorted({clip.group for clip in evaluation.clips})
    rows = [_row(group, [clip for clip in evaluation.clips if clip.group == group]) for group in groups]
    return Table(
        name="5s",
        title="Our corpus: training productions → each held-out production",
        head="judged on",
        columns=COLUMNS,
        rows=tuple(rows),
        notes=(LABELS,),
    )


def repeated(results: Results) -> Table | None:
    """Fine-tuned anew on each split by production, judged on the fifth left out; None before that ran."""
    runs = [r for r in results.finetuned if r.trained_on == r.judged_on == "surrogate"]
    rows = []
    for run in runs:
        srocc, plcc = judged(run.repeats)
        count = sum(len(repeat.mos) for repeat in run.repeats) / max(1, len(run.repeats))
        rows.append(_again(run.network, srocc, plcc, count))
        for name, found in by_type(run.repeats).items():
            srocc, plcc = (spread([getattr(one, key) for one in found]) for key in ("srocc", "plcc"))
            count = sum(one.n for one in found) / len(found)
            rows.append(_again(f"{run.network}: {name.replace('_', ' ')}", srocc, plcc, count))
    if not rows:
        return None
    return Table(
        name="2r",
        title="Our corpus: fine-tuned anew on each split by production",
        head="network and distortion",
        columns=("SROCC", "PLCC", "clips a repeat"),
        rows=tuple(rows),
        notes=(LABELS,),
    )


def _again(name: str, srocc: Spread, plcc: Spread, count: float) -> Row:
    bar = None if srocc.mean is None else max(0.0, srocc.mean)
    return Row(name=name, cells=(str(srocc), str(plcc), f"{count:.0f}"), bar=bar)


def _row(name: str, clips: Sequence[Clip]) -> Row:
    found = agreement(np.array([c.score for c in clips]), np.array([c.label for c in clips]))
    if found.srocc is None:
        return Row(name=name, kind="missing", note=found.note)
    cells = (number(found.srocc), number(found.plcc), number(found.krocc), _points(found.rmse), f"{found.n}")
    return Row(name=name, cells=cells, bar=max(0.0, found.srocc))


def _points(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"


def _scene(clip: Clip) -> str:
    return clip.scene
