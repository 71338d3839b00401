"""The ablation: every row trained alike, continued row by row, told in one file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from qoed_training.data.corpus import CorpusError
from qoed_training.finetune import ablation as driver
from qoed_training.finetune import command
from qoed_training.finetune.ablation import ROWS, Ablation, Row, ablate
from qoed_training.finetune.loop import FinetuneConfig
from qoed_training.finetune.outcome import load_rows
from qoed_training.finetune.surrogate import load_surrogate
from qoed_training.network.model import QualityNetwork
from qoed_training.network.sizes import NANO, NETWORKS
from qoed_training.selfsup.pretrain import PretrainConfig
from qoed_training.tables.results import load_results
from scene_files import write_scene
from training_material import OPINION, TINY, made_scene, write_corpus

PRETRAINING = PretrainConfig(epochs=1, steps_an_epoch=1, batch=2, sections=1, height=72, threads=1)
FINETUNING = FinetuneConfig(epochs=1, repeats=2, batch=12, threads=1)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    for number in range(6):
        write_scene(folder / "scenes", made_scene(number, cuts=1))
    OPINION.save(folder / "opinion.json")
    write_corpus(folder / "videos", groups=("plain", "other"))
    return folder


def tiny(work: Path, folder: Path) -> Ablation:
    return Ablation(
        videos=work / "videos",
        rated=partial(load_surrogate, work, TINY.recipe, None),
        folder=folder,
        network=TINY,
        pretraining=PRETRAINING,
        finetuning=FINETUNING,
    )


def test_rows_are_the_papers_and_one_without_pretraining() -> None:
    """Seven combinations of three tasks, none at all, and all of them without the multi-scale module."""
    assert len({row.name for row in ROWS}) == 9
    assert len({frozenset(row.tasks) for row in ROWS if row.multi_scale}) == 8
    assert [row.name for row in ROWS if not row.multi_scale] == ["all-one-scale"]
    assert {row.name for row in driver.MODULE} == {"all", "all-one-scale"}


def test_the_whole_ablation_from_one_command(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`qoed-train ablate` makes all nine rows, one file with both tables, and the results of the page."""
    monkeypatch.setitem(NETWORKS, "tiny", TINY)
    monkeypatch.setattr(command, "ABLATION_PRETRAINING", PRETRAINING)
    app = typer.Typer()
    command.register(app)
    out = tmp_path / "made" / "ablation.json"
    options = (
        "--network tiny --epochs 1 --pretrain-epochs 1 --pretrain-steps 1 --repeats 2 --workers 1 --no-bf16"
    )
    places = ["--videos", str(work / "videos"), "--work", str(work), "--out", str(out)]
    ran = CliRunner().invoke(app, ["ablate", *places, *options.split()])
    assert ran.exit_code == 0, ran.output

    told = json.loads(out.read_text())
    rows = {row["row"]: row for row in told["rows"]}
    assert list(rows) == [row.name for row in ROWS]
    assert (told["network"], told["set"], told["items"], told["contents"]) == ("tiny", "surrogate", 30, 6)
    assert told["tasks"] == [row.name for row in ROWS[:8]]
    assert told["module"] == ["all", "all-one-scale"]
    assert told["pretraining"] == {"epochs": 1, "steps_an_epoch": 1, "batch": 2, "seed": 5}
    gains = [a["srocc"] - b["srocc"] for a, b in zip(rows["all"]["each"], rows["none"]["each"], strict=True)]
    assert rows["all"]["srocc_gain_over_none"]["mean"] == pytest.approx(np.mean(gains), abs=1e-3)
    assert "srocc_gain_over_none" not in rows["none"]
    for row in rows.values():
        assert len(row["each"]) == 2
        assert set(row["mean"]) == set(row["spread"]) == {"srocc", "plcc", "krocc", "rmse"}
    found = load_results(work).ablations
    assert {(run.tasks, run.multi_scale) for run in found} == {(row.tasks, row.multi_scale) for row in ROWS}
    assert all(len(run.repeats) == 2 for run in found)


def test_an_ablation_continues_row_by_row(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that are there are left alone, the others are made, and a progress line says how long it takes."""
    ablation, rows = tiny(work, tmp_path / "run"), (Row(()), Row(("pace",)))
    first = list(ablate(ablation, rows=rows[:1]))
    before = ablation.row_file(rows[0]).read_bytes()
    asked: list[Row] = []
    make = driver.run_row

    def noted(plan: Ablation, row: Row) -> Iterator[str]:
        asked.append(row)
        return make(plan, row)

    monkeypatch.setattr(driver, "run_row", noted)
    second = list(ablate(ablation, rows=rows))

    assert first[0] == "0 of 1 rows are there"
    assert second[0] == "1 of 2 rows are there"
    assert asked == [rows[1]]
    assert "row 1/1 pace: SROCC" in second[-1]
    assert second[-1].endswith("min left for all")
    assert ablation.row_file(rows[0]).read_bytes() == before
    assert [row["row"] for row in load_rows(ablation, rows)] == ["none", "pace"]


def test_an_ablation_is_not_continued_with_other_settings(work: Path, tmp_path: Path) -> None:
    """Rows of different lengths of training are never put into one table."""
    ablation = tiny(work, tmp_path / "run")
    list(ablate(ablation, rows=()))

    with pytest.raises(CorpusError, match=r"other settings \(finetuning\)"):
        list(ablate(replace(ablation, finetuning=replace(FINETUNING, epochs=2)), rows=()))


def test_rows_can_be_made_beside_each_other(work: Path, tmp_path: Path) -> None:
    """Rows made by processes of their own come out as rows made one by one, and each keeps its log."""
    beside, alone = tiny(work, tmp_path / "beside"), tiny(work, tmp_path / "alone")
    rows = ROWS[:1]
    lines = list(ablate(beside, rows=rows, workers=2))
    list(ablate(alone, rows=rows))
    found, wanted = (json.loads(one.row_file(rows[0]).read_text()) for one in (beside, alone))

    assert "row 1/1 none: SROCC" in lines[-1]
    assert found["repeats"] == wanted["repeats"]
    assert "surrogate: SROCC" in (beside.folder / "none" / driver.LOG).read_text()


def test_missing_labels_stop_at_once(tmp_path: Path) -> None:
    """Without the fitted opinion map the command says which one to run first."""
    with pytest.raises(CorpusError, match=r"opinion.json is missing: run qoed-train train first"):
        load_surrogate(tmp_path, TINY.recipe, None)


def test_the_nano_network_is_a_whole_one() -> None:
    """The ablation's network holds every module and takes a quarter of the pixels of a scene's clip."""
    network = QualityNetwork(NANO)

    assert sum(parameter.numel() for parameter in network.parameters()) < 400_000
    assert NANO.recipe.side * 2 == QualityNetwork().config.recipe.side
    assert hasattr(network.fragments, "fusion")
    assert hasattr(network.fragments, "encoder")
