"""What `qoed-train evaluate` leaves for tables and figures: `<work>/evaluation.json`, rows, no pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from qoed_training.atomic import write_text
from qoed_training.data.corpus import CorpusError

VERSION = 1
FILE = "evaluation.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One held-out entry of a scene. Scores 0-100; `targets`, `probabilities` in order of `distortions`.

    `plan` is the degradation in words, as a person would say it ("h264 at 37, shown from half the lines").
    """

    scene: str
    group: str
    plan: str
    score: float
    label: float
    lo: float
    hi: float
    targets: tuple[float, ...]
    probabilities: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """One held-out source at each CRF (x264) and at each share of the screen's lines; scores 0-100."""

    scene: str
    group: str
    untouched: float
    crf: tuple[int, ...]
    crf_score: tuple[float, ...]
    share: tuple[float, ...]
    share_score: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StillPoint:
    """One rated picture: coded height in lines, lab opinion 1-5, score 0-100."""

    source: str
    height: int
    crf: int
    mos: float
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureRow:
    """Features `[F]` of one held-out clip (a subsample will do: about 600) and the name of its distortion.

    `distortion` is one of `Evaluation.distortions`, `none` or `several`.
    """

    group: str
    distortion: str
    features: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipePoint:
    """One sampling recipe tried: a decision's cost in GFLOP and CPU ms, accuracy on held-out clips."""

    name: str
    gflop: float
    cpu_ms: float
    spearman: float
    chosen: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Everything that tables and figures are drawn from. `coverage` is the nominal one of `lo`..`hi`."""

    model: str
    backend: str
    coverage: float
    distortions: tuple[str, ...]
    clips: tuple[Clip, ...]
    ladders: tuple[Ladder, ...] = ()
    stills: tuple[StillPoint, ...] = ()
    features: tuple[FeatureRow, ...] = ()
    recipes: tuple[RecipePoint, ...] = ()
    recipe_notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises `ValueError` for rows that do not fit each other: figures need whole columns."""
        kinds = len(self.distortions)
        if any({len(clip.targets), len(clip.probabilities)} != {kinds} for clip in self.clips):
            raise ValueError(f"clips without a target and a probability for each of {kinds} distortions")
        rungs = {(ladder.crf, ladder.share) for ladder in self.ladders}
        lengths = {(len(ladder.crf_score), len(ladder.share_score)) for ladder in self.ladders}
        if len(rungs) > 1 or lengths - {(len(crf), len(share)) for crf, share in rungs}:
            raise ValueError("ladders of different rungs")

    def save(self, path: Path) -> None:
        """Write JSON, whole or not at all."""
        text = json.dumps({"version": VERSION, **asdict(self)}, allow_nan=False)
        write_text(path, text + "\n")


def kind_of(targets: Sequence[float], distortions: Sequence[str]) -> str:
    """The one distortion that `targets` name, `several` or `none`."""
    present = [name for name, target in zip(distortions, targets, strict=True) if target > 0.5]
    return present[0] if len(present) == 1 else "several" if present else "none"


_ROWS: Mapping[str, Any] = {
    "clips": Clip,
    "ladders": Ladder,
    "stills": StillPoint,
    "features": FeatureRow,
    "recipes": RecipePoint,
}


def load_evaluation(path: Path) -> Evaluation:
    """Read what `Evaluation.save` wrote. Raises `CorpusError` with the remedy."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        if fields.pop("version") != VERSION:
            raise CorpusError(f"{path}: written by another version; run qoed-train evaluate again")
        for name, row in _ROWS.items():
            fields[name] = tuple(row(**_frozen(entry)) for entry in fields[name])
        return Evaluation(**_frozen(fields))
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror}; run qoed-train evaluate first") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorpusError(f"{path}: incomplete ({error}); run qoed-train evaluate again") from error


def _frozen(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
