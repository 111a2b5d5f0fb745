"""The core's whole state as plain facts, and back: journals store it at each session's
close and at each swap.

The rule: facts are only numbers, text, lists and mappings; a core restored from them
continues like the original, digit for digit. State that the strategy's own callbacks
keep is not included.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rbtlive.core.actions.session_start import note_times
from rbtlive.core.run_state import RunState
from rbtlive.core.state import symbol_changes
from rbtlive.core.state.book_adjustments import adjustment_facts, adjustment_of
from rbtlive.core.state.last_sales import LastSale
from rbtlive.core.state.order import Order
from rbtlive.core.state.position import Position
from rbtlive.core.state.record import PositionRow, SessionRow
from rbtlive.core.state.touched_orders import objects_of
from rbtlive.model.asset import Asset
from rbtlive.model.number import NAN, plain_text
from rbtlive.model.order_facts import OrderState, Transaction

_MONEY = (
    "starting_cash",
    "ending_cash",
    "starting_value",
    "ending_value",
    "capital_used",
    "portfolio_value",
    "pnl",
    "total_pnl",
    "long_value",
    "short_value",
)
_RATIOS = ("returns", "total_return", "gross_leverage", "net_leverage")
_OF_AN_ORDER = tuple(field.name for field in fields(Order))


# -- small facts ---------------------------------------------------------------------


def _stamp(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain_text(value)


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def order_facts(order: Order) -> dict[str, Any]:
    """Return an order as facts."""
    facts = {name: getattr(order, name) for name in _OF_AN_ORDER}
    facts["asset"] = order.asset.symbol
    for name in ("amount", "limit", "stop", "filled", "commission"):
        facts[name] = _text(facts[name])
    for name in ("created", "dt"):
        facts[name] = _stamp(facts[name])
    facts["state"] = order.state.value
    # Journals of runs without tags and reasons keep their old form.
    facts["cancel_requested"] = order.cancel_requested
    for name in ("tag", "cancel_reason"):
        if facts[name] is None:
            del facts[name]
    return facts


def order_of(facts: Mapping[str, Any], assets: Mapping[str, Asset]) -> Order:
    """Return the order that `order_facts` described."""
    values = dict(facts)
    values["asset"] = assets[values["asset"]]
    for name in ("amount", "limit", "stop", "filled", "commission"):
        values[name] = _number(values[name])
    for name in ("created", "dt"):
        values[name] = _moment(values[name])
    values["state"] = OrderState(values["state"])
    if values.pop("cancel_requested"):  # earlier journals do not record the reason
        values.setdefault("cancel_reason", "")
    return Order(**values)


def _transaction_facts(transaction: Transaction) -> list[Any]:
    t = transaction
    return [
        _stamp(t.dt),
        t.asset.symbol,
        _text(t.amount),
        _text(t.price),
        _text(t.commission),
        t.order_id,
        t.execution_id,
    ]


def _transaction_of(facts: list[Any], assets: Mapping[str, Asset]) -> Transaction:
    dt, symbol, amount, price, commission, order_id, execution_id = facts
    return Transaction(
        datetime.fromisoformat(dt),
        assets[symbol],
        Decimal(amount),
        Decimal(price),
        Decimal(commission),
        order_id,
        execution_id,
    )


# -- a session's books ---------------------------------------------------------------


def session_facts(row: SessionRow, transactions: Sequence[Transaction]) -> dict[str, Any]:
    """Return a session's row as facts, with its transactions.

    Args:
        row: The row.
        transactions: All transactions of the run so far.
    """
    first, last = row.transactions
    adjusted = {"adjustments": [adjustment_facts(a) for a in row.adjustments]}
    return (adjusted if row.adjustments else {}) | {
        "label": row.label.isoformat(),
        "open": _stamp(row.open),
        "close": _stamp(row.close),
        **{name: _text(getattr(row, name)) for name in _MONEY},
        **{name: repr(getattr(row, name)) for name in _RATIOS},
        "longs_count": row.longs_count,
        "shorts_count": row.shorts_count,
        "recorded": {str(name): recorded_fact(value) for name, value in row.recorded.items()},
        "positions": [
            [p.symbol, p.sid, _text(p.amount), _text(p.cost_basis), _text(p.last_sale_price)]
            for p in row.positions
        ],
        "orders": [order_facts(order) for order in row.orders],
        "transactions": [_transaction_facts(t) for t in transactions[first:last]],
    }


def session_of(
    facts: Mapping[str, Any], assets: Mapping[str, Asset], first_transaction: int
) -> tuple[SessionRow, list[Transaction]]:
    """Return the row and the transactions that `session_facts` described."""
    transactions = [_transaction_of(t, assets) for t in facts["transactions"]]
    figures: dict[str, Any] = {name: Decimal(facts[name]) for name in _MONEY}
    figures |= {name: float(facts[name]) for name in _RATIOS}
    row = SessionRow(
        label=date.fromisoformat(facts["label"]),
        open=datetime.fromisoformat(facts["open"]),
        close=datetime.fromisoformat(facts["close"]),
        **figures,
        longs_count=facts["longs_count"],
        shorts_count=facts["shorts_count"],
        benchmark_return=None,
        recorded=recorded_of(facts["recorded"]),
        positions=tuple(
            PositionRow(symbol, sid, Decimal(amount), Decimal(basis), Decimal(price))
            for symbol, sid, amount, basis, price in facts["positions"]
        ),
        orders=tuple(order_of(order, assets) for order in facts["orders"]),
        transactions=(first_transaction, first_transaction + len(transactions)),
        adjustments=tuple(adjustment_of(a, assets) for a in facts.get("adjustments", ())),
    )
    return row, transactions


_NOT_FINITE = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def recorded_fact(value: object) -> object:
    """Return a recorded variable in a form that a journal can hold: numbers stay
    numbers, any other value becomes text.

    JSON has only finite numbers: the texts for the others are read back as numbers,
    even if the user recorded such a text.
    """
    if isinstance(value, str):
        return _NOT_FINITE.get(value, value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Decimal):
        return float(value)
    try:
        if hasattr(value, "item") and not hasattr(value, "__len__"):
            return recorded_fact(value.item())
        return repr(value)
    except BaseException as unprintable:  # noqa: BLE001 - around a user's code
        return f"(its text cannot be shown: {type(unprintable).__name__})"


def recorded_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the recorded variables from a journal's facts."""
    return {name: recorded_fact(value) for name, value in facts.items()}


# -- the whole state -----------------------------------------------------------------


def capture(state: RunState, *, since_last: bool = False) -> dict[str, Any]:
    """Return a run's orders, money and time as facts, without the strategy's own state.

    Args:
        state: The run.
        since_last: Give only the ids of open orders that have not changed since the
            last such call.
    """
    portfolio, orders = state.portfolio, state.orders
    changed = orders.changed_since_last() if since_last else orders.get_active_orders()
    return {
        "cash": _text(portfolio.cash),
        "capital_base": _text(portfolio.capital_base),
        "cash_flow": _text(portfolio.cash_flow),
        "realized": _text(portfolio.realized),
        "commissions_paid": _text(portfolio.commissions_paid),
        "positions": [_position_facts(p, state.marks.of(p.asset)) for p in portfolio],
        "last_id": orders.last_id,
        "open_ids": [order.id for order in orders.get_active_orders()],
        "open_orders": [order_facts(order) for order in changed],
        "touched": [order_facts(order) for order in objects_of(orders.touched)],
        # Cancelled at a daily session's end, and reported with the next session.
        "news": [order_facts(order) for order in state.changed_orders.values()],
        "executions": sorted(orders.executions) if not state.venue.cancels_at_once else [],
        "dividends": state.dividends.facts(),
        "books": state.books.facts(),
        "trading_state": state.trading_state,
        "halt_reason": state.halt_reason,
        "paused": state.paused,
        "recorded": {str(name): recorded_fact(value) for name, value in state.recorded.items()},
        "cursor": _cursor_facts(state),
        **symbol_changes.captured(state),
    }


def restore(state: RunState, facts: Mapping[str, Any], history: Iterable[SessionRow] = ()) -> None:
    """Restore a fresh core to the captured state; its market must already hold the same
    bars.

    Args:
        state: State of a core that has not started.
        facts: The result of `capture`.
        history: The rows of the finished sessions, with all their orders and
            transactions.
    """
    assets = {asset.symbol: asset for asset in state.assets}
    portfolio = state.portfolio
    portfolio.cash = Decimal(facts["cash"])
    portfolio.capital_base = Decimal(facts["capital_base"])
    portfolio.cash_flow = Decimal(facts["cash_flow"])
    portfolio.realized = Decimal(facts["realized"])
    portfolio.commissions_paid = Decimal(facts["commissions_paid"])
    held = [_position_of(position, assets) for position in facts["positions"]]
    portfolio.positions = {position.asset: position for position, _ in held}
    portfolio.note_change()
    state.marks.restore({position.asset: sale for position, sale in held})
    state.record.sessions[:] = history
    news = [order_of(order, assets) for order in facts["news"]]
    state.orders.restore(
        [order_of(order, assets) for order in facts["open_orders"]],
        touched=[order_of(order, assets) for order in facts["touched"]],
        ended=[*(order for row in state.record.sessions for order in row.orders), *news],
        last_id=facts["last_id"],
        executions=facts["executions"],
    )
    state.changed_orders = {order.id: state.orders.get_order(order.id) or order for order in news}
    state.dividends.restore(facts["dividends"])
    state.books.restore(facts["books"])
    state.trading_state = facts["trading_state"]
    state.halt_reason = facts["halt_reason"]
    state.paused = facts["paused"]
    state.recorded = recorded_of(facts["recorded"])
    symbol_changes.take_captured(state, facts)
    _restore_cursor(state, facts["cursor"])


def _cursor_facts(state: RunState) -> dict[str, Any]:
    return {
        "session": state.session_label.isoformat(),
        "session_open": state.session_open,
        "start_hook_done": state.start_hook_done,
        "last_slice_us": state.market.last_slice_us,
    }


# The market must hold the bars up to this point.
def _restore_cursor(state: RunState, facts: Mapping[str, Any]) -> None:
    market = state.market
    session = state.calendar.number(date.fromisoformat(facts["session"]))
    market.open_session(session)
    if facts["last_slice_us"] is not None:
        market.advance(market.row_at(facts["last_slice_us"]))
    state.session_open = facts["session_open"]
    note_times(state, session)
    state.start_hook_done = facts["start_hook_done"]
    if not state.session_open:
        market.end_session(session)


def _position_facts(position: Position, sale: LastSale) -> list[Any]:
    return [
        position.asset.symbol,
        _text(position.amount),
        _text(position.fill_cost),
        _text(position.basis_cost),
        None if sale.price.is_nan() else _text(sale.price),
        _stamp(sale.dt),
    ]


def _position_of(facts: list[Any], assets: Mapping[str, Asset]) -> tuple[Position, LastSale]:
    symbol, amount, fill_cost, basis_cost, price, when = facts
    position = Position(assets[symbol], Decimal(amount), Decimal(fill_cost), Decimal(basis_cost))
    return position, LastSale(NAN if price is None else Decimal(price), _moment(when))
