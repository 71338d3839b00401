"""CSIQ Video Quality Database: 12 contents, 18 distorted versions each, DMOS.

Vu and Chandler, "ViS3: an algorithm for video quality assessment via analysis of spatial and spatiotemporal
slices", JEI 2014. Frame rates, 10 s each, and which number is which distortion: its own readme. Names and
picture counts: JinYize/NRSTED-Pytorch (MATLAB/prepare_CSIQ_TRRED.m) and CSIQ_VQA.txt of
R-JunmingChen/DeepVQA_Release. video_subj_ratings.txt has a name and its DMOS in each line, 216 in all.
"""

from __future__ import annotations

import re
from pathlib import Path

from qoed_training.mos.layout import Layout
from qoed_training.mos.videos import Label, RawFormat

WIDTH, HEIGHT = 832, 480
CONTENTS = {
    "BQMall": (60, 600),
    "BQTerrace": (60, 600),
    "BasketballDrive": (50, 500),
    "Cactus": (50, 500),
    "Carving": (25, 250),
    "Chipmunks": (24, 240),
    "Flowervase": (30, 300),
    "Keiba": (30, 300),
    "Kimono": (24, 240),
    "ParkScene": (24, 240),
    "PartyScene": (50, 500),
    "Timelapse": (30, 300),
}
"""Frames a second and pictures of each content."""
DISTORTIONS = ("h264", "packet_loss", "mjpeg", "wavelet", "noise", "hevc")
"""Three versions each, in the order of their numbers: 1-3, 4-6 and so on."""
_NAME = re.compile(rf"([A-Za-z]+)_{WIDTH}x{HEIGHT}_dst_(\d\d)(?:\.yuv)?")
_RATINGS = "video_subj_ratings.txt"


def read(root: Path, layout: Layout) -> list[Label]:
    """Labels of the ratings file. Raises `CorpusError`."""
    path = layout.label_file(root, [_RATINGS, f"videos/{_RATINGS}"])
    labels = []
    for words in layout.lines(path):
        match = _NAME.fullmatch(words[0])
        number = int(match[2]) - 1 if match else -1
        if not match or match[1] not in CONTENTS or number not in range(3 * len(DISTORTIONS)):
            raise layout.fault(path, f"{words[0]} is no name of this set")
        name, (fps, frames) = f"{words[0].removesuffix('.yuv')}.yuv", CONTENTS[match[1]]
        labels.append(
            Label(
                name=name,
                mos=layout.opinion(words[1] if len(words) > 1 else "", path, name),
                files=(name, f"{match[1]}/{name}"),
                content=match[1],
                distortion=DISTORTIONS[number // 3],
                raw=RawFormat(WIDTH, HEIGHT, fps, frames),
            )
        )
    return labels


LAYOUT = Layout(
    name="csiq-vqd",
    title="the CSIQ Video Quality Database",
    page="http://vision.eng.shizuoka.ac.jp",
    wants=f"{_RATINGS} and 216 videos such as videos/BQMall_832x480_dst_01.yuv or videos/BQMall/BQMall_...",
    higher_is_better=False,
    lo=0.0,
    hi=100.0,
    folders=(".", "videos"),
    read=read,
    count=216,
)
