"""LIVE Video Quality Database: 10 contents, 15 distorted versions each, DMOS.

Seshadrinathan et al., "Study of subjective and objective quality assessment of video", TIP 2010. Format after
its README (live.ece.utexas.edu/research/Quality/README_LIVEVQDatabase.txt: headerless planar 4:2:0, 768x432).
Which number is which distortion, and the picture counts: LIVE_VQA.txt of R-JunmingChen/DeepVQA_Release. The
label files have one line for each video, DMOS first.
"""

from __future__ import annotations

import re
from pathlib import Path

from qoed_training.mos.layout import Layout
from qoed_training.mos.videos import Label, RawFormat

WIDTH, HEIGHT = 768, 432
CONTENTS = {
    **dict.fromkeys(("pa", "rb", "rh", "tr", "st", "sf"), (25, 250)),
    "bs": (25, 217),
    **dict.fromkeys(("sh", "mc", "pr"), (50, 500)),
}
"""Frames a second and pictures of each content."""
DISTORTIONS = {
    **dict.fromkeys(range(2, 6), "wireless"),
    **dict.fromkeys(range(6, 9), "ip"),
    **dict.fromkeys(range(9, 13), "h264"),
    **dict.fromkeys(range(13, 17), "mpeg2"),
}
"""By the number in the name; number 1 is the reference, which has no DMOS."""
_NAME = re.compile(r"([a-z]{2})0?(\d{1,2})_(25|50)fps\.yuv")
_NAMES, _OPINIONS = "live_video_quality_seqs.txt", "live_video_quality_data.txt"


def read(root: Path, layout: Layout) -> list[Label]:
    """Labels of both files, matched line by line. Raises `CorpusError`."""
    names_file, opinions_file = (layout.label_file(root, [name]) for name in (_NAMES, _OPINIONS))
    names = [words[0] for words in layout.lines(names_file)]
    opinions = [words[0] for words in layout.lines(opinions_file)]
    if len(names) != len(opinions):
        raise layout.fault(root, f"{_NAMES} has {len(names)} lines, {_OPINIONS} has {len(opinions)}")
    labels = []
    for name, opinion in zip(names, opinions, strict=True):
        match = _NAME.fullmatch(name)
        if not match or match[1] not in CONTENTS or int(match[2]) not in DISTORTIONS:
            raise layout.fault(names_file, f"{name} is no name of this set")
        fps, frames = CONTENTS[match[1]]
        labels.append(
            Label(
                name=name,
                mos=layout.opinion(opinion, opinions_file, name),
                files=(name,),
                content=match[1],
                distortion=DISTORTIONS[int(match[2])],
                raw=RawFormat(WIDTH, HEIGHT, fps, frames),
            )
        )
    return labels


LAYOUT = Layout(
    name="live-vqa",
    title="the LIVE Video Quality Database",
    page="https://live.ece.utexas.edu/research/quality/live_video.html",
    wants=f"{_NAMES}, {_OPINIONS} and 150 videos such as pa2_25fps.yuv, here or in videos/",
    higher_is_better=False,
    lo=0.0,
    hi=100.0,
    folders=(".", "videos"),
    read=read,
    count=150,
)
