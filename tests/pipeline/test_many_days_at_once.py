"""Factors that are computed over many days at once, and the first few of a ranking."""

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from scipy.stats import rankdata

import rbtlive as rbt
from rbtlive.lib.adjustment import Float64Add, Float64Multiply
from rbtlive.pipeline import Pipeline, factors, ranks, rolling, rows, scans, whole
from rbtlive.pipeline.data import USEquityPricing
from rbtlive.pipeline.factors import (
    EWMA,
    EWMSTD,
    RSI,
    VWAP,
    AnnualizedVolatility,
    Aroon,
    AverageDollarVolume,
    BollingerBands,
    DailyReturns,
    FastStochasticOscillator,
    IchimokuKinkoHyo,
    LinearWeightedMovingAverage,
    MACDSignal,
    MaxDrawdown,
    PercentChange,
    RateOfChangePercentage,
    Returns,
    SimpleBeta,
    SimpleMovingAverage,
    TrueRange,
    WeightedAverageValue,
)
from rbtlive.pipeline.filters import All, AllPresent, AtLeastN, StaticAssets
from rbtlive.pipeline.filters.smoothing import Any_
from rbtlive.pipeline.loaders.base import as_loaded
from rbtlive.pipeline.mixins import CustomTermMixin, computes_many_days
from rbtlive.pipeline.sentinels import NotSpecified
from rbtlive.pipeline.windows import InputWindows, Loaded, Restatement
from tests.pipeline.test_engine import portal

START, END = "2016-01-11", "2016-04-15"  # splits, dividends, gaps, listings and ends
close, volume = USEquityPricing.close, USEquityPricing.volume


def every(mask: Any = None) -> dict[str, Any]:
    """Return all factors that have a formula for many days, with and without outputs."""
    bands = BollingerBands(window_length=12, k=2, mask=mask)
    cloud = IchimokuKinkoHyo(
        window_length=20, tenkan_sen_length=4, kijun_sen_length=9, chikou_span_length=7, mask=mask
    )
    target = portal().asset("BB1")
    lows = AllPresent([USEquityPricing.low], window_length=9)
    aroon = Aroon(window_length=8, mask=lows if mask is None else lows & mask)
    daily, other = DailyReturns(mask=mask), Returns(window_length=4, mask=mask)
    own = DailyReturns()[target]
    fit, on_one = daily.linear_regression(other, 10, mask), daily.linear_regression(own, 12, mask)
    lines = ("alpha", "beta", "r_value", "p_value", "stderr")
    decay = {"window_length": 11, "decay_rate": 0.8, "mask": mask}
    return {
        "returns": Returns(window_length=8, mask=mask),
        "change": PercentChange(inputs=[volume], window_length=4, mask=mask),
        "roc": RateOfChangePercentage(inputs=[close], window_length=6, mask=mask),
        "long": SimpleMovingAverage(inputs=[close], window_length=70, mask=mask),
        "drop": MaxDrawdown(inputs=[close], window_length=13, mask=mask),
        "up": aroon.up,
        "down": aroon.down,
        "beta_to_one": SimpleBeta(target, 15),
        "strict_beta": SimpleBeta(target, 7, 0.0),
        "pearson": daily.pearsonr(own, 9, mask=mask),
        "pearson_of_two": daily.pearsonr(other, 9, mask=mask),
        "spearman": daily.spearmanr(own, 8, mask=mask),
        "spearman_of_two": daily.spearmanr(other, 8, mask=mask),
        **{f"fit_{name}": getattr(fit, name) for name in lines},
        **{f"one_{name}": getattr(on_one, name) for name in lines},
        "sma": SimpleMovingAverage(inputs=[close], window_length=20, mask=mask),
        "volumes": SimpleMovingAverage(inputs=[volume], window_length=7, mask=mask),
        "adv": AverageDollarVolume(window_length=10, mask=mask),
        "vwap": VWAP(window_length=9, mask=mask),
        "wav": WeightedAverageValue(inputs=[volume, close], window_length=5, mask=mask),
        "rsi": RSI(mask=mask),
        "ewma": EWMA(inputs=[close], **decay),
        "ewmstd": EWMSTD(inputs=[close], **decay),
        "lwma": LinearWeightedMovingAverage(inputs=[close], window_length=8, mask=mask),
        "volatility": AnnualizedVolatility(window_length=30, mask=mask),
        "fso": FastStochasticOscillator(mask=mask),
        "range": TrueRange(mask=mask),
        "macd": MACDSignal(fast_period=4, slow_period=9, signal_period=3, mask=mask),
        **{name: getattr(bands, name) for name in ("lower", "middle", "upper")},
        **{
            name: getattr(cloud, name)
            for name in ("tenkan_sen", "kijun_sen", "senkou_span_a", "senkou_span_b", "chikou_span")
        },
    }


def table(mask: Any, **options: Any) -> pl.DataFrame:
    return rbt.run_pipeline(Pipeline(every(mask)), START, END, portal(), **options)


@pytest.mark.parametrize("masked", [False, True])
def test_many_days_at_once_are_what_each_day_gives(masked: bool, monkeypatch: pytest.MonkeyPatch):
    """Each factor's own compute, called day by day, gives the same numbers."""
    mask = AverageDollarVolume(window_length=5).percentile_between(30, 100) if masked else None
    found = table(mask)
    for term in every(mask).values():
        for one in (term, *term.inputs):
            if isinstance(one, CustomTermMixin):
                monkeypatch.setattr(type(one), "_whole", lambda *_: None)

    by_day = table(mask)

    assert len(found) > 700
    assert_frame_equal(found, by_day, check_exact=False, rel_tol=1e-9, abs_tol=1e-11)


@pytest.mark.parametrize("masked", [False, True])
def test_counts_of_days_and_peers_are_what_each_day_gives(
    masked: bool, monkeypatch: pytest.MonkeyPatch
):
    """Filters over the last days, and who has the same label; some have none."""
    mask = AverageDollarVolume(window_length=5).percentile_between(30, 100) if masked else None
    rising = DailyReturns() > 0.0
    traded = AverageDollarVolume(window_length=5).percentile_between(20, 100)
    labels = SimpleMovingAverage(inputs=[close], window_length=5).quantiles(3, mask=traded)
    terms = {
        "present": AllPresent([USEquityPricing.low], window_length=9, mask=mask),
        "all": All([rising], window_length=3, mask=mask),
        "any": Any_([rising], window_length=4, mask=mask),
        "some": AtLeastN([rising], window_length=6, N=3, mask=mask),
        "peers": labels.peer_count(mask=NotSpecified if mask is None else mask),
    }
    found = rbt.run_pipeline(Pipeline(terms), START, END, portal())
    for term in terms.values():
        assert computes_many_days(type(term))
        monkeypatch.setattr(type(term), "_whole", lambda *_: None)

    by_day = rbt.run_pipeline(Pipeline(terms), START, END, portal())

    assert_frame_equal(found, by_day, check_exact=True)
    for name in ("present", "all", "any", "some"):
        assert 0 < found[name].sum() < len(found)
    assert found["peers"].is_nan().any()  # those without a label
    assert found["peers"].n_unique() > 2


def test_no_formula_depends_on_where_a_chunk_begins():
    """All factors, cut into chunks of five days, give the same digits."""
    assert_frame_equal(table(None, chunks=5), table(None), check_exact=True)


@pytest.mark.parametrize("kind", [factors.Latest, factors.Returns, factors.RSI, factors.VWAP])
def test_a_formula_for_many_days_is_used(kind: Any):
    """Also of `Latest`, whose compute is that of all kinds of latest values."""
    assert computes_many_days(kind)


def test_an_overridden_compute_is_what_counts():
    """A subclass of a built-in factor that has a compute of its own is computed by it."""

    class Doubled(Returns):
        def compute(self, today, assets, out, closes):
            out[:] = 2.0 * (closes[-1] / closes[0] - 1.0)

    pipe = Pipeline({"own": Doubled(window_length=8), "plain": Returns(window_length=8)})

    found = rbt.run_pipeline(pipe, START, END, portal()).drop_nulls()

    np.testing.assert_allclose(found["own"], 2.0 * found["plain"], rtol=1e-9, atol=1e-12)


numbers = st.one_of(
    st.just(float("nan")),
    st.sampled_from([0.0, -0.0, 1.0, np.inf, -np.inf, 1.0 + 2**-52, 1.0 + 2**-51]),
    st.floats(-1e9, 1e9, allow_nan=False),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(numbers, min_size=7, max_size=7), min_size=1, max_size=5),
    st.booleans(),
    st.integers(-1, 9),
)
def test_ranks_and_the_first_few_are_those_of_a_stable_sort(
    rows: list[list[float]], ascending: bool, count: int
):
    """Equals, near equals, infinities and missing values come in the order of a stable
    sort.
    """
    values = np.array(rows)
    mask = np.arange(7) != 2
    lost = np.isnan(values) | ~mask
    keys = np.where(lost, np.nan, values if ascending else -values)
    expected = np.empty(values.shape)
    np.put_along_axis(
        expected, np.argsort(keys, axis=1, kind="stable"), np.arange(1.0, 8)[None, :], axis=1
    )
    expected[lost] = np.nan

    found = ranks.masked_ranks(values, mask[None, :], np.nan, method="ordinal", ascending=ascending)
    first = ranks.first_ranked(values, mask[None, :], np.nan, count=count, ascending=ascending)

    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(first, expected <= count)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 9) | st.integers(64, 68), st.integers(0, 80), st.integers(0, 2**32 - 1))
def test_windows_at_once_are_what_each_window_gives(length: int, first: int, seed: int):
    """Sums, extremes and moments of each window, missing values and flat ones included."""
    rng = np.random.Generator(np.random.PCG64(seed))
    values = rng.normal(50.0, 1.0, (length + 14, 4))
    values[:, 1] = 7.25
    values[:, 2] = 1e5 + 1e-4 * rng.normal(size=length + 14)
    values[rng.random(values.shape) < 0.15] = np.nan
    windows = np.lib.stride_tricks.sliding_window_view(values, length, axis=0)
    known = [[row[~np.isnan(row)] for row in day] for day in windows]

    def each(function: Any) -> Any:
        return np.array([[function(row) if len(row) else np.nan for row in day] for day in known])

    if length <= 64:  # to the last digit of a sum from the oldest day on
        sums = rolling.known_sum(values, length, first)
        in_order = each(lambda row: np.add.accumulate(row)[-1])
        np.testing.assert_array_equal(sums, np.nan_to_num(in_order))
    mean, spread = rolling.known_moments(values, length, first)
    close_to = {"rtol": 1e-10, "atol": 1e-12}
    np.testing.assert_allclose(mean, each(np.mean), **close_to)
    np.testing.assert_allclose(spread, each(np.std), rtol=1e-9, atol=1e-10)
    np.testing.assert_array_equal(
        rolling.known_extreme(values, length, first, largest=True), each(np.max)
    )
    np.testing.assert_array_equal(
        rolling.known_extreme(values, length, first, largest=False), each(np.min)
    )
    np.testing.assert_array_equal(
        rolling.plain_extreme(values, length, first, largest=True), windows.max(axis=2)
    )


def test_the_rows_from_some_day_on_know_what_was_adjusted_before():
    """What took effect earlier is in them; what comes later changes rows that are left."""
    values = np.arange(12.0).reshape(4, 3)
    changes = {1: [Float64Multiply(0, 2, 0, 0, 10.0)], 3: [Float64Add(1, 2, 1, 1, 5.0)]}

    tail = as_loaded(values, changes).tail(2)

    assert tail.values.tolist() == [[60.0, 7.0, 8.0], [9.0, 10.0, 11.0]]
    assert [(one.row, one.rows) for one in tail.revisions] == [(1, (0, 0))]
    assert values[2, 0] == 6.0


@pytest.mark.parametrize("share", [0.02, 0.4, 1.0])
@pytest.mark.parametrize("ascending", [True, False])
def test_wide_rows_are_ranked_like_a_stable_sort(share: float, ascending: bool):
    """A wide row has equals, numbers that differ in their last bits, numbers of one
    float32, and few or many that count.
    """
    rng = np.random.Generator(np.random.PCG64(int(share * 100)))
    values = rng.normal(0.0, 1.0, (30, 700))
    values[:, ::7] = np.round(values[:, ::7], 1)
    values[:, 1::7] = np.nextafter(1.5, 2.0) + np.spacing(1.5) * rng.integers(0, 40, (30, 100))
    values[:, 2::7] = 0.25 + rng.integers(0, 40, (30, 100)) * 1e-12
    values[rng.random(values.shape) < 0.1] = np.nan
    values[3] = np.nan
    mask = rng.random(values.shape) < share
    mask[4] = False
    lost = np.isnan(values) | ~mask
    keys = np.where(lost, np.nan, values if ascending else -values)
    expected = np.empty(values.shape)
    order = np.argsort(keys, axis=1, kind="stable")
    np.put_along_axis(expected, order, np.arange(1.0, 701)[None, :], axis=1)
    expected[lost] = np.nan

    found = ranks.masked_ranks(values, mask, np.nan, method="ordinal", ascending=ascending)

    np.testing.assert_array_equal(found, expected)
    for count in (1, 20, 90, 350):
        first = ranks.first_ranked(values, mask, np.nan, count=count, ascending=ascending)
        np.testing.assert_array_equal(first, expected <= count)


@pytest.mark.parametrize("shares", [(0, 100), (90, 100), (12.5, 33.3), (49, 51)])
def test_percentiles_of_rows_are_those_of_numpy(shares: tuple[float, float]):
    """Rows have different counts of known values, one value, and none."""
    rng = np.random.Generator(np.random.PCG64(5))
    values = np.round(rng.normal(0.0, 3.0, (40, 23)), 2)
    values[rng.random(values.shape) < 0.3] = np.nan
    values[1, 1:] = np.nan
    values[1, 0], values[2] = 4.0, np.nan
    known = [row[~np.isnan(row)] for row in values]

    found = rows.percentiles(values, shares)

    expected = [np.percentile(row, shares) if len(row) else [np.nan] * 2 for row in known]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("length", [2, 5, 20])
def test_sums_of_a_wide_table_are_those_of_its_columns(length: int):
    """Digits do not depend on how many assets there are, nor on where a chunk begins."""
    rng = np.random.Generator(np.random.PCG64(length))
    values = rng.normal(50.0, 9.0, (70, 90))
    values[rng.random(values.shape) < 0.05] = np.nan
    values[:30, 7] = np.nan

    whole = rolling.known_mean(values, length, 3)

    for column in (0, 7, 89):
        alone = rolling.known_mean(values[:, [column]], length, 3)
        np.testing.assert_array_equal(alone, whole[:, [column]])
    np.testing.assert_array_equal(rolling.known_mean(values[11:], length, 14), whole[11:])


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize(
    "steps", [1e-9, 1e-13, 1e-320, 1e300], ids=["close", "last bits", "denormal", "huge"]
)
def test_numbers_that_are_one_float32_are_ranked_by_all_their_bits(steps: float, ascending: bool):
    """Half of the bits do not decide such rows; equals are ranked by column."""
    dice = np.random.Generator(np.random.PCG64(5))
    base = 1.0 if steps < 1e-300 or steps > 1 else 50.0
    values = steps * dice.integers(-40, 40, (6, 90)) + (0.0 if base == 1.0 else base)
    values[0, ::7], values[1, ::5], values[2, ::9] = np.nan, -0.0, np.inf
    values[3, ::11] = -np.inf

    found = ranks.masked_ranks(
        values, np.ones(values.shape, bool), np.nan, method="ordinal", ascending=ascending
    )

    for row, line in zip(found, values, strict=True):
        known = np.flatnonzero(~np.isnan(line))
        order = known[np.argsort(line[known] if ascending else -line[known], kind="stable")]
        assert row[order].tolist() == list(range(1, len(known) + 1))
        assert np.isnan(np.delete(row, known)).all()


def test_the_smallest_and_the_largest_bound_percentiles_without_sorting():
    """0 and 100 are the row's extremes; a row of missing values has none."""
    values = np.array([[3.0, np.nan, 1.0, 2.0], [np.nan] * 4, [np.inf, -np.inf, 0.0, np.nan]])

    found = rows.percentiles(values, (0.0, 50.0, 100.0))

    assert found[0].tolist() == [1.0, 2.0, 3.0]
    assert np.isnan(found[1]).all()
    assert found[2, [0, 2]].tolist() == [-np.inf, np.inf]


@pytest.mark.parametrize("ascending", [True, False])
def test_the_first_few_and_percentiles_of_wide_rows_are_those_of_a_sort(ascending: bool):
    """Rows of 2,100 with equals, near equals, infinities, few known values and none: what
    is selected is what a sort of all gives.
    """
    dice = np.random.Generator(np.random.PCG64(8))
    values = dice.normal(0.0, 1.0, (30, 2_100))
    values[:, ::5] = np.round(values[:, ::5], 1)
    values[:, 1::5] = np.sign(values[:, 1::5]) * (2.0 + dice.integers(0, 9, (30, 420)) * 1e-15)
    values[dice.random(values.shape) < 0.2] = np.nan
    values[2], values[3, 9:], values[4, ::3] = np.nan, np.nan, np.inf
    values[5, ::2], values[6, 1:] = -np.inf, np.nan
    mask = dice.random(values.shape) < 0.9
    lost = np.isnan(values) | ~mask
    keys = np.where(lost, np.nan, values if ascending else -values)
    order = np.argsort(keys, axis=1, kind="stable")
    expected = np.argsort(order, axis=1) < (~lost).sum(axis=1)[:, None]

    for count in (1, 3, 100, 300, 349, 351, 2_000, 2_100):
        first = ranks.first_ranked(values, mask, np.nan, count=count, ascending=ascending)
        np.testing.assert_array_equal(first, expected & (np.argsort(order, axis=1) < count))
    for share in (0.01, 2.0, 14.9, 85.1, 90.0, 99.99):
        found = rows.percentiles(np.where(lost, np.nan, values), (share,))[:, 0]
        with np.errstate(invalid="ignore"):  # between two infinities
            known = [row[~gone] for row, gone in zip(values, lost, strict=True)]
            wanted = [np.percentile(row, share) if len(row) else np.nan for row in known]
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("width", [1, 63, 64, 200])
@pytest.mark.parametrize("order", ["C", "F"])
def test_windows_are_added_up_from_the_oldest_day_in_tables_of_any_width(width: int, order: str):
    """Narrow and wide tables, rows or columns first in memory, alone or part of another:
    each sum has the digits of adding day by day.
    """
    dice = np.random.Generator(np.random.PCG64(width))
    whole = np.asarray(dice.normal(0.0, 1.0, (60, 2 * width)), order=order)
    for values in (whole[:, :width], whole[7:, ::2], np.repeat(whole[:, :1], width, axis=1)):
        for length in (1, 2, 9, 20, 64):
            windows = len(values) - length + 1
            if windows < 1:
                continue
            expected = np.zeros((windows, width))
            for age in range(length):
                expected += values[age : age + windows]

            found = rolling.rolling_sum(values, length, 0)

            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("method", ["min", "max", "average", "dense", "ordinal"])
@pytest.mark.parametrize("ascending", [True, False])
def test_ranks_of_equals_are_those_of_scipy(method: str, ascending: bool):
    """Rows of equals, near equals, both zeros, infinities and one column."""
    dice = np.random.Generator(np.random.PCG64(3))
    for width in (1, 2, 90, 700):
        values = np.round(dice.normal(0.0, 1.0, (30, width)), 1)
        values[1], values[2, ::2], values[3, ::3] = 4.0, -0.0, np.inf
        values[4] = 1.0 + dice.integers(0, 5, width) * 2.0**-52
        values[5] = dice.integers(0, 5, width) * 5e-324

        found = ranks.masked_ranks(
            values, np.ones(values.shape, bool), np.nan, method=method, ascending=ascending
        )

        expected = rankdata(values if ascending else -values, method=method, axis=1)
        np.testing.assert_array_equal(found, expected)


def test_a_number_out_of_order_never_changes_places_with_a_masked_one():
    """What is masked comes last, however small it is."""
    values = np.array([[1.0 + 2**-52, 1.0, 0.0, *np.arange(57) / 100.0]])
    mask = np.arange(60) != 2

    found = ranks.masked_ranks(values, mask, np.nan, method="ordinal", ascending=True)

    np.testing.assert_array_equal(found, [[59.0, 58.0, np.nan, *np.arange(1, 58)]])


@pytest.mark.parametrize("ascending", [True, False])
def test_nan_that_is_not_the_missing_value_is_ranked_last(ascending: bool):
    """As in zipline: with the missing ones, in the order of columns."""
    values = np.array([[np.nan, 3.0, -1.0, np.nan, 1.0, -np.nan]])

    found = ranks.masked_ranks(
        values, np.ones((1, 6), bool), -1.0, method="ordinal", ascending=ascending
    )

    numbers = [2.0, 1.0] if ascending else [1.0, 2.0]
    np.testing.assert_array_equal(found, [[3.0, numbers[0], np.nan, 5.0, numbers[1], 6.0]])


@pytest.mark.parametrize("length", [2, 5, 30, 70])
def test_only_windows_that_contain_an_action_are_adjusted(length: int):
    """After old dividends a window has the digits of its recorded prices, as in zipline; a
    window across an action has its adjusted values.
    """
    rows_, level = 120, np.array([0.9731 * 0.9873, 1.0, 0.9911])
    values = np.tile([10.02, 3.3, 45.67], (rows_, 1))
    values[:, 1] += np.arange(rows_) * 0.01
    changes = [Restatement(40, 0, 0.9713), Restatement(41, 0, 0.5), Restatement(90, 2, 1 / 3)]
    loaded = Loaded(values, changes, first=17, level=level)
    mask = np.ones((rows_ - length + 1, 3), dtype=bool)
    windows = [InputWindows(loaded, length)]

    found = {
        "mean": whole.mean(windows, mask),
        "weighted": whole.weighted_mean(windows, mask, np.arange(1.0, length + 1)),
        "spread": whole.moments(windows, mask)[1],
        "drop": whole.drawdown(windows, mask),
    }

    weights = np.arange(1.0, length + 1)
    for day, window in enumerate(InputWindows(loaded, length)):
        flat = [
            column
            for column in (0, 2)
            if not any(one.column == column and day <= one.row < day + length for one in changes)
        ]
        in_order = np.add.accumulate(window, axis=0)[-1]
        if length <= 64:
            np.testing.assert_array_equal(found["mean"][day, flat], (in_order / length)[flat])
        np.testing.assert_array_equal(found["drop"][day, flat], 0.0)
        np.testing.assert_allclose(found["spread"][day, flat], 0.0, atol=1e-12)
        np.testing.assert_allclose(found["mean"][day], window.mean(axis=0), rtol=1e-12)
        expected = np.average(window, axis=0, weights=weights)
        np.testing.assert_allclose(found["weighted"][day], expected, rtol=1e-12)
        np.testing.assert_allclose(found["spread"][day], window.std(axis=0), atol=1e-9)


def test_a_downsampled_factor_is_computed_from_single_windows():
    """Those whose formula needs a certain number of rows, and others, as on each day."""
    cloud = {"window_length": 20, "tenkan_sen_length": 4, "kijun_sen_length": 9}
    terms = {
        "rsi": RSI(),
        "range": TrueRange(),
        "chikou": IchimokuKinkoHyo(**cloud, chikou_span_length=7).chikou_span,
        "mean": SimpleMovingAverage(inputs=[close], window_length=5),
        "up": Aroon(window_length=8).up,
    }
    kept = StaticAssets([portal().asset(symbol) for symbol in ("AA0", "BB1")])
    daily = rbt.run_pipeline(Pipeline(terms, screen=kept), START, END, portal())
    weekly = {name: term.downsample("week_start") for name, term in terms.items()}

    found = rbt.run_pipeline(Pipeline(weekly, screen=kept), START, END, portal())

    mondays = [date(2016, 1, 11), date(2016, 2, 8), date(2016, 4, 11)]
    assert_frame_equal(
        found.filter(pl.col("date").is_in(mondays)), daily.filter(pl.col("date").is_in(mondays))
    )


@pytest.mark.parametrize("gaps", [0, 1, 3, 7])
@pytest.mark.parametrize("length", [3, 20, 70])
def test_slopes_beside_columns_with_missing_values_are_those_of_each_window(gaps: int, length: int):
    """Columns without a missing value, and those with some, give what numpy's fit gives;
    a window with more than two missing rows has none.
    """
    dice = np.random.Generator(np.random.PCG64(gaps))
    x, y = dice.normal(0.0, 1.0, (length + 25, 1)), dice.normal(0.0, 1.0, (length + 25, 7))
    y[:, :gaps][dice.random((length + 25, gaps)) < 0.03] = np.nan
    y[4:9, :gaps] = np.nan

    found = scans.known_slope(x, y, length, 2)

    assert np.isnan(found[4, :gaps]).all()
    for day, column in np.ndindex(found.shape):
        window = y[day : day + length, column]
        known = ~np.isnan(window)
        if np.count_nonzero(~known) > 2 or np.count_nonzero(known) < 2:
            assert np.isnan(found[day, column])
            continue
        slope = np.polyfit(x[day : day + length, 0][known], window[known], 1)[0]
        np.testing.assert_allclose(found[day, column], slope, rtol=1e-8)
