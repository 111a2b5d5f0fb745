"""Parts that expressions share are computed once, and prompt fills are the simulation's."""

import itertools
import math
import operator
from decimal import Decimal

import numpy as np
import polars as pl
import pytest

from rbtlive.errors import LookAheadIndicator
from rbtlive.finance.commission import PerDollar, PerShare, PerTrade
from rbtlive.finance.slippage import FixedBasisPointsSlippage, NoSlippage, VolumeShareSlippage
from rbtlive.research.signals.asset_span import AssetSpan, joined
from rbtlive.research.signals.columnar_gear import trade
from rbtlive.research.signals.costs import charge_by, fill_by
from rbtlive.research.signals.expressions import SignalTable
from rbtlive.research.signals.ledger import _sum
from rbtlive.research.signals.prompt_fills import prompt_fills
from rbtlive.research.signals.shared_parts import SharedParts
from rbtlive.research.signals.simulation import Simulation
from rbtlive.research.signals.trees import Program, fitting

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
    "arguments of functions": [
        (CLOSE.ewm_mean(span=fast) - CLOSE.ewm_mean(span=slow)).ewm_mean(span=n).shift(1) > 0.1
        for fast in (2, 3)
        for slow in (5, 8)
        for n in (3, 4)
    ],
    "arguments with one value for all rows": [
        CLOSE > CLOSE.max().shift(n).fill_null(CLOSE.min()) + CLOSE.max() for n in (0, 1, 2)
    ],
    "arguments with names": [
        CLOSE.diff() > pl.struct(CLOSE.diff(), CLOSE.diff(2).alias("b")).struct.field("b") * k
        for k in (1, 2)
    ],
    "conditions and casts": [
        pl.when(CLOSE.diff(n) > 0).then(CLOSE.diff(n)).otherwise(CLOSE.diff(2)).rolling_mean(3)
        > (CLOSE.diff(n) > 0).cast(pl.Float64)
        for n in (1, 2)
    ],
}


@pytest.mark.parametrize("kind", MANY)
def test_shared_parts_give_the_values_of_the_expressions_as_written(kind):
    parts = SharedParts()
    places = [parts.add(one) for one in MANY[kind]]

    frame = BARS
    plan = parts.plan(places)
    for step in plan.steps:
        frame = frame.with_columns(step)
    last = [*plan.roots, *(one.expression for one in plan.trees)]
    found = frame.select(pl.int_range(pl.len()).alias("row"), *last)

    for place, one in enumerate(MANY[kind]):
        plain = BARS.select(pl.int_range(pl.len()).alias("row"), one.alias("value"))
        assert found[str(place)].rename("value").equals(plain["value"])


def flags_of(bars, expressions):
    """Return the flags as the gear computes them, and as polars does one by one."""
    table = SignalTable()
    places = [table.add(one) for one in expressions]
    found = table.evaluate(bars, symbol="A", check=False)[places]
    plain = [
        bars.select(pl.int_range(pl.len()).alias("row"), one.alias("value"))["value"]
        .cast(pl.Int8)
        .fill_null(-1)
        .to_list()
        for one in expressions
    ]
    return found.tolist(), plain


@pytest.mark.parametrize("seed", range(12))
def test_random_arithmetic_and_logic_gives_the_truth_values_of_polars(seed):
    """Of columns with missing values, NaN and infinities, of numbers, and of whole numbers."""
    draw = np.random.default_rng(seed)
    rows = 300
    odd = np.array([math.nan, math.inf, -math.inf, 0.0, -0.0])
    clean = np.round(draw.normal(0, 2, (3, rows)), 1)
    clean[1, draw.random(rows) < 0.1] = 0.0
    wild = np.where(draw.random(rows) < 0.1, draw.choice(odd, rows), clean[0])
    bars = pl.DataFrame(
        {
            "open": clean[0],
            "high": pl.Series(clean[1]).set(pl.Series(draw.random(rows) < 0.05), None),
            "low": wild if seed % 2 else clean[2],
            "close": pl.Series(wild).set(pl.Series(draw.random(rows) < 0.05), None),
            "volume": draw.integers(-3, 3, rows),
            "held": pl.Series(draw.random(rows) < 0.5).set(
                pl.Series(draw.random(rows) < 0.1), None
            ),
        }
    )
    names = ["open", "high", "low"] + ["close", "volume"] * (seed % 3 == 0)

    def one_of(options):
        return options[draw.integers(len(options))]

    def number(depth):
        kind = draw.integers(0, 6 if depth else 3)
        if kind < 2:
            return pl.col(one_of(names))
        if kind == 2:
            name = one_of(names[:3])
            return one_of([pl.col(name).shift(1), pl.col(name).rolling_mean(3)])
        if kind == 3:
            constant = one_of([2.0, 0.3, -1.5, 0.0, 7.0, 3, math.inf, math.nan])
            pair = [number(depth - 1), pl.lit(constant)]
        else:
            pair = [number(depth - 1), number(depth - 1)]
        left, right = pair if draw.random() < 0.5 else pair[::-1]
        return one_of([operator.add, operator.sub, operator.mul, operator.truediv])(left, right)

    def truth(depth):
        kind = draw.integers(0, 6 if depth else 3)
        if kind == 0:
            return pl.col("held")
        if kind < 3:
            other = (
                number(1)
                if draw.random() < 0.5
                else pl.lit(one_of([0.0, 0.5, 2, math.nan, -math.inf]))
            )
            return one_of(list(SIGNS.values()))(number(2), other)
        if kind == 3:
            return ~truth(depth - 1)
        return one_of([operator.and_, operator.or_])(truth(depth - 1), truth(depth - 1))

    found, plain = flags_of(bars, [truth(3) for _ in range(60)])

    assert found == plain


def test_many_bars_are_computed_in_parts():
    rows = 3000
    closes = pl.Series("close", np.cumsum(np.random.default_rng(2).normal(0, 1, rows)))
    bars = pl.DataFrame({"close": closes.set(pl.Series(np.arange(rows) % 701 == 0), None)})
    every = [
        (CLOSE > CLOSE.rolling_mean(n) * k) | (CLOSE.shift(n) < k)
        for n in range(2, 12)
        for k in range(1, 31)
    ]

    found, plain = flags_of(bars, every)

    assert found == plain


def test_a_grid_is_compared_group_by_group_without_copies_of_rows():
    gaps = pl.Series(np.where(np.arange(120) % 17 == 0, np.nan, BARS["close"]))
    bars = BARS.with_columns(gaps.alias("open"), close=pl.Series(gaps).fill_nan(None))
    fast, slow = range(2, 14), range(20, 34)
    mean = {n: CLOSE.rolling_mean(n) for n in (*fast, *slow)}
    every = [
        compare(mean[a], mean[b]) & (CLOSE.shift(a) != pl.col("open").shift(b - 18))
        for compare in (operator.gt, operator.le)
        for a, b in itertools.product(fast, slow)
        if 2 * a < b
    ]
    parts = SharedParts()
    plan = parts.plan([parts.add(one) for one in every])
    frame = bars
    for step in plan.steps:
        frame = frame.with_columns(step)

    found, plain = flags_of(bars, every)

    assert found == plain
    steps = fitting(plan.trees, frame)._steps
    copied = [rows for step in steps for rows in step.operands if isinstance(rows, np.ndarray)]
    assert len(steps) < len(every) / 4
    assert len(copied) < len(steps) / 4


def test_prefixes_are_computed_again_only_if_their_columns_are_others(monkeypatch):
    ran = []
    run = Program.run
    monkeypatch.setattr(
        Program, "run", lambda self, *given: ran.append(given[1].shape[1]) or run(self, *given)
    )
    table = SignalTable()
    for n in range(2, 9):
        table.add(CLOSE.rolling_mean(n) > CLOSE.shift(n))

    table.evaluate(BARS, symbol="A", check=True)
    assert ran == [120, 120]  # all, and the few that are tried on every beginning

    table.add(CLOSE.shift(-3) > 50)
    with pytest.raises(LookAheadIndicator, match="of A, the value at bar 57"):
        table.evaluate(BARS, symbol="A", check=True)
    assert ran[2:] == [120, 60]


def test_a_truth_value_that_is_also_used_as_a_number_is_left_to_polars():
    bars = BARS.with_columns(flag=CLOSE > 50)
    flag = pl.col("flag")

    found, plain = flags_of(bars, [flag & (CLOSE > 45), flag > (CLOSE > 60), (flag * 2.0) > 1.0])

    assert found == plain


def test_no_bars_have_no_flags():
    assert SignalTable().evaluate(BARS.clear(), symbol="A", check=True).shape == (0, 0)
    table = SignalTable()
    table.add(CLOSE > CLOSE.shift(1))

    assert table.evaluate(BARS.clear(), symbol="A", check=True).shape == (1, 0)


def test_numpy_computes_arithmetic_and_logic_of_shared_parts():
    band = [CLOSE.rolling_mean(9) - k * CLOSE.rolling_std(9) for k in (1, 2.5)]
    parts = SharedParts()
    places = [parts.add((CLOSE < one) & ~(CLOSE.shift(1) < one.shift(1))) for one in band]

    plan = parts.plan(places)

    assert not plan.roots
    assert len(plan.trees) == 2
    frame = BARS
    for step in plan.steps:
        frame = frame.with_columns(step)
    assert not fitting(plan.trees, frame).left


def test_a_part_of_many_expressions_is_computed_once():
    parts = SharedParts()
    places = [parts.add(strength(n) > level) for n in (2, 5, 9) for level in range(20, 80)]

    plan = parts.plan(places)

    # The changes, those up and those down negated, and their means for three lengths.
    assert [len(step) for step in plan.steps] == [1, 2, 6]
    assert (len(plan.roots), len(plan.trees)) == (0, 180)
    assert all("ewm" not in str(one.expression) for one in plan.trees)


SIGNS = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


@pytest.mark.parametrize("sign", SIGNS)
def test_columns_compare_as_in_polars(sign):
    """Missing values, NaN, infinities, zeros of both signs, and whole numbers."""
    odd = [1.0, None, math.nan, math.inf, -math.inf, 0.0, -0.0, 2.5, 3.0, 1e300]
    first, second = zip(*itertools.product(odd, odd), strict=True)
    clean = [None if value is None or value != value else value for value in first]
    bars = pl.DataFrame({"open": first, "close": second, "high": clean}).with_columns(
        low=pl.col("high").reverse(), volume=pl.int_range(pl.len()), price=pl.lit(None, pl.Float64)
    )
    compare = SIGNS[sign]
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
