"""The probe that tells what the network was made for, from features to the file that export takes along."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from qoed_training import fitness as stage
from qoed_training.checkpoint import save_weights
from qoed_training.data.corpus import CorpusError
from qoed_training.data.unfit import Take
from qoed_training.fitness import (
    ABOVE,
    Examples,
    Fitness,
    fit_fitness,
    fit_probe,
    gather,
    judge,
    load_fitted,
    make_fitness,
    register,
    tolerate,
)
from qoed_training.network.model import QualityNetwork
from training_material import RECIPE, TINY, made_scene

SPLITS = ("train", "calibration", "test")


@pytest.fixture
def network() -> QualityNetwork:
    torch.manual_seed(0)
    return QualityNetwork(TINY).eval()


def examples(gap: float, *, split: str = "train", count: int = 400, seed: int = 0) -> Examples:
    """Two clouds of features `gap` apart, half of them unfit."""
    rng = np.random.default_rng(seed)
    unfit = np.arange(count) % 2 == 0
    features = rng.normal(size=(count, 6)) + gap * unfit[:, None] * np.array([1, -1, 0, 0, 0, 0])
    kinds = np.where(unfit, "snow", np.where(np.arange(count) % 4 == 1, "blur", "h264"))
    return Examples(features.astype(np.float32), unfit, kinds, np.full(count, split))


def takes() -> Iterator[Take]:
    """Flat clips to abstain on and noisy ones to score, for every split."""
    rng = np.random.default_rng(1)
    for split in SPLITS:
        for level in (0, 90, 250):
            yield Take("flat", split, np.full((3, *RECIPE.clip_shape), level, np.uint8))
        yield Take("night", split, rng.integers(0, 90, (3, *RECIPE.clip_shape), dtype=np.uint8))


def run(steps: object) -> object:
    """A generator's value, once it has run to its end."""
    try:
        while True:
            next(steps)  # type: ignore[call-overload]
    except StopIteration as stopped:
        return stopped.value


def test_the_probe_tells_apart_what_lies_apart() -> None:
    """Two separate clouds are told apart on examples that the probe never saw, alike at each fit."""
    probe = fit_probe(examples(4.0))
    again = fit_probe(examples(4.0))
    receipt = judge(probe, examples(4.0, seed=1))

    assert torch.equal(probe.linear.weight, again.linear.weight)
    assert receipt["auc"] > 0.99
    assert receipt["found"] > 0.95
    assert set(receipt["found_by_kind"]) == {"snow"}
    assert set(receipt["real_abstained_by_kind"]) == {"blur", "h264"}


def test_both_sides_weigh_the_same() -> None:
    """Few slates among many real clips are found as if there were as many: their share is no prior."""
    many = examples(3.0, count=2000)
    kept = ~many.unfit | (np.arange(2000) < 40)
    few = Examples(many.features[kept], many.unfit[kept], many.kinds[kept], many.splits[kept])

    assert judge(fit_probe(few), examples(3.0, seed=2))["found"] > 0.85


@pytest.mark.parametrize("gap", [0.5, 1.5, 6.0])
def test_at_most_one_real_clip_in_two_hundred_abstains(gap: float) -> None:
    """However badly the sides part, the level is set so that hardly a real clip is lost."""
    probe, held_out = fit_probe(examples(gap)), examples(gap, split="calibration", count=2000, seed=3)
    before = probe.linear.bias.item()
    tolerate(probe, held_out)
    real = torch.from_numpy(held_out.features[~held_out.unfit])
    with torch.no_grad():
        above = int((probe(real) > ABOVE).sum())

    assert above <= 5
    assert probe.linear.bias.item() <= before
    assert gap < 2 or probe.linear.bias.item() == before


def test_a_random_probe_finds_nothing() -> None:
    """The receipt of a probe that knows nothing says so: its AUC is that of a coin."""
    receipt = judge(fit_probe(examples(0.0)), examples(0.0, count=4000, seed=4))

    assert receipt["auc"] == pytest.approx(0.5, abs=0.05)
    assert (receipt["clips_unfit"], receipt["clips_real"]) == (2000, 2000)


def test_recorded_screens_count_as_unfit(network: QualityNetwork) -> None:
    """Scenes of screen recordings stand with the slates, filmed ones with what is scored, by their plan."""
    filmed, screen = made_scene(0, entries=3), replace(made_scene(1, entries=3), group="vhs")
    found = run(gather(network, [filmed, screen], []))

    assert isinstance(found, Examples)
    assert found.features.shape == (6, 8 * TINY.fused)
    assert found.unfit.tolist() == [False] * 3 + [True] * 3
    assert found.kinds.tolist() == ["clean", "noise", "noise"] + ["recorded_screen"] * 3


def test_features_are_those_that_the_heads_read(network: QualityNetwork) -> None:
    """The probe sits on the same feature as the network's own heads, of one cut of every entry."""
    scene = made_scene(0, entries=2, cuts=2)
    found = run(gather(network, [scene], []))
    clips = torch.from_numpy(np.stack([scene.clips[0, 0], scene.clips[1, 1]]))
    with torch.no_grad():
        feature = network.neck(network.features(clips))
        raw, _ = network(clips)

    assert isinstance(found, Examples)
    assert np.allclose(found.features, feature.numpy(), atol=1e-5)
    assert torch.allclose(network.quality(feature)[:, 0], raw, atol=1e-5)


def test_a_fitted_probe_is_saved_with_its_receipt(network: QualityNetwork, tmp_path: Path) -> None:
    """The stage ends in two files, without pickle, that give back the same probabilities and the receipt."""
    scenes = [made_scene(number, split=split) for number, split in enumerate(SPLITS)]
    lines = list(fit_fitness(network, scenes, takes(), tmp_path))
    fitted = load_fitted(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["fitness.json", "fitness.safetensors"]
    assert fitted is not None
    assert fitted.receipt == json.loads(lines[-1])
    assert fitted.above == ABOVE
    assert fitted.receipt["found_by_kind"]["flat"] >= 0.6
    assert set(fitted.receipt["real_abstained_by_kind"]) == {"clean", "night", "noise"}
    with torch.no_grad():
        probabilities = fitted.probe(torch.randn(5, 8 * TINY.fused))
    assert probabilities.shape == (5,)
    assert ((probabilities >= 0) & (probabilities <= 1)).all()


def test_no_probe_is_no_error(tmp_path: Path) -> None:
    """Weights without a probe are exported as before: nothing is loaded, nothing is raised."""
    assert load_fitted(tmp_path) is None


def test_a_split_with_one_side_only_is_named(network: QualityNetwork, tmp_path: Path) -> None:
    """Without clips to abstain on nothing can be learned, and the split that lacks them is named."""
    with pytest.raises(CorpusError, match="the train split lacks"):
        list(fit_fitness(network, [made_scene(0)], [], tmp_path))
    with pytest.raises(CorpusError, match="run qoed-train scenes first"):
        list(fit_fitness(network, [], [], tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_the_stage_needs_trained_weights(tmp_path: Path) -> None:
    """Before training there is nothing to probe, and the message says which command to run."""
    with pytest.raises(CorpusError, match=r"weights\.safetensors is missing: run qoed-train train first"):
        list(make_fitness(tmp_path, tmp_path))


def test_the_stage_goes_from_weights_to_a_probe(
    network: QualityNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make_fitness` loads the variant's weights, makes takes and leaves the probe beside the weights."""
    scenes = [made_scene(number, split=split) for number, split in enumerate(SPLITS)]
    (tmp_path / TINY.name).mkdir()
    save_weights(tmp_path / TINY.name / "weights.safetensors", network.state_dict())
    monkeypatch.setattr(stage, "read_corpus", lambda _folder: [])
    monkeypatch.setattr(stage, "build_takes", lambda *_: iter(["takes made"]))
    monkeypatch.setattr(stage, "load_takes", lambda _folder: takes())
    monkeypatch.setattr(stage, "load_scenes", lambda _folder: scenes)
    lines = list(make_fitness(tmp_path, tmp_path, TINY))

    assert lines[0] == "takes made"
    assert load_fitted(tmp_path / TINY.name) is not None


def test_the_command_is_registered() -> None:
    """`qoed-train fitness` exists and names its folders."""
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    result = CliRunner().invoke(app, ["fitness", "--help"])

    assert result.exit_code == 0
    assert "trained network what it was not made for" in result.output


def test_the_probe_travels_with_the_network(network: QualityNetwork) -> None:
    """One module gives all three outputs from one pass, the probe's those of the feature before the heads."""
    probe = Fitness(8 * TINY.fused).eval()
    clips = torch.from_numpy(made_scene(0).clips[:2, 0].copy())
    with torch.no_grad():
        unfit = probe(network.neck(network.features(clips)))
        assert unfit.shape == (2,)
        assert torch.allclose(unfit, torch.sigmoid(probe.linear(network.neck(network.features(clips))))[:, 0])
