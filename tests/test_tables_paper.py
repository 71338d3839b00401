"""The seed paper's tables: published figures as published, ours from result files, and what was not run."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from qoed_training.agreement import agreement
from qoed_training.data.corpus import CorpusError
from qoed_training.mos.sets import LAYOUTS
from qoed_training.tables.layout import Row, Table, to_markdown
from qoed_training.tables.paper import paper_tables, table_2, table_3, table_4, table_5, table_6, table_7
from qoed_training.tables.published import CROSS, INTRA, PAPER_SETS, SETS
from qoed_training.tables.results import Finetuned, Results, load_results, save_result
from qoed_training.tables.spread import judged, spread
from report_material import made_judged, made_results


def tuned(trained_on: str, judged_on: str) -> Finetuned:
    return Finetuned(
        trained_on=trained_on,
        judged_on=judged_on,
        network="small",
        repeats=tuple(made_judged(number, 15.0) for number in range(5)),
    )


def test_sets_go_by_the_names_that_commands_use() -> None:
    """Every set of the tables can be fine-tuned on by its name, and every published row names such a set."""
    assert set(SETS) - {"surrogate"} == set(LAYOUTS)
    assert {cell.judged_on for cell in INTRA} == set(PAPER_SETS)
    assert {name for cell in CROSS for name in (cell.trained_on, cell.judged_on)} <= set(PAPER_SETS)
    assert all(cell.source for cell in (*INTRA, *CROSS))


def test_without_results_every_table_says_what_is_missing() -> None:
    """Nothing is invented: no row is ours, and the missing videos are named."""
    for table in paper_tables(Results())[:3]:
        lacking = [row for row in table.rows if row.kind == "missing"]

        assert not [row for row in table.rows if row.kind == "ours"]
        assert len(lacking) == 2
        assert all("not run: needs the videos of" in row.note for row in lacking)
    assert "LIVE VQA, CSIQ VQD, KoNViD-1k, LIVE-VQC" in table_5(Results()).notes[1]
    for table in (table_6(Results()), table_7(Results())):
        assert any("run qoed-train ablate" in note for note in table.notes)
        assert all(row.cells[:4] == ("–",) * 4 for row in table.rows)


def test_published_figures_are_shown_as_published() -> None:
    """The seed paper's rows carry its four digits and its source."""
    row = next(row for row in table_2(Results()).rows if row.name == "the seed paper")

    assert row.cells == ("0.8952", "0.9087", "0.9105", "0.9075")
    assert "Computer Systems & Applications" in row.note
    assert [row.cells[4] for row in table_6(Results()).rows][-1] == "0.8952"
    assert [row.cells[4] for row in table_7(Results()).rows] == ["0.8359", "0.8952"]


def test_our_row_is_the_mean_and_spread_over_repeats() -> None:
    """A fine-tuned set fills its two cells; the other set of the table still says what it lacks."""
    run = tuned("konvid-1k", "konvid-1k")
    rows = table_4(Results((run,))).rows
    ours = next(row for row in rows if row.kind == "ours")
    srocc = spread([agreement(repeat.predicted, repeat.mos).srocc for repeat in run.repeats])

    assert ours.cells == (str(srocc), str(judged(run.repeats)[1]), "–", "–")
    assert [row.name for row in rows if row.kind == "missing"] == ["ours, LIVE-VQC"]


def test_types_are_judged_each_on_its_own() -> None:
    """Table 3 has one row a type, with the videos of that type only."""
    rows = table_3(Results((tuned("live-vqa", "live-vqa"),))).rows

    assert [row.name for row in rows[:2]] == ["LIVE VQA: blur (small)", "LIVE VQA: noise (small)"]
    assert [row.cells[2] for row in rows[:2]] == ["20", "20"]
    assert rows[2].kind == "missing"


def test_the_mean_across_sets_waits_for_all_twelve_pairs() -> None:
    """Eleven pairs make no mean that could stand beside the paper's; twelve do."""
    runs = [tuned(*pair) for pair in permutations(PAPER_SETS, 2)]
    most, whole = table_5(Results(tuple(runs[1:]))), table_5(Results(tuple(runs)))

    assert most.rows[-1].cells == ("–", "–", "–", "–", "0.4555", "0.4374")
    assert whole.rows[-1].cells[0] != "–"
    assert len(whole.rows) == 13
    assert len(whole.notes) == 1


def test_ablations_meet_their_rows() -> None:
    """Each combination of tasks fills its row whatever the order of its tasks; the module's two rows too."""
    results = made_results()
    turned = tuple(replace(row, tasks=row.tasks[::-1]) for row in results.ablations)
    rows = table_6(Results((), turned)).rows

    assert [row.cells for row in rows] == [row.cells for row in table_6(results).rows]
    assert len(rows) == 7
    assert all(row.bar is not None and row.cells[2] == "–" for row in rows)
    assert [row.bar is not None for row in table_7(results).rows] == [True, True]


def test_results_survive_their_files(tmp_path: Path) -> None:
    """What is saved is read back the same, both kinds; a folder without results is no fault."""
    results = made_results()
    for number, result in enumerate((*results.finetuned, *results.ablations)):
        save_result(result, tmp_path, f"run-{number:02}")

    assert load_results(tmp_path) == results
    assert load_results(tmp_path / "elsewhere") == Results()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 9}', '{"version": 1, "kind": "finetune", "repeats": []}']
)
def test_broken_result_files_are_named(tmp_path: Path, text: str) -> None:
    """A file that cannot be read stops with its name and what to do."""
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "bad.json").write_text(text)

    with pytest.raises(CorpusError, match=r"bad\.json.*run"):
        load_results(tmp_path)


def test_markdown_holds_rows_sources_and_notes() -> None:
    """A table prints whole: columns, sources of published rows, reasons of missing ones, escaped bars."""
    rows = (
        Row(name="a|b", cells=("1",)),
        Row(name="them", cells=("2",), kind="published", note="A paper"),
        Row(name="none", kind="missing", note="not run: no videos"),
    )
    text = to_markdown(Table(name="t", title="T", head="method", columns=("x",), rows=rows, notes=("Why.",)))

    assert text.splitlines()[2:] == [
        "| method | x | source |",
        "|---|---:|---|",
        "| a\\|b | 1 | ours |",
        "| them | 2 | A paper |",
        "| none | not run: no videos |  |",
        "",
        "Why.",
    ]


def test_a_row_of_the_wrong_length_is_a_mistake() -> None:
    """Cells that do not fit the columns are refused when the table is made."""
    with pytest.raises(ValueError, match="2 cells"):
        Table(name="t", title="T", head="h", columns=("x",), rows=(Row(name="a", cells=("1", "2")),))
