"""The table of statistics: against other libraries, and by hand on small runs."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import rbtlive as rbt
from rbtlive.core.state.settings import RunSettings
from rbtlive.errors import SettingsError
from rbtlive.research.result import BacktestResult
from rbtlive.research.statistics.annual import rows_a_year
from rbtlive.research.statistics.drawdowns import drawdowns_frame, drawdowns_of
from rbtlive.research.statistics.periods import crises_frame, monthly_frame, rolling_frame
from rbtlive.research.statistics.returns import against_benchmark, return_statistics
from rbtlive.research.statistics.table import FACTS
from rbtlive.research.statistics.trading import trade_statistics
from tests.builders import daily_frame
from tests.research.builders import Turns, run_of
from tests.research.test_trades import fill
from tests.research.test_trades import record_of as traded

PEERS = json.loads((Path(__file__).parent / "expected" / "peers.json").read_text("utf-8"))
RETURNS, BENCHMARK = (np.array(PEERS[name]) for name in ("returns", "benchmark"))
DATES = [date.fromisoformat(day) for day in PEERS["dates"]]
OURS = return_statistics(RETURNS, DATES, 252) | against_benchmark(RETURNS, BENCHMARK, 252)


def test_ratios_are_those_of_quantstats():
    theirs = PEERS["quantstats"]
    rows = len(RETURNS)
    # It divides by n - 1 under the root, does not annualise the information ratio, and
    # takes VaR for normal: that is why its CVaR is compared with another source.
    adjusted = {
        "ulcer_index": theirs["ulcer_index"] * math.sqrt((rows - 1) / rows),
        "information_ratio": theirs["information_ratio"] * math.sqrt(252),
        "win_days_in_a_row": theirs["consecutive_wins"],
        "loss_days_in_a_row": theirs["consecutive_losses"],
        "mean_day": float(np.mean(RETURNS)),
    }
    same = (
        "skew", "kurtosis", "win_days", "gain_to_pain", "omega", "tail_ratio", "r_squared",
        "best_day", "worst_day", "sharpe", "sortino", "max_drawdown", "annual_volatility",
    )  # fmt: skip
    expected = {name: theirs[name] for name in same} | adjusted

    assert {name: OURS[name] for name in expected} == pytest.approx(expected, rel=1e-9)


def test_ratios_are_those_of_empyrical():
    theirs = PEERS["empyrical"]
    same = (
        "calmar",
        "stability",
        "downside_risk",
        "value_at_risk",
        "conditional_value_at_risk",
        "alpha",
        "beta",
        "up_capture",
        "down_capture",
    )
    expected = {name: theirs[name] for name in same} | {"annual_return": theirs["cagr"]}

    assert {name: OURS[name] for name in expected} == pytest.approx(expected, rel=1e-9)
    all_year = return_statistics(RETURNS, DATES, 365)
    assert all_year["sharpe"] == pytest.approx(theirs["sharpe_365"])
    assert all_year["annual_volatility"] == pytest.approx(theirs["volatility_365"])


def test_the_errors_of_alpha_and_beta_are_those_of_the_normal_equations():
    design = np.column_stack([np.ones_like(BENCHMARK), BENCHMARK])
    solution, residuals, *_ = np.linalg.lstsq(design, RETURNS, rcond=None)
    variance = residuals[0] / (len(RETURNS) - 2) * np.linalg.inv(design.T @ design)

    assert OURS["beta_error"] == pytest.approx(math.sqrt(variance[1, 1]))
    slope = 252 * (1 + solution[0]) ** 251
    assert OURS["alpha_error"] == pytest.approx(math.sqrt(variance[0, 0]) * slope)


def test_drawdowns_are_those_of_pyfolio():
    frame = drawdowns_frame(drawdowns_of(RETURNS, DATES)).head(5)

    for ours, theirs in zip(frame.iter_rows(named=True), PEERS["drawdowns"], strict=True):
        assert ours["depth"] == pytest.approx(theirs["depth"])
        assert str(ours["valley"]) == theirs["valley"]
        assert str(ours["peak"]) == theirs["peak"]
        assert (ours["recovery"] and str(ours["recovery"])) == theirs["recovery"]


def test_a_drawdown_that_is_not_over_has_no_recovery():
    returns = np.array([0.1, -0.1, 0.02, -0.3])

    frame = drawdowns_frame(drawdowns_of(returns, DATES[:4]))

    assert frame.select("peak", "valley", "recovery").rows() == [(DATES[0], DATES[3], None)]
    assert OURS["current_drawdown"] <= 0.0


def test_months_and_years_compound():
    frame = monthly_frame(RETURNS, DATES)

    table = {row["year"]: row for row in frame.iter_rows(named=True)}
    in_june = [
        r for r, day in zip(RETURNS, DATES, strict=True) if (day.year, day.month) == (2016, 6)
    ]
    assert table[2016]["jun"] == pytest.approx(np.prod(1 + np.array(in_june)) - 1)
    assert table[2015]["year_return"] == pytest.approx(
        np.prod([1 + r for r, day in zip(RETURNS, DATES, strict=True) if day.year == 2015]) - 1
    )
    total = np.prod([1 + year for year in frame["year_return"]]) - 1
    assert total == pytest.approx(OURS["total_return"])


def test_rolling_figures_are_those_of_each_window():
    frame = rolling_frame(
        RETURNS, DATES, benchmark=BENCHMARK, exposure=[0.5] * len(DATES), window=60, a_year=252
    )

    assert frame["sharpe"].null_count() == 59
    last = return_statistics(RETURNS[-60:], DATES[-60:], 252)
    market = against_benchmark(RETURNS[-60:], BENCHMARK[-60:], 252)
    row = frame.row(-1, named=True)
    assert row["sharpe"] == pytest.approx(last["sharpe"])
    assert row["volatility"] == pytest.approx(last["annual_volatility"])
    assert row["return"] == pytest.approx(last["total_return"])
    assert row["beta"] == pytest.approx(market["beta"])
    assert row["exposure"] == pytest.approx(0.5)


def test_crises_are_those_inside_the_run():
    frame = crises_frame(RETURNS, DATES, None)

    assert frame["crisis"].to_list() == ["China devaluation", "Brexit vote"]
    assert frame["benchmark_return"].to_list() == [None, None]


def closed(*profits: float) -> pl.DataFrame:
    """Closed trades of these net profits on an entry of 100."""
    start = datetime(2020, 1, 1, tzinfo=UTC)
    return pl.DataFrame(
        {
            "net_profit": profits,
            "return": [profit / 100 for profit in profits],
            "duration": [timedelta(days=2)] * len(profits),
            "bars_held": [3] * len(profits),
            "mae": [-0.1] * len(profits),
            "mfe": [0.2] * len(profits),
            "side": ["long"] * len(profits),
            "exit_time": [start + timedelta(days=n) for n in range(len(profits))],
            "open": [False] * len(profits),
        }
    )


def test_trade_statistics_by_hand():
    values = trade_statistics(closed(30.0, -10.0, 20.0, 10.0, -20.0))

    assert values["win_rate"] == 0.6
    assert values["profit_factor"] == 2.0
    assert values["expectancy"] == 6.0
    assert values["payoff"] == pytest.approx(20.0 / 15.0)
    assert values["kelly"] == pytest.approx(0.6 - 0.4 / (20.0 / 15.0))
    assert values["sqn"] == pytest.approx(
        math.sqrt(5) * 6.0 / np.std([30, -10, 20, 10, -20], ddof=1)
    )
    assert (values["wins_in_a_row"], values["losses_in_a_row"]) == (2.0, 1.0)
    assert (values["best_trade"], values["worst_trade"]) == (0.3, -0.2)
    assert values["mean_days_held"] == 2.0


def test_no_loss_leaves_ratios_out_rather_than_infinite():
    values = trade_statistics(closed(30.0, 10.0))

    assert values["profit_factor"] is None
    assert values["payoff"] is None
    assert values["win_rate"] == 1.0


@pytest.mark.parametrize(
    ("calendar", "frequency", "rows"),
    [("XNYS", "1d", 252), ("24/7", "1d", 365), ("24/7", "1m", 365), ("24/5", "1d", 260)],
)
def test_calendar_and_interval_say_how_many_rows_make_a_year(calendar, frequency, rows):
    start = date(2020, 1, 2)

    assert rows_a_year(RunSettings(Decimal(1), frequency, calendar, start, None)) == rows


def test_crypto_is_annualised_by_365_days():
    days = [date(2021, 1, 1) + timedelta(days=n) for n in range(40)]
    frame = pl.DataFrame(
        {
            "date": days,
            "symbol": ["BTC"] * 40,
            "open": [100.0 + n % 7 for n in range(40)],
            "high": [110.0] * 40,
            "low": [90.0] * 40,
            "close": [100.0 + n % 7 for n in range(40)],
            "volume": [1e9] * 40,
        }
    )

    class Hold(rbt.TradingAlgorithm):
        def handle_data(self, context, data):
            self.order_target_percent(self.symbol("BTC"), 1)

    result = rbt.backtest(Hold, rbt.PolarsDataPortal(frame, calendar="24/7"))

    returns = result.performance["returns"]
    stats = values_of(result)
    expected = returns.mean() / returns.std() * math.sqrt(365)
    assert stats["sharpe"] == pytest.approx(expected)
    assert result.metrics["sharpe"] == pytest.approx(expected)
    assert f"{expected:.2f}" in repr(result)


def values_of(result: BacktestResult) -> dict[str, float | None]:
    """The table as a mapping."""
    assert result.stats.columns == ["statistic", "value", "unit"]
    return dict(result.stats.select("statistic", "value").iter_rows())


def test_a_run_has_every_statistic_with_its_unit_in_one_table():
    result = rbt.backtest(Turns, daily_frame(60), benchmark="BBB")

    values = values_of(result)

    assert list(values) == list(FACTS)
    assert values["total_return"] == pytest.approx(result.metrics["total_return"])
    assert values["trades"] == (~result.trades["open"]).sum()
    first, last = daily_frame(60).filter(pl.col("symbol") == "AAA")["close"].to_list()[0::59]
    assert values["buy_and_hold_return"] == pytest.approx(last / first - 1)
    assert values["slippage_bps"] == pytest.approx(5.0, rel=1e-3)
    assert 0.0 < values["exposure"] < 1.0
    shares = (
        result.transactions.join(
            daily_frame(60).with_columns(pl.col("date")),
            left_on=[pl.col("dt").dt.date(), "symbol"],
            right_on=["date", "symbol"],
        )
        .select(pl.col("amount").abs().cast(pl.Float64) / pl.col("volume"))
        .to_series()
    )
    assert values["max_volume_share"] == pytest.approx(shares.max())


@pytest.mark.parametrize("group", ["symbol", "side", "weekday", "hour", "month", "entry_tag"])
def test_groups_of_trades_add_up_to_all(group):
    result = rbt.backtest(Turns, daily_frame(60))

    frame = result.trades_by(group)

    done = result.trades.filter(~pl.col("open"))
    assert frame["trades"].sum() == len(done)
    assert frame["net_profit"].sum() == done["net_profit"].sum()


def test_hours_are_those_of_the_exchange():
    frame = rbt.backtest(Turns, daily_frame(60)).trades_by("hour")

    assert frame["hour"].to_list() == [16]


def test_an_unknown_group_and_a_window_of_one_are_refused():
    result = BacktestResult(traded(fill(1, 10, "50")))

    with pytest.raises(SettingsError, match="group must be one of"):
        result.trades_by("colour")
    with pytest.raises(SettingsError, match="window must be at least 2"):
        result.rolling(1)


@pytest.mark.parametrize("sessions", [0, 1, 2])
def test_short_runs_have_nulls_and_no_warnings(sessions):
    result = BacktestResult(run_of([10_000 + n for n in range(sessions)]))

    values = values_of(result)

    assert list(values) == list(FACTS)
    assert all(value is None or math.isfinite(value) for value in values.values())
    for frame in (result.monthly, result.yearly, result.drawdowns, result.crises, result.rolling()):
        assert isinstance(frame, pl.DataFrame)
