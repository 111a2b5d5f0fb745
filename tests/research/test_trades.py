"""Round trips: what closed what, what it earned, and that every cent is accounted for."""

from __future__ import annotations

import json
import pickle
from datetime import timedelta
from decimal import Decimal, localcontext
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import rbtlive as rbt
from rbtlive.core.state.book_adjustments import Adjustment
from rbtlive.core.state.portfolio import Portfolio
from rbtlive.core.state.record import RunRecord
from rbtlive.errors import SettingsError
from rbtlive.finance.commission import PerTrade
from rbtlive.model.number import ENGINE_CONTEXT
from rbtlive.model.order_facts import Transaction
from rbtlive.research.result import BacktestResult
from rbtlive.research.round_trips import round_trips_of
from rbtlive.research.run_bars import KeptBars, bars_of_columns
from rbtlive.research.trades import profit_bridge
from tests.builders import daily_frame, run
from tests.research.builders import close_of, equity, order, session_row
from tests.research.builders import settings as run_settings

AAA = equity()
PEERS = json.loads((Path(__file__).parent / "expected" / "peers.json").read_text("utf-8"))


def fill(session: int, amount: int, price: str, *, commission: str = "0", tag: str | None = None):
    """A fill, with the tag its order has."""
    return session, Decimal(amount), Decimal(price), Decimal(commission), tag


def record_of(*fills, sessions: int = 12, last: str = "100", adjustments=()) -> RunRecord:
    """A record of fills of one asset, each of an order of its own."""
    orders, transactions = [], []
    for number, (session, amount, price, commission, tag) in enumerate(fills, start=1):
        placed = order(str(number), int(amount), session=session - 1)
        placed.tag = tag
        orders.append(placed)
        transactions.append(
            Transaction(close_of(session), AAA, amount, price, commission, placed.id, f"{number}-1")
        )
    rows = [session_row(n, Decimal(10_000), Decimal(10_000)) for n in range(sessions)]
    return RunRecord(
        "S",
        run_settings(),
        (AAA,),
        rows,
        transactions,
        orders,
        [],
        list(adjustments),
        {"AAA": Decimal(last)},
    )


def test_the_oldest_shares_are_closed_first_and_each_partial_exit_is_a_row():
    record = record_of(fill(1, 10, "50"), fill(2, 5, "60"), fill(4, -12, "70"), fill(5, -1, "80"))

    rows = BacktestResult(record).trades

    assert rows.select("quantity", "entry_price", "exit_price", "gross_profit", "open").rows() == [
        (Decimal(10), Decimal(50), Decimal(70), Decimal(200), False),
        (Decimal(2), Decimal(60), Decimal(70), Decimal(20), False),
        (Decimal(1), Decimal(60), Decimal(80), Decimal(20), False),
        (Decimal(2), Decimal(60), Decimal(100), Decimal(80), True),
    ]
    assert rows["exit_time"].to_list() == [close_of(4), close_of(4), close_of(5), None]


def test_average_cost_keeps_one_cost_for_all_shares():
    record = record_of(fill(1, 10, "50"), fill(2, 10, "60"), fill(4, -5, "70"))

    rows = BacktestResult(record).round_trips("average")

    assert rows.select("quantity", "entry_time", "entry_price", "gross_profit").rows() == [
        (Decimal(5), close_of(1), Decimal(55), Decimal(75)),
        (Decimal(15), close_of(1), Decimal(55), Decimal(675)),
    ]


def test_a_reversal_closes_what_is_held_and_opens_the_rest():
    record = record_of(
        fill(1, 10, "50", commission="1", tag="in"), fill(3, -15, "40", commission="3", tag="turn")
    )

    rows = BacktestResult(record).trades

    assert rows.select("side", "quantity", "gross_profit", "costs", "net_profit").rows() == [
        ("long", Decimal(10), Decimal(-100), Decimal(3), Decimal(-103)),
        ("short", Decimal(5), Decimal(-300), Decimal(1), Decimal(-301)),
    ]
    assert rows.select("entry_tag", "exit_tag").rows() == [("in", "turn"), ("turn", None)]
    assert rows["return"].to_list() == [-103 / 500, -301 / 200]


def test_a_split_restates_the_shares_and_its_cash_is_a_trade_of_the_fraction():
    split = Adjustment(
        "split", close_of(2), AAA, Decimal("33.50"), Decimal(3), Decimal(33), after=1
    )
    record = record_of(fill(1, 101, "10"), last="35", adjustments=[split])

    rows = BacktestResult(record).trades

    fraction, rest = rows.select("quantity", "gross_profit", "open").rows()
    assert fraction[0] == Decimal("0.666666666667")
    assert rest[0] == Decimal(33)
    assert rows["gross_profit"].sum() == Decimal("33.50") + 33 * 35 - 1010
    assert rows["exit_time"].to_list() == [close_of(2), None]


def test_excursions_are_those_of_the_bars_after_the_entry():
    us = [int(close_of(n).timestamp() * 1_000_000) for n in range(8)]
    bars = bars_of_columns(
        {
            "us": us,
            "open": [50.0] * 8,
            "high": [99, 99, 54, 60, 56, 58, 99, 99],
            "low": [1, 1, 49, 52, 45, 50, 1, 1],
            "close": [50, 50, 52, 55, 54, 55, 50, 50],
            "volume": [1e6] * 8,
        }
    )
    record = record_of(fill(1, 10, "50"), fill(5, -10, "55"))

    row = BacktestResult(record, bars=KeptBars({"AAA": bars})).trades.row(0, named=True)

    assert (row["mae"], row["mfe"]) == (pytest.approx(-0.1), pytest.approx(0.2))
    assert row["bars_held"] == 4
    assert row["duration"] == close_of(5) - close_of(1)


def test_a_short_loses_when_prices_rise():
    record = record_of(fill(1, -10, "50"), fill(5, 10, "55"))
    us = [int(close_of(n).timestamp() * 1_000_000) for n in range(8)]
    flat = {name: [52.0] * 8 for name in ("open", "close", "volume")}
    bars = bars_of_columns({"us": us, "high": [57.0] * 8, "low": [48.0] * 8, **flat})

    row = BacktestResult(record, bars=KeptBars({"AAA": bars})).trades.row(0, named=True)

    assert (row["side"], row["gross_profit"]) == ("short", Decimal(-50))
    assert (row["mae"], row["mfe"]) == (pytest.approx(-0.14), pytest.approx(0.04))


def test_the_same_fills_give_the_trades_of_another_library():
    listed = PEERS["backtesting"]
    closes = listed["close"]
    fills = [
        fill(int(bar) + 1, size, repr(closes[int(bar)])) for bar, size in listed["orders"].items()
    ]
    # That library closes what is left at the last bar.
    held = sum(amount for _, amount, *_ in fills)
    last = max(trade["exit_bar"] for trade in listed["trades"])
    fills.append(fill(last + 1, int(-held), repr(closes[last])))

    rows = BacktestResult(record_of(*fills, sessions=61)).trades

    signs = {"long": 1, "short": -1}
    entries = {close_of(bar + 1): bar for bar in range(60)}
    ours = sorted(
        (
            signs[row["side"]] * int(row["quantity"]),
            entries[row["entry_time"]],
            entries[row["exit_time"]],
            float(row["entry_price"]),
            float(row["exit_price"]),
        )
        for row in rows.iter_rows(named=True)
    )
    theirs = sorted(
        (t["size"], t["entry_bar"], t["exit_bar"], t["entry_price"], t["exit_price"])
        for t in listed["trades"]
    )
    assert ours == theirs
    assert float(rows["net_profit"].sum()) == pytest.approx(
        sum(t["profit"] for t in listed["trades"])
    )


_PRICES = st.decimals("0.0001", "900", places=4)
_STEPS = st.one_of(
    st.tuples(
        st.just("fill"), st.integers(-300, 300).filter(bool), _PRICES, st.decimals(0, 5, places=3)
    ),
    st.tuples(st.just("split"), st.sampled_from(["0.5", "3", "0.333333333333", "7", "1.5"])),
    st.tuples(st.just("dividend"), st.decimals(-9, 9, places=3)),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(_STEPS, max_size=25), _PRICES, st.sampled_from(["fifo", "average"]))
def test_profits_and_dividends_are_the_change_of_equity_exactly(steps, last, method):
    with localcontext(ENGINE_CONTEXT):
        books = Portfolio(Decimal(10_000))
        record = RunRecord("S", run_settings(), (AAA,), [])
        for number, (kind, *what) in enumerate(steps):
            moment = close_of(1) + timedelta(minutes=number)
            if kind == "fill":
                amount, price, charge = Decimal(what[0]), what[1], what[2]
                books.book_transaction(AAA, amount, price=price, dt=moment)
                books.book_commission(AAA, charge)
                record.transactions.append(
                    Transaction(moment, AAA, amount, price, charge, None, str(number))
                )
            elif kind == "dividend":
                books.book_dividend(what[0])
                record.adjust("dividend", dt=moment, asset=AAA, cash=what[0])
            elif books.amount_of(AAA):
                cash = books.cash
                books.apply_split(AAA, Decimal(what[0]))
                record.adjust(
                    "split",
                    dt=moment,
                    asset=AAA,
                    cash=books.cash - cash,
                    ratio=Decimal(what[0]),
                    amount=books.amount_of(AAA),
                )
        record.marks = {"AAA": last}
        equity_change = books.cash + books.amount_of(AAA) * last - 10_000

        trips = round_trips_of(record, method)
        bridge = profit_bridge(record, trips)
        frame = BacktestResult(record).round_trips(method)

        assert bridge["change_of_equity"] == equity_change
        open_lots = [trip.lot.quantity for trip in trips if trip.is_open]
        assert sum(open_lots, Decimal(0)) == books.amount_of(AAA)
        total = sum(frame["net_profit"].to_list(), Decimal(0))
        assert total + bridge["dividends"] == equity_change


class Tagged(rbt.TradingAlgorithm):
    """Turns around a few times, with a word for each turn."""

    def initialize(self, context):
        context.asset, context.bars = self.symbol("AAA"), 0

    def handle_data(self, context, data):
        context.bars += 1
        if context.bars % 6 == 1:
            turn = (context.bars // 6) % 3
            self.order_target(context.asset, (150, -90, 0)[turn], tag=f"turn {turn}")


def actions() -> dict[str, pl.DataFrame]:
    """A split and a dividend while something is held."""
    dates = daily_frame(40)["date"].unique().sort()
    return {
        "splits": pl.DataFrame({"symbol": ["AAA"], "effective_date": [dates[10]], "ratio": [0.5]}),
        "dividends": pl.DataFrame(
            {
                "symbol": ["AAA"],
                "ex_date": [dates[3]],
                "pay_date": [dates[6]],
                "amount": [0.31],
            }
        ),
    }


def backtested(**options) -> BacktestResult:
    return rbt.backtest(
        Tagged,
        rbt.PolarsDataPortal(daily_frame(40), **actions()),
        commission=PerTrade(1),
        **options,
    )


def test_a_run_with_splits_and_dividends_adds_up_and_carries_its_tags():
    result = backtested()

    trades = result.trades

    kinds = [(a.kind, a.asset.symbol) for a in result.record.adjustments]
    assert kinds == [("dividend", "AAA"), ("split", "AAA")]
    assert result.profit_bridge["dividends"] > 0
    total = trades["net_profit"].sum() + result.profit_bridge["dividends"]
    assert total == result.record.sessions[-1].total_pnl
    assert set(trades["entry_tag"]) == {"turn 0", "turn 1"}
    assert set(result.orders["tag"]) == {"turn 0", "turn 1", "turn 2"}


def test_a_session_and_its_record_have_the_trades_of_the_backtest(tmp_path):
    portal = rbt.PolarsDataPortal(daily_frame(40), **actions())

    async def traded():
        session = rbt.attach(
            Tagged,
            rbt.PaperBroker(),
            feed=rbt.ReplayFeed(portal),
            journal=tmp_path,
            name="turns",
            commission=PerTrade(1),
        )
        await session.wait()
        return session.result()

    live = run(traded())
    recorded = rbt.open_session("turns", journal=tmp_path).result()

    expected = backtested()
    for result in (live, recorded):
        assert_frame_equal(result.trades, expected.trades)
        assert result.profit_bridge == expected.profit_bridge


@pytest.mark.parametrize("travel", ["pickle", "file"])
def test_a_result_travels_with_what_its_trades_need(travel, tmp_path):
    result = backtested()

    if travel == "pickle":
        other = pickle.loads(pickle.dumps(result))
    else:
        other = BacktestResult.load(result.save(tmp_path / "run.rbt"))

    assert_frame_equal(other.trades, result.trades)
    assert_frame_equal(other.performance, result.performance)
    assert_frame_equal(other.orders, result.orders)
    assert other.profit_bridge == result.profit_bridge
    assert other.context is None


def test_a_tag_that_is_no_text_is_refused_and_leaves_no_order():
    class Wrong(Tagged):
        def handle_data(self, context, data):
            with pytest.raises(TypeError, match="tag must be a text: was 7"):
                self.order(context.asset, 1, tag=7)

    assert rbt.backtest(Wrong, daily_frame(5)).orders.is_empty()


def test_another_method_is_refused_by_name():
    with pytest.raises(SettingsError, match="method must be one of"):
        BacktestResult(record_of()).round_trips("lifo")


def test_fills_are_the_transactions():
    result = backtested()

    assert result.fills is result.transactions
