"""Runs that few people think of: everything that a result says of them is there, exact,
and missing only where it cannot exist.
"""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.errors import ResultError
from rbtlive.research.figures.kinds import FIGURES

AGAINST = {
    "benchmark_return", "excess_return", "alpha", "alpha_error", "beta", "beta_error", "r_squared",
    "correlation", "tracking_error", "information_ratio", "up_capture", "down_capture",
}  # fmt: skip
OF_TRADES = {
    "win_rate", "profit_factor", "expectancy", "payoff", "kelly", "sqn", "mean_win", "mean_loss",
    "best_trade", "worst_trade", "mean_trade", "median_trade", "mean_mae", "mean_mfe",
    "mean_bars_held", "mean_days_held", "max_days_held",
}  # fmt: skip
NO_LOSS = {"profit_factor", "payoff", "kelly", "mean_loss"}
NO_WIN = {"payoff", "kelly", "mean_win"}
SHAPES = {"skew", "kurtosis"}


def priced(stamps, key, symbol="AAA", seed=1):
    """Bars with a random walk of prices."""
    close = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.02, len(stamps))))
    return pl.DataFrame(
        {
            key: stamps,
            "symbol": symbol,
            "open": close,
            "high": close * 1.01,
            "low": close * 0.99,
            "close": close,
            "volume": 1e7,
        }
    )


def days(count, **facts):
    """Bars of so many sessions of the exchange."""
    calendar = get_calendar("XNYS")
    first = calendar.number(date(2020, 1, 2))
    return priced([calendar.label(first + n) for n in range(count)], "date", **facts)


def moments(count, minutes):
    """Bars around the clock."""
    start = datetime(2020, 1, 1, tzinfo=UTC)
    stamps = [start + timedelta(minutes=minutes * (n + 1)) for n in range(count)]
    return priced(stamps, "timestamp").with_columns(pl.col("timestamp").dt.cast_time_unit("us"))


def round_the_clock(count):
    """Bars of days that have no weekend."""
    return priced([date(2020, 1, 1) + timedelta(days=n) for n in range(count)], "date")


def of_events():
    """Bars with a dividend, and a split that leaves fractions."""
    bars = days(120)
    date_of = bars["date"].to_list()
    splits = {"symbol": ["AAA"], "effective_date": [date_of[30]], "ratio": [0.3333333]}
    dividends = {
        "symbol": ["AAA"],
        "ex_date": [date_of[20]],
        "pay_date": [date_of[25]],
        "amount": [1.5],
    }
    return rbt.PolarsDataPortal(
        bars, splits=pl.DataFrame(splits), dividends=pl.DataFrame(dividends)
    )


def planned(orders):
    """A strategy that orders so many shares at bars of these numbers."""

    def handle_data(context, data):
        context.bar = getattr(context, "bar", 0) + 1
        if context.bar in orders:
            context.order(context.symbol("AAA"), orders[context.bar])

    return {"__name__": "planned", "handle_data": handle_data}


FLIPS = {n: 100 if n == 1 else (200 if n % 2 else -200) for n in range(1, 60)}
CLOCK = {"calendar": "24/7"}
NEVER_UNDER_WATER = {"max_recovery_days", "calmar", "ulcer_performance", "recovery_factor"}
STILL = (
    {"win_days", "sharpe", "sharpe_error", "sortino", "omega", "gain_to_pain", "tail_ratio", "stability"}
    | SHAPES
    | NEVER_UNDER_WATER
)  # fmt: skip
UNTRADED = {"buy_and_hold_return", "commission_bps", "slippage_bps", "max_volume_share", "capacity"}
RUNS = {
    "short only": (lambda: days(120), {1: -100, 50: 60, 80: 40}, {}, NO_LOSS),
    "one trade": (lambda: days(60), {1: 100, 5: -100}, {}, NO_LOSS | {"sqn", "tail_ratio"}),
    "no trade": (lambda: days(60), {}, {}, OF_TRADES | STILL | UNTRADED),
    "one day": (
        lambda: days(1), {1: 100}, {},
        OF_TRADES | STILL | UNTRADED | {"annual_volatility", "time_under_water"},
    ),
    "two days": (lambda: days(2), {1: 100}, {}, OF_TRADES | SHAPES | {"max_recovery_days"}),
    "crypto by day": (lambda: round_the_clock(120), {1: 1, 30: -2, 60: 2, 90: -1}, CLOCK, set()),
    "crypto by hour": (
        lambda: moments(24 * 20, 60), {1: 1, 100: -1, 200: -1, 300: 2}, CLOCK | {"frequency": "1h"},
        {"sqn", "payoff", "kelly"} | NO_LOSS,
    ),
    "crypto by minute": (
        lambda: moments(1440, 1), {1: 1, 100: -2, 200: 2}, CLOCK | {"frequency": "1m"},
        STILL | NO_LOSS | {"annual_volatility", "time_under_water"},
    ),
    "weeks": (
        lambda: rbt.resample(rbt.read(days(200)), "1w"), {1: 10, 10: -20, 20: 20}, {"frequency": "1w"},
        NO_WIN | NO_LOSS | {"max_recovery_days"},
    ),
    "flips": (lambda: days(60), FLIPS, {}, set()),
    "events": (of_events, {1: 100, 10: -40, 40: -100, 60: -200, 90: 300}, {}, NO_LOSS),
    "ruin": (lambda: days(120), {1: -10_000}, {}, OF_TRADES),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_nothing_fails_and_only_what_cannot_exist_is_missing(name, tmp_path):
    data, orders, options, missing = RUNS[name]

    result = rbt.backtest(planned(orders), data(), **options)

    values = dict(result.stats.select("statistic", "value").rows())
    assert {key for key, value in values.items() if value is None} <= missing | AGAINST
    assert values["trades"] + values["open_trades"] == result.trades.height
    last = result.record.sessions[-1].portfolio_value
    assert result.profit_bridge["change_of_equity"] == last - 100_000
    earned = sum(result.trades["net_profit"].to_list())
    assert earned + result.profit_bridge["dividends"] == last - 100_000
    assert result.yearly.height
    assert result.monthly.height
    assert result.rolling(5).height == len(result.record.sessions)
    assert result.trades_by("side")["trades"].sum() == values["trades"]
    assert ("Trades" in str(result)) == bool(result.fills.height)
    assert result.report(tmp_path / "run.html").stat().st_size < 1_500_000


@pytest.mark.parametrize("name", ["one day", "two days", "ruin", "flips"])
def test_every_figure_is_drawn_or_says_what_is_missing(name):
    data, orders, options, _missing = RUNS[name]
    result = rbt.backtest(planned(orders), data(), **options)
    closed = (~result.trades["open"]).any()

    for kind in FIGURES:
        if kind in {"trades", "excursions"} and not closed:
            with pytest.raises(ResultError, match="no position was closed"):
                result.plot(kind)
        elif kind == "price" and not result.fills.height:
            with pytest.raises(ResultError, match="nothing was traded"):
                result.plot(kind)
        elif kind == "rolling" and name == "one day":
            with pytest.raises(ResultError, match="too few"):
                result.plot(kind)
        else:
            assert result.plot(kind).data


def test_a_benchmark_gives_all_that_is_measured_against_it():
    bars = pl.concat([days(120), days(120, symbol="SPY", seed=2)])

    result = rbt.backtest(planned({1: 100, 50: -100}), bars, benchmark="SPY")

    values = dict(result.stats.select("statistic", "value").rows())
    assert {name for name in AGAINST if values[name] is None} == set()


@pytest.mark.parametrize(
    ("minutes", "held"),
    [(20, "20 minutes"), (150, "2.5 hours"), (3 * 1440, "3 days")],
)
def test_how_long_trades_were_held_is_said_in_a_fitting_unit(minutes, held):
    bars = moments(4400, 1)

    result = rbt.backtest(planned({1: 1, 1 + minutes: -1}), bars, frequency="1m", **CLOCK)

    assert f"held on average  {held}\n" in str(result) + "\n"
