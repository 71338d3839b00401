"""LIVE-VQC: 585 phone videos, MOS 0-100, each its own content.

Sinno and Bovik, "Large-scale study of perceptual video quality", TIP 2019. data.mat holds `video_list` (a
cell array of names such as A001.mp4) and `mos`, both `[585,1]`; the videos lie in Video/: public loaders read
it so. Count and scale: vmafx.github.io/vmafx/adr/0370-live-vqc-corpus-ingestion.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from qoed_training.mos.layout import Layout
from qoed_training.mos.videos import Label

_FIELDS = ("video_list", "mos")


def read(root: Path, layout: Layout) -> list[Label]:
    """Labels of data.mat. Raises `CorpusError`."""
    path = layout.label_file(root, ["data.mat"])
    try:
        fields = loadmat(path, variable_names=list(_FIELDS))
    except (OSError, ValueError, TypeError, NotImplementedError, MatReadError, zlib.error) as error:
        raise layout.fault(path, f"it cannot be read ({error})") from error
    absent = [field for field in _FIELDS if field not in fields]
    if absent:
        raise layout.fault(path, f"it has no {' and no '.join(absent)}")
    # A cell holds an array with one string.
    names = [str(np.ravel(cell)[0]) if np.size(cell) else "" for cell in np.ravel(fields["video_list"])]
    opinions = np.ravel(fields["mos"])
    if len(names) != len(opinions):
        raise layout.fault(path, f"{len(names)} names for {len(opinions)} opinions")
    return [
        Label(name=name, mos=layout.opinion(opinion, path, name), files=(name,), content=name)
        for name, opinion in zip(names, opinions, strict=True)
    ]


LAYOUT = Layout(
    name="live-vqc",
    title="the LIVE Video Quality Challenge database",
    page="https://live.ece.utexas.edu/research/LIVEVQC/index.html",
    wants="data.mat and 585 videos such as Video/A001.mp4",
    higher_is_better=True,
    lo=0.0,
    hi=100.0,
    folders=("Video", "."),
    read=read,
    count=585,
)
