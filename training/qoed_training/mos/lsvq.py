"""LSVQ: 38,811 user videos, MOS 0-100, each its own content, with an official split.

Ying et al., "Patch-VQ: patching up the video quality problem", CVPR 2021. Label files after its README
(baidut/PatchVQ): labels_train_test.csv with a column `is_test`, and labels_test_1080p.csv. The same labels
are passed on as LSVQ_whole_train.csv, LSVQ_whole_test.csv, LSVQ_whole_test_1080p.csv (sunwei925/SimpleVQA),
where `name` is a path without suffix, such as yfcc-batch1/747. The first labels_train_test.csv had 35,499
rows, some of broken videos (baidut/PatchVQ issue 6): it was replaced by one of 35,238.
"""

from __future__ import annotations

from pathlib import Path

from qoed_training.mos.layout import Layout
from qoed_training.mos.videos import Label

TRAIN, TEST, TEST_1080P = 28_056, 7_182, 3_573
"""Videos on each side of the official split."""
_OFFICIAL = ("labels_train_test.csv", "labels_test_1080p.csv")
_SPLIT = {
    "LSVQ_whole_train.csv": ("train", TRAIN),
    "LSVQ_whole_test.csv": ("test", TEST),
    "LSVQ_whole_test_1080p.csv": ("test_1080p", TEST_1080P),
}


def read(root: Path, layout: Layout) -> list[Label]:
    """Labels of the official pair of files, or of the three split ones. Raises `CorpusError`."""
    if any((root / name).is_file() for name in _SPLIT):
        labels = [
            label
            for name, (subset, _count) in _SPLIT.items()
            for label in _labels(layout, layout.label_file(root, [name]), subset)
        ]
    else:
        both, large = (layout.label_file(root, [name]) for name in _OFFICIAL)
        labels = [*_labels(layout, both, None), *_labels(layout, large, "test_1080p")]
    for subset, wanted in _SPLIT.values():
        found = sum(label.subset == subset for label in labels)
        if found != wanted:
            raise layout.fault(root, f"{found:,} videos are labelled for {subset}, published are {wanted:,}")
    return labels


def _labels(layout: Layout, path: Path, subset: str | None) -> list[Label]:
    """`subset` None: the column `is_test` tells."""
    columns = ("name", "mos") if subset else ("name", "mos", "is_test")
    return [
        Label(
            name=row["name"],
            mos=layout.opinion(row["mos"], path, row["name"]),
            files=(f"{row['name']}.mp4",),
            content=row["name"],
            subset=subset or ("test" if row["is_test"] == "True" else "train"),
        )
        for row in layout.rows(path, columns)
    ]


LAYOUT = Layout(
    name="lsvq",
    title="LSVQ (request form, labels and videos)",
    page="https://github.com/baidut/PatchVQ",
    wants=f"{' and '.join(_OFFICIAL)} (or {', '.join(_SPLIT)}) and the videos such as yfcc-batch1/747.mp4",
    higher_is_better=True,
    lo=0.0,
    hi=100.0,
    folders=(".", "videos"),
    read=read,
    count=TRAIN + TEST + TEST_1080P,
)
