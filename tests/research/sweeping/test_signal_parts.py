"""Parts that expressions share are computed once, and prompt fills are the simulation's."""

import itertools
import math
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from rbtlive.finance.commission import PerDollar, PerShare, PerTrade
from rbtlive.finance.slippage import FixedBasisPointsSlippage, NoSlippage, VolumeShareSlippage
from rbtlive.research.signals.asset_span import AssetSpan, joined
from rbtlive.research.signals.columnar_gear import trade
from rbtlive.research.signals.costs import charge_by, fill_by
from rbtlive.research.signals.expressions import SignalTable
from rbtlive.research.signals.ledger import _sum
from rbtlive.research.signals.prompt_fills import prompt_fills
from rbtlive.research.signals.shared_parts import _OPERATIONS, SharedParts
from rbtlive.research.signals.simulation import Simulation

# ruff: noqa: SIM300 - a column is compared here, no constant
CLOSE = pl.col("close")
DRAW = np.random.default_rng(7)
BARS = pl.DataFrame({"close": np.round(50 * np.exp(np.cumsum(DRAW.normal(0, 0.02, 120))), 2)})
BARS = BARS.with_columns(high=CLOSE + 0.5, volume=pl.lit(1e6))


def strength(n: int) -> pl.Expr:
    up = CLOSE.diff().clip(lower_bound=0).ewm_mean(span=n)
    down = (-CLOSE.diff()).clip(lower_bound=0).ewm_mean(span=n)
    return 100 - 100 / (1 + up / down)


MANY = {
    "crossings": [
        CLOSE.rolling_mean(fast) > CLOSE.rolling_mean(slow) for fast in (2, 3) for slow in (5, 8)
    ],
    "a ratio of nothing": [strength(n) > level for n in (2, 5) for level in (30, 70.5)],
    "logic": [
        (CLOSE > CLOSE.rolling_mean(9)) & (CLOSE / CLOSE.shift(n) - 1 < 0.01) | (CLOSE < 30)
        for n in (1, 2, 3)
    ],
    "totals and constants": [CLOSE > CLOSE.mean() * k for k in (1, 2)] + [pl.lit(2) > pl.lit(1)],
    "a part that is an expression itself": [
        CLOSE.diff() > 0,
        (CLOSE.diff() > 0) == (CLOSE.diff() > 1),
        CLOSE.diff(),
    ],
    "others": [~(CLOSE > 50), CLOSE.is_between(40, 50), pl.when(CLOSE > 50).then(1).otherwise(2)],
}


@pytest.mark.parametrize("kind", MANY)
def test_shared_parts_give_the_values_of_the_expressions_as_written(kind):
    parts = SharedParts()
    places = [parts.add(one) for one in MANY[kind]]

    frame = BARS
    plan = parts.plan(places)
    for step in plan.steps:
        frame = frame.with_columns(step)
    last = [*plan.roots, *(one.expression for one in plan.comparisons)]
    found = frame.select(pl.int_range(pl.len()).alias("row"), *last)

    for place, one in enumerate(MANY[kind]):
        plain = BARS.select(pl.int_range(pl.len()).alias("row"), one.alias("value"))
        assert found[str(place)].rename("value").equals(plain["value"])


def test_a_part_of_many_expressions_is_computed_once():
    parts = SharedParts()
    places = [parts.add(strength(n) > level) for n in (2, 5, 9) for level in range(20, 80)]

    plan = parts.plan(places)

    assert [len(step) for step in plan.steps] == [3]
    assert (len(plan.roots), len(plan.comparisons)) == (0, 180)
    assert all("ewm" not in str(one.expression) for one in plan.comparisons)


@pytest.mark.parametrize("sign", [">", ">=", "<", "<=", "==", "!="])
def test_columns_compare_as_in_polars(sign):
    """Missing values, NaN, infinities, zeros of both signs, and whole numbers."""
    odd = [1.0, None, math.nan, math.inf, -math.inf, 0.0, -0.0, 2.5, 3.0, 1e300]
    first, second = zip(*itertools.product(odd, odd), strict=True)
    clean = [None if value is None or value != value else value for value in first]
    bars = pl.DataFrame({"open": first, "close": second, "high": clean}).with_columns(
        low=pl.col("high").reverse(), volume=pl.int_range(pl.len()), price=pl.lit(None, pl.Float64)
    )
    compare = _OPERATIONS[sign]
    operands = [pl.col(name) for name in bars.columns] + [pl.lit(2.5), pl.lit(3), pl.lit(2**60)]
    pairs = [compare(a, b) for a in operands[:6] for b in operands]
    table = SignalTable()
    places = [table.add(one) for one in pairs]

    found = table.evaluate(bars, symbol="A", check=False)

    plain = bars.select(pl.int_range(pl.len()).alias("row"), *(
        one.cast(pl.Int8).fill_null(-1).alias(str(place))
        for place, one in zip(places, pairs, strict=True)
    ))  # fmt: skip
    for place in places:
        assert found[place].tolist() == plain[str(place)].to_list()


def test_a_sum_of_money_is_rounded_once():
    draw = np.random.default_rng(3)
    courses = [
        np.round(scale * np.exp(np.cumsum(draw.normal(0, spread, 700))), digits)
        for scale in (0.01, 5.0, 1e5, 1e12)
        for spread in (0.001, 0.05)
        for digits in (2, 12)
    ]
    for odd in (0.0, -3.3, math.nan, 1e300, 5e-324):
        courses.append(np.append(courses[0], odd))

    for course in courses:
        expected = math.fsum(course.tolist())
        assert repr(_sum(course)) == repr(expected)


def test_equal_expressions_have_one_place():
    parts = SharedParts()

    assert [parts.add(CLOSE > n) for n in (1, 2, 1)] == [0, 1, 0]
    assert len(parts.expressions) == 2


def spans(seed: int) -> AssetSpan:
    """Return an asset that trades in most bars, enough for most orders."""
    draw = np.random.default_rng(seed)
    sessions = 150
    closes = np.round(50 * np.exp(np.cumsum(draw.normal(0, 0.02, sessions))), 2)
    volumes = np.where(draw.random(sessions) < 0.06, draw.integers(0, 60) * 10.0, 1e6)
    if seed % 3 == 0:
        closes[draw.integers(0, sessions)] = np.nan
    carried = pl.Series(closes).fill_nan(None).forward_fill().to_numpy()
    model = [NoSlippage(), FixedBasisPointsSlippage(7, 0.1), VolumeShareSlippage(0.2, 0.3)][
        seed % 3
    ]
    costs = [PerShare(0.01, 1.0), PerTrade(2.0), PerDollar(0.001)][seed // 2 % 3]
    lot = ["1", "1", "0.1"][seed % 3]
    return AssetSpan(
        symbol="AAA",
        closes=closes,
        prices=carried,
        volumes=volumes,
        listed=(seed % 5, sessions - (20 if seed % 4 == 0 else 0)),
        leaves=sessions - 20 if seed % 4 == 0 else sessions,
        splits={40: 0.5, 41: 0.5, 90: 2.0} if seed % 2 else {},
        dividends={30: [(0.5, 35)], 60: [(0.25, 60), (0.1, None)], 149: [(1.0, 170)]},
        lot=float(lot),
        fill=fill_by(model, Decimal(lot)),
        charge=charge_by(costs),
    )


@pytest.mark.parametrize("seed", range(12))
def test_prompt_fills_are_those_of_the_simulation(seed):
    span, draw, runs = spans(seed), np.random.default_rng(seed + 100), 60
    enters = draw.random((runs, span.sessions)) < draw.choice([0.02, 0.3, 0.9], (runs, 1))
    leaves = draw.random((runs, span.sessions)) < draw.choice([0.02, 0.3, 0.9], (runs, 1))
    sizes = draw.choice([8.0, -16.0, 4000.0, 0.0], runs)

    _, is_prompt = prompt_fills(span, enters, leaves, sizes)
    mixed = trade(span, enters, leaves, sizes)
    exact = Simulation(span, enters, leaves, sizes).run()
    exact.pay_dividends(span)

    assert 0 < is_prompt.sum() < runs
    assert np.array_equal(mixed.held, exact.held)
    assert np.array_equal(mixed.orders, exact.orders)
    ours, theirs = joined(mixed.fills), joined(exact.fills)
    order, other = (np.lexsort((fills.sessions, fills.runs)) for fills in (ours, theirs))
    for mine, known in zip(ours, theirs, strict=True):
        assert np.array_equal(mine[order], known[other])
    for (when, paid, held), (then, amount, expected) in zip(
        mixed.dividends, exact.dividends, strict=True
    ):
        assert (when, paid) == (then, amount)
        assert np.array_equal(held, expected)
