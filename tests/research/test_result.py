"""A result shows what was recorded: frames, metrics, displays."""

import math
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import empyrical
import numpy as np
import polars as pl
import pytest
from IPython.lib.pretty import pretty

import rbtlive as rbt
from rbtlive.errors import SettingsError
from rbtlive.model.order_facts import OrderState
from rbtlive.research import BacktestResult, compare
from tests.builders import Hold, daily_frame
from tests.research.builders import close_of, equity, order, run_of, run_with_trades, weekday

MONEY = pl.Decimal(38, 12)
TIME = pl.Datetime("us", "UTC")


def test_orders_show_their_final_state_with_money_as_decimal():
    result = BacktestResult(run_with_trades())

    frame = result.orders

    assert frame.schema == {
        "id": pl.String, "created": TIME, "dt": TIME, "symbol": pl.String, "amount": MONEY, "filled": MONEY,
        "limit": MONEY, "stop": MONEY, "status": pl.String, "commission": MONEY,
        "reason": pl.String, "tag": pl.String,
    }  # fmt: skip
    assert frame.row(0, named=True) == {
        "id": "1", "created": close_of(1), "dt": close_of(3), "symbol": "AAA", "amount": Decimal(10),
        "filled": Decimal(10), "limit": None, "stop": None, "status": "filled", "commission": Decimal("0.02"),
        "reason": None, "tag": None,
    }  # fmt: skip
    assert frame["status"].to_list() == ["filled", "pending"]
    assert frame["limit"].to_list() == [None, Decimal("99.99")]


def test_denied_orders_stand_apart_with_their_reason():
    result = BacktestResult(run_with_trades())

    assert result.denied.columns == result.orders.columns
    assert result.denied.select("id", "status", "reason").rows() == [
        ("3", "denied", "max_order_size: 100")
    ]
    assert "3" not in result.orders["id"].to_list()


def test_transactions_keep_every_digit():
    frame = BacktestResult(run_with_trades()).transactions

    assert frame.columns == ["dt", "symbol", "amount", "price", "commission", "order_id"]
    assert frame.rows()[1] == (
        close_of(3),
        "AAA",
        Decimal(6),
        Decimal("51.123456789012"),
        Decimal("0.01"),
        "1",
    )


def test_a_closing_without_an_order_has_no_order_id():
    record = run_with_trades()
    record.transactions[0] = record.transactions[0]._replace(order_id="")

    assert BacktestResult(record).transactions["order_id"].to_list() == [None, "1"]


def test_positions_stand_at_the_labels_of_their_sessions():
    frame = BacktestResult(run_with_trades()).positions

    assert frame.schema == {
        "date": pl.Date,
        "symbol": pl.String,
        "amount": MONEY,
        "cost_basis": MONEY,
        "last_sale_price": MONEY,
    }
    assert frame["date"].to_list() == [weekday(2), weekday(3), weekday(4)]
    assert frame["amount"].to_list() == [Decimal(4), Decimal(10), Decimal(10)]


def test_a_price_that_was_never_known_is_null():
    record = run_with_trades()
    unknown = replace(record.sessions[2].positions[0], last_sale_price=Decimal("NaN"))
    record.sessions[2] = replace(record.sessions[2], positions=(unknown,))

    assert BacktestResult(record).positions["last_sale_price"][0] is None


@pytest.mark.parametrize(
    ("exact", "shown"),
    [
        (Decimal("136.54830400000000000000000000000000005"), Decimal("136.548304")),
        (Decimal("66.666666666666666666666666666666666667"), Decimal("66.666666666667")),
        (Decimal("0.0000000000025"), Decimal("0.000000000002")),
        (Decimal("-98765432109876543210987654.5"), Decimal("-98765432109876543210987654.5")),
    ],
)
def test_a_cost_basis_of_many_digits_is_rounded_half_even_to_twelve_decimals(exact, shown):
    record = run_with_trades()
    held = replace(record.sessions[2].positions[0], cost_basis=exact)
    record.sessions[2] = replace(record.sessions[2], positions=(held,))

    assert BacktestResult(record).positions["cost_basis"][0] == shown


def test_frames_of_an_empty_run_have_their_columns():
    result = BacktestResult(run_of([]))

    assert result.orders.columns[:3] == ["id", "created", "dt"]
    assert result.performance.columns[:2] == ["date", "portfolio_value"]
    assert [
        len(f)
        for f in (
            result.orders,
            result.denied,
            result.transactions,
            result.positions,
            result.performance,
        )
    ] == [0] * 5


def test_performance_has_a_row_a_session_and_float_columns():
    frame = BacktestResult(run_of([10000, 11000, 9900])).performance

    assert frame["date"].to_list() == [weekday(0), weekday(1), weekday(2)]
    assert frame["portfolio_value"].to_list() == [10000.0, 11000.0, 9900.0]
    assert set(frame.schema.values()) == {pl.Date, pl.Float64}
    assert frame["max_drawdown"].to_list() == pytest.approx([0.0, 0.0, -0.1])
    assert frame["algo_volatility"][0] is None


def test_a_recorded_variable_is_null_before_its_first_record_and_keeps_its_value_after():
    frame = BacktestResult(run_of([10000] * 4, recorded={1: {"x": 3}, 3: {"x": 5.5}})).performance

    assert frame["x"].to_list() == [None, 3.0, 3.0, 5.5]
    assert frame["x"].dtype == pl.Float64


@pytest.mark.parametrize(
    ("values", "dtype", "shown"),
    [
        ([1, Decimal("2.5")], pl.Float64, [1.0, 2.5]),
        ([np.float32(1.5), np.int64(2)], pl.Float64, [1.5, 2.0]),
        ([math.nan, 1.0], pl.Float64, [None, 1.0]),
        ([None, None], pl.Float64, [None, None]),
        ([True, False], pl.Boolean, [True, False]),
        (["a", "b"], pl.String, ["a", "b"]),
        ([equity("AAA"), equity("BBB")], pl.String, ["AAA", "BBB"]),
        ([date(2012, 1, 1), date(2012, 1, 2)], pl.Date, [date(2012, 1, 1), date(2012, 1, 2)]),
        ([close_of(0), close_of(1)], TIME, [close_of(0), close_of(1)]),
        ([[1, 2.5], [3]], pl.List(pl.Float64), [[1.0, 2.5], [3.0]]),
        ([np.array([1.0]), pl.Series([2, 3])], pl.List(pl.Float64), [[1.0], [2.0, 3.0]]),
        ([["a"], ["b", "c"]], pl.List(pl.String), [["a"], ["b", "c"]]),
        ([1, "a"], pl.String, ["1", "a"]),
        ([{"k": Decimal(1)}, {}], pl.String, ["{'k': 1.0}", "{}"]),
    ],
)
def test_recorded_values_take_the_narrowest_kind_that_holds_them(values, dtype, shown):
    record = run_of([10000] * 2, recorded={0: {"x": values[0]}, 1: {"x": values[1]}})

    column = BacktestResult(record).performance["x"]

    assert column.dtype == dtype
    assert column.to_list() == shown


def test_a_variable_named_by_an_asset_stands_under_its_symbol():
    frame = BacktestResult(run_of([10000], recorded={0: {equity("AAA"): 2.0}})).performance

    assert frame["AAA"].to_list() == [2.0]


def test_a_variable_named_date_does_not_hide_the_dates():
    frame = BacktestResult(run_of([10000], recorded={0: {"date": 2.0}})).performance

    assert frame["date"].to_list() == [weekday(0)]
    assert frame["recorded_date"].to_list() == [2.0]


def test_metrics_are_empyricals_on_the_daily_returns():
    values = (
        (10_000 * np.cumprod(1 + np.random.default_rng(3).normal(0, 0.01, 300))).round(4).tolist()
    )
    market = np.random.default_rng(4).normal(0, 0.01, 300)
    record = run_of(values, benchmark=market.tolist())

    metrics = BacktestResult(record).metrics

    returns = np.array([row.returns for row in record.sessions])
    alpha, beta = empyrical.alpha_beta_aligned(returns, market)
    expected = {
        "total_return": empyrical.cum_returns_final(returns), "annual_return": empyrical.annual_return(returns),
        "annual_volatility": empyrical.annual_volatility(returns), "sharpe": empyrical.sharpe_ratio(returns),
        "sortino": empyrical.sortino_ratio(returns), "max_drawdown": empyrical.max_drawdown(returns),
        "calmar": empyrical.calmar_ratio(returns), "stability": empyrical.stability_of_timeseries(returns),
        "omega": empyrical.omega_ratio(returns), "tail_ratio": empyrical.tail_ratio(returns),
        "downside_risk": empyrical.downside_risk(returns), "alpha": alpha, "beta": beta,
        "best_day": returns.max(), "worst_day": returns.min(),
    }  # fmt: skip
    assert {name: metrics[name] for name in expected} == pytest.approx(expected, rel=1e-12)


def test_alpha_and_beta_are_none_without_a_benchmark():
    metrics = BacktestResult(run_of([10000, 10100, 10050])).metrics

    assert metrics["alpha"] is None
    assert metrics["beta"] is None


@pytest.mark.parametrize("values", [[], [10000], [10000, 10000, 10000], [10000, "1E-9", "1E-9"]])
def test_metrics_of_short_flat_and_ruined_runs_are_finite_or_none(values):
    metrics = BacktestResult(run_of(values)).metrics

    assert all(value is None or math.isfinite(value) for value in metrics.values())


def test_metrics_of_a_run_whose_returns_are_missing_are_finite_or_none():
    record = run_of([10000, 0.0001])
    record.sessions += [replace(row, returns=math.nan) for row in record.sessions]

    assert all(
        value is None or math.isfinite(value) for value in BacktestResult(record).metrics.values()
    )


def test_activity_is_counted():
    metrics = BacktestResult(run_with_trades()).metrics

    assert (metrics["sessions"], metrics["orders"], metrics["denied"], metrics["fills"]) == (
        5,
        2,
        1,
        2,
    )
    assert metrics["commission"] == pytest.approx(0.02)
    traded = 4 * 50.5 + 6 * 51.123456789012
    mean = (10000 + 10000 + 9999.99 + 10009.98 + 10012.48) / 5
    assert metrics["turnover"] == pytest.approx(traded / 2 / mean / (5 / 252))


def test_the_text_of_a_result_says_the_main_things():
    assert repr(BacktestResult(run_with_trades())) == (
        "BacktestResult Trader\n"
        "  period    2012-02-01 to 2012-02-07 (5 sessions)\n"
        "  value     10,012.48\n"
        "  return    0.12 %\n"
        "  sharpe    9.15\n"
        "  drawdown  0.00 %\n"
        "  orders    2 (1 denied)\n"
        "  fills     2"
    )


def test_a_notebook_and_a_terminal_show_figures_trades_costs_and_hints():
    result = rbt.backtest(Hold, daily_frame(60), capital_base=1_000_000)

    in_a_terminal = pretty(result)

    values = dict(result.stats.select("statistic", "value").rows())
    for text in (in_a_terminal, result._repr_html_()):
        assert f"{values['annual_return'] * 100:,.2f} %" in text
        assert f"{values['buy_and_hold_return'] * 100:,.2f} %" in text
        assert f"{values['sortino']:,.2f}" in text
        assert f"{values['calmar']:,.2f}" in text
        assert f"{values['slippage']:,.2f}" in text
        assert "trades closed" in text
    assert in_a_terminal == str(result)
    assert in_a_terminal.startswith(repr(result))
    assert "profit factor" not in str(result)  # nothing was sold: there is none


@pytest.mark.parametrize(("sessions", "is_shown"), [(20, False), (21, True)])
def test_a_run_of_less_than_a_month_shows_no_rate_a_year(sessions, is_shown):
    result = rbt.backtest(Hold, daily_frame(sessions), capital_base=1_000_000)

    assert math.isfinite(result.metrics["annual_return"])
    for text in (str(result), result._repr_html_()):
        assert text.count("a year") == 2 * is_shown  # the return, and turnover
        assert ("calmar" in text) is is_shown
        assert "volatility" in text


def test_the_hints_of_a_result_are_shown_with_it():
    idle = {"__name__": "idle", "handle_data": lambda context, data: None}

    result = rbt.backtest(idle, daily_frame(5))

    assert "Hints" in str(result)
    assert "the strategy placed no order" in str(result)
    assert "the strategy placed no order" in result._repr_html_()
    assert "Trades" not in str(result)


def test_a_result_without_sessions_can_be_shown():
    result = BacktestResult(run_of([]))

    assert "no session finished" in repr(result)
    assert "no session finished" in result._repr_html_()


def test_html_escapes_the_strategys_name():
    shown = BacktestResult(run_of([10000, 10001], name="<script>alert(1)</script>"))._repr_html_()

    assert "<script" not in shown
    assert "&lt;script&gt;" in shown


def test_showing_a_result_does_not_need_the_heavy_libraries():
    program = (
        "import sys, warnings\n"
        "from rbtlive.research import BacktestResult\n"
        "from tests.research.builders import run_with_trades\n"
        "result = BacktestResult(run_with_trades())\n"
        "repr(result), result._repr_html_(), result.performance, result.orders\n"
        "print(sorted({'pandas', 'plotly', 'empyrical', 'scipy'} & set(sys.modules)))\n"
    )

    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert answer.stdout.strip() == "[]"


def test_the_summary_is_a_frame_of_the_metrics():
    result = BacktestResult(run_with_trades())

    frame = result.summary()

    assert frame.schema == {"metric": pl.String, "value": pl.Float64}
    assert dict(frame.rows())["fills"] == 2.0
    assert frame["metric"].to_list() == list(result.metrics)


def test_settings_and_context_are_kept():
    context = object()

    result = BacktestResult(run_with_trades(), context=context)

    assert result.context is context
    assert result.strategy_name == "Trader"
    assert result.settings["capital_base"] == Decimal(10_000)


def test_two_equal_results_compare_as_the_same():
    frame = compare(
        BacktestResult(run_with_trades()),
        BacktestResult(run_with_trades()),
        names=("backtest", "paper"),
    )

    assert frame.columns == ["metric", "backtest", "paper", "same"]
    assert frame["same"].to_list() == [True] * len(frame)


def test_a_comparison_shows_which_figures_differ():
    other = run_with_trades()
    other.orders.append(order("9", state=OrderState.PENDING))

    frame = compare(BacktestResult(run_with_trades()), BacktestResult(other))

    assert frame.filter(~pl.col("same")).rows() == [("orders", 2.0, 3.0, False)]


@pytest.mark.parametrize(
    "names", [("a", "a"), ("metric", "b"), ("a", "same"), ("a",), ("a", "b", "c")]
)
def test_names_that_would_collide_are_refused(names):
    result = BacktestResult(run_of([10000]))

    with pytest.raises(SettingsError, match="names must be two different names"):
        compare(result, result, names=names)


def test_a_session_in_utc_keeps_its_time():
    moment = BacktestResult(run_with_trades()).transactions["dt"][0]

    assert moment == datetime(2012, 2, 3, 21, tzinfo=UTC)


def test_the_commission_of_a_run_is_added_without_the_noise_of_floats():
    record = run_with_trades()
    record.transactions = [
        t._replace(commission=Decimal(c))
        for t, c in zip(record.transactions, ("0.1", "0.2"), strict=True)
    ]

    assert BacktestResult(record).metrics["commission"] == 0.3
