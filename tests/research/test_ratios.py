"""Ratios of many runs at once are empyrical's, run by run."""

import math
import warnings

import empyrical
import numpy as np
import pytest

from rbtlive.research.ratios import alpha_beta, ratios

FUNCTIONS = {
    "total_return": empyrical.cum_returns_final,
    "annual_return": empyrical.annual_return,
    "annual_volatility": empyrical.annual_volatility,
    "sharpe": empyrical.sharpe_ratio,
    "sortino": empyrical.sortino_ratio,
    "max_drawdown": empyrical.max_drawdown,
    "calmar": empyrical.calmar_ratio,
    "stability": empyrical.stability_of_timeseries,
    "omega": empyrical.omega_ratio,
    "tail_ratio": empyrical.tail_ratio,
    "downside_risk": empyrical.downside_risk,
    "value_at_risk": empyrical.value_at_risk,
    "best_day": np.nanmax,
    "worst_day": np.nanmin,
}


def rows(sessions: int) -> np.ndarray:
    draw = np.random.default_rng(sessions)
    found = draw.normal(0.0005, 0.01, (6, sessions))
    found[1] = 0.0
    found[2] = np.abs(found[2])
    found[3] = -np.abs(found[3])
    found[4, : sessions // 2] = 0.0
    return found


def finite(value: float) -> float:
    return float(value) if math.isfinite(float(value)) else math.nan


@pytest.mark.parametrize("sessions", [1, 2, 3, 50, 700])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_ratio_is_empyricals(name, sessions):
    returns = rows(sessions)

    found = ratios(returns)[name]

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        expected = [finite(FUNCTIONS[name](row)) for row in returns]
    assert [finite(value) for value in found] == pytest.approx(
        expected, rel=1e-9, abs=1e-12, nan_ok=True
    )


def test_alpha_and_beta_are_empyricals():
    returns = rows(300)
    benchmark = np.random.default_rng(9).normal(0, 0.01, 300)

    alpha, beta = alpha_beta(returns, benchmark)

    expected = np.array([empyrical.alpha_beta_aligned(row, benchmark) for row in returns])
    assert alpha == pytest.approx(expected[:, 0], rel=1e-9, abs=1e-12)
    assert beta == pytest.approx(expected[:, 1], rel=1e-9, abs=1e-12)
    assert np.isnan(alpha_beta(returns, np.zeros(300))[1]).all()
