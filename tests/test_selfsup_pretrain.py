"""Pretraining: learns, resumes to the same weights, is never spoilt, and hands on the network's own trunk."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from safetensors import safe_open
from typer.testing import CliRunner

from qoed_training.data.corpus import CorpusError
from qoed_training.network.model import QualityNetwork
from qoed_training.precision import Precision
from qoed_training.selfsup import command
from qoed_training.selfsup import pretrain as pretraining
from qoed_training.selfsup.heads import PretextNetwork
from qoed_training.selfsup.losses import Tasks
from qoed_training.selfsup.pretrain import NonFiniteLoss, PretrainConfig, load_trunk, pretrain
from qoed_training.selfsup.trunk import TRUNK
from training_material import RECIPE, TINY, write_video

CONFIG = PretrainConfig(
    epochs=3, steps_an_epoch=1, batch=2, sections=1, height=72, decay_every=2, checkpoint_every=1, threads=1
)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for number in range(3):
        write_video(folder / f"{number}.mp4", frames=14, seed=number)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def config(cache: Path) -> PretrainConfig:
    return dataclasses.replace(CONFIG, cache=cache)


@pytest.fixture(scope="module")
def uninterrupted(videos: Path, config: PretrainConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted")
    list(pretrain(videos, folder, TINY, config))
    return folder


def weights(folder: Path) -> bytes:
    return (folder / "pretrained.safetensors").read_bytes()


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


def test_a_killed_run_resumes_to_the_same_weights(
    videos: Path,
    config: PretrainConfig,
    uninterrupted: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run killed after its first step and started again ends in the weights of an uninterrupted one,
    its learning rate at a tenth in the third of three epochs."""
    step, rates = pretraining.pretrain_step, []

    def killing(model: PretextNetwork, optimizer: Any, batch: Any, rate: float, config: Any) -> Any:
        if len(rates) == 1:
            rates.append(0.0)
            raise Killed
        rates.append(rate)
        return step(model, optimizer, batch, rate, config)

    monkeypatch.setattr(pretraining, "pretrain_step", killing)
    with pytest.raises(Killed):
        list(pretrain(videos, tmp_path, TINY, config))
    lines = list(pretrain(videos, tmp_path, TINY, config))

    assert lines[0] == "resumed at step 1"
    assert lines[-1] == f"wrote {tmp_path / 'pretrained.safetensors'}"
    assert rates == pytest.approx([1e-3, 0.0, 1e-3, 1e-4])
    assert weights(tmp_path) == weights(uninterrupted)


def test_the_trunk_alone_is_handed_on(uninterrupted: Path) -> None:
    """The file holds what makes features, by the network's names; who loads it keeps its own heads."""
    network, fresh = QualityNetwork(TINY), QualityNetwork(TINY)
    fresh.load_state_dict(network.state_dict())
    load_trunk(uninterrupted / "pretrained.safetensors", network)
    with safe_open(uninterrupted / "pretrained.safetensors", framework="pt") as file:
        names = set(file.keys())

    before, after = fresh.state_dict(), network.state_dict()
    assert names == {name for name in after if name.startswith(TRUNK)}
    assert {name.partition(".")[0] for name in names} == {"backbone", "fragments", "view", "kind"}
    assert all(torch.equal(before[name], after[name]) for name in after if name not in names)
    assert not torch.equal(before["backbone.stem.0.0.weight"], after["backbone.stem.0.0.weight"])


def test_weights_of_another_network_are_refused(uninterrupted: Path, tmp_path: Path) -> None:
    """Missing weights and those of other sizes end in one line that says what to do."""
    wider = QualityNetwork(dataclasses.replace(TINY, name="wider", fused=16))
    with pytest.raises(CorpusError, match="pretrained for another network than wider"):
        load_trunk(uninterrupted / "pretrained.safetensors", wider)
    with pytest.raises(CorpusError, match=r"no pretrained weights .*: run qoed-train pretrain"):
        load_trunk(tmp_path / "pretrained.safetensors", wider)


@pytest.mark.parametrize("names", [("distortion",), ("pace",), ("contrast",), ("distortion", "pace")])
def test_each_task_can_be_switched_off(names: tuple[str, ...]) -> None:
    """Only the losses of the tasks that are on come out, and only their heads and the trunk learn."""
    tasks = Tasks(**{name: name in names for name in ("distortion", "pace", "contrast")})
    torch.manual_seed(0)
    model = PretextNetwork(TINY, tasks, projection=8).train()
    clips = torch.randint(0, 256, (2, 4, *RECIPE.clip_shape), dtype=torch.uint8)
    labels = torch.tensor([0, 1, 0, 1])
    parts, right = model(clips[0], clips[1] if tasks.distorted else None, labels, labels)
    torch.autograd.backward(torch.stack(list(parts.values())).sum())

    keys = {"distortion": ["dis"], "pace": ["pace"], "contrast": ["con_org", "con_dis", "distance"]}
    assert list(parts) == [key for name in names for key in keys[name]]
    assert set(right) == {f"{keys[name][0]}_right" for name in names if name != "contrast"}
    assert {name.partition(".")[0] for name, _ in model.named_parameters()} == {
        "trunk",
        *("projection" if name == "contrast" else name for name in names),
    }
    moved = {name for name, weight in model.named_parameters() if weight.grad is not None}
    assert "trunk.backbone.stem.0.0.weight" in moved


def test_it_learns(videos: Path, config: PretrainConfig, tmp_path: Path) -> None:
    """Steps on one batch bring the whole loss down, and teach what is asked; l_distance may give way."""
    torch.manual_seed(0)
    model = PretextNetwork(TINY, Tasks(), projection=8).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    plan_lines = pretraining.prepare(videos, pretraining.SectionCache(tmp_path, 2**30), TINY, config)
    try:
        while True:
            next(plan_lines)
    except StopIteration as stop:
        plan = stop.value
    batch = pretraining.PretextBatches(
        plan, pretraining.SectionCache(tmp_path, 2**30), RECIPE, size=3, seed=1
    ).batch(0)
    shown = [pretraining.pretrain_step(model, optimizer, batch, 0.05, config) for _ in range(12)]

    first, last = (
        {name: value for name, value in shown[step].items() if not name.endswith("right")} for step in (0, -1)
    )
    for name in ("dis", "pace", "con_org", "con_dis"):
        assert last[name] < first[name], name
    assert sum(last.values()) < 0.7 * sum(first.values())
    assert shown[-1]["dis_right"] == 1.0


def test_a_loss_that_is_no_number_loses_nothing(
    videos: Path, config: PretrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A non-finite loss stops the run in one line and leaves the checkpoint of the step before."""
    total, calls = pretraining.total_loss, []

    def spoilt(parts: dict[str, torch.Tensor]) -> torch.Tensor:
        calls.append(1)
        return total(parts) * (float("nan") if len(calls) == 2 else 1.0)

    monkeypatch.setattr(pretraining, "total_loss", spoilt)
    with pytest.raises(NonFiniteLoss, match=r"loss is nan, .*lower the learning rate"):
        list(pretrain(videos, tmp_path, TINY, config))
    assert next(iter(pretrain(videos, tmp_path, TINY, config))) == "resumed at step 1"


def test_a_checkpoint_of_another_run_is_not_continued(
    videos: Path, config: PretrainConfig, uninterrupted: Path, tmp_path: Path
) -> None:
    """Other settings, another network or other videos do not go on from it; more epochs do."""
    before = weights(uninterrupted)
    with pytest.raises(CorpusError, match="run with other config: choose another --work, or delete it"):
        list(pretrain(videos, uninterrupted, TINY, dataclasses.replace(config, tasks=Tasks(pace=False))))
    with pytest.raises(CorpusError, match="run with other network"):
        list(pretrain(videos, uninterrupted, dataclasses.replace(TINY, fused=16), config))
    for number in range(2):
        write_video(tmp_path / f"{number}.mp4", frames=14)
    with pytest.raises(CorpusError, match="run with other videos"):
        list(pretrain(tmp_path, uninterrupted, TINY, config))
    assert weights(uninterrupted) == before


def test_a_truncated_video_is_left_out(config: PretrainConfig, tmp_path: Path) -> None:
    """One line names it, and the others are learnt from."""
    folder = tmp_path / "videos"
    folder.mkdir()
    for number in range(3):
        write_video(folder / f"{number}.mkv", frames=40, seed=number)
    whole = (folder / "2.mkv").read_bytes()
    (folder / "2.mkv").write_bytes(whole[: len(whole) // 4])
    changed = dataclasses.replace(config, epochs=1, cache=None, sections=4)
    lines = list(pretrain(folder, tmp_path / "work", TINY, changed))

    assert sum(line.startswith("2.mkv left out: ") for line in lines) == 1
    assert lines[-1].startswith("wrote ")


@pytest.fixture
def cli() -> typer.Typer:
    app = typer.Typer()
    app.callback()(lambda: None)
    command.register(app)
    return app


def test_the_command_passes_everything_on(
    cli: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Options reach the run, which is shown line by line."""
    calls: list[tuple[Any, ...]] = []

    def fake(*arguments: Any) -> Iterator[str]:
        calls.append(arguments)
        yield "a line"

    monkeypatch.setattr(command, "pretrain", fake)
    words = f"pretrain --videos {tmp_path} --work {tmp_path} --network base --epochs 2 --tasks pace,contrast"
    result = CliRunner().invoke(cli, [*words.split(), "--cache-gb", "0.5", "--device", "cpu", "--bf16"])

    assert result.exit_code == 0, result.output
    assert result.output == "a line\n"
    ((videos, work, network, config),) = calls
    assert (videos, work, network.name) == (tmp_path, tmp_path, "base")
    wanted = PretrainConfig(epochs=2, tasks=Tasks(distortion=False), cache_bytes=2**29)
    assert config == dataclasses.replace(wanted, precision=Precision("cpu", bf16=True))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tasks", "pace,colour"], "unknown task 'colour'"),
        (["--tasks", ","], "name at least one of distortion,pace,contrast"),
        (["--network", "huge"], "no size huge: choose from nano, small, base"),
        (["--device", "abacus"], "unknown device 'abacus'"),
    ],
)
def test_mistakes_in_options_are_named(cli: typer.Typer, words: list[str], said: str) -> None:
    """A wrong option is refused with the choices that there are."""
    result = CliRunner(env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"}).invoke(
        cli, ["pretrain", "--videos", ".", *words]
    )

    assert result.exit_code == 2
    assert said in result.output
