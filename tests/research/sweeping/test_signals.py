"""Declared signals run on the event engine, live and in columns, to the same cent."""

import asyncio
import pickle
from datetime import date

import numpy as np
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.errors import (
    BenchmarkAssetNotAvailableTooLate,
    GearsDiffer,
    InvalidSetting,
    LookAheadIndicator,
    StrategyError,
    UnknownParameter,
    UnsupportedSignals,
)
from rbtlive.finance.commission import NoCommission, PerDollar, PerShare, PerTrade
from rbtlive.finance.slippage import (
    FixedBasisPointsSlippage,
    FixedSlippage,
    NoSlippage,
    VolumeShareSlippage,
)
from rbtlive.research.signals import columnar_gear, prompt_fills, simulation

# ruff: noqa: SIM300 - a column is compared here, no constant
CLOSE = pl.col("close")
SETS = {"fast": [2, 3, 5], "slow": [6, 9]}


def market(
    seed=1, sessions=90, symbols=("AAA",), *, thin=False, gaps=False, dates=None, **tables
) -> rbt.PolarsDataPortal:
    """Return random bars; thin ones fill orders in parts (`"tenths"`: of shares), and
    some may be missing.
    """
    calendar = get_calendar("XNYS")
    first = calendar.number(date(2015, 1, 5))
    draw = np.random.default_rng(seed)
    frames = []
    for place, symbol in enumerate(symbols):
        count = sessions if dates is None else dates[place]
        close = np.round(50 * np.exp(np.cumsum(draw.normal(0, 0.02, count))), 2)
        volume = draw.integers(0, 900, count) if thin else np.full(count, 1e6)
        if thin == "tenths":
            volume = np.round(volume / 50, 1)
        frame = pl.DataFrame(
            {
                "date": [calendar.label(first + n) for n in range(count)],
                "symbol": symbol,
                "open": close,
                "high": close + 0.5,
                "low": close - 0.5,
                "close": close,
                "volume": np.asarray(volume, dtype=float),
            }
        )
        if gaps:
            frame = frame.filter(pl.Series(draw.random(count) > 0.1))
        frames.append(frame)
    return rbt.PolarsDataPortal(pl.concat(frames), **tables)


def cross(size=100, **options):
    return rbt.signals(
        entries=lambda p: CLOSE.rolling_mean(p.fast) > CLOSE.rolling_mean(p["slow"]),
        exits=lambda p: CLOSE.rolling_mean(p.fast) < CLOSE.rolling_mean(p["slow"]),
        size=size,
        **options,
    )


def same_in_both(strategy, bars, params=None, **options):
    """Compare every run of both gears: metrics, and the value at each close."""
    options = {"start": "2015-01-20", **options}
    fast = rbt.sweep(strategy, bars, params or SETS, workers=1, verify=99, **options)
    slow = rbt.sweep(strategy, bars, params or SETS, workers=1, gear="events", **options)
    assert fast.errors.is_empty(), fast.errors["error"][0]
    for quick, exact in zip(fast, slow, strict=True):
        assert quick.params == exact.params
        for name, value in exact.metrics.items():
            near = None if value is None else pytest.approx(value, rel=1e-8, abs=1e-8)
            assert quick.metrics[name] == near, name
    assert np.abs(fast.returns() - slow.returns()).max() < 1e-10
    assert fast.frame["fills"].max() > 2
    return fast


@pytest.mark.parametrize("seed", range(4))
def test_both_gears_give_the_same_on_two_assets_with_gaps_and_thin_volume(seed):
    bars = market(seed, symbols=("AAA", "BBB"), thin=True, gaps=True)

    same_in_both(cross(), bars)


@pytest.mark.parametrize(
    "slippage",
    [
        NoSlippage(),
        FixedSlippage(0.1),
        FixedBasisPointsSlippage(20, 0.05),
        VolumeShareSlippage(0.05, 0.2),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.parametrize(
    "commission",
    [NoCommission(), PerShare(0.01, 2.0), PerTrade(3.0), PerDollar(0.002)],
    ids=lambda model: type(model).__name__,
)
def test_both_gears_give_the_same_under_each_cost_model(slippage, commission):
    same_in_both(cross(), market(thin=True), slippage=slippage, commission=commission)


def test_both_gears_give_the_same_for_short_positions_and_sizes_of_a_parameter():
    strategy = cross(size=lambda p: -10 * p.fast)

    same_in_both(strategy, market(), {**SETS})


def test_both_gears_give_the_same_with_splits_and_dividends():
    calendar = get_calendar("XNYS")
    first = calendar.number(date(2015, 1, 5))
    splits = pl.DataFrame(
        {"symbol": ["AAA"], "effective_date": [calendar.label(first + 40)], "ratio": [0.5]}
    )
    ex = [first + n for n in (25, 33, 41, 60, 70)]
    dividends = pl.DataFrame(
        {
            "symbol": ["AAA", "AAA", "BBB", "BBB", "AAA"],
            "ex_date": [calendar.label(n) for n in ex],
            "pay_date": [calendar.label(n + 7) for n in ex],
            "amount": [0.3, 0.4, 0.2, 0.7, 0.25],
        }
    )
    for seed in range(3):
        bars = market(seed, symbols=("AAA", "BBB"), splits=splits, dividends=dividends)
        same_in_both(cross(), bars)


def test_an_order_that_a_split_restates_in_the_middle_is_charged_alike_in_both_gears():
    splits = pl.DataFrame(
        {"symbol": ["AAA"], "effective_date": [date(2015, 1, 23)], "ratio": [4.0]}
    )
    holds = rbt.signals(entries=CLOSE > 0, exits=CLOSE < 0, size=lambda p: p.size)

    # 200,000 shares are filled before, which count as 50,000 after: the next fill costs
    # less than nothing, and those behind it cost more.
    same_in_both(
        holds,
        market(splits=splits),
        {"size": [900_000]},
        commission=PerShare(0.005, 600.0),
        slippage=FixedBasisPointsSlippage(0, 0.1),
    )


def test_a_row_has_the_figures_that_its_run_has_to_the_last_bit():
    bars, options = rbt.load_sample("us-daily"), {"start": "2009-01-02", "end": "2011-12-30"}

    found = same_in_both(
        cross(size=140),
        bars,
        {"fast": [5, 8], "slow": [30]},
        commission=PerShare(0.003, 1.0),
        benchmark="IBM",
        **options,
    )

    for row in found:
        assert row.metrics == {name: row.result().metrics[name] for name in row.metrics}


@pytest.mark.parametrize("capital", [1_000.0, 2_500_000.5, 1e8])
def test_figures_are_equal_to_the_last_bit_for_any_usual_capital(capital):
    bars = market(3, sessions=200, symbols=("AAA", "BBB"), thin=True)

    options = {"start": "2015-01-20", "capital_base": capital, "workers": 1}

    found = rbt.sweep(cross(size=7), bars, SETS, verify=0, **options)
    exact = rbt.sweep(cross(size=7), bars, SETS, gear="events", **options)

    assert found.frame.drop("seconds").equals(exact.frame.drop("seconds"))


def test_both_gears_give_the_same_where_an_asset_comes_late_or_leaves():
    bars = market(symbols=("AAA", "BBB"), dates=(90, 50), thin=True)

    same_in_both(cross(), bars)


def test_a_benchmark_that_ends_sooner_is_refused_by_both_gears():
    bars = market(symbols=("AAA", "BBB"))
    frame = bars.to_frame("1d")
    days = frame["date"].unique().sort()
    shorter = frame.filter((pl.col("symbol") == "AAA") | (pl.col("date") < days[-3]))
    options = {"benchmark": "BBB", "workers": 1, "progress": False}

    slow = rbt.sweep(cross(), shorter, SETS, gear="events", **options)
    with pytest.raises(BenchmarkAssetNotAvailableTooLate, match="benchmark BBB does not exist on"):
        rbt.sweep(cross(), shorter, SETS, verify=0, **options)
    assert all("benchmark BBB does not exist on" in error for error in slow.frame["error"])


def test_both_gears_give_the_same_on_real_bars_against_a_benchmark():
    bars = rbt.load_sample("us-daily")
    strategy = cross(symbols="AAPL")

    found = same_in_both(
        strategy,
        bars,
        {"fast": [5], "slow": [30]},
        start="2009-01-02",
        end="2011-12-30",
        benchmark="IBM",
    )

    assert found.best.metrics["beta"] is not None


def test_lots_are_cut_as_the_event_engine_cuts_them():
    assets = pl.DataFrame({"symbol": ["AAA"], "lot_size": [10]})

    same_in_both(cross(size=57), market(assets=assets, thin=True))


@pytest.mark.parametrize("asset_class", ["fx", "crypto"])
def test_both_gears_charge_the_costs_of_an_assets_class(asset_class):
    assets = pl.DataFrame({"symbol": ["AAA"], "asset_class": [asset_class]})

    same_in_both(cross(size=7), market(assets=assets))


def test_plain_expressions_and_numbers_are_signals():
    strategy = rbt.signals(
        entries=(CLOSE > CLOSE.shift(1)).cast(pl.Int8), exits=CLOSE < CLOSE.shift(1), size=5
    )
    bars = market()

    alone = rbt.backtest(strategy, bars, progress=False)
    found = rbt.sweep(strategy, bars, {}, workers=1)

    assert len(found) == 1
    assert found.best.metrics["final_value"] == pytest.approx(alone.metrics["final_value"])


def test_an_exit_counts_where_both_signals_are_true():
    always = pl.lit(1) > 0
    result = rbt.backtest(rbt.signals(always, always, 5), market(), progress=False)

    assert result.orders.is_empty()


def test_a_declaration_is_attached_like_any_strategy_and_proves_equal(tmp_path):
    bars = market()

    async def trade():
        session = rbt.attach(
            cross(name="Cross"),
            rbt.PaperBroker(),
            feed=rbt.ReplayFeed(bars),
            start="2015-01-20",
            params={"fast": 2, "slow": 6},
            journal=tmp_path,
        )
        await session.wait()
        return session

    session = asyncio.run(trade())

    assert session.name == "Cross"
    assert session.parity().identical
    assert session.result().transactions.height > 2


def test_a_signal_that_looks_ahead_is_refused_in_both_gears():
    ahead = rbt.signals(lambda p: CLOSE.shift(-p.n) > CLOSE, CLOSE < 0, 5)
    total = rbt.signals(CLOSE > CLOSE.mean(), CLOSE < CLOSE.mean(), 5)

    for strategy, params in ((ahead, {"n": [1, 2]}), (total, {})):
        with pytest.raises(LookAheadIndicator, match="must not look ahead"):
            rbt.sweep(strategy, market(), params, workers=1)
    with pytest.raises(LookAheadIndicator):
        rbt.backtest(total, market(), progress=False)


def test_a_parameter_that_nothing_reads_is_refused():
    with pytest.raises(UnknownParameter, match="reads no parameter 'fsat': did you mean 'fast'"):
        rbt.sweep(cross(fast=2), market(), {"fsat": [2], "slow": [6]}, workers=1)
    with pytest.raises(UnknownParameter, match=r"no parameter 'slow': there is fast"):
        rbt.backtest(cross(), market(), params={"fast": 2}, progress=False)


def test_defaults_hold_where_a_sweep_gives_nothing_else():
    bars = market()

    found = rbt.sweep(cross(fast=2, slow=6), bars, {"fast": [2, 3]}, start="2015-01-20", workers=1)
    given = rbt.sweep(cross(), bars, {"fast": [2, 3], "slow": [6]}, start="2015-01-20", workers=1)

    assert found.frame["sharpe"].equals(given.frame["sharpe"])


def test_a_set_that_cannot_be_evaluated_is_a_row_with_its_error():
    strategy = rbt.signals(lambda p: CLOSE > pl.col(p.column), CLOSE < 0, 5)

    found = rbt.sweep(strategy, market(), {"column": ["open", "opne"]}, workers=1)

    assert found.frame["error"].is_null().to_list() == [True, False]
    assert "use the columns open, high, low, close, volume" in found.errors["error"][0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"zipline_quirks": True}, "knows no zipline_quirks"),
        ({"slippage": type("Own", (FixedSlippage,), {})()}, "was Own"),
        ({"commission": type("Mine", (PerShare,), {})()}, "was Mine"),
    ],
)
def test_what_is_not_computed_in_columns_is_refused_by_name(options, message):
    with pytest.raises(UnsupportedSignals, match=message):
        rbt.sweep(cross(), market(), SETS, workers=1, **options)
    found = rbt.sweep(
        cross(), market(), SETS, workers=1, gear="events", start="2015-01-20", **options
    )
    assert found.errors.is_empty()


def test_fractions_after_a_split_are_refused_by_name():
    splits = pl.DataFrame({"symbol": ["AAA"], "effective_date": [date(2015, 3, 2)], "ratio": [3.0]})
    always = rbt.signals(CLOSE > 0, CLOSE < 0, 100)

    with pytest.raises(UnsupportedSignals, match="split of AAA by 3 leaves fractions"):
        rbt.sweep(always, market(splits=splits), {}, workers=1)


@pytest.mark.parametrize("thin", [False, True])
def test_a_difference_of_the_gears_is_an_error_that_names_the_first_bar(monkeypatch, thin):
    class Wrong(simulation.Simulation):
        def run(self):
            return a_cent_less(super().run())

    def wrong(*given):
        traded, is_prompt = prompt_fills.prompt_fills(*given)
        return a_cent_less(traded), is_prompt

    def a_cent_less(traded):
        traded.fills = [
            part._replace(costs=part.costs + 0.01 * (part.sessions > 30)) for part in traded.fills
        ]
        return traded

    if thin:
        monkeypatch.setattr(columnar_gear, "Simulation", Wrong)
    else:
        monkeypatch.setattr(columnar_gear, "prompt_fills", wrong)

    with pytest.raises(
        GearsDiffer, match="first at the close of 2015-03-05, where the columns"
    ) as found:
        rbt.sweep(
            rbt.signals(CLOSE > CLOSE.shift(1), CLOSE < CLOSE.shift(1), 100),
            market(thin=thin),
            {},
            workers=1,
            start="2015-01-20",
        )
    assert len(found.value.result) == 1  # the runs are kept


@pytest.mark.parametrize("bad", [3, "close > 3", None])
def test_what_is_no_signal_is_refused(bad):
    with pytest.raises(StrategyError, match="must be a polars expression or a function"):
        rbt.signals(bad, CLOSE < 0, 5)
    with pytest.raises(StrategyError, match="returns one: was"):
        rbt.sweep(rbt.signals(lambda p: bad, CLOSE < 0, 5), market(), {"n": [1]}, workers=1)


def test_the_columnar_gear_needs_declared_signals():
    class Plain(rbt.TradingAlgorithm):
        def handle_data(self, context, data):
            pass

    with pytest.raises(InvalidSetting, match=r"needs a strategy made by rbt.signals.*was Plain"):
        rbt.sweep(Plain, market(), {}, gear="columns")
    with pytest.raises(InvalidSetting, match='must be "columns", "events" or None'):
        rbt.sweep(cross(), market(), SETS, gear="fast")


def test_declared_signals_travel_to_worker_processes():
    bars = market()
    here = rbt.sweep(cross(), bars, SETS, workers=1)

    there = rbt.sweep(cross(), bars, SETS, workers=2)

    assert there.frame.drop("seconds").equals(here.frame.drop("seconds"))


def test_lots_of_parts_of_a_share_add_up():
    lots = pl.DataFrame({"symbol": ["AAA"], "lot_size": [0.1]})

    for seed in range(3):
        same_in_both(cross(0.7), market(seed, sessions=200, thin="tenths", assets=lots), start=None)


def test_a_size_of_parts_of_a_lot_is_cut_before_it_is_compared_with_what_is_held():
    lots = pl.DataFrame({"symbol": ["AAA"], "lot_size": [10.0]})
    bars = market(2, sessions=250, thin=True, assets=lots)
    halves = rbt.signals(CLOSE > CLOSE.shift(1), CLOSE < CLOSE.shift(2), size=lambda p: p.size_of)

    same_in_both(halves, bars, {"size_of": [126.27, 99.9, 35.0]})


@pytest.mark.parametrize("ratio", [0.5, 2.0])
def test_a_split_that_leaves_parts_of_a_lot_is_refused(ratio):
    lots = pl.DataFrame({"symbol": ["AAA"], "lot_size": [10.0]})
    day = market().calendar.label(market().first_session + 40)
    splits = pl.DataFrame({"symbol": ["AAA"], "effective_date": [day], "ratio": [ratio]})
    held = rbt.signals(CLOSE > 0, CLOSE < 0, size=30)
    bars = market(assets=lots, splits=splits)

    if ratio == 0.5:
        same = rbt.sweep(held, bars, {}, workers=1)
        assert same.best.metrics["fills"] == 1
    else:
        with pytest.raises(UnsupportedSignals, match="leaves fractions of a lot"):
            rbt.sweep(held, bars, {}, workers=1)


def test_gears_are_compared_by_value_where_returns_lose_it():
    """Borrowed money takes the value through zero, where returns say nothing."""
    deep = rbt.signals(CLOSE > CLOSE.shift(1), CLOSE < CLOSE.shift(1), size=1_000_000)

    found = rbt.sweep(
        deep, market(5, sessions=250), {}, workers=1, capital_base=1000, slippage=NoSlippage()
    )

    values = 1000 * np.cumprod(1 + found.returns()[:, 0])
    exact = found.best.result().performance["portfolio_value"].to_numpy()
    assert exact.min() < 0
    assert np.abs(values - exact).max() > 0


@pytest.mark.parametrize(
    "cheat",
    [
        CLOSE >= CLOSE.max() * 0.95,
        CLOSE.peak_max() & (CLOSE > CLOSE.rolling_max(30) * 0.999),
        pl.int_range(pl.len()) == CLOSE.arg_max(),
        CLOSE.shift(-1) > CLOSE,
    ],
)
def test_a_signal_that_looks_ahead_among_many_that_do_not_is_refused(cheat):
    chosen = [CLOSE > CLOSE.shift(place) for place in range(1, 12)] + [cheat]
    many = rbt.signals(lambda p: chosen[p.which], CLOSE < CLOSE.shift(1), 10)

    with pytest.raises(LookAheadIndicator, match="must not look ahead"):
        rbt.sweep(many, market(3, sessions=400), {"which": range(12)}, workers=1, verify=0)


def test_a_statistic_that_is_no_metric_is_maximised_on_the_event_engine():
    options = {"params": {"fast": [2, 3], "slow": [6]}, "start": "2015-01-20", "workers": 1}

    found = rbt.sweep(cross(size=500), market(), maximize="gain_to_pain", **options)

    assert found.frame["error"].null_count() == 2
    stats = found.best.result().stats
    assert (
        found.frame["gain_to_pain"].max() == stats.filter(statistic="gain_to_pain")["value"].item()
    )
    with pytest.raises(InvalidSetting, match=r"'gain_to_pain' takes a run's whole result"):
        rbt.sweep(cross(size=500), market(), maximize="gain_to_pain", gear="columns", **options)


def above(n):
    return CLOSE > CLOSE.rolling_mean(n)


@pytest.mark.parametrize(
    "entries",
    [
        lambda p: CLOSE > CLOSE.rolling_mean(dict(p)["n"]),
        lambda p: above(**p),
        lambda p: CLOSE > CLOSE.rolling_mean(sum(p.values())),
        lambda p: CLOSE > CLOSE.rolling_mean(next(value for _, value in p.items())),
    ],
)
def test_parameters_read_all_at_once_are_read(entries):
    plain = rbt.signals(lambda p: CLOSE > CLOSE.rolling_mean(p.n), CLOSE < 0, 5)
    options = {"params": {"n": [2, 5]}, "workers": 1}

    found = rbt.sweep(rbt.signals(entries, CLOSE < 0, 5), market(), **options)

    expected = rbt.sweep(plain, market(), **options)
    assert found.frame.drop("seconds").equals(expected.frame.drop("seconds"))


@pytest.mark.parametrize("what", ["entries", "exits", "size"])
@pytest.mark.parametrize("function", [lambda fast, slow: CLOSE > fast + slow, lambda: CLOSE > 1])
def test_a_function_of_anything_but_the_parameters_is_refused(what, function):
    parts = {"entries": CLOSE > 0, "exits": CLOSE < 0, "size": 5, what: function}

    with pytest.raises(StrategyError, match=f"{what} .* must be a function of one argument"):
        rbt.signals(**parts)


@pytest.mark.parametrize("symbols", [[], 5, [5], ()])
def test_symbols_that_name_nothing_are_refused(symbols):
    with pytest.raises(StrategyError, match="must be a symbol or a list of some: was"):
        rbt.signals(CLOSE > 0, CLOSE < 0, 5, symbols=symbols)


def test_an_error_of_a_signals_function_names_the_signal_and_the_parameters():
    strategy = rbt.signals(CLOSE > 0, lambda p: CLOSE < CLOSE.rolling_mean(p.n), 5)

    first = rbt.sweep(strategy, market(), {"n": [-1, 2]}, workers=1)
    last = rbt.sweep(strategy, market(), {"n": [2, -1]}, workers=1)

    said = "exits of signals() failed for the parameters {'n': -1}"
    for found in (first, last):
        assert found.errors["n"].to_list() == [-1]
        assert said in found.errors["error"][0]
    assert first.frame["error"].is_null().to_list() == [False, True]


@pytest.mark.parametrize("gear", ["columns", "events"])
@pytest.mark.parametrize(
    ("entries", "bad", "said"),
    [
        (lambda p: pl.col("open", "close") > p.n if p.n else CLOSE > 0, 1, "several columns"),
        (lambda p: CLOSE.filter(CLOSE > 99) > 1 if p.n else CLOSE > 0, 1, "more or fewer values"),
        (lambda p: pl.col("^x$") > 1 if p.n else CLOSE > 0, 1, "use the columns open, high"),
        (lambda p: pl.col("clsoe" if p.n else "close") > 0, 1, "did you mean 'close'"),
        (
            lambda p: CLOSE.map_batches(lambda s: s > 1 / p.n, return_dtype=pl.Boolean),
            0,
            "ZeroDivisionError: division by zero",
        ),
    ],
)
def test_an_expression_that_fails_is_a_row_wherever_it_stands(entries, bad, said, gear):
    strategy = rbt.signals(entries, CLOSE < 0, 5)

    for sets in ([bad, 1 - bad], [1 - bad, bad]):
        found = rbt.sweep(strategy, market(), {"n": sets}, workers=1, gear=gear)

        assert found.errors["n"].to_list() == [bad]
        assert said in found.errors["error"][0]
        assert "alias" not in found.errors["error"][0]


def test_a_set_that_where_excludes_is_not_declared():
    strategy = rbt.signals(lambda p: CLOSE > 10 // p.n, CLOSE < 0, lambda p: p.size_of)

    found = rbt.sweep(
        strategy,
        market(),
        {"n": [0, 2], "size_of": ["many", 5]},
        where=lambda p: p.n > 0 and p.size_of == 5,
        workers=1,
    )

    assert found.errors.is_empty()


def test_a_parameter_may_be_read_only_with_some_values_of_another():
    def mean(p):
        return CLOSE > CLOSE.rolling_mean(p["n"])

    strategy = rbt.signals(lambda p: mean(p) if p.filtered else CLOSE > 0, CLOSE < 0, 5)

    found = rbt.sweep(strategy, market(), {"filtered": [False, True], "n": [2, 5]}, workers=1)

    assert found.errors.is_empty()
    assert found.best.result().metrics == found.best.metrics
    with pytest.raises(UnknownParameter, match="reads no parameter 'm'"):
        rbt.sweep(strategy, market(), {"filtered": [False], "n": [2], "m": [1]}, workers=1)


def test_results_of_signals_made_of_lambdas_pickle():
    strategy = rbt.signals(lambda p: CLOSE > CLOSE.rolling_mean(p.n), lambda p: CLOSE < 0, 5, n=3)
    found = rbt.sweep(strategy, market(), {"n": [2, 5]}, workers=1)

    again = pickle.loads(pickle.dumps(found))
    result = pickle.loads(pickle.dumps(found.best.result()))

    assert again.frame.equals(found.frame)
    assert again.best.result().metrics == found.best.metrics == result.metrics
    assert vars(again.strategy).keys() == vars(strategy).keys()
