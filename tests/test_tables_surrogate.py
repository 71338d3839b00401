"""The paper's questions asked of the corpus: overall, by distortion, by production, over repeats."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qoed_training.agreement import agreement
from qoed_training.page.material import Evaluation
from qoed_training.tables.results import Results
from qoed_training.tables.surrogate import by_distortion, by_production, kind_of, overall, surrogate_tables
from report_material import GROUPS, made_evaluation, made_results

EVALUATION = made_evaluation()


def test_all_clips_agree_as_measured() -> None:
    """The first row is the agreement of all clips; the second averages inside scenes."""
    clips = EVALUATION.clips
    found = agreement([clip.score for clip in clips], [clip.label for clip in clips])
    whole, inside = overall(EVALUATION).rows

    assert whole.cells[:2] == (f"{found.srocc:.3f}", f"{found.plcc:.3f}")
    assert whole.cells[4] == str(len(clips))
    assert "±" in inside.cells[0]


def test_every_clip_is_of_one_kind() -> None:
    """Counts by distortion add up; a single distortion names its type, two are several."""
    names = EVALUATION.distortions
    one, two = np.eye(len(names))[1], np.eye(len(names))[:2].sum(axis=0)

    assert kind_of(one, names) == names[1]
    assert kind_of(two, names) == "several"
    assert kind_of((0.0,) * len(names), names) == "none"
    counted = [int(r.cells[4]) if r.cells else int(r.note.split()[0]) for r in by_distortion(EVALUATION).rows]
    assert sum(counted) == len(EVALUATION.clips)


def test_each_production_stands_alone() -> None:
    """One row a held-out production; one whose scores are all alike says so and shows no figure."""
    flat = tuple(replace(c, score=50.0) if c.group == GROUPS[0] else c for c in EVALUATION.clips)
    rows = by_production(replace(EVALUATION, clips=flat)).rows

    assert [row.name for row in rows] == sorted(GROUPS)
    assert {row.name: row.note for row in rows if row.kind == "missing"} == {
        GROUPS[0]: "all predictions are alike"
    }


def test_repeats_are_shown_once_they_ran() -> None:
    """Fine-tuning on the corpus adds a table with a row for all and one a distortion; before it, none."""
    before = surrogate_tables(EVALUATION, Results())
    after = surrogate_tables(EVALUATION, made_results())

    assert [table.name for table in before] == ["2s", "3s", "5s"]
    assert [row.name for row in after[-1].rows] == ["small", "small: blur", "small: noise"]
    assert all("±" in row.cells[0] for row in after[-1].rows)


def test_an_evaluation_without_scenes_has_no_spread() -> None:
    """Few clips a scene leave the row inside scenes without figures rather than with wrong ones."""
    few = replace(EVALUATION, clips=EVALUATION.clips[:4])
    assert isinstance(few, Evaluation)
    whole, inside = overall(few).rows

    assert whole.kind == "missing"
    assert inside.cells[:3] == ("–", "–", "–")
