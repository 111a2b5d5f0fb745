"""The pandas frame equals, column for column, what zipline itself returned for the same
run.
"""

import json
import math
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from rbtlive.core.state.order import Order
from rbtlive.core.state.record import PositionRow, RunRecord, SessionRow
from rbtlive.model.order_facts import OrderState, Transaction
from rbtlive.research import BacktestResult
from tests.research.builders import equity, run_of, run_with_trades, settings

EXPECTED = json.loads((Path(__file__).parent / "expected" / "zipline_frame.json").read_text())
ASSETS = {"AAA": equity("AAA", 0), "BBB": equity("BBB", 1)}
VARIABLES = ("bar", "price", "even", "text", "pair", "gap", "nothing")
STATES = (OrderState.PENDING, OrderState.FILLED, OrderState.CANCELED, OrderState.REJECTED)
MONEY = (
    "starting_cash",
    "ending_cash",
    "starting_value",
    "ending_value",
    "capital_used",
    "portfolio_value",
    "pnl",
    "long_value",
    "short_value",
)
SAME = ("returns", "gross_leverage", "net_leverage", "longs_count", "shorts_count")


def unpacked(value):
    if isinstance(value, dict) and len(value) == 1:
        ((tag, content),) = value.items()
        return {
            "asset": lambda: ASSETS[content],
            "time": lambda: datetime.fromisoformat(content),
            "float": lambda: float(content),
        }[tag]()
    return value


def money(value):
    return Decimal(repr(float(value)))


def order_of(facts):
    facts = {name: unpacked(value) for name, value in facts.items()}
    return Order(
        facts["id"],
        facts["sid"],
        Decimal(facts["amount"]),
        facts["created"],
        facts["dt"],
        limit=None if facts["limit"] is None else money(facts["limit"]),
        stop=None if facts["stop"] is None else money(facts["stop"]),
        filled=Decimal(facts["filled"]),
        commission=money(facts["commission"]),
        state=STATES[facts["status"]],
        stop_reached=facts["stop_reached"],
        limit_reached=facts["limit_reached"],
    )


def transaction_of(facts):
    asset, moment = unpacked(facts["sid"]), unpacked(facts["dt"])
    return Transaction(
        moment,
        asset,
        Decimal(facts["amount"]),
        money(facts["price"]),
        Decimal(0),
        facts["order_id"],
        "",
    )


def position_of(facts):
    asset = unpacked(facts["sid"])
    figures = (money(facts[name]) for name in ("amount", "cost_basis", "last_sale_price"))
    return PositionRow(asset.symbol, asset.sid, *figures)


def recorded_in(columns, number):
    """What had been recorded by then: zipline shows NaN before, except for the variable
    that is always NaN.
    """
    values = {name: unpacked(columns[name][number]) for name in VARIABLES}
    if number < 5:
        return {}
    return {name: value for name, value in values.items() if name != "nothing" or number >= 20}


def record_of(case):
    """The record of a run that did what zipline's run did."""
    columns = {name: column["values"] for name, column in case["columns"].items()}
    record = RunRecord("Oracle", settings(), tuple(ASSETS.values()))
    for number in range(len(case["index"])):
        done = len(record.transactions)
        record.transactions += [transaction_of(facts) for facts in columns["transactions"][number]]
        close = unpacked(columns["period_close"][number])
        record.sessions.append(
            SessionRow(
                label=close.date(),
                open=unpacked(columns["period_open"][number]),
                close=close,
                total_pnl=Decimal(0),
                total_return=columns["algorithm_period_return"][number],
                benchmark_return=None if case["benchmark"] is None else case["benchmark"][number],
                recorded=recorded_in(columns, number),
                positions=tuple(position_of(facts) for facts in columns["positions"][number]),
                orders=tuple(order_of(facts) for facts in columns["orders"][number]),
                transactions=(done, len(record.transactions)),
                **{name: money(columns[name][number]) for name in MONEY},
                **{name: columns[name][number] for name in SAME},
            )
        )
    return record


def assert_same(ours, theirs):
    if isinstance(theirs, float) and not isinstance(ours, bool):
        assert ours is not None
        assert math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=1e-12) or (
            ours != ours and theirs != theirs
        )
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_same(one, other)
    elif isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        for name, value in theirs.items():
            assert_same(ours[name], unpacked(value))
    else:
        assert ours == theirs


@pytest.mark.parametrize("case", ["plain", "benchmark"])
def test_the_frame_has_ziplines_columns_and_index(case):
    expected = EXPECTED[case]

    frame = BacktestResult(record_of(expected)).to_zipline()

    assert sorted(frame.columns) == sorted(expected["columns"])
    assert str(frame.index.dtype) == "datetime64[ns, UTC]"
    assert [stamp.isoformat() for stamp in frame.index] == expected["index"]


@pytest.mark.parametrize("case", ["plain", "benchmark"])
@pytest.mark.parametrize("column", sorted(EXPECTED["plain"]["columns"]))
def test_a_column_has_ziplines_dtype_and_values(case, column):
    expected = EXPECTED[case]["columns"][column]

    ours = BacktestResult(record_of(EXPECTED[case])).to_zipline()[column]

    kinds = (
        {"object", "str"} if expected["dtype"] == "object" else {expected["dtype"]}
    )  # pandas 3 has a dtype for text
    assert str(ours.dtype) in kinds
    assert_same([unpacked(v) for v in ours.tolist()], [unpacked(v) for v in expected["values"]])


@pytest.mark.parametrize("case", ["plain", "benchmark"])
def test_the_polars_frame_holds_the_same_numbers(case):
    expected = EXPECTED[case]["columns"]

    frame = BacktestResult(record_of(EXPECTED[case])).performance

    for name in set(expected) - {
        "orders",
        "transactions",
        "positions",
        "period_open",
        "period_close",
        "period_label",
    }:
        theirs = [unpacked(value) for value in expected[name]["values"]]
        if all(
            isinstance(value, (int, float)) and not isinstance(value, bool)
            for value in theirs
            if value is not None
        ):
            ours = [math.nan if value is None else value for value in frame[name].to_list()]
            assert_same(ours, [math.nan if value is None else float(value) for value in theirs])


def test_times_in_the_lists_are_pandas_timestamps_in_utc():
    frame = BacktestResult(run_with_trades()).to_zipline()

    moment = frame["transactions"].iloc[2][0]["dt"]

    assert isinstance(moment, pd.Timestamp)
    assert str(moment.tz) == "UTC"


def test_a_fractional_amount_stays_a_float_and_a_whole_one_is_an_int():
    record = run_with_trades()
    record.transactions[0] = Transaction(
        record.sessions[2].close, ASSETS["AAA"], Decimal("0.25"), Decimal(1), Decimal(0), "1", "1-1"
    )

    frame = BacktestResult(record).to_zipline()

    assert frame["transactions"].iloc[2][0]["amount"] == 0.25
    assert type(frame["transactions"].iloc[3][0]["amount"]) is int


def test_a_transaction_without_an_order_has_no_order_id():
    record = run_with_trades()
    record.transactions[0] = Transaction(
        record.sessions[2].close, ASSETS["AAA"], Decimal(4), Decimal(1), Decimal(0), "", "close"
    )

    assert BacktestResult(record).to_zipline()["transactions"].iloc[2][0]["order_id"] is None


def test_recorded_decimals_become_floats_also_inside_lists():
    record = run_of(
        [10000, 10000],
        recorded={0: {"cash": Decimal("1.5"), "pair": [Decimal("0.5"), {"a": Decimal(1)}]}},
    )

    frame = BacktestResult(record).to_zipline()

    assert frame["cash"].tolist() == [1.5, 1.5]
    assert frame["pair"].iloc[0] == [0.5, {"a": 1.0}]


def test_an_asset_as_name_of_a_variable_is_the_columns_name():
    asset = ASSETS["AAA"]
    record = run_of([10000], recorded={0: {asset: 2.0}})

    assert BacktestResult(record).to_zipline()[asset].tolist() == [2.0]


def test_a_variable_takes_the_place_of_a_book_figure_and_not_of_a_statistic():
    record = run_of([10000, 11000], recorded={0: {"pnl": 7.0, "sharpe": 7.0}})

    frame = BacktestResult(record).to_zipline()

    assert frame["pnl"].tolist() == [7.0, 7.0]
    assert frame["sharpe"].iloc[1] != 7.0


def test_a_book_figure_stands_until_a_variable_of_its_name_is_recorded():
    record = run_of([10000, 11000, 12000], recorded={1: {"pnl": 7.0, "other": 7.0}})

    frame = BacktestResult(record).to_zipline()

    assert frame["pnl"].tolist() == [0.0, 7.0, 7.0]
    assert math.isnan(frame["other"].iloc[0])


def test_a_run_without_sessions_gives_an_empty_frame_with_columns():
    frame = BacktestResult(run_of([])).to_zipline()

    assert len(frame) == 0
    assert {"portfolio_value", "orders", "sharpe"} <= set(frame.columns)


def test_the_label_of_a_session_gives_the_period():
    frame = BacktestResult(run_of([10000])).to_zipline()

    assert frame["period_label"].tolist() == [date(2012, 2, 1).strftime("%Y-%m")]
