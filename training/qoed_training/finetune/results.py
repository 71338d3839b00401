"""What fine-tuning leaves behind: predictions of each repeat, and mean and spread over all, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qoed_training.agreement import Agreement, agreement
from qoed_training.atomic import write_text
from qoed_training.data.corpus import CorpusError
from qoed_training.finetune.rated import RatedSet
from qoed_training.tables.results import Judged, judged_of
from qoed_training.tables.spread import spread

MEASURES = ("srocc", "plcc", "krocc", "rmse")
SETTINGS = "settings.json"


def claim(folder: Path, settings: Mapping[str, Any]) -> None:
    """Make `folder` the place of a run with these settings. Raises `CorpusError` if it is another's."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = json.loads(json.dumps(settings))
    path = folder / SETTINGS
    if not path.exists():
        write_json(path, plain)
        return
    found = read_json(path)
    different = sorted(key for key in plain.keys() | found.keys() if plain.get(key) != found.get(key))
    if different:
        raise CorpusError(
            f"{folder} holds a run with other settings ({', '.join(different)}): "
            "delete it, or write to another place"
        )


def judge(rated: RatedSet, repeat: int, items: NDArray[np.int64], predicted: NDArray[np.float64]) -> Judged:
    """Predictions `[n]` (raw output) for `items` beside their opinion, which is higher for better."""
    return Judged(
        repeat=repeat,
        predicted=tuple(round(float(value), 6) for value in predicted),
        mos=tuple(round(float(value), 4) for value in rated.quality[items]),
        distortion=tuple(rated.distortions[item] for item in items) if rated.distortions else (),
        content=tuple(rated.contents[item] for item in items),
    )


def save_judged(path: Path, judged: Judged) -> None:
    """Write one repeat with its agreement."""
    write_json(path, {"agreement": _row(_agreement(judged)), **asdict(judged)})


def load_judged(path: Path) -> Judged:
    """Read what `save_judged` wrote. Raises `CorpusError`."""
    fields = read_json(path)
    try:
        fields.pop("agreement")
        return judged_of(fields)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CorpusError(f"{path} holds no repeat ({error}): delete it and repeat the command") from error


def summary(repeats: Sequence[Judged]) -> dict[str, Any]:
    """`mean` and `spread` (sample standard deviation) of `MEASURES`, and `each` repeat's own.

    None for what no repeat could measure, and for the spread of one.
    """
    each = [_agreement(one) for one in repeats]
    found = {name: spread([getattr(one, name) for one in each]) for name in MEASURES}
    return {
        "mean": {name: rounded(value.mean) for name, value in found.items()},
        "spread": {name: rounded(value.sd) for name, value in found.items()},
        "each": [_row(one) for one in each],
    }


def describe(found: Mapping[str, Any]) -> str:
    """A summary in one line: `SROCC 0.812 ± 0.034, PLCC ...`."""
    shown = []
    for name, mean in found["mean"].items():
        about = found["spread"][name]
        value = "none" if mean is None else f"{mean:.3f}"
        shown.append(f"{name.upper()} {value}" + ("" if about is None else f" ± {about:.3f}"))
    return ", ".join(shown)


def write_json(path: Path, content: Any) -> None:
    """Write JSON, whole or not at all."""
    write_text(path, json.dumps(content, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """What `write_json` wrote. Raises `CorpusError` with the remedy."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorpusError(f"{path} cannot be read ({error}): delete it and repeat the command") from error


def _agreement(judged: Judged) -> Agreement:
    return agreement(judged.predicted, judged.mos)


def _row(one: Agreement) -> dict[str, float | None]:
    return {name: rounded(getattr(one, name)) for name in MEASURES}


def rounded(value: float | None) -> float | None:
    """To four places, for files."""
    return None if value is None else round(value, 4)
