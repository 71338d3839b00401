"""What the network was not made for, drawn; and the real pictures that must not be taken for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from qoed_training.data import unfit
from qoed_training.data.corpus import CorpusError, Source, read_corpus
from qoed_training.data.lettering import FONTS, FRESH_FONTS, width_of, write
from qoed_training.data.slates import SLATES, snow
from qoed_training.data.unfit import (
    CHANGES,
    NATURAL,
    REAL_TAKES,
    TakeSpec,
    build_takes,
    load_takes,
    make_take,
    near_black,
    night,
    plan_takes,
)
from training_material import RECIPE, canvas, write_corpus

SIZE = (160, 90)
MOVING = {"snow", "countdown"}


@pytest.fixture
def sources(tmp_path: Path) -> list[Source]:
    return read_corpus(write_corpus(tmp_path / "corpus"))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes of one small screen."""
    monkeypatch.setattr(unfit, "HEIGHTS", (240,))


def scene() -> list[np.ndarray]:
    """Two pictures with light and shade."""
    grey = (255 * canvas(3, SIZE[1], SIZE[0])).astype(np.uint8)
    return [np.repeat(np.roll(grey, step, axis=1)[..., None], 3, axis=2) for step in (0, 5)]


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("kind", SLATES)
def test_a_kind_is_drawn_alike_from_the_same_seed_only(kind: str, fresh: bool) -> None:
    """Every kind gives the wanted number of pictures, the same for the same seed and others for another."""
    first, again = (SLATES[kind](np.random.default_rng(5), SIZE, 3, fresh) for _ in range(2))
    others = [SLATES[kind](np.random.default_rng(seed), SIZE, 3, fresh) for seed in range(6, 14)]

    assert [(each.shape, each.dtype.name) for each in first] == [((90, 160, 3), "uint8")] * 3
    assert np.array_equal(np.stack(first), np.stack(again))
    assert any(not np.array_equal(np.stack(first), np.stack(other)) for other in others)
    assert kind not in MOVING or not np.array_equal(first[0], first[2])


def test_words_are_drawn_where_they_fit() -> None:
    """Words darken the canvas at their place only, and what reaches over its edge is cut off."""
    page = np.full((40, 200, 3), 255, np.uint8)
    wide = write(page, "Off air", x=20, y=10, height=20, colour=(0, 0, 0))
    write(page, "Off air", x=190, y=-15, height=20, colour=(0, 0, 0))
    write(page, "Off air", x=300, y=50, height=20, colour=(0, 0, 0))

    assert wide == width_of("Off air", 20)
    assert page[:, 20 : 20 + wide].min() < 40
    assert page[10:, :20].min() == 255
    assert page[:, 20 + wide : 190].min() == 255


@pytest.mark.parametrize("font", [*FONTS, *FRESH_FONTS])
def test_every_font_is_there(font: str) -> None:
    """All fonts come with matplotlib, and those of the test split are none that the probe learns from."""
    assert width_of("Stream", 24, font) > 24
    assert set(FONTS).isdisjoint(FRESH_FONTS)


@pytest.mark.parametrize("seed", range(5))
def test_near_black_shows_nothing_and_night_shows_its_lights(seed: int) -> None:
    """Near-black stays near 0 everywhere; night is darker than day, but its lights stay bright."""
    day = scene()
    black = np.stack(near_black(np.random.default_rng(seed), day, False))
    dark = np.stack(night(np.random.default_rng(seed), day, False))

    assert black.mean() < 24
    assert np.percentile(black, 99) < 28
    assert dark.mean() < np.stack(day).mean()
    assert np.percentile(dark, 99.9) > 100


@pytest.mark.parametrize("kind", sorted(NATURAL))
def test_a_picture_that_resembles_a_slate_is_still_there(kind: str) -> None:
    """Words over a picture, bars around it or night leave some of the scene's own detail."""
    day = scene()
    changed = CHANGES[kind](np.random.default_rng(1), day, False)

    assert len(changed) == len(day)
    assert [each.shape for each in changed] == [each.shape for each in day]
    assert not np.array_equal(changed[0], day[0])
    assert not np.array_equal(changed[0], changed[1])
    assert changed[0].std() > 10


def test_grain_is_new_in_every_picture() -> None:
    """Snow never repeats itself, not even after coding starts from it."""
    first, second = snow(np.random.default_rng(0), SIZE, 2, False)

    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.2


def test_a_plan_holds_every_kind_in_every_split() -> None:
    """Every kind comes in each split, real pictures more often, and no two takes are alike."""
    specs = plan_takes(seed=3, count={"train": 2, "test": 1})

    assert len(specs) == 3 * (len(SLATES) + len(CHANGES) + (REAL_TAKES - 1) * len(NATURAL))
    assert len({spec.name for spec in specs}) == len(specs)
    assert {spec.kind for spec in specs if spec.split == "test"} == {*SLATES, *CHANGES}
    assert specs == plan_takes(seed=3, count={"train": 2, "test": 1})
    assert specs != plan_takes(seed=4, count={"train": 2, "test": 1})


@pytest.mark.usefixtures("small")
def test_a_take_is_cut_as_drawn_and_coded_lightly_and_heavily(sources: list[Source]) -> None:
    """A take holds three clips as the network sees them; heavy coding moves further from what was drawn."""
    clips = make_take(TakeSpec("screen", "train", 11), sources, RECIPE)
    drawn, light, heavy = clips.astype(float)

    assert clips.shape == (3, *RECIPE.clip_shape)
    assert clips.dtype == np.uint8
    assert 0 < np.abs(light - drawn).mean() < np.abs(heavy - drawn).mean()
    assert np.array_equal(clips[0], make_take(TakeSpec("screen", "train", 11), sources, RECIPE)[0])


@pytest.mark.usefixtures("small")
def test_takes_go_on_where_they_were_stopped(sources: list[Source], tmp_path: Path) -> None:
    """What is there is not made again, and reads back with its kind, its split and its side."""
    specs = [TakeSpec("flat", "train", 5), TakeSpec("night", "train", 6)]
    folder = tmp_path / "takes"
    list(build_takes(specs[:1], sources, folder, RECIPE))
    before = next(folder.iterdir()).stat().st_mtime_ns
    lines = list(build_takes(specs, sources, folder, RECIPE))

    assert lines[0] == "1 of 2 takes are there"
    assert (folder / f"{specs[0].name}.npz").stat().st_mtime_ns == before
    takes = {take.kind: take for take in load_takes(folder)}
    assert {kind: (take.split, take.unfit) for kind, take in takes.items()} == {
        "flat": ("train", True),
        "night": ("train", False),
    }
    assert takes["flat"].clips.shape == (3, *RECIPE.clip_shape)


@pytest.mark.usefixtures("small")
def test_a_split_without_real_videos_is_named(sources: list[Source]) -> None:
    """Pictures cannot be darkened where there are none: the error names the split and what to do."""
    only = [source for source in sources if source.split == "train"]

    with pytest.raises(CorpusError, match=r"no videos of the test split .* add some to sources.csv"):
        make_take(TakeSpec("near_black", "test", 1), only, RECIPE)
