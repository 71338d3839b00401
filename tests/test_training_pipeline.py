"""`qoed-train` from videos to a checked engine, on a corpus of seconds and the smallest network."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from qoed_engine import Abstain, EngineError, load_engine
from qoed_engine.loader import BACKENDS
from qoed_engine.manifest import Manifest, read_manifest
from qoed_training import cli, fitness
from qoed_training.checkpoint import load_weights
from qoed_training.data import opinion
from qoed_training.data.degrade import DISTORTIONS
from qoed_training.data.scenes import load_scenes
from qoed_training.evaluation import ladders
from qoed_training.evaluation.ladders import CRF, CRF_LADDER
from qoed_training.evaluation.targets import AGAINST_BASE, TARGETS
from qoed_training.export import UNFIT, export_onnx, load_release
from qoed_training.network.model import NetworkConfig, QualityNetwork
from qoed_training.page.material import load_evaluation
from qoed_training.precision import Precision
from training_material import RECIPE, TINY, write_corpus, write_stills

pytestmark = pytest.mark.timeout(900)  # torch's exporter takes its time, and the first test pays for all


@dataclasses.dataclass(frozen=True)
class Made:
    """What one run of `qoed-train all` left behind."""

    root: Path
    output: str

    @property
    def manifest(self) -> Path:
        return self.root / "out" / "tiny.json"

    def arguments(self, command: str, **options: object) -> list[str]:
        words = [command]
        for name in ("corpus", "stills", "work"):
            words += [f"--{name}", str(self.root / name)]
        for name, value in options.items():
            words += [f"--{name.replace('_', '-')}", str(value)]
        return words

    def run(self, command: str, **options: object) -> list[str]:
        result = CliRunner().invoke(cli.app, self.arguments(command, **options), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output.splitlines()


@pytest.fixture(scope="module", autouse=True)
def tiny() -> Iterator[None]:
    """The command line trains the smallest network instead of the shipped one, the probe is untaught."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(cli.SIZES, cli.SMALL.name, TINY)
        patch.setattr(fitness, "make_fitness", untaught)
        patch.setattr(opinion, "MIN_ANCHORS", 20)
        patch.setattr(ladders, "SECTIONS", SECTIONS)
        patch.setattr(cli, "best_precision", Precision)  # the same weights on every machine
        yield


def untaught(work: Path, corpus: Path, network: NetworkConfig) -> Iterator[str]:
    """In place of the stage that teaches the probe, which has tests of its own."""
    torch.manual_seed(0)
    probe = fitness.Fitness(8 * TINY.fused)
    counts = {"clips_unfit": 1, "clips_real": 1, "auc": 0.5, "found": 0.5, "real_abstained": 0.0}
    receipt = counts | {"found_by_kind": {"slate": 0.5}, "real_abstained_by_kind": {"clean": 0.0}}
    fitness.save_fitted(work / network.name, fitness.Fitted(probe, 0.99, receipt))
    yield "probe untaught"


SIZES = {"per_source": 8, "plans": 3}
SCENES = 3 * SIZES["per_source"]
SECTIONS = 1
STEPS = {"warmup_steps": 3, "steps": 3, "threads": 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = tmp_path_factory.mktemp("training")
    write_corpus(root / "corpus")
    write_stills(root / "stills")
    run = Made(root, "")
    lines = run.run("all", **SIZES, **STEPS, workers=1, out=root / "out")
    return dataclasses.replace(run, output="\n".join(lines))


def trained(made: Made) -> QualityNetwork:
    network = QualityNetwork(TINY)
    load_weights(made.root / "work" / "tiny" / "weights.safetensors", network)
    return network.eval()


def shipped(made: Made) -> tuple[QualityNetwork, fitness.Fitness]:
    """Network and probe as the safetensors beside the manifest hold them."""
    network, probe = QualityNetwork(TINY), fitness.Fitness(8 * TINY.fused)
    load_release(made.manifest.with_suffix(".safetensors"), network, probe)
    return network.eval(), probe


def test_one_command_leads_from_videos_to_a_checked_engine(made: Made) -> None:
    """`qoed-train all` ends with weights that load, pass their canary and score on the calibrated scale."""
    engine = load_engine("auto", made.manifest)
    engine.close()
    manifest = engine.manifest

    assert manifest.model.startswith("tiny-1@")
    assert manifest.recipe == RECIPE
    assert manifest.distortions == DISTORTIONS
    assert manifest.calibration.score[0] == 0.0
    assert manifest.calibration.score[-1] == 100.0
    assert manifest.calibration.half_width != (100.0,)
    assert manifest.abstain == Abstain(UNFIT, 0.99)


def test_progress_is_shown_stage_by_stage(made: Made) -> None:
    """The person sees scenes, warm-up, training, export and judgement go by, with time left."""
    wanted = [
        f"0 of {SCENES} scenes are there",
        "about 0 min left",
        f"0 of {SECTIONS} scenes are there",
        "warm-up 3/3",
        "step 3/3",
        "probe untaught",
        "wrote ",
        "scoring with ",
        "scale and interval fitted",
        "held-out clips judged",
        f"of {len(TARGETS + AGAINST_BASE)} targets reached",
        "copied to ",
    ]
    places = [made.output.find(text) for text in wanted]

    assert -1 not in places
    assert places == sorted(places)
    assert "left out" not in made.output


def test_the_receipt_tells_what_was_measured_on_what(made: Made) -> None:
    """The manifest carries strict JSON with the counts of held-out clips, ladders and stills."""
    receipt = json.loads(made.manifest.read_text(), parse_constant=pytest.fail)["receipt"]

    assert receipt["backend"].endswith(receipt["precision"])
    assert receipt["held_out_clips"]["scenes"] == SIZES["per_source"]
    assert receipt["held_out_clips"]["clips"] == SIZES["per_source"] * (1 + SIZES["plans"])
    assert receipt["held_out_clips"]["groups"] == ["pixabay_macro"]
    assert (receipt["ladders"]["sources"], receipt["ladders"]["clips"]) == (1, SECTIONS)
    assert receipt["ladders"]["kinds"][CRF]["rungs"] == list(CRF_LADDER)
    assert receipt["people"]["people_spread"] is None
    assert set(receipt["head"]["types"]) == set(DISTORTIONS)
    assert receipt["cost"]["parameters"] == sum(p.numel() for p in trained(made).parameters())
    assert [row["target"] for row in receipt["targets"]] == [target.name for target in TARGETS + AGAINST_BASE]
    assert receipt["held_out_stills"] | {"stills": 6, "sources": 2} == receipt["held_out_stills"]
    assert receipt["training"] == {"steps": 3, "scenes": SIZES["per_source"]}


def test_the_receipt_reads_as_a_page(made: Made) -> None:
    """`qoed-train receipt` names every target with its figure, and leaves no figure blank."""
    page = "\n".join(
        CliRunner().invoke(cli.app, ["receipt", "--manifest", str(made.manifest)]).output.splitlines()
    )

    for target in TARGETS + AGAINST_BASE:
        assert f"| {target.name} | " in page
    assert "None" not in page
    assert "nan" not in page
    assert page.count("\n## ") == 9


def test_the_rows_behind_the_receipt_are_kept(made: Made) -> None:
    """`evaluation.json` holds every judged clip, ladder and still, and what the manifest says of them."""
    rows = load_evaluation(made.root / "work" / "evaluation.json")
    receipt = read_manifest(made.manifest).receipt

    assert len(rows.clips) == receipt["held_out_clips"]["clips"]
    assert len(rows.stills) == receipt["held_out_stills"]["stills"]
    assert [ladder.crf for ladder in rows.ladders] == [CRF_LADDER] * SECTIONS
    assert rows.distortions == DISTORTIONS
    assert {len(row.features) for row in rows.features} == {8 * TINY.fused}
    inside = [clip.lo <= clip.label <= clip.hi for clip in rows.clips]
    assert np.mean(inside) == pytest.approx(receipt["interval"]["coverage"], abs=1e-4)


@pytest.mark.parametrize("backend", list(BACKENDS))
def test_the_exported_network_answers_as_the_trained_one(made: Made, backend: str) -> None:
    """Every backend gives the quality and distortions that torch gives, to a thousandth (bf16 to 0.005)."""
    rng = np.random.default_rng(0)
    contrast = np.linspace(0.1, 1, 5).reshape(-1, 1, 1, 1, 1)
    clips = (rng.random((5, *RECIPE.clip_shape)) * contrast * 255).astype(np.uint8)
    torch.set_num_threads(1)
    with torch.no_grad():
        raw, logits = shipped(made)[0](torch.from_numpy(clips))
    engine = load_engine(backend, made.manifest, threads=1)
    outputs = engine.infer(clips)
    engine.close()
    tolerance = 1e-3 if engine.backend.endswith("f32") else 5e-3

    # Three steps teach little: the sharp comparison, on livelier weights, is in test_export_parity.
    assert np.ptp(raw.numpy()) > 2 * tolerance, "clips too alike to tell"
    np.testing.assert_allclose(outputs.raw, raw.numpy(), atol=tolerance, rtol=0)
    np.testing.assert_allclose(outputs.distortions, torch.sigmoid(logits).numpy(), atol=tolerance, rtol=0)


def test_equal_weights_export_to_equal_files(made: Made, tmp_path: Path) -> None:
    """The safetensors give the ONNX file again bit for bit, free of paths of the machine that made it."""
    there = made.manifest.with_suffix(".onnx").read_bytes()
    network, probe = shipped(made)
    export_onnx(network, tmp_path / "again.onnx", probe)

    assert (tmp_path / "again.onnx").read_bytes() == there
    assert [path.name for path in tmp_path.iterdir()] == ["again.onnx"]
    for trace in (b"qoed_training", b".py", str(Path(cli.__file__).parents[2]).encode()):
        assert trace not in there


def test_tampered_weights_are_refused(made: Made, tmp_path: Path) -> None:
    """A single changed byte in the exported weights keeps the engine from loading them."""
    for suffix in (".json", ".onnx"):
        shutil.copy(made.manifest.with_suffix(suffix), tmp_path)
    weights = bytearray((tmp_path / "tiny.onnx").read_bytes())
    weights[len(weights) // 2] ^= 1
    (tmp_path / "tiny.onnx").write_bytes(weights)

    with pytest.raises(EngineError, match=r"tiny\.onnx: sha256 is .* the file was changed"):
        load_engine("auto", tmp_path / "tiny.json")


def test_finished_stages_are_not_repeated(made: Made) -> None:
    """Repeating a command continues where it stopped, which for finished stages is at once."""
    weights = made.root / "work" / "tiny" / "weights.safetensors"
    before = weights.read_bytes()

    assert made.run("scenes", **SIZES) == [
        f"{SCENES} of {SCENES} scenes are there",
        f"{SECTIONS} of {SECTIONS} scenes are there",
    ]
    assert made.run("train", **STEPS) == ["resumed at step 3"]
    assert weights.read_bytes() == before


def timeless(receipt: dict[str, Any]) -> dict[str, Any]:
    """All but the time that a clip took."""
    return receipt | {"cost": receipt["cost"] | {"cpu_ms_a_clip": None}}


def test_judging_again_gives_the_same_manifest(made: Made) -> None:
    """Calibration and receipt follow from weights and material alone."""
    path = made.root / "work" / "tiny.json"
    before = read_manifest(path)
    made.run("evaluate", steps=3)
    again = read_manifest(path)

    def rounded(manifest: Manifest) -> list[float]:
        return [round(value, 3) for value in (*manifest.calibration.score, *manifest.calibration.half_width)]

    assert rounded(again) == rounded(before)
    assert timeless(again.receipt) == timeless(before.receipt)
    assert again.sha256 == before.sha256


def test_splits_do_not_meet_in_the_scenes(made: Made) -> None:
    """No production is both learned from and judged on."""
    scenes = load_scenes(made.root / "work" / "scenes")

    assert {(scene.split, scene.group) for scene in scenes} == {
        ("train", "plain"),
        ("calibration", "bbb"),
        ("test", "pixabay_macro"),
    }
    assert {scene.split for scene in load_scenes(made.root / "work" / "ladders")} == {"test"}


@pytest.mark.parametrize(
    ("command", "prepare", "message"),
    [
        ("scenes", (), "sources.csv is missing: point --corpus at a folder with sources.csv and its videos"),
        ("train", (), "manifest.csv is missing: point --stills at the folder of the rated pictures"),
        ("train", ("stills",), "only 0 clips with known opinion to fit the labels on, 20 are needed"),
        ("export", (), "weights.safetensors is missing: run qoed-train train first"),
        ("evaluate", (), "opinion.json is missing: run qoed-train train first"),
        ("evaluate", ("stills", "work/opinion.json"), "no scenes of the test split to judge on"),
        (
            "evaluate",
            ("stills", "work/opinion.json", "work/scenes", "work/ladders"),
            "tiny.json is missing: run qoed-train export first",
        ),
    ],
)
def test_what_is_missing_is_said_in_one_line(
    made: Made,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    prepare: tuple[str, ...],
    message: str,
) -> None:
    """A stage without its material or its predecessor ends with exit code 1 and one line with the remedy."""
    (tmp_path / "work").mkdir()
    for name in prepare:
        (tmp_path / name).symlink_to(made.root / name)
    monkeypatch.setattr(
        sys, "argv", ["qoed-train", *dataclasses.replace(made, root=tmp_path).arguments(command)]
    )

    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("qoed-train: ")
    assert message in line
