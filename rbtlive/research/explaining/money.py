"""The difference of profit of two runs, order by order, each part with its cause.

The rule: a share is worth the same in both runs, the backtest's last price; the
contribution of an order is what its shares are worth at the end, less what they cost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext

from rbtlive.core.state.record import RunRecord, SessionRow
from rbtlive.data.calendars.calendar import us_of
from rbtlive.model.arrays import np
from rbtlive.model.number import ENGINE_CONTEXT, ZERO, plain_text, to_money
from rbtlive.model.order_facts import OrderState
from rbtlive.research.explaining.pairs import Executed, Pair, executed, paired
from rbtlive.research.run_bars import RunBars

LATE_BAR = "late bar"
"""How the reason begins of an order that was denied because its slice was old."""
# Deposits and withdrawals are no profit.
_CASH = {"dividend": "dividends", "fee": "fees", "interest": "interest"}
_AT_CLOSE_US = 1000
"""An execution that follows the end of a bar by no more is at that bar's close."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of a session beside its record.

    Attributes:
        revised: First moment at which a bar of the later data has other values.
        missing: First moment at which the session lacked a bar, or had one that the
            later data has not.
        late: Moments at which a bar came too late to be acted on.
        by_hand: Numbers of the session's orders that a person asked for.
        halted: Stretches in which the session did not trade, halted or paused.
        changed: When its code, settings or parameters changed first.
        booked: When cash or shares came to it, or left it, first without an order.
    """

    revised: datetime | None = None
    missing: datetime | None = None
    late: tuple[datetime, ...] = ()
    by_hand: frozenset[str] = frozenset()
    halted: tuple[tuple[datetime, datetime | None], ...] = ()
    changed: datetime | None = None
    booked: datetime | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the difference.

    Attributes:
        time: When the order was decided; None for what no order made.
        symbol: What was traded.
        order_id: The session's order, else the backtest's.
        cause: Why.
        money: Profit of the session less profit of the backtest.
        detail: What differed.
    """

    time: datetime | None
    symbol: str | None
    order_id: str | None
    cause: str
    money: Decimal
    detail: str


def difference_of(
    session: RunRecord,
    backtest: RunRecord,
    known: Circumstances,
    bars: tuple[RunBars | None, RunBars | None],
) -> tuple[list[Part], Decimal]:
    """Return the parts of the difference of profit, and the difference itself, their
    exact sum.

    Args:
        session: What the session did, up to its last closed session.
        backtest: What the backtest did, over the same sessions.
        known: What else is known of the session.
        bars: The bars of the session and of the backtest, to measure delays by.
    """
    with localcontext(ENGINE_CONTEXT):
        whole = _profit(session) - _profit(backtest)
        ledger = _Ledger(session, backtest)
        parts = []
        pairs = paired(executed(session, _upto(session)), executed(backtest, _upto(backtest)))
        diverged = False
        for pair in pairs:
            found = _parts(pair, ledger, known, bars, diverged=diverged)
            diverged = diverged or bool(found)
            parts += found
        parts += ledger.prices() + ledger.other_cash()
        left = whole - sum((part.money for part in parts), ZERO)
        if left:
            parts.append(Part(None, None, None, "rounding of splits", left, "fractions of shares"))
    return [part for part in parts if part.money], whole


def _profit(record: RunRecord) -> Decimal:
    return record.sessions[-1].total_pnl if record.sessions else ZERO


def _upto(record: RunRecord) -> int:
    return record.sessions[-1].transactions[1] if record.sessions else 0


class _Ledger:
    """What a share of each symbol is worth at the end, and what shares became by
    splits.
    """

    def __init__(self, session: RunRecord, backtest: RunRecord) -> None:
        self._session, self._backtest = session, backtest
        fills = {t.asset.symbol: t.price for t in session.transactions}
        fills |= {t.asset.symbol: t.price for t in backtest.transactions}
        self._ours, self._theirs = _marks(session), _marks(backtest)
        self._worth = fills | self._ours | self._theirs
        self._splits: dict[str, dict[datetime, Decimal]] = {}
        for record in (session, backtest):
            for adjustment in record.adjustments:
                if adjustment.kind == "split" and adjustment.asset and adjustment.ratio:
                    known = self._splits.setdefault(adjustment.asset.symbol, {})
                    known[adjustment.dt] = adjustment.ratio

    def worth(self, symbol: str, when: datetime) -> Decimal:
        """Return what a share traded at `when` is worth at the end."""
        value = self._worth[symbol]
        for moment, ratio in self._splits.get(symbol, {}).items():
            if moment > when:
                value /= ratio
        return value

    def prices(self) -> list[Part]:
        """Return what positions at the end differ by for their last prices alone."""
        parts = []
        for symbol, price in self._ours.items():
            theirs = self._worth[symbol]
            if price != theirs:
                held = _held(self._session, symbol)
                words = f"last price was {plain_text(price)}, is {plain_text(theirs)}"
                money = held * (price - theirs)
                parts.append(Part(None, symbol, None, "data revised", money, words))
        return parts

    def other_cash(self) -> list[Part]:
        """Return dividends, cash for fractions and fees that differ."""
        parts = []
        for kind, cause in _CASH.items():
            money = _cash(self._session, kind) - _cash(self._backtest, kind)
            if money:
                parts.append(Part(None, None, None, cause, money, f"{cause} booked apart"))
        return parts


def _marks(record: RunRecord) -> dict[str, Decimal]:
    if not record.sessions:
        return {}
    row: SessionRow = record.sessions[-1]
    return {p.symbol: p.last_sale_price for p in row.positions}


def _held(record: RunRecord, symbol: str) -> Decimal:
    return sum((p.amount for p in record.sessions[-1].positions if p.symbol == symbol), ZERO)


def _cash(record: RunRecord, kind: str) -> Decimal:
    return sum((a.cash for a in record.adjustments if a.kind == kind), ZERO)


def _parts(
    pair: Pair,
    ledger: _Ledger,
    known: Circumstances,
    bars: tuple[RunBars | None, RunBars | None],
    *,
    diverged: bool,
) -> list[Part]:
    ours, theirs = pair
    one = ours or theirs
    assert one is not None
    money = _contribution(ours, ledger) - _contribution(theirs, ledger)
    if ours is None or theirs is None:
        cause, words = _alone(ours, theirs, known, diverged=diverged)
        return [_part(one, cause, money, words)] if money else []
    charged = theirs.commission - ours.commission
    parts = [_part(one, "commission", charged, _commission_words(ours, theirs))]
    traded = _traded_part(ours, theirs, ledger)
    if ours.filled != theirs.filled:
        cause, words = _less(ours, theirs, known, diverged=diverged)
        parts.append(_part(one, cause, traded, words))
    rest = money - charged - traded
    revised, late = _bar_parts(ours, theirs, *bars)
    if revised:
        parts.append(_part(one, "data revised", revised, "closes of its bars were revised"))
    if late:
        words = f"filled at {ours.last_fill}, in the backtest at {theirs.last_fill}"
        parts.append(_part(one, "latency", late, words))
    slipped = rest - revised - late
    parts.append(_part(one, "slippage", slipped, _price_words(ours, theirs)))
    return [part for part in parts if part.money]


def _part(one: Executed, cause: str, money: Decimal, words: str) -> Part:
    name = None if one.order is None else one.order.id
    return Part(one.created, one.symbol, name, cause, money, words)


def _contribution(one: Executed | None, ledger: _Ledger) -> Decimal:
    if one is None:
        return ZERO
    worth = sum((f.amount * ledger.worth(one.symbol, f.dt) for f in one.fills), ZERO)
    return worth + one.cash - one.commission


# What the shares that only one of both traded came to, at the backtest's price if it
# traded at all.
def _traded_part(ours: Executed, theirs: Executed, ledger: _Ledger) -> Decimal:
    more = ours.filled - theirs.filled
    if not more:
        return ZERO
    base = theirs if theirs.filled else ours
    when = base.last_fill or base.created
    price = to_money(-base.cash / base.filled)
    return more * (ledger.worth(base.symbol, when) - price)


# Revised: what the closes of the bars it traded on were changed by. Latency: the same
# shares on other bars.
def _bar_parts(
    ours: Executed, theirs: Executed, seen: RunBars | None, later: RunBars | None
) -> tuple[Decimal, Decimal]:
    if seen is None or later is None or not (ours.filled and theirs.filled):
        return ZERO, ZERO
    saw, should = _at_closes(ours, seen), _at_closes(ours, later)
    base = _at_closes(theirs, later)
    if saw is None or should is None or base is None:
        return ZERO, ZERO
    return should - saw, to_money(base * ours.filled / theirs.filled) - should


# What the executions would have cost at the closes of their bars: the bar that ends at
# or after an execution, or ended just before.
def _at_closes(one: Executed, bars: RunBars) -> Decimal | None:
    known = bars.of(one.symbol)
    total = ZERO
    for fill in one.fills:
        place = int(np.searchsorted(known.us, us_of(fill.dt) - _AT_CLOSE_US))
        if place >= len(known.us):
            return None
        total += fill.amount * to_money(float(known.close[place]))
    return total


def _alone(
    ours: Executed | None, theirs: Executed | None, known: Circumstances, *, diverged: bool
) -> tuple[str, str]:
    one = ours or theirs
    assert one is not None
    when = one.created
    who = "the session alone" if ours is not None else "the backtest alone"
    words = f"{plain_text(one.filled)} {one.symbol} were traded by {who}"
    if ours is not None and (ours.order is None or ours.order.id in known.by_hand):
        return "by hand", words
    if theirs is not None and _within(when, known.halted):
        return "halt", f"{words}: trading was halted or paused"
    if known.changed is not None and when >= known.changed:
        return "code or params changed", f"{words}, after the strategy was changed"
    if when in known.late:
        return "data late", f"{words}: the bar came too late"
    return _by_data(when, known, words, diverged=diverged)


def _by_data(
    when: datetime, known: Circumstances, words: str, *, diverged: bool
) -> tuple[str, str]:
    if known.revised is not None and known.revised <= when:
        return "data revised", f"{words}; a bar was revised at {known.revised}"
    if known.missing is not None and known.missing <= when:
        return "data missing", f"{words}; a bar was missing at {known.missing}"
    if any(moment <= when for moment in known.late):
        return "data late", f"{words}; a bar came too late before"
    if diverged or (known.booked is not None and known.booked <= when):
        return "after earlier differences", words
    return "unexplained decision", words


def _within(when: datetime, spans: Sequence[tuple[datetime, datetime | None]]) -> bool:
    return any(first <= when and (last is None or when < last) for first, last in spans)


def _less(
    ours: Executed, theirs: Executed, known: Circumstances, *, diverged: bool
) -> tuple[str, str]:
    words = (
        f"{plain_text(ours.filled)} of {plain_text(ours.asked)} were filled, in the backtest "
        f"{plain_text(theirs.filled)} of {plain_text(theirs.asked)}"
    )
    order = ours.order
    if order is not None and order.reason:
        words = f"{words}: {order.reason}"
        if order.state is OrderState.DENIED and order.reason.startswith(LATE_BAR):
            return "data late", words
        if order.state is OrderState.DENIED:
            return ("halt" if _within(order.created, known.halted) else "refusal"), words
        if order.state is OrderState.REJECTED or "refused" in order.reason:
            return "refusal", words
    if ours.asked != theirs.asked:
        return _by_data(ours.created, known, words, diverged=diverged)
    return "partial fill", words


def _price_words(ours: Executed, theirs: Executed) -> str:
    prices = [
        plain_text(to_money(-one.cash / one.filled)) if one.filled else "none"
        for one in (ours, theirs)
    ]
    return f"average price {prices[0]}, in the backtest {prices[1]}"


def _commission_words(ours: Executed, theirs: Executed) -> str:
    charged = (plain_text(ours.commission), plain_text(theirs.commission))
    return f"commission {charged[0]}, in the backtest {charged[1]}"


def money_by_cause(parts: Sequence[Part]) -> Mapping[str, tuple[int, Decimal]]:
    """Return how many parts each cause has, and their money, the largest first."""
    with localcontext(ENGINE_CONTEXT):
        found: dict[str, tuple[int, Decimal]] = {}
        for part in parts:
            count, money = found.get(part.cause, (0, ZERO))
            found[part.cause] = (count + 1, money + part.money)
    return dict(sorted(found.items(), key=lambda item: -abs(item[1][1])))
