"""`qoed-train report` and `qoed-train tables`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from qoed_engine.manifest import read_manifest
from qoed_training.data.corpus import CorpusError
from qoed_training.page.material import FILE, load_evaluation
from qoed_training.page.recipe_file import with_recipes
from qoed_training.tables.layout import to_markdown
from qoed_training.tables.paper import paper_tables
from qoed_training.tables.results import load_results
from qoed_training.tables.surrogate import repeated, surrogate_tables

Work = Annotated[Path, typer.Option(help="Folder with evaluation.json and results/.")]
_WORK = Path("data/work")


def report(
    work: Work = _WORK,
    out: Annotated[Path, typer.Option(help="Page to write, one file.")] = Path("report.html"),
    manifest: Annotated[
        Path | None, typer.Option(help="Manifest whose receipt is shown; small.json of --work by default.")
    ] = None,
    recipes: Annotated[
        Path | None,
        typer.Option(help="What qoed-train recipes wrote; recipes.json of --work if it is there."),
    ] = None,
    chosen: Annotated[str | None, typer.Option(help="Name of the recipe that was chosen.")] = None,
) -> None:
    """Write one HTML page of everything measured: targets, figures, tables, worst cases."""
    # Drawing libraries take a second to load; no other command needs them.
    from qoed_training.page.report import report_page

    evaluation = load_evaluation(work / FILE)
    recipes = recipes or next(iter(work.glob("recipes.json")), None)
    if recipes is not None:
        evaluation = with_recipes(evaluation, recipes, chosen)
    manifest = manifest or work / "small.json"
    found = read_manifest(manifest)
    if found.model != evaluation.model:
        raise CorpusError(
            f"{work / FILE} is of {evaluation.model}, {manifest} of {found.model}: "
            "run qoed-train evaluate again, or point --manifest at its own"
        )
    out.write_text(report_page(found, evaluation, load_results(work)), encoding="utf-8")
    typer.echo(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB)")


def tables(
    work: Work = _WORK,
    only: Annotated[
        str | None, typer.Option(help="One table: 2 to 7 of the paper; 2s, 3s, 5s, 2r of our corpus.")
    ] = None,
) -> None:
    """Print the seed paper's tables 2-7 and the same over our corpus (Markdown)."""
    results = load_results(work)
    found = paper_tables(results)
    if (work / FILE).exists():
        found += surrogate_tables(load_evaluation(work / FILE), results)
    elif again := repeated(results):
        found.append(again)
    chosen = [table for table in found if only in (None, table.name)]
    if not chosen:
        raise typer.BadParameter(f"there is {', '.join(table.name for table in found)}", param_hint="--only")
    typer.echo("\n".join(to_markdown(table) for table in chosen))


def register(app: typer.Typer) -> None:
    """Add both commands."""
    app.command()(report)
    app.command()(tables)
