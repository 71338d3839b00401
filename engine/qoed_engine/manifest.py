"""What travels beside the weights: identity, input recipe, calibration, canary, accuracy receipt."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

MANIFEST_VERSION = 1


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a clip is cut from a second of video; the same in training and at run time.

    A clip is `frames` pictures evenly spread over `span_s` seconds. Each becomes a column of two squares of
    `grid * patch` pixels: fragments (a `grid` x `grid` mosaic of native-resolution patches of the picture
    as displayed) above one whole view of it.
    """

    frames: int = 4
    span_s: float = 1.0
    grid: int = 6
    patch: int = 32

    @property
    def side(self) -> int:
        """Pixels along a square's side."""
        return self.grid * self.patch

    @property
    def clip_shape(self) -> tuple[int, int, int, int]:
        """`[T,H,W,3]` of a clip."""
        return (self.frames, 2 * self.side, self.side, 3)


@dataclass(frozen=True, slots=True)
class Calibration:
    """From the network's raw output to 0-100 with an interval, by monotone linear interpolation.

    `raw` ascends; `score` is the 0-100 value at each knot. The interval half-width is the conformal quantile
    of the bin that the score falls in: `half_width[i]` holds up to score `bin_edges[i]`.
    """

    raw: tuple[float, ...] = (0.0, 1.0)
    score: tuple[float, ...] = (0.0, 100.0)
    bin_edges: tuple[float, ...] = (100.0,)
    half_width: tuple[float, ...] = (100.0,)
    coverage: float = 0.9

    def to_score(self, raw: float) -> float:
        """The 0-100 score of a raw output."""
        return float(np.interp(raw, self.raw, self.score))

    def interval(self, score: float) -> tuple[float, float]:
        """`(lo, hi)` that holds the label with probability `coverage`, clipped to 0-100."""
        last = len(self.half_width) - 1
        half = self.half_width[min(int(np.searchsorted(self.bin_edges, score)), last)]
        return max(0.0, score - half), min(100.0, score + half)


def mos_of(score: float) -> float:
    """Map 0-100 to the 1-5 ACR scale of ITU-T P.910: `mos = 1 + score / 25`, the one mapping qoed uses."""
    return 1.0 + score / 25.0


@dataclass(frozen=True, slots=True)
class Abstain:
    """A clip has no score where the network's `output` (0-1, one value a clip) is higher than `above`."""

    output: str
    above: float


@dataclass(frozen=True, slots=True)
class Manifest:
    """Identity and contract of one exported network."""

    model_id: str
    weights: str
    """File name of the ONNX file beside the manifest."""
    sha256: str
    recipe: Recipe
    calibration: Calibration
    distortions: tuple[str, ...]
    canary_seed: int
    canary_raw: tuple[float, ...]
    canary_tolerance: float = 1e-2
    input_name: str = "clips"
    output_names: tuple[str, str] = ("raw", "distortions")
    abstain: Abstain | None = None
    """None: the network cannot tell what it was not made for, and scores everything."""
    receipt: dict[str, Any] = field(default_factory=dict)
    manifest_version: int = MANIFEST_VERSION

    @property
    def model(self) -> str:
        """Id and short hash, as payloads carry it: `small-1@1a2b3c4d`."""
        return f"{self.model_id}@{self.sha256[:8]}"

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of all outputs to ask the network for: raw, distortions and, where it has one, unfit."""
        return self.output_names if self.abstain is None else (*self.output_names, self.abstain.output)

    def to_json(self) -> str:
        """Indented JSON, stable key order."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"


class ManifestError(Exception):
    """The manifest is missing, malformed or does not belong to the weights."""


def read_manifest(path: Path) -> Manifest:
    """Parse and check a manifest file. Raises `ManifestError` with file, fault and remedy."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ManifestError(
            f"{path}: cannot read the manifest ({error.strerror}); reinstall qoed or fix engine.weights"
        ) from error
    except ValueError as error:
        raise ManifestError(
            f"{path}: not JSON ({error}); export the weights again with qoed-train export"
        ) from error
    if not isinstance(fields, dict) or fields.get("manifest_version") != MANIFEST_VERSION:
        found = fields.get("manifest_version") if isinstance(fields, dict) else None
        raise ManifestError(
            f"{path}: manifest_version is {found}, this qoed reads {MANIFEST_VERSION}; use matching weights"
        )
    try:
        fields["recipe"] = Recipe(**fields["recipe"])
        calibration: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in fields["calibration"].items()
        }
        fields["calibration"] = Calibration(**calibration)
        for key in ("distortions", "canary_raw", "output_names"):
            fields[key] = tuple(fields[key])
        if (abstain := fields.get("abstain")) is not None:
            fields["abstain"] = _abstain(path, Abstain(**abstain))
        return Manifest(**fields)
    except (KeyError, TypeError) as error:
        raise ManifestError(
            f"{path}: incomplete manifest ({error}); export the weights again with qoed-train export"
        ) from error


def _abstain(path: Path, abstain: Abstain) -> Abstain:
    above = abstain.above
    if isinstance(above, bool) or not isinstance(above, int | float) or not 0 <= above <= 1:
        raise ManifestError(
            f"{path}: abstain.above is {above!r}, not a probability; "
            "export the weights again with qoed-train export"
        )
    return abstain


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def canary_clips(recipe: Recipe, seed: int, count: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Known input for the self-test: `uint8 [count,T,H,W,3]`, smooth noise of `count` contrasts."""
    rng = np.random.default_rng(seed)
    frames, height, width, _ = recipe.clip_shape
    coarse = rng.random((count, frames, 12, 6, 3))
    picture = coarse[:, :, np.arange(height) * 12 // height][:, :, :, np.arange(width) * 6 // width]
    contrast = np.linspace(0.2, 1.0, count).reshape(-1, 1, 1, 1, 1)
    return ((picture - 0.5) * contrast * 255 + 127.5).astype(np.uint8)
