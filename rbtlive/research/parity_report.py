"""Whether a session and its backtest did the same: an exact comparison of two
records.

The rule: numbers are compared exactly, never within a tolerance, and the report names
the first difference in time order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from rbtlive.core.state.order import Order
from rbtlive.core.state.record import RunRecord, SessionRow
from rbtlive.model.order_facts import OrderState, Transaction
from rbtlive.model.wording import counted
from rbtlive.research.explaining.pairs import Executed, executed
from rbtlive.research.parity_parts import (
    Costs,
    Decisions,
    Difference,
    Executions,
    judged_executions,
    shown,
)
from rbtlive.research.result_display import table_html

MISSING = "nothing"
"""The value for a side that lacks a fact of the other side."""

# Within one moment, fills come before the strategy, then its orders, and the books are
# read last.
_FILL, _ORDER, _DENIAL, _END, _SESSION = range(5)
_KINDS = ("fill", "order", "denial", "order end", "session")
_NOT_FIGURES = {
    "label",
    "open",
    "close",
    "orders",
    "transactions",
    "positions",
    "recorded",
    "adjustments",
}

_SAME_DECISIONS = Decisions(identical=True, compared=0)
_SAME_EXECUTIONS = Executions(identical=True, compared=0)
_SAME_COSTS = Costs(identical=True, compared=0)


@dataclass(frozen=True, slots=True, repr=False)
class ParityReport:
    """Whether a session and a backtest over the same data did the same.

    Attributes:
        identical: Whether decisions and executions are identical, and everything was
            compared. On paper, prices and commissions are identical too; at a real
            broker they are the broker's own, and `costs` measures them.
        orders_compared: Number of order intents compared, including denied ones.
        fills_compared: Number of fills compared.
        interventions: Operator and breaker events, and corrections of the books, that
            the backtest took from the session.
        first_difference: The first difference, or None.
        not_compared: Facts that could not be compared, one sentence each.
        decisions: Whether the strategy gives the same orders again.
        executions: Whether the orders were executed alike.
        costs: How the costs of the executions differ.
        elsewhere: Whether the orders went to a real broker.
        tables_compared: Number of pipeline tables compared.
        followed: Corrections of the session's books to the broker's, one sentence each.
    """

    identical: bool
    orders_compared: int
    fills_compared: int
    interventions: int
    first_difference: Difference | None = None
    not_compared: tuple[str, ...] = ()
    decisions: Decisions = field(default=_SAME_DECISIONS, compare=False)
    executions: Executions = field(default=_SAME_EXECUTIONS, compare=False)
    costs: Costs = field(default=_SAME_COSTS, compare=False)
    elsewhere: bool = False
    tables_compared: int = 0
    followed: tuple[str, ...] = field(default=(), compare=False)

    def verdict(self) -> str:
        """Return the outcome in one sentence."""
        amount = (
            f"{counted(self.orders_compared, 'order')} and {counted(self.fills_compared, 'fill')}"
        )
        if self.first_difference is not None:
            apart = ""
            if self.elsewhere and self.decisions:
                apart = " in executions; the decisions are identical"
            return f"The session and its backtest differ{apart}, after {amount} were compared."
        if self.not_compared:
            return f"No difference in {amount}, but not everything could be compared."
        if self.elsewhere and not self.costs:
            return (
                f"Decisions and executions are identical: {amount}. Costs are the broker's: "
                f"{self.costs}."
            )
        return f"The session and its backtest are identical: {amount}, digit for digit."

    def _parts(self) -> list[tuple[str, str]]:
        return [
            ("decisions", str(self.decisions)),
            ("executions", str(self.executions)),
            ("costs", str(self.costs)),
        ]

    def __repr__(self) -> str:
        head = (
            f"ParityReport(identical={self.identical}, orders_compared={self.orders_compared}, "
            f"fills_compared={self.fills_compared}, interventions={self.interventions})"
        )
        lines = [head]
        lines += [f"  intervention: {sentence}" for sentence in self.followed]
        if self.elsewhere:
            lines += [f"  {name}: {text}" for name, text in self._parts()]
        if self.first_difference is not None:
            lines.append(f"  first difference: {self.first_difference}")
        lines += [f"  not compared: {sentence}" for sentence in self.not_compared]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        tables = [("tables compared", f"{self.tables_compared:,}")] if self.tables_compared else []
        rows: list[tuple[str, ...]] = [
            ("orders compared", f"{self.orders_compared:,}"),
            ("fills compared", f"{self.fills_compared:,}"),
            *tables,
            ("interventions", f"{self.interventions:,}"),
        ]
        rows += [("intervention", sentence) for sentence in self.followed]
        if self.elsewhere:
            rows += self._parts()
        difference = self.first_difference
        if difference is not None:
            event = "" if difference.sequence is None else f" (event {difference.sequence})"
            rows += [
                ("first difference", difference.time.isoformat() + event),
                ("what", difference.field),
                ("session", shown(difference.session)),
                ("backtest", shown(difference.backtest)),
            ]
        rows += [("not compared", sentence) for sentence in self.not_compared]
        return table_html(self.verdict(), rows)


def parity_report(
    session: RunRecord,
    backtest: RunRecord,
    *,
    sequences: Mapping[datetime, int] | None = None,
    interventions: int = 0,
    not_compared: Sequence[str] = (),
) -> ParityReport:
    """Compare a session's record with that of a backtest over the same slices.

    It compares every order as placed and as ended, every denial, every fill, and the
    figures, positions and recorded variables of every session.

    Args:
        session: The session's record.
        backtest: The backtest's record.
        sequences: Journal sequence of the event at each time, if the session has a
            journal.
        interventions: Number of operator and breaker events that the backtest took from
            the session.
        not_compared: Facts that the caller could not compare, one sentence each.
    """
    ours, theirs = _facts_of(session), _facts_of(backtest)
    orders, fills, first = _compared(ours, theirs, sequences or {})
    decisions = Decisions(identical=first is None, compared=orders)
    if first is not None:
        asked, _fills, other = _compared(_decided(ours), _decided(theirs), sequences or {})
        decisions = Decisions(identical=other is None, compared=asked, first_difference=other)
    executions, costs = judged_executions(_same_orders(session, backtest))
    return ParityReport(
        identical=first is None and not not_compared,
        orders_compared=orders,
        fills_compared=fills,
        interventions=interventions,
        first_difference=first,
        not_compared=tuple(not_compared),
        decisions=decisions,
        executions=executions,
        costs=costs,
    )


def _compared(
    ours: Sequence[_Fact], theirs: Sequence[_Fact], sequences: Mapping[datetime, int]
) -> tuple[int, int, Difference | None]:
    orders = fills = 0
    for one, other in _pairs(ours, theirs):
        fact = one or other
        assert fact is not None
        orders += fact.kind in {_ORDER, _DENIAL}
        fills += fact.kind == _FILL
        first = _difference(one, other, sequences)
        if first is not None:
            return orders, fills, first
    return orders, fills, None


def _decided(facts: Sequence[_Fact]) -> list[_Fact]:
    return [fact for fact in facts if fact.kind in {_ORDER, _DENIAL}]


def _same_orders(session: RunRecord, backtest: RunRecord) -> list[tuple[Executed, Executed | None]]:
    theirs = {
        one.order.id: one
        for one in executed(backtest, len(backtest.transactions))
        if one.order is not None
    }
    return [
        (one, theirs.get(one.order.id))
        for one in executed(session, len(session.transactions))
        if one.order is not None and one.order.state is not OrderState.DENIED
    ]


def fills_apart(
    session: Sequence[Transaction],
    backtest: Sequence[Transaction],
    *,
    number: int,
    upto: datetime | None,
) -> tuple[int, Difference | None]:
    """Compare fills after the last closed session; return their number and the first
    difference.

    Args:
        session: The session's fills.
        backtest: The backtest's fills.
        number: Number of earlier fills.
        upto: Time of the session's last event: a session that was killed may not have
            written the fills of that moment.
    """
    ours = [_fill(place, fill) for place, fill in enumerate(session, number + 1)]
    theirs = [_fill(place, fill) for place, fill in enumerate(backtest, number + 1)]
    if upto is not None and len(theirs) > len(ours) and theirs[len(ours)].time >= upto:
        del theirs[len(ours) :]
    _orders, fills, first = _compared(ours, theirs, {})
    return fills, first


# One fact: its time, its kind, its number within the kind, and its values by field.
@dataclass(frozen=True, slots=True)
class _Fact:
    time: datetime
    kind: int
    name: str
    values: Mapping[str, Any]


def _facts_of(record: RunRecord) -> list[_Fact]:
    facts = [_fill(number, fill) for number, fill in enumerate(record.transactions, 1)]
    for order in record.orders:
        facts += (_intent(order, _ORDER), _end(order))
    facts += [_intent(order, _DENIAL) for order in record.denied]
    facts += [_session(row) for row in record.sessions]
    return sorted(
        facts, key=lambda fact: (fact.time, fact.kind)
    )  # stable: equal ones keep the order of the record


def _fill(number: int, fill: Transaction) -> _Fact:
    values = {
        "symbol": fill.asset.symbol,
        "amount": fill.amount,
        "price": fill.price,
        "commission": fill.commission,
        "order": fill.order_id,
    }
    return _Fact(
        fill.dt,
        _FILL,
        f"fill {number}" + (f" of order {fill.order_id}" if fill.order_id else ""),
        values,
    )


def _intent(order: Order, kind: int) -> _Fact:
    values = {"symbol": order.asset.symbol, "amount": order.amount}
    if kind == _DENIAL:
        values |= {"limit": order.limit, "stop": order.stop, "reason": order.reason}
    return _Fact(order.created, kind, f"{_KINDS[kind]} {order.id}", values)


# Splits and triggers change limits, stops and amounts, so they are also compared at an
# order's end.
def _end(order: Order) -> _Fact:
    values = {
        "status": order.state.value,
        "filled": order.filled,
        "commission": order.commission,
        "limit": order.limit,
        "stop": order.stop,
        "reason": order.reason,
    }
    return _Fact(order.dt, _END, f"end of order {order.id}", values)


def _session(row: SessionRow) -> _Fact:
    values: dict[str, Any] = {
        field.name: getattr(row, field.name)
        for field in fields(SessionRow)
        if field.name not in _NOT_FIGURES
    }
    for held in row.positions:
        for name in ("amount", "cost_basis", "last_sale_price"):
            values[f"{name} of {held.symbol}"] = getattr(held, name)
    values |= {f"recorded {name}": value for name, value in row.recorded.items()}
    return _Fact(row.close, _SESSION, f"session {row.label.isoformat()}", values)


# Walks both histories side by side; if one lacks the other's next fact, its place is
# None.
def _pairs(
    ours: Sequence[_Fact], theirs: Sequence[_Fact]
) -> Iterator[tuple[_Fact | None, _Fact | None]]:
    i = j = 0
    while i < len(ours) or j < len(theirs):
        one = ours[i] if i < len(ours) else None
        other = theirs[j] if j < len(theirs) else None
        if (
            one is not None
            and other is not None
            and (one.time, one.kind) != (other.time, other.kind)
        ):
            if (one.time, one.kind) < (other.time, other.kind):
                other = None
            else:
                one = None
        i += one is not None
        j += other is not None
        yield one, other


def _difference(
    one: _Fact | None, other: _Fact | None, sequences: Mapping[datetime, int]
) -> Difference | None:
    if one is None or other is None:
        fact = one or other
        assert fact is not None
        there = _summary(fact)
        session, backtest = (there, MISSING) if other is None else (MISSING, there)
        return Difference(sequences.get(fact.time), fact.time, fact.name, session, backtest)
    if one.name != other.name:
        return Difference(sequences.get(one.time), one.time, _KINDS[one.kind], one.name, other.name)
    for name in {**one.values, **other.values}:
        left, right = one.values.get(name, MISSING), other.values.get(name, MISSING)
        if not _same(left, right):
            return Difference(sequences.get(one.time), one.time, f"{one.name}: {name}", left, right)
    return None


def _summary(fact: _Fact) -> str:
    if fact.kind == _SESSION:
        return f"portfolio_value {shown(fact.values['portfolio_value'])}"
    return ", ".join(
        f"{name} {shown(value)}" for name, value in fact.values.items() if value not in (None, "")
    )


# Equal, or both missing: NaN is unequal to itself, alone and inside a recorded list.
def _same(left: object, right: object) -> bool:
    if isinstance(left, (list, tuple)) and type(left) is type(right):
        return len(left) == len(right) and all(
            _same(a, b) for a, b in zip(left, right, strict=True)
        )
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(
            _same(value, right[key]) for key, value in left.items()
        )
    if type(left).__module__.split(".")[0] in {"numpy", "polars", "pandas"} or hasattr(
        left, "symbol"
    ):
        return type(left) is type(right) and _text(left) == _text(right)
    if _is_nan(left) and _is_nan(right):
        return True
    return bool(left == right)


def _is_nan(value: object) -> bool:
    return isinstance(value, (float, Decimal)) and value != value  # noqa: PLR0124 - only NaN is


def _text(value: object) -> str:
    return repr(
        value.to_list()
        if hasattr(value, "to_list")
        else value.tolist()
        if hasattr(value, "tolist")
        else value
    )
