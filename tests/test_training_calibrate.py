"""Calibration: an absolute scale from 0 to 100 and an interval that keeps its promise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from qoed_training.calibrate import fit_calibration, hierarchical_quantile
from qoed_training.data.corpus import CorpusError


def material(seed: int, count: int, *, noise: float = 6.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Raw outputs and the scores that they stand for, bent and noisy."""
    rng = np.random.default_rng(seed)
    raw = rng.uniform(0, 1, count)
    return raw, np.clip(100 * raw**1.5 + rng.normal(0, noise, count), 0, 100)


def test_a_better_raw_output_never_scores_lower() -> None:
    """The map to scores is monotone, starts at 0, ends at 100 and follows the material in between."""
    raw, score = material(0, 500)
    calibration = fit_calibration(raw, score, np.ones(500))
    grid = np.linspace(-2, 3, 2001)
    scores = np.array([calibration.to_score(value) for value in grid])

    assert (np.diff(scores) >= 0).all()
    assert (scores[0], scores[-1]) == (0.0, 100.0)
    assert (np.diff(calibration.raw) > 0).all()
    for value in (0.2, 0.5, 0.8):
        assert calibration.to_score(value) == pytest.approx(100 * value**1.5, abs=4)


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_the_interval_holds_what_it_promises(coverage: float) -> None:
    """On new material the truth lies inside the interval about as often as promised."""
    calibration = fit_calibration(*material(1, 2000), np.ones(2000), coverage=coverage)
    inside = []
    for raw, truth in zip(*material(2, 4000), strict=True):
        low, high = calibration.interval(calibration.to_score(raw))
        inside.append(low <= truth <= high)

    assert np.mean(inside) == pytest.approx(coverage, abs=0.03)
    assert calibration.coverage == coverage


def test_the_interval_is_wider_where_the_network_errs_more() -> None:
    """Half-widths follow the error of their own range of scores."""
    rng = np.random.default_rng(3)
    raw = rng.uniform(0, 1, 3000)
    score = np.clip(100 * raw + rng.normal(0, 1, 3000) * np.where(raw < 0.35, 12, 2), 0, 100)
    low, _, high = fit_calibration(raw, score, np.ones(3000)).half_width

    assert low > 2 * high


def test_weights_say_what_counts() -> None:
    """Material of higher weight pulls the scale towards itself."""
    raw = np.tile(np.linspace(0, 1, 100), 2)
    score = np.concatenate([np.full(100, 30.0), np.full(100, 60.0)]) + 20 * raw
    heavy = np.concatenate([np.full(100, 9.0), np.ones(100)])

    towards_first = fit_calibration(raw, score, heavy).to_score(0.5)
    towards_second = fit_calibration(raw, score, heavy[::-1]).to_score(0.5)
    assert towards_first < towards_second - 10


@pytest.mark.parametrize("count", [1, 2, 5, 11, 30])
def test_little_material_gives_a_usable_scale(count: int) -> None:
    """However little there is to calibrate on, the scale spans 0 to 100 and promises no more than it can."""
    calibration = fit_calibration(*material(4, count), np.ones(count))

    assert calibration.to_score(-1e3) == 0.0
    assert calibration.to_score(1e3) == 100.0
    assert (np.diff(calibration.raw) > 0).all()
    if count < 9:  # the 90 % quantile of fewer errors is anyone's guess
        assert set(calibration.half_width) == {100.0}


@pytest.mark.parametrize("spread", [0.0, 1e-9])
def test_a_network_that_cannot_tell_clips_apart_is_survived(spread: float) -> None:
    """Equal raw outputs give an ascending scale with an honest, wide interval."""
    score = np.linspace(10, 90, 40)
    calibration = fit_calibration(0.5 + spread * np.arange(40), score, np.ones(40))

    assert (np.diff(calibration.raw) > 0).all()
    assert (calibration.score[0], calibration.score[-1]) == (0.0, 100.0)
    assert min(calibration.half_width) > 30


def test_nothing_to_calibrate_on_is_said_so() -> None:
    """Without material there is one clear line instead of a made-up scale."""
    nothing = np.array([])

    with pytest.raises(CorpusError, match="nothing to calibrate on"):
        fit_calibration(nothing, nothing, nothing)


def productions(seed: int, count: int, *, clips: int = 60) -> tuple[NDArray[np.float64], ...]:
    """Raw outputs, scores and group names of productions that each err in their own direction."""
    rng = np.random.default_rng(seed)
    raw = rng.uniform(0.2, 0.8, (count, clips))
    score = 100 * raw + rng.normal(0, 8, (count, 1)) + rng.normal(0, 3, (count, clips))
    names = np.array([f"production{seed}-{index}" for index in range(count)])
    return raw.ravel(), score.ravel(), np.repeat(names, clips)


def test_the_interval_holds_on_productions_never_seen() -> None:
    """Clips of one production err alike; the promise is kept on new productions, and not by being endless."""
    raw, score, group = productions(5, 40)
    calibration = fit_calibration(raw, score, np.ones(len(raw)), group=group)
    inside = []
    for fresh, truth, _ in zip(*productions(6, 200), strict=True):
        low, high = calibration.interval(calibration.to_score(fresh))
        inside.append(low <= truth <= high)

    assert np.mean(inside) == pytest.approx(0.9, abs=0.05)
    assert max(calibration.half_width) < 30


def test_a_production_counts_once_however_many_clips_it_has() -> None:
    """A production with a hundredfold of easy clips does not narrow the interval for the others."""
    error = np.concatenate([np.full(1000, 0.1), np.repeat(np.arange(1.0, 20.0), 10)])
    group = np.array(["easy"] * 1000 + [f"group{index}" for index in range(19) for _ in range(10)])

    assert hierarchical_quantile(error, group, 0.9) == 18.0  # 0.9 of 21 shares is the 19th of 20 groups
    assert hierarchical_quantile(error, np.arange(len(error)).astype(str), 0.9) == 8.0


def test_too_few_productions_promise_nothing() -> None:
    """Fewer than nine productions cannot vouch for nine in ten: infinite, unless asked for what they show."""
    error = np.tile(np.arange(1.0, 11.0), 8)
    group = np.repeat([f"group{index}" for index in range(8)], 10)

    assert hierarchical_quantile(error, group, 0.9) == np.inf
    assert hierarchical_quantile(error, group, 0.9, finite=False) == 9.0
    assert hierarchical_quantile(np.arange(9.0), np.arange(9).astype(str), 0.9) == 8.0


def test_no_piece_of_the_scale_is_level() -> None:
    """Where the material calls unlike outputs equal, the better one still scores a little more."""
    raw = np.linspace(0, 1, 400)
    score = np.where(raw < 0.3, 20.0, np.where(raw < 0.7, 50.0, 80.0))
    calibration = fit_calibration(raw, score, np.ones(400))
    grid = np.array([calibration.to_score(value) for value in np.linspace(0, 1, 200)])

    assert np.diff(grid).min() > 0.01
    assert calibration.to_score(0.5) == pytest.approx(50, abs=3)
