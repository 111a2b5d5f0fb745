"""Builders of run records: a few lines say what happened, the books follow."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import rbtlive as rbt
from rbtlive.core.state.order import Order
from rbtlive.core.state.record import PositionRow, RunRecord, SessionRow
from rbtlive.core.state.settings import RunSettings
from rbtlive.model.asset import Asset, Equity
from rbtlive.model.order_facts import OrderState, Transaction

FIRST = date(2012, 2, 1)
CAPITAL = Decimal(10_000)


def equity(symbol: str = "AAA", sid: int = 0) -> Asset:
    """An asset that is listed for the whole year."""
    return Equity(sid, symbol, date(2012, 1, 3), date(2012, 12, 31), date(2013, 1, 2), index=sid)


def weekday(number: int) -> date:
    """The label of session `number`: weekdays from 2012-02-01 on."""
    label = FIRST
    for _ in range(number):
        label += timedelta(days=3 if label.weekday() == 4 else 1)
    return label


def close_of(number: int) -> datetime:
    """The close of session `number`, 21:00 UTC."""
    return datetime.combine(weekday(number), time(21), UTC)


def order(
    order_id: str = "1",
    amount: int = 10,
    *,
    asset: Asset | None = None,
    session: int = 1,
    limit: str | None = None,
    stop: str | None = None,
    state: OrderState = OrderState.PENDING,
    reason: str | None = None,
) -> Order:
    """An order placed at the close of `session`, in `state`."""
    moment = close_of(session)
    return Order(
        order_id,
        asset or equity(),
        Decimal(amount),
        moment,
        moment,
        limit=None if limit is None else Decimal(limit),
        stop=None if stop is None else Decimal(stop),
        state=state,
        reason=reason,
    )


def fill_of(
    placed: Order, *, session: int, price: str, amount: int | None = None, commission: str = "0.01"
) -> Transaction:
    """A fill of `placed` at the close of `session`; the order is changed with it."""
    shares = placed.amount if amount is None else Decimal(amount)
    placed.apply_fill(shares, Decimal(commission), close_of(session))
    return Transaction(
        close_of(session),
        placed.asset,
        shares,
        Decimal(price),
        Decimal(commission),
        placed.id,
        f"{placed.id}-{placed.executions}",
    )


def position(asset: Asset, amount: str, *, basis: str, price: str) -> PositionRow:
    """A position row."""
    return PositionRow(asset.symbol, asset.sid, Decimal(amount), Decimal(basis), Decimal(price))


def session_row(number: int, value: Decimal, before: Decimal, **changes: object) -> SessionRow:
    """Session `number`, which took the portfolio, all in cash, from `before` to
    `value`.
    """
    row = SessionRow(
        label=weekday(number),
        open=close_of(number) - timedelta(hours=6, minutes=29),
        close=close_of(number),
        starting_cash=before,
        ending_cash=value,
        starting_value=Decimal(0),
        ending_value=Decimal(0),
        capital_used=value - before,
        portfolio_value=value,
        pnl=value - before,
        total_pnl=value - CAPITAL,
        returns=float(value / before) - 1.0,
        total_return=float(value / CAPITAL) - 1.0,
        gross_leverage=0.0,
        net_leverage=0.0,
        long_value=Decimal(0),
        short_value=Decimal(0),
        longs_count=0,
        shorts_count=0,
        benchmark_return=None,
        recorded={},
        positions=(),
        orders=(),
        transactions=(0, 0),
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def settings(**changes: object) -> RunSettings:
    """Settings of a daily run with 10,000 of capital."""
    return replace(RunSettings(CAPITAL, "1d", "XNYS", FIRST, None), **changes)  # type: ignore[arg-type]


def run_of(
    values: Sequence[str | int | float],
    *,
    recorded: Mapping[int, Mapping[str, object]] | None = None,
    benchmark: Iterable[float] | None = None,
    name: str = "Test",
) -> RunRecord:
    """A run without orders whose portfolio is worth `values` at the closes."""
    rows = []
    before = CAPITAL
    latest: dict[str, object] = {}
    market = None if benchmark is None else list(benchmark)
    for number, value in enumerate(values):
        now = Decimal(str(value))
        latest = {**latest, **(recorded or {}).get(number, {})}
        rows.append(
            session_row(
                number,
                now,
                before,
                recorded=latest,
                benchmark_return=None if market is None else market[number],
            )
        )
        before = now
    return RunRecord(name, settings(), (equity(), equity("BBB", 1)), rows)


def run_with_trades(name: str = "Trader") -> RunRecord:
    """A run of five sessions: one order filled in two parts, one limit order left open,
    one denied.
    """
    record = run_of(["10000", "10000", "9999.99", "10009.98", "10012.48"], name=name)
    asset = record.assets[0]
    bought = order("1", 10, asset=asset, session=1)
    snapshots: dict[int, tuple[Order, ...]] = {1: (copy.copy(bought),)}
    first = fill_of(bought, session=2, price="50.5", amount=4)
    snapshots[2] = (copy.copy(bought),)
    second = fill_of(bought, session=3, price="51.123456789012", amount=6)
    waiting = order("2", -5, asset=record.assets[1], session=3, limit="99.99", stop="90")
    snapshots[3] = (copy.copy(bought), copy.copy(waiting))
    record.orders += [bought, waiting]
    record.transactions += [first, second]
    record.denied.append(
        order(
            "3", 1000, asset=asset, session=3, state=OrderState.DENIED, reason="max_order_size: 100"
        )
    )
    holdings = {
        2: position(asset, "4", basis="50.5025", price="50.5"),
        3: position(asset, "10", basis="50.876074073407", price="51.1234"),
        4: position(asset, "10", basis="50.876074073407", price="51.3734"),
    }
    slices = {2: (0, 1), 3: (1, 2)}
    record.sessions = [
        replace(
            row,
            orders=snapshots.get(number, ()),
            transactions=slices.get(number, (min(max(number - 2, 0), 2),) * 2),
            positions=(holdings[number],) if number in holdings else (),
            longs_count=1 if number in holdings else 0,
            long_value=holdings[number].amount * holdings[number].last_sale_price
            if number in holdings
            else Decimal(0),
            gross_leverage=0.05 if number in holdings else 0.0,
        )
        for number, row in enumerate(record.sessions)
    ]
    return record


class Turns(rbt.TradingAlgorithm):
    """Long, short, flat, again and again."""

    amounts = (40, -30, 0)

    def initialize(self, context):
        context.asset, context.bars = self.symbol("AAA"), 0

    def handle_data(self, context, data):
        context.bars += 1
        if context.bars % 5 == 1:
            self.order_target(context.asset, self.amounts[(context.bars // 5) % 3])
