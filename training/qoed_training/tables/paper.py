"""The seed paper's tables 2-7 by its own protocol, on the sets that it used."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

from qoed_training.tables.layout import Row, Table
from qoed_training.tables.published import (
    ABLATION_MODULE,
    ABLATION_TASKS,
    AUTHENTIC,
    CROSS,
    CROSS_MEAN,
    INTRA,
    PAPER_SETS,
    RERUN,
    SEED,
    SETS,
    SYNTHETIC,
    TYPES,
    Published,
)
from qoed_training.tables.results import Ablation, Finetuned, Results
from qoed_training.tables.spread import NONE, Spread, by_type, judged, number, spread

REPEATS = "Ours: mean ± standard deviation over the repeats; PLCC after the four-parameter logistic."


def paper_tables(results: Results) -> list[Table]:
    """Tables 2 to 7, in order; what has not been run says so."""
    return [
        table_2(results),
        table_3(results),
        table_4(results),
        table_5(results),
        table_6(results),
        table_7(results),
    ]


def table_2(results: Results) -> Table:
    """Two sets of synthetic distortions."""
    return _intra("2", "Table 2: synthetic distortions", SYNTHETIC, results)


def table_4(results: Results) -> Table:
    """Two sets of authentic distortions."""
    return _intra("4", "Table 4: authentic distortions", AUTHENTIC, results)


def table_3(results: Results) -> Table:
    """SROCC and PLCC within each distortion type of the synthetic sets."""
    rows: list[Row] = []
    for name in SYNTHETIC:
        runs = _finetuned(results, name, name)
        if not runs:
            types = ", ".join(_plain(kind) for kind in TYPES[name])
            rows.append(Row(name=f"{SETS[name]}: {types}", kind="missing", note=_needs(name)))
        for run in runs:
            rows += [
                Row(
                    name=f"{SETS[name]}: {_plain(kind)} ({run.network})",
                    cells=(
                        str(spread([one.srocc for one in found])),
                        str(spread([one.plcc for one in found])),
                        f"{sum(one.n for one in found) / len(found):.0f}",
                    ),
                )
                for kind, found in by_type(run.repeats).items()
            ]
    return Table(
        name="3",
        title="Table 3: within each distortion type",
        head="set and type",
        columns=("SROCC", "PLCC", "videos a repeat"),
        rows=tuple(rows),
        notes=(REPEATS, "The paper's own figures of this table could not be retrieved."),
    )


def table_5(results: Results) -> Table:
    """Trained on one set, judged on the whole of another: the twelve ordered pairs of four sets."""
    known = {(cell.method, cell.trained_on, cell.judged_on): cell.srocc for cell in CROSS}
    rows, ours = [], []
    for trained_on, judged_on in permutations(PAPER_SETS, 2):
        runs = _finetuned(results, trained_on, judged_on)
        srocc, plcc = judged(runs[0].repeats) if runs else (Spread(None, None, 0), Spread(None, None, 0))
        ours.append(srocc.mean)
        anchors = tuple(
            number(known.get((method, trained_on, judged_on))) for method in ("VIDEVAL", "BRISQUE")
        )
        name = f"{SETS[trained_on]} → {SETS[judged_on]}"
        rows.append(Row(name=name, cells=(str(srocc), str(plcc), *anchors, NONE, NONE)))
    whole = spread(ours)
    mean = str(whole) if whole.repeats == len(ours) else NONE
    published = tuple(number(CROSS_MEAN[method], 4) for method in ("the seed paper", "SelfVQA"))
    rows.append(Row(name="mean of the twelve", cells=(mean, NONE, NONE, NONE, *published)))
    lacking = [SETS[name] for name in PAPER_SETS if not any(r.trained_on == name for r in results.finetuned)]
    notes = [f"The seed paper and SelfVQA: {SEED}. VIDEVAL and BRISQUE: {RERUN}. All four are SROCC."]
    if lacking:
        notes.append(f"Ours not run for want of a network fine-tuned on {', '.join(lacking)}.")
    return Table(
        name="5",
        title="Table 5: across data sets",
        head="trained on → judged on",
        columns=("ours SROCC", "ours PLCC", "VIDEVAL", "BRISQUE", "seed paper", "SelfVQA"),
        rows=tuple(rows),
        notes=tuple(notes),
    )


def table_6(results: Results) -> Table:
    """The seven combinations of the three auxiliary tasks."""
    rows = []
    for tasks, theirs in ABLATION_TASKS.items():
        runs = [run for run in results.ablations if set(run.tasks) == set(tasks) and run.multi_scale]
        rows.append(_ablated(" + ".join(tasks), runs, theirs))
    bare = [run for run in results.ablations if not run.tasks and run.multi_scale]
    if bare:
        rows.insert(0, _ablated("no pretraining", bare, None))
    return _ablation_table("6", "Table 6: which auxiliary tasks help", "pretrained with", rows)


def table_7(results: Results) -> Table:
    """With and without the multi-scale module, all three tasks."""
    rows = []
    for module, theirs in ABLATION_MODULE.items():
        runs = [run for run in results.ablations if run.multi_scale == module and len(set(run.tasks)) == 3]
        rows.append(_ablated("with the module" if module else "without it", runs, theirs))
    return _ablation_table("7", "Table 7: what the multi-scale module brings", "network", rows)


def _intra(number_: str, title: str, sets: Sequence[str], results: Results) -> Table:
    methods = list(dict.fromkeys(cell.method for cell in INTRA if cell.judged_on in sets))
    rows = [_published_row(method, sets) for method in methods]
    networks = sorted({run.network for name in sets for run in _finetuned(results, name, name)})
    for network in networks:
        cells: list[str] = []
        for name in sets:
            runs = [run for run in _finetuned(results, name, name) if run.network == network]
            cells += [str(value) for value in judged(runs[0].repeats)] if runs else [NONE, NONE]
        rows.append(Row(name=f"ours, {network}", cells=tuple(cells)))
    rows += [
        Row(name=f"ours, {SETS[name]}", kind="missing", note=_needs(name))
        for name in sets
        if not _finetuned(results, name, name)
    ]
    return Table(
        name=number_,
        title=title,
        head="method",
        columns=tuple(f"{SETS[name]} {measure}" for name in sets for measure in ("SROCC", "PLCC")),
        rows=tuple(rows),
        notes=(REPEATS,),
    )


def _published_row(method: str, sets: Sequence[str]) -> Row:
    cells = [cell for cell in INTRA if cell.method == method]
    by_set = {cell.judged_on: cell for cell in cells}
    blank = Published(method, "", None, None, "")
    found = [by_set.get(name, blank) for name in sets]
    digits = 4 if cells[0].source == SEED else 3  # as many as were published
    return Row(
        name=method,
        cells=tuple(number(value, digits) for cell in found for value in (cell.srocc, cell.plcc)),
        kind="published",
        note=cells[0].source,
    )


def _ablated(name: str, runs: Sequence[Ablation], theirs: float | None) -> Row:
    cells: list[str] = []
    for judged_on in ("surrogate", "live-vqa"):
        found = [run for run in runs if run.judged_on == judged_on]
        cells += [str(value) for value in judged(found[0].repeats)] if found else [NONE, NONE]
    ours = next((run for run in runs if run.judged_on == "surrogate"), None)
    bar = judged(ours.repeats)[0].mean if ours else None
    return Row(name=name, cells=(*cells, number(theirs, 4)), bar=None if bar is None else max(0.0, bar))


def _ablation_table(number_: str, title: str, head: str, rows: Sequence[Row]) -> Table:
    notes = [f"{REPEATS} The last column is the paper's, on LIVE VQA ({SEED})."]
    if all(row.cells[2] == NONE for row in rows):
        notes.append(f"Ours on LIVE VQA {_needs('live-vqa')}.")
    if all(row.cells[0] == NONE for row in rows):
        notes.append("Ours on our corpus not run: run qoed-train ablate first.")
    return Table(
        name=number_,
        title=title,
        head=head,
        columns=(
            "our corpus SROCC",
            "our corpus PLCC",
            "LIVE VQA SROCC",
            "LIVE VQA PLCC",
            "the paper's SROCC",
        ),
        rows=tuple(rows),
        notes=tuple(notes),
    )


def _finetuned(results: Results, trained_on: str, judged_on: str) -> list[Finetuned]:
    return [r for r in results.finetuned if r.trained_on == trained_on and r.judged_on == judged_on]


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _needs(name: str) -> str:
    return f"not run: needs the videos of {SETS[name]} with their opinions, then qoed-train finetune"
