"""Abstention: what the network was not made for gets no score, from the weights to the finding."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from engines import RECIPE, ScriptedEngine, mean_manifest, write_mean_network
from qoed.alert.observe import observe
from qoed.alert.rule import Metric, Rule
from qoed.alert.situation import Situation
from qoed.clock import SystemClock
from qoed.infer import Scorer
from qoed.model import Clip, DropReason, Finding, Phase, Quality, Reason, Score, Severity
from qoed.publish.payload import Envelope, score_payload
from qoed.unfit import UnfitPictures
from qoed_engine import Abstain, EngineError, Outputs, load_engine, read_manifest
from qoed_engine.loader import BACKENDS, SHIPPED
from qoed_engine.manifest import sha256_of


def write_wary_network(folder: Path, *, above: object = 0.5, output: str = "unfit") -> Path:
    """The mean network with a third output: 1 minus its raw, so that dark clips are unfit."""
    path = write_mean_network(folder)
    model = onnx.load(folder / "mean.onnx")
    model.graph.node.append(helper.make_node("Sub", ["whole", "raw"], ["unfit"]))
    model.graph.initializer.append(helper.make_tensor("whole", TensorProto.FLOAT, [], [1.0]))
    model.graph.output.append(helper.make_tensor_value_info("unfit", TensorProto.FLOAT, ["batch"]))
    onnx.save(model, folder / "mean.onnx")
    fields = json.loads(path.read_text())
    fields |= {"sha256": sha256_of(folder / "mean.onnx"), "abstain": {"output": output, "above": above}}
    path.write_text(json.dumps(fields))
    return path


def clips_of(*levels: int) -> NDArray[np.uint8]:
    """Clips of one grey each."""
    return np.stack([np.full(RECIPE.clip_shape, level, np.uint8) for level in levels])


class WaryEngine(ScriptedEngine):
    """Finds dark clips unfit, as `write_wary_network` does."""

    def __init__(self) -> None:
        super().__init__()
        fields = {name: getattr(self.manifest, name) for name in self.manifest.__slots__}
        self.manifest = type(self.manifest)(**fields | {"abstain": Abstain("unfit", 0.5)})
        self.doubt = 0.0

    def infer(self, clips: NDArray[np.uint8]) -> Outputs:
        """The mean network's outputs, and 1 minus raw plus `doubt` as unfit."""
        outputs = super().infer(clips)
        return Outputs(outputs.raw, outputs.distortions, 1 - outputs.raw + np.float32(self.doubt))


async def scores_of(engine: ScriptedEngine, *levels: int) -> tuple[list[Score], Scorer]:
    """What the scorer makes of clips of these greys."""
    scores: list[Score] = []
    scorer = Scorer(engine, scores.append, clock=SystemClock(), deadline_s=0.01)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(scorer.run())
        for second, frames in enumerate(clips_of(*levels)):
            scorer.submit(Clip(stream="s", rendition="r", media_time_s=float(second), frames=frames))
        await scorer.drain()
        task.cancel()
    return scores, scorer


def score(at_s: float, reason: str | None, rendition: str = "r") -> Score:
    """A score, or with a reason none."""
    value = None if reason else 50.0
    return Score(
        stream="s",
        rendition=rendition,
        media_time_s=at_s,
        score=value,
        lo=value,
        hi=value,
        mos=value,
        distortions={},
        model="m",
        quality=Quality.ABSTAINED if reason else Quality.OK,
        reason=reason,
    )


@pytest.mark.parametrize("backend", list(BACKENDS))
def test_weights_that_can_tell_are_asked_on_every_backend(backend: str, tmp_path: Path) -> None:
    """The third output that a manifest names comes beside the other two, for each clip of a batch its own."""
    engine = load_engine(backend, write_wary_network(tmp_path))
    try:
        outputs = engine.infer(clips_of(0, 51, 255))
    finally:
        engine.close()

    assert outputs.unfit == pytest.approx([1.0, 0.8, 0.0], abs=1e-2)
    assert outputs.raw == pytest.approx([0.0, 0.2, 1.0], abs=1e-2)
    assert outputs.distortions.shape == (3, 1)


@pytest.mark.parametrize("backend", list(BACKENDS))
def test_weights_that_cannot_tell_score_as_before(backend: str, tmp_path: Path) -> None:
    """Without `abstain` in its manifest a network is asked for two outputs only and never abstains."""
    engine = load_engine(backend, write_mean_network(tmp_path))
    try:
        outputs = engine.infer(clips_of(0, 255))
    finally:
        engine.close()

    assert outputs.unfit is None
    assert outputs.raw == pytest.approx([0.0, 1.0], abs=1e-3)


@pytest.mark.parametrize("backend", list(BACKENDS))
def test_a_manifest_that_names_a_missing_output_is_refused(backend: str, tmp_path: Path) -> None:
    """Weights without the output that their manifest names end in one clear, sticky error."""
    with pytest.raises(EngineError, match=r"mean\.onnx has no output slate") as caught:
        load_engine(backend, write_wary_network(tmp_path, output="slate"))
    assert caught.value.sticky


@pytest.mark.parametrize("above", [-0.1, 1.5, "much", True, None])
def test_a_threshold_that_is_no_probability_is_refused(above: object, tmp_path: Path) -> None:
    """A threshold that could never or always abstain by mistake is found when the manifest is read."""
    with pytest.raises(EngineError, match=r"abstain\.above is .*, not a probability"):
        load_engine("auto", write_wary_network(tmp_path, above=above))


def test_a_manifest_keeps_its_threshold(tmp_path: Path) -> None:
    """What a manifest says about abstention survives writing and reading, and so does saying nothing."""
    path = write_wary_network(tmp_path, above=0.25)
    manifest = read_manifest(path)
    path.write_text(manifest.to_json())

    assert read_manifest(path) == manifest
    assert manifest.abstain == Abstain("unfit", 0.25)
    assert manifest.outputs == ("raw", "distortions", "unfit")
    path.write_text(mean_manifest().to_json())
    assert read_manifest(path).abstain is None
    assert "raw" in read_manifest(SHIPPED).outputs


async def test_an_unfit_clip_has_no_score_and_says_why() -> None:
    """Above the threshold there is a reason and no number, in the payload too; below it, all is as ever."""
    scores, scorer = await scores_of(WaryEngine(), 20, 230)
    none, some = scores
    payload = score_payload(none, envelope=Envelope(instance="i", run="r", seq=1, at=SystemClock().wall()))

    assert (none.quality, none.reason) == (Quality.ABSTAINED, "unfit_picture")
    assert (none.score, none.lo, none.hi, none.mos, none.distortions) == (None, None, None, None, {})
    assert (payload["score"], payload["quality"], payload["reason"]) == (None, "abstained", "unfit_picture")
    assert (some.quality, some.reason) == (Quality.OK, None)
    assert some.score == pytest.approx(100 * 230 / 255)
    assert (scorer.stats.received, scorer.stats.scored, scorer.stats.abstained) == (2, 1, 1)


async def test_the_same_clips_are_scored_by_weights_that_cannot_tell() -> None:
    """Weights without the third output give every clip a score."""
    scores, scorer = await scores_of(ScriptedEngine(), 20, 230)

    assert [each.quality for each in scores] == [Quality.OK, Quality.OK]
    assert (scorer.stats.scored, scorer.stats.abstained) == (2, 0)


async def test_doubt_that_is_no_number_is_a_fault_of_the_engine() -> None:
    """NaN is never above a threshold, so it must not pass for a fit picture; the clip counts as dropped."""
    engine = WaryEngine()
    scores: list[Score] = []
    engine.doubt = float("nan")
    scorer = Scorer(engine, scores.append, clock=SystemClock(), deadline_s=0.01)
    scorer.submit(Clip(stream="s", rendition="r", media_time_s=0.0, frames=clips_of(230)[0]))
    with pytest.raises(EngineError, match="not a number"):
        await scorer.run()

    assert scores == []
    assert scorer.stats.dropped[DropReason.ENGINE_FAULT] == 1


def test_a_run_of_unfit_clips_is_a_finding_that_lasts() -> None:
    """The second unfit clip in a row begins a finding, the next score ends it; black does neither."""
    unfit = UnfitPictures()
    reasons = [None, "unfit_picture", None, "unfit_picture", "black", "unfit_picture", "unfit_picture", None]
    found = [unfit.see(score(float(second), reason)) for second, reason in enumerate(reasons)]
    begun, ended = found[5], found[7]

    assert [index for index, each in enumerate(found) if each] == [5, 7]
    assert begun is not None
    assert ended is not None
    assert (begun.reason, begun.phase, begun.media_time_s) == (Reason.UNFIT_PICTURE, Phase.START, 3.0)
    assert (ended.phase, ended.value, ended.unit) == (Phase.END, 4.0, "s")
    assert begun.severity is Severity.INFO


def test_each_rendition_runs_on_its_own() -> None:
    """One unfit clip on each of two renditions makes no run, and a forgotten rendition begins anew."""
    unfit = UnfitPictures()

    assert unfit.see(score(0, "unfit_picture", "hd")) is None
    assert unfit.see(score(0, "unfit_picture", "sd")) is None
    unfit.forget("hd")
    assert unfit.see(score(1, "unfit_picture", "hd")) is None
    assert unfit.see(score(1, "unfit_picture", "sd")) is not None


def test_missing_scores_are_explained_while_a_slate_is_shown() -> None:
    """A slate of minutes raises no alarm that scores are missing; without it, the same gap does."""
    rule = Rule(
        name="no_scores",
        severity=Severity.WARNING,
        metric=Metric.COVERAGE,
        window_s=60.0,
        below=0.5,
        clear=0.7,
    )
    situation = Situation(resumed_at=0.0)
    explained = Situation(resumed_at=0.0)
    explained.note(
        Finding(
            stream="s",
            rendition="r",
            reason=Reason.UNFIT_PICTURE,
            severity=Severity.INFO,
            phase=Phase.START,
        ),
        0.0,
    )

    assert observe(rule, situation, None, 100.0).verdict.name == "BAD"
    assert observe(rule, explained, None, 100.0).verdict.name == "UNKNOWN"
