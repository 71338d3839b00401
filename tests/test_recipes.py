"""Sampling recipes: what each sees, what it costs, and the curve that comes of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from scipy.stats import spearmanr
from typer.testing import CliRunner

from qoed_training import recipe_cost, recipes
from qoed_training.checkpoint import save_weights
from qoed_training.data.corpus import CorpusError
from qoed_training.network import sizes
from qoed_training.network.cost import cost
from qoed_training.network.model import LookName, QualityNetwork
from qoed_training.recipe_cost import network_for, preprocess_ms, recipe_costs
from qoed_training.recipes import GREY, Judged, judge_recipes, mark_curve, raw_by_recipe
from qoed_training.sampling import Sampling, fewer_frames, samplings
from scene_files import write_scene
from training_material import OPINION, RECIPE, TINY, made_scene

FOUR = replace(TINY, recipe=replace(RECIPE, frames=4))
BOTH: tuple[LookName, ...] = ("fragments", "view")


@pytest.fixture(autouse=True)
def repeatable() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network's time is its FLOPs, a picture's 1 ms for patches and 2 for the view."""

    def clip_ms(networks: Mapping[str, QualityNetwork], *, rounds: int) -> dict[str, float]:
        return {name: recipe_cost.cost_of(network).flops / 1e6 for name, network in networks.items()}

    monkeypatch.setattr(recipe_cost, "clip_ms", clip_ms)
    monkeypatch.setattr(recipe_cost, "preprocess_ms", lambda config: (1.0, 2.0))


def test_every_recipe_that_the_clips_can_show_is_there() -> None:
    """Looks, frames and clips are combined, but for a second clip where it would show nothing new."""
    names = {sampling.name for sampling in samplings(FOUR, 2)}

    assert len(names) == len(samplings(FOUR, 2)) == 15
    assert {"fragments 1x2", "view 4x1", "fragments+view 4x2"} <= names
    assert not {"view 1x2", "view 4x2"} & names
    assert {s.frames for s in samplings(TINY, 2)} == {1, 2}
    assert {s.clips for s in samplings(FOUR, 1)} == {1}


@pytest.mark.parametrize(
    ("frames", "fragments", "view"),
    [(4, [0, 1, 2, 3], [0, 2]), (2, [0, 0, 2, 2], [0, 0]), (1, [0, 0, 0, 0], [0, 0])],
)
def test_skipped_frames_are_repeats(frames: int, fragments: list[int], view: list[int]) -> None:
    """Frames that a recipe skips show the one before; the network's view sees what a smaller one would."""
    clip = np.zeros((1, *FOUR.recipe.clip_shape), np.uint8)
    clip += np.arange(4, dtype=np.uint8)[None, :, None, None, None]
    made = fewer_frames(clip, frames, FOUR)
    side = FOUR.recipe.side

    assert [int(frame.max()) for frame in made[0, :, :side]] == fragments
    assert [int(frame.max()) for frame in made[0, :: FOUR.view_every, side:]] == view
    assert made.shape == clip.shape
    assert all(np.ptp(half) == 0 for frame in made[0] for half in (frame[:side], frame[side:]))


def test_a_recipe_is_judged_by_clips_with_grey_for_what_it_lacks() -> None:
    """Raw scores by recipe are those of the whole network on clips with a grey look, averaged over clips."""
    network, scene = QualityNetwork(TINY).eval(), made_scene(3, entries=3)
    found = raw_by_recipe(network, scene, [s for s in samplings(TINY, 2) if s.frames == 1])

    assert len(found) == 5
    for sampling, raw in found.items():
        wanted = []
        for cut in range(sampling.clips):
            clips = fewer_frames(scene.clips[:, cut], 1, TINY)
            if "fragments" not in sampling.looks:
                clips[:, :, : RECIPE.side] = GREY
            if "view" not in sampling.looks:
                clips[:, :, RECIPE.side :] = GREY
            with torch.no_grad():
                wanted.append(network(torch.from_numpy(clips))[0].numpy())
        np.testing.assert_allclose(raw, np.mean(wanted, axis=0), atol=1e-5)


def test_one_look_costs_its_part_of_the_network() -> None:
    """Networks of one look share out the whole one's work, and none looks at the other half."""
    whole = cost(FOUR).flops
    parts = [network_for(Sampling((look,), 4, 1), FOUR) for look in BOTH]
    heads = 2 * 8 * FOUR.fused * sum(layer.out_features for layer in (parts[0].quality, parts[0].distortions))

    assert sum(recipe_cost.cost_of(part).flops for part in parts) == whole + heads
    clip = torch.zeros((1, *FOUR.recipe.clip_shape), dtype=torch.uint8)
    for part, half in zip(parts, (slice(FOUR.recipe.side, None), slice(FOUR.recipe.side)), strict=True):
        other = clip.clone()
        other[:, :, half] = 255
        with torch.no_grad():
            assert torch.equal(part(clip)[0], part(other)[0])


@pytest.mark.usefixtures("timed")
def test_recipes_cost_what_they_look_at() -> None:
    """Time and FLOPs count the looks, frames and clips of a recipe, and pictures that are really cut."""
    costs = recipe_costs(FOUR, samplings(FOUR, 2))
    by_name = {sampling.name: each for sampling, each in costs.items()}

    assert by_name["fragments+view 4x1"].gflop == pytest.approx(cost(FOUR).flops / 1e9)
    assert by_name["fragments+view 4x2"].network_ms == 2 * by_name["fragments+view 4x1"].network_ms
    assert by_name["fragments 2x1"].gflop < 0.6 * by_name["fragments 4x1"].gflop
    assert [by_name[name].preprocess_ms for name in ("fragments 4x2", "view 4x1", "fragments+view 4x1")] == [
        8.0,
        4.0,
        12.0,
    ]


def test_preprocessing_is_timed_by_parts() -> None:
    """Cutting patches and cutting the view each take some time."""
    patches_ms, view_ms = preprocess_ms(TINY)

    assert patches_ms > 0
    assert view_ms > 0


@pytest.mark.usefixtures("timed")
def test_the_curve_is_written(tmp_path: Path) -> None:
    """The file holds a point for each recipe with its agreement over all clips and within scenes."""
    network, scenes = QualityNetwork(TINY).eval(), [made_scene(n, split="test") for n in range(2)]
    lines = list(judge_recipes(network, scenes, OPINION, tmp_path / "new" / "recipes.json"))
    page = json.loads((tmp_path / "new" / "recipes.json").read_text())
    points = {point["name"]: point for point in page["recipes"]}

    assert len(points) == 10
    assert (page["network"], page["scenes"], page["clips"]) == ("tiny", 2, 10)
    assert any("judged as this network takes it" in note for note in page["notes"])
    assert lines[0] == "10 recipes on 2 scenes; first, what each costs"
    assert sum(line.startswith("recipe ") for line in lines) == 10
    with torch.no_grad():
        raws = [
            network(torch.from_numpy(scene.clips.reshape(-1, *RECIPE.clip_shape)))[0]
            .reshape(5, 2)
            .mean(dim=1)
            for scene in scenes
        ]
    labels = [OPINION.label(scene) for scene in scenes]
    full = points["fragments+view 2x2"]
    each = [float(spearmanr(label, raw).statistic) for label, raw in zip(labels, raws, strict=True)]
    assert full["spearman"] == pytest.approx(
        spearmanr(np.concatenate(labels), np.concatenate(raws)).statistic, abs=1e-4
    )
    assert full["spearman_within_scene_mean"] == pytest.approx(np.mean(each), abs=1e-3)
    assert full["gflop"] == pytest.approx(2 * cost(TINY).flops / 1e9, abs=1e-4)
    assert any(point["on_the_curve"] for point in points.values())


def test_the_curve_is_what_nothing_beats() -> None:
    """A recipe is on the curve unless another agrees as well for less time; one that says nothing is not."""

    def point(name: str, milliseconds: float, spearman: float | None) -> Judged:
        return Judged(name, BOTH, 1, 1, 1.0, 0.0, milliseconds, spearman, None)

    points = [point("cheap", 1, 0.5), point("same", 2, 0.5), point("best", 3, 0.9), point("mute", 0.1, None)]
    marked = {made.name: made.on_the_curve for made in mark_curve(points)}

    assert marked == {"cheap": True, "same": False, "best": True, "mute": False}


def test_scores_that_are_all_alike_agree_with_nothing() -> None:
    """Agreement is None, not a number, where either side does not vary."""
    assert recipes._spearman(np.array([1.0, 2.0]), np.array([3.0, 3.0])) is None
    assert recipes._spearman(np.array([1.0]), np.array([3.0])) is None


@pytest.mark.usefixtures("timed")
def test_the_recipes_command_judges_the_held_out_scenes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`qoed-train recipes` takes the test split of a work folder only, and asks for what is missing."""
    monkeypatch.setattr(sizes, "SIZES", {"small": TINY})
    app = typer.Typer()
    app.callback()(lambda: None)
    recipes.register(app)
    arguments = ["recipes", "--work", str(tmp_path), "--out", str(tmp_path / "recipes.json")]
    (tmp_path / "tiny").mkdir()
    save_weights(tmp_path / "tiny" / "weights.safetensors", QualityNetwork(TINY).state_dict())

    for made, missing in (
        (lambda: OPINION.save(tmp_path / "opinion.json"), "opinion.json is missing: run qoed-train train"),
        (
            lambda: write_scene(tmp_path / "scenes", made_scene(1, split="test")),
            "no held-out scenes to judge recipes on: run qoed-train scenes first",
        ),
    ):
        error = CliRunner().invoke(app, arguments).exception
        assert isinstance(error, CorpusError)
        assert missing in str(error)
        made()
    write_scene(tmp_path / "scenes", made_scene(2))
    result = CliRunner().invoke(app, arguments)

    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "recipes.json").read_text())["scenes"] == 1
