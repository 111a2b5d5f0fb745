"""Orders and fills that are kept in columns, and booked the short way, are those of the
long way: in every field, and in how each number is written.
"""

from __future__ import annotations

import gc
import pickle
import tracemalloc
from array import array
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rbtlive as rbt
from rbtlive.core.actions import sizing
from rbtlive.core.state import column_portfolio, row_log, whole_fills
from rbtlive.core.state.held import Held
from rbtlive.core.state.order import Order, every_field
from rbtlive.core.state.order_manager import OrderManager
from rbtlive.core.state.row_log import BLOCK, RowLog, pack
from rbtlive.data.calendars.calendar import get_calendar
from rbtlive.finance import commission, slippage
from rbtlive.model.number import ENGINE_CONTEXT
from rbtlive.model.order_facts import Transaction
from rbtlive.sim import matching
from tests.fresh_process import in_fresh_process

CALENDAR = get_calendar("XNYS")
FIRST = CALENDAR.number(date(2017, 1, 3))
DAYS = [CALENDAR.label(FIRST + n) for n in range(60)]
NAMES = [f"S{n:02d}" for n in range(12)]


def market(seed: int = 5) -> rbt.PolarsDataPortal:
    """Return random walks with gaps and thin bars, splits and dividends."""
    draw = Random(seed)
    rows = []
    for name in NAMES:
        price = 40.0
        for day in DAYS:
            price = round(price * (1 + draw.gauss(0.0, 0.02)), draw.choice((2, 2, 4)))
            if draw.random() < 0.03:
                continue
            volume = draw.choice((0.0, 150.0, 2e4, 1e6, 1e6, 1e6))
            rows.append((day, name, price, price, price, price, volume))
    frame = pl.DataFrame(
        rows,
        schema=["date", "symbol", "open", "high", "low", "close", "volume"],
        orient="row",
    )
    splits = pl.DataFrame(
        {
            "symbol": ["S01", "S02", "S03"],
            "effective_date": [DAYS[9], DAYS[20], DAYS[33]],
            "ratio": [0.5, 3.0, 2 / 3],
        }
    )
    dividends = pl.DataFrame(
        {"symbol": ["S04"], "ex_date": [DAYS[12]], "pay_date": [DAYS[20]], "amount": [0.37]}
    )
    lots = pl.DataFrame({"symbol": NAMES, "lot_size": [1.0] * 10 + [0.001, 10.0]})
    return rbt.PolarsDataPortal(frame, assets=lots, splits=splits, dividends=dividends)


class Restless(rbt.TradingAlgorithm):
    """Orders of every kind, drawn from a seed."""

    seed = 1

    def initialize(self, context: Any) -> None:
        context.assets = [self.symbol(name) for name in NAMES]
        context.draw, context.looked = Random(self.seed), []

    def handle_data(self, context: Any, data: Any) -> None:
        draw = context.draw
        if draw.random() < 0.3:
            weights = {a: draw.uniform(-0.05, 0.2) for a in context.assets if data.can_trade(a)}
            self.order_target_percents(weights, tag=draw.choice((None, "all")))
        for asset in draw.sample(context.assets, 4):
            if not data.can_trade(asset):
                continue
            kind, size = draw.randrange(8), draw.choice((0.03, 0, 0.1, -0.02, 1 / 3))
            price = round(float(data.current(asset, "price")), 2)
            if kind < 3:
                self.order_target_percent(asset, size)
            elif kind == 3:
                self.order(asset, draw.randint(-300, 300), limit_price=round(price * 1.01, 2))
            elif kind == 4:
                self.order(asset, draw.randint(-300, 300), stop_price=price, tag="stop, here")
            elif kind == 5:
                self.order(asset, Decimal("1E+2"))
            elif kind == 6:
                for open_orders in self.get_open_orders().values():
                    self.cancel_order(open_orders[-1])
            else:
                self.order_value(asset, 1000 * draw.random())
        ids = [str(draw.randint(1, 40)) for _ in range(3)]
        context.looked += [str(self.get_order(i) and self.get_order(i).to_dict()) for i in ids]


SLIPPAGES = [
    slippage.FixedBasisPointsSlippage,
    slippage.VolumeShareSlippage,
    slippage.NoSlippage,
    lambda: slippage.FixedSlippage(0.03),
]
COMMISSIONS = [
    lambda: commission.PerShare(0.0035, 0.35),
    lambda: commission.PerTrade(1),
    lambda: commission.PerDollar(0.00015),
    commission.NoCommission,
]


def facts(result: rbt.BacktestResult) -> dict[str, list[str]]:
    """Return everything that a run recorded, as it is written."""
    record = result.record

    def written(orders: Any) -> list[str]:
        return [str(every_field(order)) for order in orders]

    return {
        "orders": written(record.orders),
        "transactions": [str(tuple(t)) for t in record.transactions],
        "pictures": [str(written(row.orders)) for row in record.sessions],
        "positions": [str(list(row.positions)) for row in record.sessions],
        "books": [
            str((row.ending_cash, row.portfolio_value, row.capital_used, row.returns))
            for row in record.sessions
        ],
        "looked": result.context.looked,
    }


@pytest.mark.parametrize("kind", range(4))
def test_short_ways_and_columns_leave_what_long_ways_and_objects_leave(
    kind: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars, models = market(kind), {}

    def run() -> rbt.BacktestResult:
        models.update(slippage=SLIPPAGES[kind](), commission=COMMISSIONS[kind]())
        return rbt.backtest(Restless, bars, params={"seed": kind}, warmup=1, **models)

    monkeypatch.setattr(row_log, "BLOCK", 16)
    short = facts(run())
    with monkeypatch.context() as patch:
        patch.setattr(whole_fills, "COLUMNS_FROM", 2)
        patch.setattr(column_portfolio, "FEW_HELD", 100)
        in_columns = facts(run())
    monkeypatch.setattr(matching, "_own_way", lambda *_: None)
    monkeypatch.setattr(sizing, "quick_target", lambda *_, **__: None)
    monkeypatch.setattr(sizing, "quick_targets", lambda _state, targets: [None for _ in targets])
    monkeypatch.setattr(OrderManager, "keep_in_columns", lambda *_: None)
    long = facts(run())

    assert len(short["transactions"]) > 100
    assert short == long
    assert in_columns == long


def kept_by_trades(*last_days: int) -> list[tuple[int, int]]:
    """Return for each length of a run the bytes its result keeps, and its trades."""
    names = [f"N{n:03d}" for n in range(60)]
    draw = Random(3)
    rows = [
        (day, name, *[round(draw.uniform(20, 90), 2)] * 4, 1e6)
        for day in DAYS[:50]
        for name in names
    ]
    bars = rbt.PolarsDataPortal(
        pl.DataFrame(
            rows,
            schema=["date", "symbol", "open", "high", "low", "close", "volume"],
            orient="row",
        )
    )

    class Rebalance(rbt.TradingAlgorithm):
        def initialize(self, context: Any) -> None:
            context.assets = [self.symbol(name) for name in names]
            context.draw = Random(4)

        def handle_data(self, context: Any, data: Any) -> None:
            for asset in context.assets:
                self.order_target_percent(asset, context.draw.uniform(0.001, 0.03))

    def kept(last: int) -> tuple[int, int]:
        gc.collect()
        tracemalloc.start()
        result = rbt.backtest(Rebalance, bars, end=DAYS[last])
        gc.collect()
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return size, len(result.record.transactions)

    kept(3)
    return [kept(last) for last in last_days]


def test_a_trade_keeps_at_most_three_hundred_bytes() -> None:
    few, many = in_fresh_process(kept_by_trades, 24, 49)

    assert (many[0] - few[0]) / (many[1] - few[1]) <= 300


MOMENTS = [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=n) for n in range(3)]
VALUES = st.one_of(
    st.decimals(allow_nan=False),
    st.none(),
    st.text(max_size=3),
    st.sampled_from(MOMENTS),
    st.integers(),
)


@given(
    st.one_of(
        st.lists(VALUES, min_size=1),
        st.lists(st.decimals(allow_nan=False), min_size=1),
        st.lists(st.text(max_size=3), min_size=1),
        st.lists(st.sampled_from(MOMENTS), min_size=1),
    )
)
def test_a_column_gives_back_what_was_packed(values: list[Any]) -> None:
    back = list(pack(values).values())

    assert list(map(repr, back)) == list(map(repr, values))
    assert list(map(type, back)) == list(map(type, values))


@settings(max_examples=20)
@given(st.integers(0, 2 * BLOCK + 9), st.integers(-9, 1100), st.integers(-9, 1100))
def test_a_log_of_rows_reads_like_a_list(count: int, first: int, past: int) -> None:
    rows = [(n, Decimal(n) / 8, f"n{n}") for n in range(count)]
    log: RowLog[tuple[Any, ...]] = RowLog(tuple, lambda *row: row)
    for row in rows:
        log.append(row)

    assert len(log) == count
    assert log == rows
    assert rows == log
    assert log[first:past] == rows[first:past]
    assert log[first:past:3] == rows[first:past:3]
    assert log.column(1) == [row[1] for row in rows]
    assert log.floats(1) == [float(row[1]) for row in rows]
    if -count <= first < count:
        assert log[first] == rows[first]
    assert pickle.loads(pickle.dumps(log)) == rows


def test_the_last_fields_of_a_log_are_read_without_the_rows_before_them() -> None:
    taken: list[tuple[int, ...]] = []

    def take(row: tuple[int, ...]) -> tuple[int, ...]:
        taken.append(row)
        return row

    log: RowLog[tuple[int, ...]] = RowLog(take, lambda *row: row)
    log.extend([(n,) for n in range(2 * BLOCK + 100)])
    taken.clear()

    last = log.column(0, 2 * BLOCK + 98)

    assert last == [2 * BLOCK + 98, 2 * BLOCK + 99]
    assert taken == [(2 * BLOCK + 98,), (2 * BLOCK + 99,)]
    assert log.column(0, 2 * BLOCK + 100) == []
    assert log.column(0, BLOCK + 7) == list(range(BLOCK + 7, 2 * BLOCK + 100))


class PricedOnce(rbt.TradingAlgorithm):
    """A limit, a stop, and a stop-limit order, as they were placed and as they ended."""

    def initialize(self, context: Any) -> None:
        context.day = 0

    def handle_data(self, context: Any, data: Any) -> None:
        context.day += 1
        asset = self.symbol("S00")
        if context.day == 1:
            self.order(asset, 5, limit_price=90.0, tag="low")
            self.order(asset, 5, stop_price=110.0)
            self.order(asset, 5, limit_price=95.0, stop_price=80.0)
            self.order(asset, 5, limit_price=50.0)
        elif context.day == 4:
            self.cancel_order("4")


def test_pictures_show_priced_orders_as_they_were_placed_and_as_they_ended() -> None:
    closes = [100.0, 100.0, 112.0, 90.0, 90.0]
    frame = pl.DataFrame(
        {
            "date": DAYS[:5],
            "symbol": ["S00"] * 5,
            **dict.fromkeys(("open", "high", "low", "close"), closes),
            "volume": [1e6] * 5,
        }
    )

    result = rbt.backtest(PricedOnce, frame, slippage=slippage.NoSlippage(), progress=False)

    shown = [
        [(o.id, str(o.state), o.limit, o.stop, o.limit_reached, o.tag, str(o.filled)) for o in row.orders]
        for row in result.record.sessions
    ]  # fmt: skip
    low, high, rests = Decimal("90.0"), Decimal("110.0"), Decimal("50.0")
    assert shown == [
        [
            ("1", "created", low, None, False, "low", "0"),
            ("2", "created", None, high, False, None, "0"),
            ("3", "created", Decimal("95.0"), Decimal("80.0"), False, None, "0"),
            ("4", "created", rests, None, False, None, "0"),
        ],
        [],
        [("2", "filled", None, high, False, None, "5")],
        [
            ("1", "filled", low, None, True, "low", "5"),
            ("3", "filled", Decimal("95.0"), None, True, None, "5"),
            ("4", "canceled", rests, None, False, None, "0"),
        ],
        [],
    ]  # fmt: skip


def test_a_log_of_rows_is_changed_like_a_list() -> None:
    rows = [(n, Decimal(n)) for n in range(2 * BLOCK)]
    log: RowLog[tuple[Any, ...]] = RowLog(tuple, lambda *row: row)
    log.extend(rows)
    twin = log.__copy__()

    log[3] = (0, Decimal(7))
    del log[5:8]
    log.insert(0, (1, Decimal(1)))
    log += [(2, Decimal(2))]

    assert twin == rows
    assert len(log) == 2 * BLOCK - 1
    assert log[4] == (0, Decimal(7))
    with pytest.raises(IndexError, match="row 2000 of"):
        log[2000]


def test_held_positions_are_packed_where_many_changed_and_shared_where_few_did() -> None:
    bars = market().assets
    amounts = [Decimal(n + 1) for n in range(len(bars))]
    costs = [Decimal(n) / 7 for n in range(len(bars))]
    assets = list(bars)

    packed = Held(assets, amounts, costs)
    shared = Held(list(assets), amounts, [*costs[:-1], Decimal(3)], (packed, costs))

    assert isinstance(packed.amounts, array)
    assert shared.amounts is amounts
    assert packed.rows()[:-1] == shared.rows()[:-1]
    assert packed.rows()[2] == (
        assets[2].symbol,
        assets[2].sid,
        Decimal(3),
        ENGINE_CONTEXT.divide(costs[2], Decimal(3)),
    )


def test_a_result_s_orders_can_be_changed_like_a_list() -> None:
    result = rbt.backtest(Restless, market(), warmup=1)
    orders = result.record.orders
    count = len(orders)

    extra = Order("900", orders[0].asset, Decimal(1), MOMENTS[0], MOMENTS[0])
    orders += [extra]
    orders[0] = extra

    assert len(result.record.orders) == count + 1
    assert result.record.orders[-1] is result.record.orders[0] is extra
    again = pickle.loads(pickle.dumps(result))
    assert [o.id for o in again.record.orders] == [o.id for o in orders]
    assert all(isinstance(t, Transaction) for t in again.record.transactions)
