"""What `qoed-train recipes` wrote, brought into an evaluation."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from qoed_training.data.corpus import CorpusError
from qoed_training.page.material import Evaluation, RecipePoint


def with_recipes(evaluation: Evaluation, path: Path, chosen: str | None) -> Evaluation:
    """The evaluation with the recipes of a JSON file, `chosen` marked by its name.

    A recipe that agrees with nothing is left out. Raises `CorpusError` for a file that is no such thing and
    for a name that it does not hold.
    """
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        points = tuple(
            RecipePoint(
                name=row["name"],
                gflop=row["gflop"],
                cpu_ms=row["preprocess_ms"] + row["network_ms"],
                spearman=row["spearman"],
                chosen=row["name"] == chosen,
            )
            for row in fields["recipes"]
            if row["spearman"] is not None
        )
        notes = tuple(fields["notes"])
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror}; run qoed-train recipes first") from error
    except (ValueError, KeyError, TypeError) as error:
        raise CorpusError(f"{path}: no recipes in it ({error}); run qoed-train recipes again") from error
    if chosen is not None and not any(point.chosen for point in points):
        names = ", ".join(point.name for point in points)
        raise CorpusError(f"{path}: no recipe is called {chosen}; there is {names}")
    return replace(evaluation, recipes=points, recipe_notes=notes)
