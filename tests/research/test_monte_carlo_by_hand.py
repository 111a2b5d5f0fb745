"""Monte Carlo against computations that share no code with it: closed-form moments,
every order of a few trades, arch's bootstrap, and an account kept by hand.
"""

import itertools

import numpy as np
import polars as pl
import pytest
from arch.bootstrap import StationaryBootstrap
from scipy.stats import ks_2samp

import rbtlive as rbt
from rbtlive.finance.commission import PerDollar, PerShare
from rbtlive.finance.slippage import FixedSlippage, NoSlippage, SpreadSlippage
from tests.builders import daily_frame

CAPITAL = 100_000.0
ORDERS = {
    2: 100,
    7: -60,
    8: -40,
    10: 30,
    11: -30,
    13: -90,
    16: 90,
    18: 50,
    19: -50,
    21: 70,
    23: -70,
}
"""Shares ordered by bar: five round trips, one of them short, and one that stays open."""
ORDERS[26] = 60
COUNT = 30


class Planned(rbt.TradingAlgorithm):
    """Orders shares by a plan that no price changes."""

    def initialize(self, context):
        context.asset, context.bar = self.symbol("AAA"), -1

    def handle_data(self, context, data):
        context.bar += 1
        if context.bar in ORDERS:
            self.order(context.asset, ORDERS[context.bar])


def bars(count=COUNT):
    # Enough volume that every order fills completely.
    return daily_frame(count, 1).with_columns(pl.lit(1e6).alias("volume"))


def planned(**options):
    options = {"commission": PerDollar(0.001), "slippage": NoSlippage(), **options}
    return rbt.backtest(Planned, bars(), progress=False, **options)


def by_hand(*, closes, late=0, half_spread=0.0, per_dollar=0.001, per_share=0.0, least=0.0):
    """Keep the account of `Planned`: an order fills at a later close."""
    cash, held, values = CAPITAL, 0, []
    for bar, close in enumerate(closes):
        shares = ORDERS.get(bar - 1 - late, 0)
        price = close + half_spread * np.sign(shares)
        cost = abs(shares) * price * per_dollar + (
            max(least, abs(shares) * per_share) if shares else 0
        )
        cash, held = cash - shares * price - cost, held + shares
        values.append(cash + held * close)
    return np.array(values)


CLOSES = bars()["close"].to_numpy()


def standard_error(sample):
    return sample.std(ddof=1) / np.sqrt(len(sample))


# -- resampling ----------------------------------------------------------------------


def test_the_account_kept_by_hand_is_that_of_the_run():
    result = planned()

    value = result.performance["portfolio_value"].to_numpy()
    assert value == pytest.approx(by_hand(closes=CLOSES), abs=1e-6)


def test_shuffled_trades_have_the_moments_of_draws_without_replacement():
    """The sum of k of N has mean k m and variance k s^2 (N - k) / (N - 1)."""
    result = planned()
    profits = result.trades.filter(~pl.col("open"))["net_profit"].cast(pl.Float64).to_numpy()
    count = len(profits)
    assert count >= 5

    found = rbt.monte_carlo(result, method="trades", n=20_000, seed=3)

    for k in range(1, count):
        sums = found.values[:, k] - CAPITAL
        variance = k * profits.var() * (count - k) / (count - 1)
        assert sums.mean() == pytest.approx(k * profits.mean(), abs=4 * standard_error(sums))
        assert sums.var() == pytest.approx(variance, rel=0.05)
    drawn = np.sort(np.diff(found.values[:50], axis=1), axis=1)
    assert drawn == pytest.approx(np.tile(np.sort(profits), (50, 1)), abs=1e-6)


def test_shuffled_trades_have_the_drawdowns_of_every_order_of_them():
    result = planned()
    profits = result.trades.filter(~pl.col("open"))["net_profit"].cast(pl.Float64).to_numpy()
    orders = np.array(list(itertools.permutations(profits)))
    paths = CAPITAL + np.concatenate([np.zeros((len(orders), 1)), orders.cumsum(axis=1)], axis=1)
    deepest = np.array(
        [min(v / max(path[: i + 1]) - 1 for i, v in enumerate(path)) for path in paths]
    )

    found = rbt.monte_carlo(result, method="trades", n=20_000, seed=4)

    error = 4 * standard_error(found.drawdowns)
    assert found.drawdowns.mean() == pytest.approx(deepest.mean(), abs=error)
    assert found.drawdowns.min() == pytest.approx(deepest.min())
    assert found.drawdowns.max() == pytest.approx(deepest.max())
    depths = np.unique(np.round(paths.min(axis=1) / CAPITAL, 9))
    level = depths[len(depths) // 2 :][:2].mean()  # no path is as deep as that
    share = np.mean(paths.min(axis=1) < level * CAPITAL)
    assert 0.1 < share < 0.9

    ruined = rbt.monte_carlo(result, method="trades", n=20_000, seed=4, ruin_below=level)

    assert ruined.ruin == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / 20_000))


@pytest.mark.parametrize("block", [1.0, 3.0, 8.0])
def test_bootstrapped_blocks_have_the_variance_of_the_stationary_bootstrap(block):
    """The variance of the mean of n draws, Politis & Romano (1994), lemma 1: with the
    circular autocovariances C(i) and p = 1 / block, it is the sum over i of
    C(0) + 2 (1 - i / n) (1 - p)^i C(i), divided by n.
    """
    result = planned()
    logs = np.log1p(result.performance["returns"].to_numpy())
    count, away = len(logs), logs - logs.mean()
    covariances = [np.mean(away * np.roll(away, -i)) for i in range(count)]
    variance = covariances[0] + 2 * sum(
        (1 - i / count) * (1 - 1 / block) ** i * covariances[i] for i in range(1, count)
    )

    found = rbt.monte_carlo(result, n=20_000, seed=5, block=block)

    sums = np.log(found.final / CAPITAL)
    assert sums.mean() == pytest.approx(logs.sum(), abs=4 * standard_error(sums))
    assert sums.var() == pytest.approx(count * variance, rel=0.06)


@pytest.mark.parametrize("block", [2, 6])
def test_bootstrapped_blocks_are_distributed_as_those_of_arch(block):
    result = planned()
    returns = result.performance["returns"].to_numpy()
    theirs = []
    for (drawn,), _ in StationaryBootstrap(block, returns, seed=6).bootstrap(4000):
        path = CAPITAL * np.cumprod(np.concatenate([[1.0], 1.0 + drawn]))
        theirs.append((path[-1], (path / np.maximum.accumulate(path) - 1).min(), path.min()))
    final, deepest, least = np.array(theirs).T

    found = rbt.monte_carlo(result, n=4000, seed=7, block=block)

    pairs = ((found.final, final), (found.drawdowns, deepest), (found.values.min(axis=1), least))
    for ours, other in pairs:
        assert ks_2samp(ours, other).pvalue > 0.001


# -- running again -------------------------------------------------------------------


@pytest.mark.parametrize("late", [1, 2, 5])
def test_delayed_entries_fill_so_many_bars_later(late):
    found = rbt.monte_carlo(planned(), method="delay", amount=late)

    assert found.values[0, 1:] == pytest.approx(by_hand(closes=CLOSES, late=late), abs=1e-6)


@pytest.mark.parametrize("factor", [0.0, 1.0, 2.0, 3.5])
@pytest.mark.parametrize(
    ("models", "costs"),
    [
        ((PerDollar(0.001), FixedSlippage(spread=0.1)), {"half_spread": 0.05}),
        ((PerDollar(0.002), NoSlippage()), {"per_dollar": 0.002}),
        (
            (PerShare(cost=0.03, min_trade_cost=2.0), NoSlippage()),
            {"per_dollar": 0.0, "per_share": 0.03, "least": 2.0},
        ),
    ],
)
def test_doubled_costs_are_those_of_an_account_that_pays_twice(models, costs, factor):
    result = planned(commission=models[0], slippage=models[1])
    dear = {"per_dollar": 0.001, **costs}
    dear = {name: factor * value for name, value in dear.items()}

    found = rbt.monte_carlo(result, method="costs", amount=factor)

    assert found.values[0, 1:] == pytest.approx(by_hand(closes=CLOSES, **dear), abs=1e-6)


def test_perturbed_prices_have_the_moments_of_lognormal_noise():
    """Each bar's prices are multiplied by exp(e), e normal with deviation s, so that a
    price P has the mean P exp(s^2 / 2) and the variance P^2 exp(s^2) (exp(s^2) - 1).
    """
    deviation, held, bought = 0.05, 100, 3
    result = planned(commission=PerDollar(0.0), end=bars()["date"][6])
    last = CLOSES[6]

    found = rbt.monte_carlo(result, method="prices", n=600, seed=8, amount=deviation)

    assert found.values[:, :4] == pytest.approx(np.full((600, 4), CAPITAL))  # not held before
    up = np.exp(deviation**2 / 2)
    profit = found.final - CAPITAL
    assert profit.mean() == pytest.approx(
        held * (last - CLOSES[bought]) * up, abs=4 * standard_error(profit)
    )
    spread = np.exp(deviation**2) * (np.exp(deviation**2) - 1)
    variance = held**2 * (last**2 + CLOSES[bought] ** 2) * spread
    assert profit.var() == pytest.approx(variance, rel=4 * np.sqrt(2 / 600))
    again = rbt.monte_carlo(result, method="prices", n=3, seed=8, amount=deviation)
    assert np.array_equal(again.values, found.values[:3])


def test_a_spread_is_doubled_as_a_part_of_the_price():
    result = planned(slippage=SpreadSlippage(basis_points=10))

    found = rbt.monte_carlo(result, method="costs")

    twice = planned(commission=PerDollar(0.002), slippage=SpreadSlippage(basis_points=20))
    expected = twice.performance["portfolio_value"].to_numpy()
    # The commission is of the fill's price, which differs by the added spread.
    assert found.values[0, 1:] == pytest.approx(expected, abs=1e-6)
