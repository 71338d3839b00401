"""Photographs as sources: found by size, filmed sharp and moving, fetched as whole packages."""

from __future__ import annotations

import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from qoed_engine.manifest import Recipe
from qoed_training.data import camera, fetch_photos
from qoed_training.data.corpus import CorpusError
from qoed_training.data.photos import MIN_LINES, read_photos
from qoed_training.data.scenes import make_scene, plan_scenes, screen_heights
from training_material import luma, moving, write_png

SCREEN = 96


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "large.png"
    write_png(path, moving(1, width=1280, height=720, seed=3)[0])
    return path


def pixels(path: Path, seed: int) -> list[NDArray[np.float64]]:
    return [luma(frame) for frame in camera.film(path, SCREEN, seconds=1.0, seed=seed)[0]]


def test_only_large_pictures_are_sources(photo: Path, tmp_path: Path) -> None:
    """A folder is searched with the folders in it; small pictures and other files are passed over."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.png").symlink_to(photo)
    write_png(tmp_path / "small.png", moving(1, width=320, height=180)[0])
    (tmp_path / "copyright").write_text("free")
    (tmp_path / "broken.jpg").write_text("no picture")

    (source,) = read_photos(tmp_path)

    assert source.path == tmp_path / "inner" / "a.png"
    assert source.photo
    assert source.group == source.clip_id
    assert camera.lines_of_photo(source.path) == 720 >= MIN_LINES
    assert screen_heights(source) == [540, 540]


def test_a_tenth_of_the_photographs_calibrates(photo: Path, tmp_path: Path) -> None:
    """The split goes by name, so that further photographs do not change it."""
    for index in range(200):
        (tmp_path / f"{index}.png").symlink_to(photo)
    splits = [source.split for source in read_photos(tmp_path)]

    assert set(splits) == {"train", "calibration"}
    assert 8 <= splits.count("calibration") <= 35


def test_a_folder_without_photographs_is_said_so(tmp_path: Path) -> None:
    """A missing or empty folder ends in one line that says what to do."""
    with pytest.raises(CorpusError, match="run qoed-train photos first"):
        read_photos(tmp_path / "nowhere")
    with pytest.raises(CorpusError, match="holds no picture of at least 648 lines"):
        read_photos(tmp_path)


@pytest.mark.parametrize("seed", range(8))
def test_a_film_fills_its_screen_and_repeats(photo: Path, seed: int) -> None:
    """A second of frames of the screen's size, the same again from the same seed."""
    frames, fps = camera.film(photo, SCREEN, seconds=1.0, seed=seed)

    assert len(frames) == round(fps)
    assert {(frame.width, frame.height, frame.format.name) for frame in frames} == {(170, SCREEN, "yuv420p")}
    for one, other in zip(pixels(photo, seed), [luma(frame) for frame in frames], strict=True):
        np.testing.assert_array_equal(one, other)


def test_films_differ_in_motion(photo: Path) -> None:
    """Some cameras stand still, most move; no two seeds show the same."""
    films = [pixels(photo, seed) for seed in range(12)]
    changes = [np.mean([np.abs(b - a).mean() for a, b in pairwise(f)]) for f in films]

    assert min(changes) < 0.05
    assert sum(change > 0.3 for change in changes) >= 6
    assert len({film[0].tobytes() for film in films}) == 12


def test_a_film_is_as_sharp_as_its_photograph_allows(photo: Path) -> None:
    """Filming blurs no more than plain scaling to the screen does: it is the clean end of every scene."""
    for seed in range(6):
        film = pixels(photo, seed)
        detail = [np.abs(np.diff(picture, axis=1)).mean() for picture in film]
        assert min(detail) > 0.7 * max(detail)


def test_a_photograph_becomes_a_scene(photo: Path, tmp_path: Path) -> None:
    """One scene of every photograph, made like those of videos."""
    (tmp_path / "a.png").symlink_to(photo)
    (source,) = read_photos(tmp_path)
    (spec,) = plan_scenes([source], seed=1, per_source=6, plans=2)
    recipe = Recipe(frames=2, grid=3, patch=32)
    scene = make_scene(spec, recipe)

    assert scene["clips"].shape == (3, 2, *recipe.clip_shape)
    assert (scene["labels"][1:, 1] < 1).all()


class Shell:
    """Stands for apt-get and dpkg-deb: what a package holds, and which one fails."""

    def __init__(self, fail: str = "") -> None:
        self.fail = fail

    def run(self, command: list[str], *, cwd: Path, **_: object) -> subprocess.CompletedProcess[str]:
        if command[0] == "apt-get":
            self.package = command[-1]
            failed = self.package == self.fail
            return subprocess.CompletedProcess(command, int(failed), "", "E: Unable to locate package")
        root = cwd / "root"
        for path in ("usr/share/b/one two.jpg", f"usr/share/doc/{self.package}/copyright"):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(self.package)
        return subprocess.CompletedProcess(command, 0, "", "")


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Shell:
    made = Shell()
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr("subprocess.run", made.run)
    monkeypatch.setattr(
        fetch_photos,
        "wanted",
        lambda: {"b-1.0": ["usr/share/b/one two.jpg", "usr/share/b/gone.jpg"], "a": []},
    )
    return made


def test_packages_are_fetched_once_with_their_licence(shell: Shell, tmp_path: Path) -> None:
    """Wanted pictures and the copyright file land in a folder for each package; a second run finds them."""
    lines = list(fetch_photos.fetch_photos(tmp_path))

    assert lines == ["1/2 a: 0 of 0 pictures", "2/2 b-1.0: 1 of 2 pictures"]
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == {
        "a/doc_a_copyright",
        "b-1.0/b_one_two.jpg",
        "b-1.0/doc_b-1.0_copyright",
    }
    assert list(fetch_photos.fetch_photos(tmp_path)) == ["1/2 a is there", "2/2 b-1.0 is there"]


def test_a_package_that_cannot_be_had_leaves_nothing_half(shell: Shell, tmp_path: Path) -> None:
    """A failed download ends in one line; what was fetched before stays."""
    shell.fail = "b-1.0"
    with pytest.raises(CorpusError, match=r"b-1.0 cannot be fetched: E: Unable to locate package"):
        list(fetch_photos.fetch_photos(tmp_path))

    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_without_debian_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Elsewhere than on Debian the message says how to use pictures of one's own."""
    monkeypatch.setattr("shutil.which", lambda _name: None)
    with pytest.raises(CorpusError, match="point --photos at a folder of your own pictures"):
        list(fetch_photos.fetch_photos(tmp_path))


def test_the_list_of_photographs_is_whole() -> None:
    """Every row names a package and a file in it, none twice."""
    rows = [(package, path) for package, paths in fetch_photos.wanted().items() for path in paths]

    assert len(rows) == len(set(rows)) > 300
    assert all(path.startswith("usr/") for _package, path in rows)
