"""Splits by content, and what a rated set refuses and turns round."""

from __future__ import annotations

import numpy as np
import pytest

from qoed_training.data.corpus import CorpusError
from qoed_training.finetune.rated import RatedSet
from qoed_training.finetune.splits import content_splits

CONTENTS = [f"content{index % 10}" for index in range(60)]


def test_no_content_is_on_both_sides() -> None:
    """Each repeat uses every item once and keeps a fifth of the contents, all their items, from training."""
    for split in content_splits(CONTENTS, repeats=5, seed=3):
        train, test = ({CONTENTS[item] for item in side} for side in (split.train, split.test))
        assert not train & test
        assert len(test) == 2
        assert sorted([*split.train, *split.test]) == list(range(60))


def test_splits_depend_on_the_seed_and_nothing_else() -> None:
    """A seed gives the same, all different, splits; more repeats keep the first; another seed others."""
    one, again, other = (content_splits(CONTENTS, repeats=n, seed=s) for n, s in ((5, 1), (7, 1), (5, 2)))
    tests = [tuple(split.test) for split in one]

    assert len(set(tests)) == 5
    assert tests == [tuple(split.test) for split in again][:5]
    assert tests != [tuple(split.test) for split in other]


def test_items_need_not_be_in_order_of_content() -> None:
    """Only the set of contents decides which are held out, not the order of the items."""
    shuffled = list(reversed(CONTENTS))
    straight = {CONTENTS[item] for item in content_splits(CONTENTS)[0].test}

    assert {shuffled[item] for item in content_splits(shuffled)[0].test} == straight


def test_too_few_contents_are_refused() -> None:
    """Fewer contents than a fifth or the repeats ask for end in a line with the remedy."""
    with pytest.raises(
        CorpusError, match="2 contents cannot be split 80% to 20%: add videos of other contents"
    ):
        content_splits(["a", "b", "b"])
    with pytest.raises(CorpusError, match="5 contents have only 5 different splits"):
        content_splits(list("abcde"), repeats=6)


def rated(mos: list[float], **columns: object) -> RatedSet:
    contents = tuple(str(index) for index in range(len(mos)))
    fields = {"contents": contents, "kind": "MOS"} | columns
    return RatedSet("set", lambda _: np.zeros((1, 1), np.uint8), np.array(mos), **fields)  # type: ignore[arg-type]


def test_dmos_is_mirrored_inside_its_range() -> None:
    """What was lost becomes what is good, on the same scale; MOS stays as it is."""
    assert rated([30.0, 80.0, 45.0], kind="DMOS").quality.tolist() == [80.0, 30.0, 65.0]
    assert rated([1.0, 4.0]).quality.tolist() == [1.0, 4.0]


@pytest.mark.parametrize(
    ("mos", "columns", "fault"),
    [
        ([1.0, 2.0], {"contents": ("a",)}, "2 opinions for 1 items"),
        ([1.0, 2.0], {"distortions": ("a", "b", "c")}, "2 opinions for 3 items"),
        ([1.0, float("nan")], {}, "some opinions are not numbers"),
        ([3.0, 3.0], {}, "all 2 opinions are alike"),
        ([], {}, "all 0 opinions are alike"),
    ],
)
def test_columns_that_do_not_fit_are_refused(
    mos: list[float], columns: dict[str, object], fault: str
) -> None:
    """A set whose labels are wrong is refused at once with the set's name."""
    with pytest.raises(CorpusError, match=f"set: {fault}"):
        rated(mos, **columns)
