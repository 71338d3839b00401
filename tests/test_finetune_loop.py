"""Fine-tuning: judged on what was held out, resumed to the same result, never spoilt."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from qoed_engine.manifest import Recipe
from qoed_training.agreement import agreement
from qoed_training.checkpoint import load_weights
from qoed_training.data.corpus import CorpusError
from qoed_training.finetune import loop
from qoed_training.finetune.epoch import FinetuneConfig, make_optimizer, predict, run_epoch
from qoed_training.finetune.loop import finetune, judge_elsewhere, repeats_of
from qoed_training.finetune.results import describe, summary
from qoed_training.finetune.splits import content_splits
from qoed_training.finetune.surrogate import rated_scenes, recut, spread_over_groups
from qoed_training.network.model import QualityNetwork
from qoed_training.precision import Precision
from qoed_training.selfsup.trunk import save_trunk
from qoed_training.step import NonFiniteLoss
from training_material import OPINION, TINY, made_scene

SCENES = [made_scene(number, entries=5, cuts=1) for number in range(6)]
RATED = rated_scenes(SCENES, OPINION, TINY.recipe)
CONFIG = FinetuneConfig(epochs=2, repeats=2, batch=12, checkpoint_every=1, threads=1)


def tuned(folder: Path, config: FinetuneConfig = CONFIG, trunk: Path | None = None) -> list[str]:
    return list(finetune(RATED, folder, TINY, config, trunk))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    tuned(folder)
    return folder


def test_repeats_are_judged_on_what_they_never_saw(finished: Path) -> None:
    """Each repeat leaves predictions for its own test side, with their opinions, contents and distortions."""
    splits = content_splits(RATED.contents, repeats=2, seed=CONFIG.seed)

    for judged, split in zip(repeats_of(finished, 2), splits, strict=True):
        assert judged.mos == tuple(round(float(value), 4) for value in RATED.mos[split.test])
        assert judged.content == tuple(RATED.contents[item] for item in split.test)
        assert set(judged.distortion) == {"none", "noise"}
        assert len(set(judged.predicted)) > 1


def test_the_result_is_mean_and_spread_over_repeats(finished: Path) -> None:
    """The result file says which set, how much of it, and mean, deviation and each of four measures."""
    result = json.loads((finished / "result.json").read_text())
    srocc = [agreement(one.predicted, one.mos).srocc or 0.0 for one in repeats_of(finished, 2)]

    assert set(result) == {"set", "items", "contents", "repeats", "mean", "spread", "each"}
    assert (result["set"], result["items"], result["contents"], result["repeats"]) == ("surrogate", 30, 6, 2)
    assert set(result["mean"]) == set(result["spread"]) == {"srocc", "plcc", "krocc", "rmse"}
    assert result["mean"]["srocc"] == pytest.approx(np.mean(srocc), abs=1e-4)
    assert result["spread"]["srocc"] == pytest.approx(np.std(srocc, ddof=1), abs=1e-4)
    assert [row["srocc"] for row in result["each"]] == pytest.approx(srocc, abs=1e-4)


def test_one_repeat_has_no_spread(finished: Path) -> None:
    """A single repeat gives means, no spread, and a line that says so by leaving it out."""
    found = summary(repeats_of(finished, 1))

    assert found["spread"] == dict.fromkeys(("srocc", "plcc", "krocc", "rmse"))
    assert "±" not in describe(found)
    assert describe(found).startswith("SROCC ")


def killing_at(epoch: int, repeat: int) -> Callable[..., float]:
    def run(*arguments: Any, **where: Any) -> float:
        if (where["repeat"], where["epoch"]) == (repeat, epoch):
            raise KeyboardInterrupt
        return run_epoch(*arguments, **where)

    return run


@pytest.mark.parametrize(("repeat", "epoch"), [(0, 1), (1, 0)])
def test_an_interrupted_run_continues_to_the_same_predictions(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repeat: int, epoch: int
) -> None:
    """Stopped inside a repeat or between two, a run ends as if it had never stopped."""
    with monkeypatch.context() as patch:
        patch.setattr(loop, "run_epoch", killing_at(epoch, repeat))
        with pytest.raises(KeyboardInterrupt):
            tuned(tmp_path)
    lines = tuned(tmp_path)

    assert (lines[0] == "repeat 1: resumed at epoch 1") == (repeat == 0)
    assert repeats_of(tmp_path, 2) == repeats_of(finished, 2)
    assert not list(tmp_path.glob("*.checkpoint.safetensors"))


def test_a_finished_run_is_not_trained_again(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking again gives the same last line without a step."""
    monkeypatch.setattr(loop, "run_epoch", killing_at(0, 0))

    assert [line.partition(":")[0] for line in tuned(finished)] == ["surrogate"]


def test_other_settings_are_not_mixed_into_a_run(finished: Path) -> None:
    """A folder that holds a run with another learning rate is refused by the name of what differs."""
    with pytest.raises(CorpusError, match=r"other settings \(learning_rate\): delete it"):
        tuned(finished, replace(CONFIG, learning_rate=1e-2))


def test_a_non_finite_loss_keeps_the_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loss that is no number stops the run with one line; the epoch before is continued from later."""
    plain = torch.autograd.backward
    steps: Iterator[int] = iter(range(100))

    def spoilt(loss: Tensor) -> None:
        plain(loss * float("nan") if next(steps) >= 2 else loss)

    with monkeypatch.context() as patch:
        patch.setattr(torch.autograd, "backward", spoilt)
        with pytest.raises(NonFiniteLoss, match="lower the learning rate; the last checkpoint is whole"):
            tuned(tmp_path)

    assert tuned(tmp_path)[0] == "repeat 1: resumed at epoch 1"


def test_predictions_that_are_no_numbers_are_not_judged() -> None:
    """A network that gives NaN is reported as such, not as an agreement."""
    network = QualityNetwork(TINY)
    torch.nn.init.constant_(network.quality.bias, float("nan"))

    with pytest.raises(NonFiniteLoss, match="surrogate: some predictions are no numbers"):
        predict(network, RATED, [0, 1], batch=4, precision=Precision())


def test_a_trunk_is_what_training_starts_from(tmp_path: Path) -> None:
    """With no rate to learn at, the pretrained weights come out as they went in."""
    torch.manual_seed(77)
    pretrained = QualityNetwork(TINY)
    save_trunk(tmp_path / "trunk.safetensors", pretrained)
    config = replace(CONFIG, epochs=1, repeats=1, learning_rate=0.0, optimizer="sgd", decay=True)
    config = replace(config, precision=Precision("cpu", bf16=True))
    tuned(tmp_path / "run", config, tmp_path / "trunk.safetensors")
    save = tmp_path / "run" / "repeat-0.safetensors"
    after = QualityNetwork(TINY)
    load_weights(save, after)

    for (name, one), other in zip(
        pretrained.fragments.named_parameters(), after.fragments.parameters(), strict=True
    ):
        assert torch.equal(one, other), name


def test_training_lowers_the_loss() -> None:
    """Some epochs on clips that grow noisier bring the prediction into line with the opinion."""
    torch.manual_seed(1)
    model, items = QualityNetwork(TINY), np.arange(30)
    config = replace(CONFIG, learning_rate=3e-3)
    optimizer = make_optimizer(model, config)
    losses = [run_epoch(model, optimizer, RATED, items, config, repeat=0, epoch=epoch) for epoch in range(8)]

    assert losses[-1] < 0.6 * losses[0]


def test_networks_are_judged_on_the_whole_of_another_set(finished: Path) -> None:
    """The cross-dataset test predicts every item of the other set with every repeat's weights."""
    other = rated_scenes([made_scene(20, cuts=1), made_scene(21, cuts=1)], OPINION, TINY.recipe)
    judged = list(judge_elsewhere(finished, other, TINY, CONFIG))

    assert [(one.repeat, len(one.predicted)) for one in judged] == [(0, 10), (1, 10)]
    assert judged[0].predicted != judged[1].predicted


def test_scenes_are_cut_for_a_smaller_recipe() -> None:
    """Fragments keep their top-left patches, the view becomes means of 2x2, frames are thinned."""
    large, small = Recipe(frames=4, grid=6), Recipe(frames=2, grid=3)
    clips = np.random.default_rng(0).integers(0, 256, (2, *large.clip_shape), dtype=np.uint8)
    made = recut(clips, small)

    assert made.shape == (2, *small.clip_shape)
    assert np.array_equal(made[:, :, :96], clips[:, ::2, :96, :96])
    means = clips[:, ::2, 192:].reshape(2, 2, 96, 2, 96, 2, 3).mean(axis=(3, 5))
    assert np.abs(made[:, :, 96:] - means).max() <= 0.5
    assert np.array_equal(recut(clips, large), clips)


def test_scenes_too_small_for_a_recipe_are_refused() -> None:
    """Scenes of another make end in a line that says what they hold and what to do."""
    with pytest.raises(CorpusError, match=r"2 frames and 96 pixels: they do not divide .* make scenes anew"):
        rated_scenes(SCENES, OPINION, Recipe())
    with pytest.raises(CorpusError, match="no scenes to fine-tune on"):
        rated_scenes([], OPINION, TINY.recipe)


def test_a_limit_takes_from_all_productions() -> None:
    """Half the scenes still show every production, and every video before one comes twice."""
    scenes = [
        replace(made_scene(0, cuts=1), name=f"{group}{video}-{part}", group=group)
        for group in "ab"
        for video in "xy"
        for part in "12"
    ]
    assert [scene.name for scene in spread_over_groups(scenes, 4)] == ["ax-1", "bx-1", "ay-1", "by-1"]
