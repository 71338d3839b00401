"""Engines: only the right weights, only with a right canary, and alike on every backend."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engines import RECIPE, write_mean_network
from qoed_engine import EngineError, load_engine
from qoed_engine.loader import BACKENDS, SHIPPED, check_canary
from qoed_engine.manifest import canary_clips, read_manifest


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return write_mean_network(tmp_path)


@pytest.mark.parametrize("backend", list(BACKENDS))
def test_every_backend_scores_batches_of_any_size(backend: str, manifest: Path) -> None:
    """Whatever runs the network, each clip of a batch gets its own, right output."""
    engine = load_engine(backend, manifest)
    clips = np.stack([np.full(RECIPE.clip_shape, level, np.uint8) for level in (0, 51, 255)])
    try:
        for count in (1, 2, 3):
            assert engine.infer(clips[:count]).raw == pytest.approx([0.0, 0.2, 1.0][:count], abs=1e-3)
    finally:
        engine.close()


@pytest.mark.parametrize("backend", list(BACKENDS))
def test_an_engine_closes_right_after_its_last_batch(backend: str, manifest: Path) -> None:
    """No thread of the engine still waits for the interpreter when it is closed: that ended in a deadlock."""
    clips = np.zeros((8, *RECIPE.clip_shape), np.uint8)

    for _ in range(20):
        engine = load_engine(backend, manifest)
        scored = engine.infer(clips).raw
        engine.close()
        assert len(scored) == 8


def test_changed_weights_are_refused(manifest: Path) -> None:
    """Weights whose hash is not the manifest's are never loaded, and the message names file and remedy."""
    weights = manifest.with_name("mean.onnx")
    weights.write_bytes(weights.read_bytes() + b"\0")

    with pytest.raises(EngineError, match=r"mean\.onnx: sha256 is .* changed or cut short, reinstall it"):
        load_engine("auto", manifest)


def test_missing_weights_are_named(manifest: Path) -> None:
    """A manifest without its weights says which file is missing."""
    manifest.with_name("mean.onnx").unlink()

    with pytest.raises(EngineError, match=r"its weights mean\.onnx are missing"):
        load_engine("auto", manifest)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot read the manifest"),
        ("{", "not JSON"),
        ("{}", "manifest_version is None"),
        ('{"manifest_version": 1}', "incomplete manifest"),
        ('{"manifest_version": 99}', "manifest_version is 99"),
    ],
)
def test_a_broken_manifest_ends_in_one_clear_line(tmp_path: Path, text: str | None, message: str) -> None:
    """Whatever is wrong with the manifest, the error is one line that names the file."""
    path = tmp_path / "broken.json"
    if text is not None:
        path.write_text(text)

    with pytest.raises(EngineError, match=message) as caught:
        load_engine("auto", path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_engine_with_a_wrong_canary_is_refused(manifest: Path) -> None:
    """An engine that does not answer its canary as recorded is refused as sticky: it must not score."""
    fields = json.loads(manifest.read_text())
    fields["canary_raw"][0] += 0.5
    manifest.write_text(json.dumps(fields))

    with pytest.raises(EngineError, match="canary") as caught:
        load_engine("auto", manifest)
    assert caught.value.sticky


def test_an_unknown_backend_lists_the_known_ones(manifest: Path) -> None:
    """A wrong backend name is answered with the right ones."""
    with pytest.raises(EngineError, match="use auto or one of openvino, onnxruntime"):
        load_engine("cuda", manifest)


def test_the_shipped_weights_score_alike_on_all_backends() -> None:
    """The shipped network gives the same raw outputs on OpenVINO and on the parity oracle."""
    clips = canary_clips(read_manifest(SHIPPED).recipe, 5, 4)
    outputs = {}
    for backend in BACKENDS:
        engine = load_engine(backend)
        check_canary(engine)
        outputs[backend] = engine.infer(clips)
        engine.close()

    tolerance = 1e-3 if engine.backend.endswith("f32") else 2e-2  # bf16 rounds
    assert np.abs(outputs["openvino"].raw - outputs["onnxruntime"].raw).max() < tolerance
    assert np.abs(outputs["openvino"].distortions - outputs["onnxruntime"].distortions).max() < 10 * tolerance


def test_the_shipped_manifest_carries_its_receipt() -> None:
    """The shipped weights come with measured accuracy on held-out clips, ladders and human opinion."""
    receipt = read_manifest(SHIPPED).receipt

    assert -1 <= receipt["held_out_clips"]["spearman"] <= 1
    assert receipt["held_out_clips"]["clips"] > 300
    assert receipt["ladders"]["sources"] >= 5
    assert receipt["held_out_stills"]["stills"] > 50
    assert SHIPPED.with_name(read_manifest(SHIPPED).weights).stat().st_size < 25e6
