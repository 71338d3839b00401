"""Ladders of held-out sources: the same second from best to worst quality, one thing changed at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qoed_training.data import codecs
from qoed_training.data.corpus import Source, duration_s
from qoed_training.data.degrade import Degradation
from qoed_training.data.opinion import MOS_BY_CRF
from qoed_training.data.scenes import SECTION_S, SceneSpec, screen_heights
from qoed_training.evaluation.scoring import Floats, Scored

CRF_LADDER = tuple(sorted(MOS_BY_CRF))
"""The CRFs that people judged (CompressedVQA), 0 among them."""
SIX_LADDER = (22, 28, 34, 40, 46)
"""Exact steps of six from where people begin to see them."""
CRF_PRESET = "faster"
CODEC_RUNGS = 6
SHARE_LADDER = (0.75, 0.5, 0.333, 0.25)
SHARE_CRF = 20
SECTIONS = 3
HEIGHTS = 2
CRF, CRF_BY_SIX, RESOLUTION = "h264", "h264 by six", "resolution"
OTHER_CODECS = tuple(name for name in codecs.ENCODERS if name != "h264")
_CODING = frozenset({"codec", "quality", "preset", "gop", "seed"})


@dataclass(frozen=True, slots=True)
class Ladder:
    """Scores `[R]` of one clip down its rungs, best first. Rungs are CRFs, quantisers or shares of lines."""

    kind: str
    scene: str
    group: str
    rungs: tuple[float, ...]
    scores: Floats

    @property
    def source(self) -> str:
        """The video it was cut from."""
        return self.scene.rpartition("-")[0]


def rungs_of(codec: str) -> tuple[int, ...]:
    """Evenly spaced qualities of a codec, from invisible to awful."""
    return tuple(round(value) for value in np.linspace(*codecs.QUALITY_RANGE[codec], CODEC_RUNGS))


def ladder_specs(sources: Sequence[Source]) -> list[SceneSpec]:
    """All ladders of each test video: `SECTIONS` sections, on up to `HEIGHTS` screens each."""
    plans = (
        *(_coded("h264", crf, CRF_PRESET) for crf in sorted({*CRF_LADDER, *SIX_LADDER})),
        *(
            Degradation(rung_share=share, codec="h264", quality=SHARE_CRF, preset=CRF_PRESET)
            for share in SHARE_LADDER
        ),
        *(_coded(codec, quality) for codec in OTHER_CODECS for quality in rungs_of(codec)),
    )
    specs = []
    for source in sources:
        if source.split != "test" or source.photo:
            continue
        room = max(0.0, duration_s(source.path) - SECTION_S - 0.1)
        specs += [
            SceneSpec(
                source=source,
                start_s=round(room * (index + 0.5) / SECTIONS, 2),
                display_height=height,
                plans=plans,
                ordinals=(3, 8),
            )
            for index in range(SECTIONS)
            for height in sorted(set(screen_heights(source)))[:HEIGHTS]
        ]
    return specs


def _coded(codec: str, quality: int, preset: str | None = None) -> Degradation:
    return Degradation(codec=codec, quality=quality, preset=preset)


def ladders_of(scored: Scored, scores: Floats) -> list[Ladder]:
    """The ladders that a scene of `ladder_specs` holds; a ladder with rungs missing is left out."""
    plans = scored.scene.plans
    coded: dict[str, dict[float, float]] = {}
    shares = {1.0: float(scores[0])}
    for plan, score in zip(plans[1:], scores[1:], strict=True):
        if set(plan) <= _CODING:
            coded.setdefault(plan["codec"], {})[plan["quality"]] = float(score)
        elif set(plan) <= {*_CODING, "rung_share"}:
            shares[plan["rung_share"]] = float(score)
    wanted: list[tuple[str, Sequence[float], Mapping[float, float]]] = [
        (CRF, CRF_LADDER, coded.get("h264", {})),
        (CRF_BY_SIX, SIX_LADDER, coded.get("h264", {})),
        (RESOLUTION, (1.0, *SHARE_LADDER), shares),
        *((codec, rungs_of(codec), coded.get(codec, {})) for codec in OTHER_CODECS),
    ]
    return [
        Ladder(kind, scored.scene.name, scored.scene.group, tuple(rungs), np.array([found[r] for r in rungs]))
        for kind, rungs, found in wanted
        if all(rung in found for rung in rungs)
    ]


def name_of_plan(plan: Mapping[str, Any]) -> str:
    """A degradation as a person would say it, such as `h264 at 37, shown from 0.5 of the lines, blur 2`."""
    words = []
    if "codec" in plan:
        words.append(f"{plan['codec']} at {plan['quality']}")
    if "rung_share" in plan:
        words.append(f"shown from {plan['rung_share']:g} of the lines")
    hidden = {*_CODING, "rung_share"}
    words += [f"{name.replace('_', ' ')} {value}" for name, value in plan.items() if name not in hidden]
    return ", ".join(words) or "untouched"
