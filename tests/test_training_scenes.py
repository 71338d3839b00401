"""Scene files: made once, whole or not at all, by workers without privileges."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qoed_engine.preprocess import clip_from_frames
from qoed_training.data.corpus import Source, read_corpus
from qoed_training.data.degrade import DISTORTIONS, Degradation
from qoed_training.data.fullref import MEASURES
from qoed_training.data.scenes import SceneSpec, build_scenes, load_scenes, plan_scenes
from training_material import RECIPE, moving, write_corpus, write_video

PLANS = (
    Degradation(codec="h264", quality=22, preset="ultrafast"),
    Degradation(codec="h264", quality=44, preset="ultrafast"),
    Degradation(hold=4),
)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source("clip.with.dots", write_video(tmp_path / "v.mp4"), "plain", "train", soft=False)


def spec(source: Source, start_s: float = 0.5) -> SceneSpec:
    return SceneSpec(source=source, start_s=start_s, display_height=360, plans=PLANS, ordinals=(1, 2))


def test_a_scene_holds_the_reference_and_every_degradation(source: Source, tmp_path: Path) -> None:
    """A scene file gives clips, measures, shares and targets for the untouched section and each plan."""
    lines = list(build_scenes([spec(source)], tmp_path / "scenes", RECIPE, workers=1))
    (scene,) = load_scenes(tmp_path / "scenes")

    assert lines[0] == "0 of 1 scenes are there"
    assert (scene.name, scene.group, scene.split) == (spec(source).name, "plain", "train")
    assert scene.clips.shape == (4, 2, *RECIPE.clip_shape)
    assert scene.clips.dtype == np.uint8
    assert scene.labels.shape == (4, len(MEASURES))
    assert scene.labels[0] == pytest.approx([60, 1, scene.labels[:, 2].max(), 1, 1, 1, 1, 1], abs=1e-3)
    assert (scene.labels[1] > scene.labels[2]).all()
    assert scene.shown_share == pytest.approx([1, 1, 1, 0.1], abs=0.02)
    assert scene.targets[:, DISTORTIONS.index("hold")].tolist() == [0, 0, 0, 1]
    assert [plan.get("quality") for plan in scene.plans] == [None, 22, 44, None]


def test_a_second_run_makes_nothing_again(source: Source, tmp_path: Path) -> None:
    """What is there is kept: an interrupted run is continued, a finished one is left alone."""
    specs, folder = [spec(source, 0.5), spec(source, 1.0)], tmp_path / "scenes"
    list(build_scenes(specs[:1], folder, RECIPE, workers=1))
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    continued = list(build_scenes(specs, folder, RECIPE, workers=1))
    repeated = list(build_scenes(specs, folder, RECIPE, workers=1))

    assert continued[0] == "1 of 2 scenes are there"
    assert len(continued) == 2
    assert repeated == ["2 of 2 scenes are there"]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(load_scenes(folder)) == 2


def test_half_written_scenes_are_not_used(source: Source, tmp_path: Path) -> None:
    """What an interrupted worker left behind is no scene, and is made anew."""
    folder, wanted = tmp_path / "scenes", spec(source)
    folder.mkdir()
    (folder / f".{wanted.name}.123.npz").write_bytes(b"PK half an archive")
    (folder / f"{wanted.name}.clips.npy").write_bytes(b"\x93NUMPY half an array")

    assert load_scenes(folder) == []
    assert next(build_scenes([wanted], folder, RECIPE, workers=1)) == "0 of 1 scenes are there"
    list(build_scenes([wanted], folder, RECIPE, workers=1))
    assert [scene.clips.shape[0] for scene in load_scenes(folder)] == [4]


def test_a_scene_that_cannot_be_made_is_named_and_left_out(source: Source, tmp_path: Path) -> None:
    """One unusable section does not stop the others, and is reported with its reason."""
    specs = [spec(source, 3.5), spec(source, 0.5)]
    lines = list(build_scenes(specs, tmp_path / "scenes", RECIPE, workers=1))

    assert any(
        line.startswith(f"scene {specs[0].name} left out: clip.with.dots at 3.5s: only") for line in lines
    )
    assert [scene.name for scene in load_scenes(tmp_path / "scenes")] == [specs[1].name]


def test_an_interrupted_run_does_not_wait_for_all_that_is_planned(source: Source, tmp_path: Path) -> None:
    """Who stops reading the progress waits for scenes in the making, not for the whole list."""
    specs = [spec(source, round(0.01 * index, 2)) for index in range(200)]
    lines = build_scenes(specs, tmp_path / "scenes", RECIPE, workers=1)
    next(lines)
    next(lines)
    lines.close()

    assert 1 <= len(load_scenes(tmp_path / "scenes")) < 100


def test_scenes_are_made_after_pictures_were_scaled(source: Source, tmp_path: Path) -> None:
    """A process that has already scaled pictures, with threads of FFmpeg in it, can still start workers."""
    clip_from_frames(moving(RECIPE.frames), RECIPE, display_height=360, ordinal=0)
    list(build_scenes([spec(source)], tmp_path / "scenes", RECIPE, workers=2))

    assert len(load_scenes(tmp_path / "scenes")) == 1


def test_planning_repeats_and_follows_the_seed(tmp_path: Path) -> None:
    """Equal seeds plan equal scenes, whichever videos lie beside; another seed plans others."""
    sources = read_corpus(write_corpus(tmp_path))
    plan = {seed: plan_scenes(sources, seed=seed, per_source=2, plans=3) for seed in (1, 2)}
    alone = plan_scenes(sources[1:2], seed=1, per_source=2, plans=3)

    assert len({spec.name for specs in plan.values() for spec in specs}) == 12
    assert [spec.name for spec in alone] == [spec.name for spec in plan[1][2:4]]
    assert all(len(spec.plans) == 3 for spec in plan[1])


def test_scene_workers_give_up_real_time_priority() -> None:
    """After dropping it, CAP_SYS_NICE is gone from the process and nothing else is."""
    program = (
        "import pathlib\n"
        "from qoed_training.data.privileges import drop_sys_nice\n"
        "def held():\n"
        "    lines = pathlib.Path('/proc/thread-self/status').read_text().splitlines()\n"
        "    fields = dict(line.split(':', 1) for line in lines)\n"
        "    return [int(fields[name], 16) for name in ('CapEff', 'CapPrm')]\n"
        "before = held()\n"
        "drop_sys_nice()\n"
        "print(*before, *held())\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    *before, effective, permitted = map(int, result.stdout.split())

    assert [effective, permitted] == [value & ~(1 << 23) for value in before]
