"""What has been published, to stand beside our rows. Every figure carries its source; none is ours."""

from __future__ import annotations

from dataclasses import dataclass

SETS = {
    "live-vqa": "LIVE VQA",
    "csiq-vqd": "CSIQ VQD",
    "konvid-1k": "KoNViD-1k",
    "live-vqc": "LIVE-VQC",
    "lsvq": "LSVQ",
    "youtube-ugc": "YouTube-UGC",
    "surrogate": "our corpus, full-reference labels",
}
"""Sets by the names that commands and result files use, with the name that people use."""
SYNTHETIC = ("live-vqa", "csiq-vqd")
AUTHENTIC = ("konvid-1k", "live-vqc")
PAPER_SETS = (*SYNTHETIC, *AUTHENTIC)

SEED = "Yu, Wang, Chen, Gao, Sun, Computer Systems & Applications 34(3), 2025"
FAST_VQA = "Wu et al., FAST-VQA, ECCV 2022, and its README"
BENCHMARK = "Tu et al., UGC-VQA (BVQA_Benchmark README)"
RERUN = "features of VIDEVAL and BRISQUE with an SVR, rerun for this project"
KSVQE = "Lu et al., KVQ, CVPR 2024"
COMPRESSED = "Sun et al., CompressedVQA, ICME 2021 challenge labels"

TASKS = ("distortion", "pace", "contrast")
"""The three auxiliary tasks of pretraining."""


@dataclass(frozen=True, slots=True)
class Published:
    """One published cell pair: correlation with opinion of a method on a set."""

    method: str
    judged_on: str
    srocc: float | None
    plcc: float | None
    source: str


INTRA = (
    Published("the seed paper", "live-vqa", 0.8952, 0.9087, SEED),
    Published("the seed paper", "csiq-vqd", 0.9105, 0.9075, SEED),
    Published("the seed paper", "konvid-1k", 0.8389, 0.8489, SEED),
    Published("the seed paper", "live-vqc", 0.8133, 0.8251, SEED),
    Published("SelfVQA", "live-vqa", 0.8699, 0.8850, SEED),
    Published("SelfVQA", "csiq-vqd", 0.9069, 0.8949, SEED),
    Published("SelfVQA", "konvid-1k", 0.8179, 0.8160, SEED),
    Published("SelfVQA", "live-vqc", 0.7647, 0.7894, SEED),
    Published("CONVIQT", "live-vqa", 0.6220, 0.5950, SEED),
    Published("CONVIQT", "csiq-vqd", 0.7660, 0.7490, SEED),
    Published("CONVIQT", "konvid-1k", 0.8510, 0.8490, SEED),
    Published("CONVIQT", "live-vqc", 0.8080, 0.8170, SEED),
    Published("CSPT", "live-vqa", 0.7276, 0.8196, SEED),
    Published("CSPT", "csiq-vqd", 0.7398, 0.7093, SEED),
    Published("CSPT", "konvid-1k", 0.8145, 0.8104, SEED),
    Published("CSPT", "live-vqc", 0.7604, 0.7628, SEED),
    Published("BRISQUE", "konvid-1k", 0.657, 0.658, BENCHMARK),
    Published("BRISQUE", "live-vqc", 0.593, 0.638, BENCHMARK),
    Published("VIDEVAL", "konvid-1k", 0.783, 0.780, BENCHMARK),
    Published("VIDEVAL", "live-vqc", 0.752, 0.751, BENCHMARK),
    Published("VSFA", "konvid-1k", 0.773, 0.775, KSVQE),
    Published("VSFA", "live-vqc", 0.773, 0.795, KSVQE),
    Published("FAST-VQA-B, fine-tuned", "konvid-1k", 0.891, 0.892, FAST_VQA),
    Published("FAST-VQA-B, fine-tuned", "live-vqc", 0.849, 0.862, FAST_VQA),
    Published("FAST-VQA-B from scratch, LSVQ only", "konvid-1k", None, 0.793, FAST_VQA),
    Published("FAST-VQA-B from scratch, LSVQ only", "live-vqc", None, 0.766, FAST_VQA),
)
"""Tables 2 and 4. The last method is the fair anchor for a network without pretrained weights (28,000
labels), though judged on sets that it did not train on."""


@dataclass(frozen=True, slots=True)
class Crossed:
    """One published cross-dataset figure."""

    method: str
    trained_on: str
    judged_on: str
    srocc: float
    source: str


CROSS = (
    Crossed("VIDEVAL", "konvid-1k", "live-vqc", 0.654, RERUN),
    Crossed("VIDEVAL", "live-vqc", "konvid-1k", 0.634, RERUN),
    Crossed("BRISQUE", "konvid-1k", "live-vqc", 0.426, RERUN),
    Crossed("BRISQUE", "live-vqc", "konvid-1k", 0.463, RERUN),
)
CROSS_MEAN = {"the seed paper": 0.4555, "SelfVQA": 0.4374}
"""Mean SROCC over the twelve ordered pairs of `PAPER_SETS` (`SEED`); its single pairs are not at hand."""

ABLATION_TASKS = {
    ("distortion",): 0.8405,
    ("pace",): 0.8584,
    ("contrast",): 0.8276,
    ("distortion", "pace"): 0.8809,
    ("distortion", "contrast"): 0.8541,
    ("pace", "contrast"): 0.8602,
    ("distortion", "pace", "contrast"): 0.8952,
}
"""SROCC on LIVE VQA by auxiliary tasks (`SEED`)."""
ABLATION_MODULE = {False: 0.8359, True: 0.8952}
"""SROCC on LIVE VQA without and with the multi-scale module (`SEED`)."""

MOS_SPREAD_BY_CRF = {0: 0.19, 17: 0.19, 22: 0.18, 27: 0.21, 32: 0.33, 37: 0.39, 42: 0.34, 47: 0.19}
"""Spread over 900 sources of the opinions whose means are `data.opinion.MOS_BY_CRF` (`COMPRESSED`)."""

TYPES = {
    "live-vqa": ("wireless", "ip", "h264", "mpeg2"),
    "csiq-vqd": ("h264", "packet_loss", "mjpeg", "wavelet", "noise", "hevc"),
}
"""Distortion types of the synthetic sets (Seshadrinathan et al., TIP 2010; Vu and Chandler, JEI 2014)."""
