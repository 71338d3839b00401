"""The page: whole, self-contained, the same every time, honest about what is not there."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from qoed_engine.manifest import Calibration, Manifest, Recipe
from qoed_training.data.corpus import CorpusError
from qoed_training.page.command import register
from qoed_training.page.features import embed, kinship
from qoed_training.page.head import head_table, reliability_bins
from qoed_training.page.html import receipt_list
from qoed_training.page.material import Evaluation, load_evaluation
from qoed_training.page.recipe_file import with_recipes
from qoed_training.page.recipes import recipes
from qoed_training.page.report import LINKS, report_page
from qoed_training.page.targets import targets_of
from qoed_training.page.worst import worst_cases
from qoed_training.tables.results import Results, save_result
from report_material import made_evaluation, made_results

EVALUATION = made_evaluation()
RECEIPT = {
    "held_out_clips": {"all": {"spearman": 0.884, "spearman_confidence": [0.84, 0.912]}},
    "people": {"pearson_after_map": 0.991},
}


def manifest(receipt: dict[str, object]) -> Manifest:
    return Manifest(
        model_id="small-1",
        weights="small.onnx",
        sha256="1a2b3c4d" * 8,
        recipe=Recipe(),
        calibration=Calibration(),
        distortions=EVALUATION.distortions,
        canary_seed=1,
        canary_raw=(0.5,),
        receipt=receipt,
    )


class Reader(HTMLParser):
    """Collects what a browser would see, and whether every element that is opened is closed."""

    VOID = frozenset({"meta", "path", "use", "br", "img", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ("href", "xlink:href", "src"):
                self.links.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def page() -> str:
    return report_page(manifest(RECEIPT), EVALUATION, made_results())


def test_the_page_stands_alone(page: str) -> None:
    """Every link points into the page, ids are unique, elements close; nothing is fetched, nothing runs."""
    reader = Reader()
    reader.feed(page)

    assert reader.open == []
    assert all(link.startswith("#") for link in reader.links)
    assert len(reader.ids) == len(set(reader.ids))
    assert set(LINKS) <= set(reader.ids)
    assert "<script" not in page
    assert "@import" not in page
    assert not re.search(r"url\((?!#)", page)


def test_every_reference_inside_a_figure_is_met(page: str) -> None:
    """Markers and clips that figures use are defined in the page."""
    used = set(re.findall(r'href="#([\w-]+)"', page)) | set(re.findall(r"url\(#(\w+)\)", page))

    assert used
    assert used <= set(re.findall(r' id="([\w-]+)"', page))


def test_the_same_input_gives_the_same_page(page: str) -> None:
    """No date, no random id, no random layout: pages can be compared byte by byte."""
    assert report_page(manifest(RECEIPT), EVALUATION, made_results()) == page


def test_figures_are_drawn_with_text_and_the_page_s_colours(page: str) -> None:
    """All eight figures are there, their words are text, and each colour follows light and dark."""
    drawings = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)

    assert len(drawings) == 8
    assert all("<text" in svg for svg in drawings)
    colours = set(re.findall(r"(?:fill|stroke): ([^;\"]+)", "".join(drawings)))
    assert all(colour == "none" or colour.startswith("var(--") for colour in colours)
    assert {name.strip("-") for name in re.findall(r"var\((--\w+)\)", page)} <= set(
        re.findall(r"--(\w+):", page)
    )


def test_text_from_outside_cannot_break_the_page(page: str) -> None:
    """A production called `ui <tabs>` shows as such and opens no element."""
    assert "ui &lt;tabs&gt;" in page
    assert "<tabs>" not in page
    assert "&lt;b&gt;" in receipt_list({"note": "<b>"})


def test_what_was_not_measured_is_said() -> None:
    """An evaluation with nothing in it still makes a page that says what is missing, figure by figure."""
    empty = Evaluation(
        model="small-1@1a2b3c4d", backend="cpu", coverage=0.9, distortions=EVALUATION.distortions, clips=()
    )
    page = report_page(manifest({}), empty, Results())

    assert page.count("Not measured: ") == 8
    assert "<svg" not in page
    assert "not run: needs the videos of LIVE VQA" in page


def test_targets_are_met_short_or_missing() -> None:
    """A figure below its bound falls short, one above is met, one that is absent is never passed over."""
    state = {one.name: one for one in targets_of(RECEIPT)}

    assert state["Spearman, all degradations"].state == "short"
    assert state["Spearman, all degradations"].bounds == "0.840 to 0.912"
    assert state["Pearson to people's curve over CRF, after one map"].state == "met"
    assert state["Megabytes"].state == "missing"
    assert state["Megabytes"].value == "not measured"


def test_the_worst_come_first_two_of_a_scene() -> None:
    """Cases fall in error, no scene takes more than two, and a missed interval is marked."""
    rows = worst_cases(EVALUATION).rows
    errors = [abs(int(row.cells[2].replace("−", "-"))) for row in rows]
    scenes = [row.name.partition(":")[0] for row in rows]

    assert errors == sorted(errors, reverse=True)
    assert max(scenes.count(name) for name in scenes) <= 2
    assert "(missed)" in rows[0].cells[3]


def test_reliability_counts_every_case() -> None:
    """Bins hold all cases, and a head that keeps its word lies on the diagonal."""
    stated = np.repeat([0.1, 0.9], 50)
    there = np.concatenate([np.arange(50) < 5, np.arange(50) < 45]).astype(float)

    assert reliability_bins(stated, there) == [
        (pytest.approx(0.1), pytest.approx(0.1), 50),
        (pytest.approx(0.9), pytest.approx(0.9), 50),
    ]


def test_a_distortion_that_no_clip_has_is_told_apart() -> None:
    """A column without a single case has no ROC area and says why."""
    bare = tuple(replace(clip, targets=(0.0, *clip.targets[1:])) for clip in EVALUATION.clips)
    rows = head_table(replace(EVALUATION, clips=bare)).rows

    assert (rows[0].kind, rows[0].note) == ("missing", "no held-out clip has it")
    assert all(row.kind == "ours" for row in rows[1:])


def test_islands_are_kin_and_noise_is_not() -> None:
    """Separate clusters keep to themselves after t-SNE; shuffled names are near chance."""
    rng = np.random.default_rng(0)
    names = np.repeat(["a", "b"], 30)
    place = embed(rng.normal(0, 1, (60, 8)) + np.where(names == "a", 6.0, -6.0)[:, None])

    assert kinship(place, names)[0] > 0.95
    share, chance = kinship(place, rng.permutation(names))
    assert share == pytest.approx(chance, abs=0.15)


def test_an_evaluation_survives_its_file(tmp_path: Path) -> None:
    """What is saved is read back the same."""
    EVALUATION.save(tmp_path / "evaluation.json")

    assert load_evaluation(tmp_path / "evaluation.json") == EVALUATION


def test_rows_that_do_not_fit_are_refused() -> None:
    """Clips with a probability too few and ladders of different rungs cannot become figures."""
    clip, ladder = EVALUATION.clips[0], EVALUATION.ladders[0]
    with pytest.raises(ValueError, match="probability for each of 10"):
        replace(EVALUATION, clips=(replace(clip, probabilities=clip.probabilities[1:]),))
    with pytest.raises(ValueError, match="different rungs"):
        replace(EVALUATION, ladders=(ladder, replace(ladder, crf=ladder.crf[1:])))
    with pytest.raises(ValueError, match="different rungs"):
        replace(EVALUATION, ladders=(replace(ladder, crf_score=ladder.crf_score[1:]),))


@pytest.mark.parametrize("text", [None, "", "[]", '{"version": 0}', '{"version": 1}'])
def test_a_broken_evaluation_says_what_to_run(tmp_path: Path, text: str | None) -> None:
    """Missing, cut or foreign files stop with the file and the remedy."""
    path = tmp_path / "evaluation.json"
    if text is not None:
        path.write_text(text)

    with pytest.raises(CorpusError, match=r"evaluation\.json.*run qoed-train evaluate"):
        load_evaluation(path)


RECIPES = {
    "notes": ["Costs are without decoding."],
    "recipes": [
        {"name": "view 2x1", "gflop": 1.0, "preprocess_ms": 2.0, "network_ms": 5.0, "spearman": 0.8},
        {"name": "flat 1x1", "gflop": 0.5, "preprocess_ms": 1.0, "network_ms": 2.0, "spearman": None},
    ],
}


def test_recipes_come_from_their_file(tmp_path: Path) -> None:
    """Cost is cutting and network together, the chosen one is marked, one without agreement is left out."""
    path = tmp_path / "recipes.json"
    path.write_text(json.dumps(RECIPES))
    found = with_recipes(EVALUATION, path, "view 2x1")

    assert [(p.name, p.cpu_ms, p.chosen) for p in found.recipes] == [("view 2x1", 7.0, True)]
    assert found.recipe_notes == ("Costs are without decoding.",)
    with pytest.raises(CorpusError, match="no recipe is called flat 1x1; there is view 2x1"):
        with_recipes(EVALUATION, path, "flat 1x1")
    path.write_text("{}")
    with pytest.raises(CorpusError, match="run qoed-train recipes again"):
        with_recipes(EVALUATION, path, None)


def test_one_recipe_makes_a_figure() -> None:
    """A single point, or all at one cost, is drawn without a fault."""
    assert "<svg" in recipes(replace(EVALUATION, recipes=EVALUATION.recipes[:1])).svg


def commands() -> typer.Typer:
    app = typer.Typer()
    register(app)
    return app


def test_the_commands_read_a_work_folder(tmp_path: Path) -> None:
    """`report` writes one page, `tables` prints all ten tables or the one that was asked for."""
    EVALUATION.save(tmp_path / "evaluation.json")
    for number, result in enumerate(made_results().finetuned):
        save_result(result, tmp_path, f"run-{number}")
    (tmp_path / "small.json").write_text(manifest(RECEIPT).to_json())
    work, out = ["--work", str(tmp_path)], tmp_path / "report.html"
    run = CliRunner().invoke

    assert run(commands(), ["report", *work, "--out", str(out)]).exit_code == 0
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    everything = run(commands(), ["tables", *work]).stdout
    assert everything.count("## ") == 10
    one = run(commands(), ["tables", *work, "--only", "3s"]).stdout
    assert one.startswith("## Our corpus: by distortion type")
    assert one.count("## ") == 1


def test_tables_need_no_evaluation(tmp_path: Path) -> None:
    """Before anything has run, the paper's six tables are printed, and a wrong name is refused."""
    run = CliRunner().invoke

    assert run(commands(), ["tables", "--work", str(tmp_path)]).stdout.count("## ") == 6
    wrong = run(commands(), ["tables", "--work", str(tmp_path), "--only", "9"])
    assert wrong.exit_code == 2
