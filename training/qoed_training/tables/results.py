"""Result files that fine-tuning and ablation leave for the tables: predictions, not figures.

`<work>/results/*.json`, each one `Finetuned` or one `Ablation`, told apart by `kind`. Every figure of every
table is computed from the predictions in them, so two tables can never disagree about a run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from qoed_training.atomic import write_text
from qoed_training.data.corpus import CorpusError

FOLDER = "results"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Predictions of one repeat on held-out videos: `predicted`, `mos`, `distortion` and `content` are `[N]`.

    `repeat` counts the splits. `distortion` may be empty for sets that have no types.
    """

    repeat: int
    predicted: tuple[float, ...]
    mos: tuple[float, ...]
    distortion: tuple[str, ...] = ()
    content: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finetuned:
    """Trained on one set, judged on the held-out part of it or on the whole of another.

    Sets by their names in `tables.published.SETS`; `surrogate` is the corpus with full-reference labels.
    """

    trained_on: str
    judged_on: str
    network: str
    repeats: tuple[Judged, ...]
    kind: str = "finetune"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    """One row of an ablation: pretrained with `tasks`, with or without the multi-scale module.

    `tasks` holds `distortion`, `pace`, `contrast`; empty means no pretraining.
    """

    judged_on: str
    network: str
    tasks: tuple[str, ...]
    multi_scale: bool
    repeats: tuple[Judged, ...]
    kind: str = "ablation"


@dataclass(frozen=True, slots=True)
class Results:
    """All result files of a work folder."""

    finetuned: tuple[Finetuned, ...] = ()
    ablations: tuple[Ablation, ...] = ()


def save_result(result: Finetuned | Ablation, work: Path, stem: str) -> Path:
    """Write one result as `<work>/results/<stem>.json`, whole or not at all."""
    folder = work / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}.json"
    write_text(path, json.dumps({"version": VERSION, **asdict(result)}, allow_nan=False) + "\n")
    return path


def load_results(work: Path) -> Results:
    """Read all results of a work folder; none is no fault. Raises `CorpusError` naming a broken file."""
    finetuned, ablations = [], []
    for path in sorted((work / FOLDER).glob("*.json")):
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            version = fields.pop("version")
            if version != VERSION:
                raise CorpusError(f"{path}: version {version}, this qoed-train reads {VERSION}; run it again")
            fields["repeats"] = tuple(judged_of(entry) for entry in fields["repeats"])
            if fields["kind"] == "finetune":
                finetuned.append(Finetuned(**fields))
            else:
                ablations.append(Ablation(**{**fields, "tasks": tuple(fields["tasks"])}))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CorpusError(f"{path}: not a result file ({error}); delete it and run again") from error
    return Results(tuple(finetuned), tuple(ablations))


def judged_of(entry: Mapping[str, Any]) -> Judged:
    """From its JSON form. Raises `ValueError`, `TypeError`."""
    fields: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in entry.items()}
    judged = Judged(**fields)
    if len(judged.predicted) != len(judged.mos):
        raise ValueError(f"{len(judged.predicted)} predictions for {len(judged.mos)} opinions")
    return judged
