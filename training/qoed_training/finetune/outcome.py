"""What an ablation found, for people and for the tables of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qoed_training.finetune.ablation import MODULE, ROWS, Ablation, Row
from qoed_training.finetune.results import read_json, rounded, write_json
from qoed_training.tables import results as tables
from qoed_training.tables.spread import spread


def load_rows(ablation: Ablation, rows: Sequence[Row] = ROWS) -> list[dict[str, Any]]:
    """The files of finished rows, in order. Raises `CorpusError` when one is missing.

    Rows with pretraining say by how much SROCC rose over the row without, as mean and spread over repeats:
    all rows share their splits, so differences tell more than the means do.
    """
    found: list[dict[str, Any]] = [read_json(ablation.row_file(row)) for row in rows]
    bare = next((row for row in found if not row["tasks"] and row["multi_scale"]), None)
    for row in found:
        if bare is not None and row is not bare:
            pairs = zip(row["each"], bare["each"], strict=True)
            known = [(ours["srocc"], without["srocc"]) for ours, without in pairs]
            gain = spread(
                [ours - without for ours, without in known if ours is not None and without is not None]
            )
            row["srocc_gain_over_none"] = {"mean": rounded(gain.mean), "spread": rounded(gain.sd)}
    return found


def write_tables(ablation: Ablation, work: Path, out: Path) -> None:
    """Both ablations as one JSON file, and each row where the page's tables look for it."""
    rows = load_rows(ablation)
    for row in rows:
        result = tables.Ablation(
            judged_on=row["set"],
            network=row["network"],
            tasks=tuple(row["tasks"]),
            multi_scale=row["multi_scale"],
            repeats=tuple(tables.judged_of(entry) for entry in row.pop("repeats")),
        )
        tables.save_result(result, work, f"ablation-{row['row']}")
    rated, pretraining = ablation.rated(), ablation.pretraining
    out.parent.mkdir(parents=True, exist_ok=True)
    write_json(
        out,
        {
            "set": rated.name,
            "items": len(rated.mos),
            "contents": len(set(rated.contents)),
            "network": ablation.network.name,
            "pretraining": {
                name: getattr(pretraining, name) for name in ("epochs", "steps_an_epoch", "batch", "seed")
            },
            "finetuning": asdict(ablation.finetuning),
            "tasks": [row.name for row in ROWS if row.multi_scale],
            "module": [row.name for row in MODULE],
            "rows": rows,
        },
    )
