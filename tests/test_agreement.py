"""Agreement with opinion: figures of known data, the fitted curve, and what cannot be measured."""

from __future__ import annotations

import numpy as np
import pytest

from qoed_training.agreement import Curve, agreement, apply_logistic, fit_logistic

X = np.linspace(0, 10, 60)


def logistic(x: np.ndarray, b1: float, b2: float, b3: float, b4: float) -> np.ndarray:
    return (b1 - b2) / (1 + np.exp(-(x - b3) / b4)) + b2


def test_the_curve_of_made_data_is_found() -> None:
    """Points on a logistic give back its four parameters, at any scale of predictions and opinions."""
    for gain, lift in ((1.0, 0.0), (0.001, 5.0), (1000.0, -40.0)):
        curve = fit_logistic(gain * X, lift + logistic(X, 5.0, 1.0, 4.0, 0.8))

        assert curve.kind == "logistic"
        wanted = (lift + 5.0, lift + 1.0, gain * 4.0, gain * 0.8)
        assert curve.parameters == pytest.approx(wanted, rel=1e-3)


def test_a_bent_scale_costs_nothing() -> None:
    """After the curve a saturating but noiseless prediction agrees perfectly in every measure."""
    found = agreement(X, logistic(X, 90.0, 10.0, 5.0, 1.0))

    assert (found.srocc, found.krocc) == (pytest.approx(1.0), pytest.approx(1.0))
    assert found.plcc == pytest.approx(1.0, abs=1e-6)
    assert found.rmse == pytest.approx(0.0, abs=1e-2)
    assert found.n == 60


def test_a_straight_line_falls_back_to_a_line_and_says_so() -> None:
    """Where a logistic can only approach the data, the line is used and noted."""
    found = agreement(X, 3 * X + 1)

    assert found.curve is not None
    assert found.curve.kind == "linear"
    assert found.curve.parameters == pytest.approx((3.0, 1.0))
    assert "worse than a line" in found.note
    assert found.plcc == pytest.approx(1.0)


def test_a_search_that_fails_falls_back_to_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """When no start converges, the least-squares line stands in, with a note."""

    class Failed:
        success, cost, x = False, 0.0, np.zeros(4)

    monkeypatch.setattr("qoed_training.agreement.least_squares", lambda *_, **__: Failed())
    curve = fit_logistic(X, logistic(X, 5.0, 1.0, 5.0, 1.0))

    assert curve.kind == "linear"
    assert "did not converge" in curve.note
    assert curve.parameters == pytest.approx(np.polyfit(X, logistic(X, 5.0, 1.0, 5.0, 1.0), 1))


def test_reversed_predictions_stay_wrong() -> None:
    """The curve may bend a scale, not turn it round: all correlations are negative."""
    found = agreement(-X, logistic(X, 5.0, 1.0, 5.0, 1.0))

    assert found.srocc == pytest.approx(-1.0)
    assert found.krocc == pytest.approx(-1.0)
    assert found.plcc == pytest.approx(-1.0, abs=1e-6)


def test_noise_agrees_with_nothing() -> None:
    """Predictions without any relation have correlations near zero and the error of the opinions' spread."""
    rng = np.random.default_rng(3)
    mos = rng.uniform(1, 5, 400)
    found = agreement(rng.uniform(size=400), mos)

    assert abs(found.srocc or 0.0) < 0.15
    assert abs(found.plcc or 0.0) < 0.15
    assert found.rmse == pytest.approx(mos.std(), rel=0.05)


@pytest.mark.parametrize(
    ("predicted", "mos", "why"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 4], "4 points: at least 5 are needed"),
        ([], [], "0 points: at least 5 are needed"),
        ([7.0] * 6, [1, 2, 3, 4, 5, 6], "all predictions are alike"),
        ([1, 2, 3, 4, 5, 6], [3.0] * 6, "all opinions are alike"),
        ([0.1 + 1e-16 * k for k in range(6)], [1, 2, 3, 4, 5, 6], "all predictions are alike"),
    ],
)
def test_what_cannot_be_measured_is_none_with_a_reason(
    predicted: list[float], mos: list[float], why: str
) -> None:
    """Too few or constant values give None and say why; NaN never comes out."""
    found = agreement(predicted, mos)

    assert (found.srocc, found.plcc, found.krocc, found.rmse, found.curve) == (None,) * 5
    assert found.note == why
    with pytest.raises(ValueError, match=why):
        fit_logistic(predicted, mos)


def test_columns_that_do_not_fit_are_refused() -> None:
    """Different lengths and values that are not numbers are the caller's mistake."""
    with pytest.raises(ValueError, match="5 predictions for 4 opinions"):
        agreement([1, 2, 3, 4, 5], [1, 2, 3, 4])
    with pytest.raises(ValueError, match="finite"):
        agreement([1, 2, 3, 4, float("nan")], [1, 2, 3, 4, 5])


def test_the_curve_is_applied_as_written() -> None:
    """Both kinds of curve map single values and arrays, far outside without overflow."""
    curve = Curve("logistic", (5.0, 1.0, 4.0, 0.5))

    assert apply_logistic(curve, [4.0, -1e6, 1e6]) == pytest.approx([3.0, 1.0, 5.0])
    assert apply_logistic(Curve("linear", (2.0, 1.0)), 3.0) == 7.0


def test_rounding_keeps_what_is_unknown() -> None:
    """Rounded measures keep their digits; None stays None."""
    found = agreement(X, logistic(X, 5.0, 1.0, 4.0, 0.8)).rounded(2)

    assert found.plcc == 1.0
    assert agreement([1.0], [1.0]).rounded().srocc is None
