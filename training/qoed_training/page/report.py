"""The page, section by section, in the order a person asks: is it good, where, why believe it."""

from __future__ import annotations

from collections.abc import Callable

from qoed_engine.manifest import Manifest
from qoed_training.page import html
from qoed_training.page.agree import coverage, scatter
from qoed_training.page.draw import Figure
from qoed_training.page.features import MIN_ROWS, tsne
from qoed_training.page.head import head_table, reliability
from qoed_training.page.ladders import crf_curve, resolution
from qoed_training.page.material import Evaluation
from qoed_training.page.recipes import recipe_table, recipes
from qoed_training.page.stills import stills
from qoed_training.page.targets import targets_of
from qoed_training.page.worst import worst_cases
from qoed_training.tables.paper import paper_tables
from qoed_training.tables.results import Results
from qoed_training.tables.surrogate import surrogate_tables

LINKS = {
    "targets": "Targets",
    "clips": "Productions",
    "ladders": "Ladders",
    "people": "People",
    "distortions": "Distortions",
    "cost": "Cost",
    "paper": "The paper's tables",
    "worst": "Worst cases",
    "receipt": "Receipt",
}


def report_page(manifest: Manifest, evaluation: Evaluation, results: Results) -> str:
    """One HTML file with everything in it; the same input gives the same bytes."""
    clips, groups = len(evaluation.clips), len({clip.group for clip in evaluation.clips})
    summary = (
        f"{evaluation.model}, judged as exported on {evaluation.backend}: {clips} clips of {groups} "
        f"productions and {len(evaluation.stills)} rated pictures that it never learned from. "
        "Scores are 0–100, higher is better."
    )
    sections = [
        _targets(manifest),
        _clips(evaluation, results),
        _ladders(evaluation),
        _people(evaluation),
        _distortions(evaluation),
        _cost(evaluation),
        _paper(results),
        _worst(evaluation),
        html.section("receipt", "Receipt", "Every figure measured.", [html.receipt_list(manifest.receipt)]),
    ]
    return html.document("How good is the quality network?", summary, LINKS, sections)


def _targets(manifest: Manifest) -> str:
    lead = "What was asked before training began, and what came out on material held out from it."
    return html.section("targets", "Targets", lead, [html.target_list(targets_of(manifest.receipt))])


def _clips(evaluation: Evaluation, results: Results) -> str:
    lead = (
        "Clips of productions never trained on, degraded in known ways. Their labels come from "
        "full-reference measures put on the scale of opinion: no person has rated them."
    )
    figures = [_drawn(bool(evaluation.clips), draw, evaluation, title) for title, draw in _CLIP_FIGURES]
    tables = surrogate_tables(evaluation, results) if evaluation.clips else []
    return html.section("clips", "Held-out productions", lead, [*figures, *map(html.table_card, tables)])


def _ladders(evaluation: Evaluation) -> str:
    lead = "One thing made worse step by step: the score must follow, step by step."
    figures = [_drawn(bool(evaluation.ladders), draw, evaluation, title) for title, draw in _LADDER_FIGURES]
    return html.section("ladders", "Ladders", lead, figures)


def _people(evaluation: Evaluation) -> str:
    lead = "The only opinions of people at hand; they set the scale and judge it, and were never trained on."
    figure = _drawn(bool(evaluation.stills), stills, evaluation, "Pictures rated in a lab")
    return html.section("people", "People", lead, [figure])


def _distortions(evaluation: Evaluation) -> str:
    lead = "Besides a score the network names what is wrong, each with a probability."
    there = bool(evaluation.clips)
    parts = [
        _drawn(there, reliability, evaluation, "Can the named distortions be believed?"),
        _drawn(len(evaluation.features) >= MIN_ROWS, tsne, evaluation, "Features by distortion"),
        *([html.table_card(head_table(evaluation))] if there else []),
    ]
    return html.section("distortions", "Distortions", lead, parts)


def _cost(evaluation: Evaluation) -> str:
    lead = "What the network looks at of each second decides what it costs."
    there = bool(evaluation.recipes)
    figure = _drawn(there, recipes, evaluation, "Accuracy and cost of sampling")
    table = [html.table_card(recipe_table(evaluation))] if there else []
    return html.section("cost", "Cost", lead, [figure, *table])


def _paper(results: Results) -> str:
    lead = "By the protocol of the paper that the method comes from; published figures beside ours."
    return html.section("paper", "The paper's tables", lead, [*map(html.table_card, paper_tables(results))])


def _worst(evaluation: Evaluation) -> str:
    lead = "Where to look first when something seems wrong."
    parts = [html.table_card(worst_cases(evaluation))] if evaluation.clips else []
    return html.section("worst", "Worst cases", lead, parts)


def _drawn(there: bool, draw: Callable[[Evaluation], Figure], evaluation: Evaluation, title: str) -> str:
    if there:
        return html.figure_card(draw(evaluation))
    return html.missing_card(title, "the evaluation holds nothing of it")


_CLIP_FIGURES = (("Score and label", scatter), ("Does the interval hold?", coverage))
_LADDER_FIGURES = (("Compression as people see it", crf_curve), ("Fewer lines, lower score", resolution))
