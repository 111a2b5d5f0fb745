"""The running statistics equal empyrical's on every prefix of the returns."""

from collections.abc import Callable

import empyrical
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rbtlive.research import expanding

STATISTICS: list[tuple[Callable, Callable]] = [
    (expanding.annual_volatility, empyrical.annual_volatility),
    (expanding.sharpe, empyrical.sharpe_ratio),
    (expanding.sortino, empyrical.sortino_ratio),
    (expanding.max_drawdown, empyrical.max_drawdown),
]


def random_returns(seed: int, sessions: int = 400) -> np.ndarray:
    return np.random.default_rng(seed).normal(3e-4, 0.01, sessions)


def of_every_prefix(function: Callable, *series: np.ndarray) -> np.ndarray:
    """Values of `function` over the first 1, 2, ... elements; NaN where not finite."""
    values = [function(*(s[: n + 1] for s in series)) for n in range(len(series[0]))]
    return np.where(np.isfinite(values), values, np.nan)


@pytest.mark.parametrize(("ours", "theirs"), STATISTICS)
@pytest.mark.parametrize("seed", range(3))
def test_a_statistic_equals_empyricals_on_every_prefix(ours, theirs, seed):
    returns = random_returns(seed)

    values = ours(returns)

    np.testing.assert_allclose(values, of_every_prefix(theirs, returns), rtol=1e-9, atol=0)


@pytest.mark.parametrize(("ours", "theirs"), STATISTICS)
def test_a_strategy_that_waits_before_it_trades_gives_empyricals_values(ours, theirs):
    returns = np.concatenate([np.zeros(30), [-1e-6], random_returns(7, 60), np.zeros(20)])

    values = ours(returns)

    np.testing.assert_allclose(values, of_every_prefix(theirs, returns), rtol=1e-9, atol=0)


@pytest.mark.parametrize(("ours", "theirs"), STATISTICS)
def test_missing_returns_are_left_out_as_empyrical_leaves_them_out(ours, theirs):
    returns = random_returns(3, 50)
    returns[[10, 11, 30]] = np.nan

    values = ours(returns)

    np.testing.assert_allclose(values, of_every_prefix(theirs, returns), rtol=1e-9, atol=0)


DISTINCT_RETURNS = arrays(
    np.float64,
    st.integers(1, 40),
    elements=st.integers(-900_000, 900_000).map(lambda n: n / 1e6),
    unique=True,  # the deviation of equal returns is a residue without meaning
)


@pytest.mark.parametrize(("ours", "theirs"), STATISTICS)
@settings(deadline=None, max_examples=40)
@given(DISTINCT_RETURNS)
def test_any_returns_give_empyricals_values(ours, theirs, returns):
    values = ours(returns)

    np.testing.assert_allclose(values, of_every_prefix(theirs, returns), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("seed", range(4))
def test_alpha_and_beta_equal_empyricals_on_every_prefix(seed):
    returns, benchmark = random_returns(seed), random_returns(seed + 50)

    alpha, beta = expanding.alpha_beta(returns, benchmark)

    pairs = of_every_prefix(empyrical.alpha_beta_aligned, returns, benchmark)
    np.testing.assert_allclose(alpha, pairs[:, 0], rtol=1e-9, atol=0)
    np.testing.assert_allclose(beta, pairs[:, 1], rtol=1e-9, atol=0)


def test_alpha_near_zero_keeps_its_digits():
    benchmark = random_returns(1)
    returns = benchmark + np.random.default_rng(3).normal(0, 1e-9, len(benchmark))

    alpha, _ = expanding.alpha_beta(returns, benchmark)

    expected = of_every_prefix(empyrical.alpha_beta_aligned, returns, benchmark)[:, 0]
    np.testing.assert_allclose(alpha, expected, rtol=1e-9, atol=0)
    assert np.nanmax(np.abs(expected)) < 1e-3


@pytest.mark.parametrize("value", [0.0, 0.001, -0.1 / 3])
def test_equal_returns_have_no_sharpe_ratio(value):
    returns = np.full(50, value)

    assert np.isnan(expanding.sharpe(returns)).all()
    assert np.isnan(of_every_prefix(empyrical.sharpe_ratio, returns)).all()


def test_alpha_and_beta_do_not_exist_against_a_flat_benchmark():
    alpha, beta = expanding.alpha_beta(random_returns(1), np.zeros(400))

    assert np.isnan(alpha).all()
    assert np.isnan(beta).all()


def test_alpha_and_beta_leave_out_sessions_without_a_benchmark_return():
    returns, benchmark = random_returns(5, 60), random_returns(6, 60)
    benchmark[[0, 20]] = np.nan

    alpha, beta = expanding.alpha_beta(returns, benchmark)

    pairs = of_every_prefix(empyrical.alpha_beta_aligned, returns, benchmark)
    np.testing.assert_allclose(alpha[2:], pairs[2:, 0], rtol=1e-9, atol=0)
    np.testing.assert_allclose(beta[2:], pairs[2:, 1], rtol=1e-9, atol=0)


def test_cumulative_returns_compound():
    np.testing.assert_allclose(
        expanding.cumulative_returns(np.array([0.1, -0.5, np.nan])), [0.1, -0.45, -0.45]
    )


def test_a_drawdown_is_measured_from_the_start_when_the_first_return_is_a_loss():
    np.testing.assert_allclose(expanding.drawdowns(np.array([-0.1, 0.05])), [-0.1, -0.055])
