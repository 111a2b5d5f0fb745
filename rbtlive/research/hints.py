"""Hints about a run for its user, with remedies.

The rule: a hint is computed from the run's facts; each states a fact with figures, and
one remedy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final, NamedTuple

from rbtlive.core.state.order import Order
from rbtlive.core.state.record import RunRecord, column
from rbtlive.model.number import plain_text
from rbtlive.model.order_facts import OrderState
from rbtlive.model.wording import counted

COSTS_OF_CAPITAL: Final = 0.05
"""Commissions above this fraction of the capital give a hint."""
MOVED_BY: Final = Decimal("0.0005")
"""A limit that rounding to the tick moved by more than this fraction gives a hint."""
LEVERAGE: Final = 1.05
"""Gross leverage above this gives a hint; rounding does not explain it."""
_FEW: Final = 3


class Hint(NamedTuple):
    """A fact about a run that its user should know.

    Attributes:
        text: The fact.
        remedy: The remedy.
    """

    text: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.text}: {self.remedy}"


def hints_of(record: RunRecord) -> list[Hint]:
    """Return the hints of a run, the most important first."""
    return [hint for rule in _RULES for hint in rule(record)]


def _no_orders(record: RunRecord) -> Iterator[Hint]:
    if record.orders or record.denied or not len(record.sessions):
        return
    lost = record.notes.rounded_away
    if lost:
        return  # covered by `_rounded_away`
    yield Hint(
        "the strategy placed no order",
        "check the condition it trades on, and the dates of the run",
    )


def _no_fills(record: RunRecord) -> Iterator[Hint]:
    waiting = [order for order in record.orders if not order.filled]
    if record.transactions or not waiting:
        return
    symbols = _named(order.asset.symbol for order in waiting)
    text = f"none of {counted(len(waiting), 'order')} filled ({symbols})"
    last = record.sessions[-1].close if len(record.sessions) else None
    if last is not None and all(order.created >= last for order in waiting):
        yield Hint(text, "they were placed on the last bar, and fill from the next one on")
    elif all(order.limit is not None or order.stop is not None for order in waiting):
        yield Hint(text, "their limits and stops were never reached: compare them with the prices")
    elif any(not order.asset.has_volume for order in waiting):
        yield Hint(
            text,
            "currencies have no volume to take a share of: use SpreadSlippage or NoSlippage",
        )
    else:
        yield Hint(
            text,
            "the bars had too little volume for one lot: give the assets their lot_size or "
            "asset_class, or use slippage=NoSlippage()",
        )


def _cut_by_volume(record: RunRecord) -> Iterator[Hint]:
    if not record.transactions:
        return
    cut = [order for order in record.orders if _was_cut(order)]
    if cut:
        filled = [order for order in cut if order.filled]
        yield Hint(
            f"{len(cut)} of {counted(len(record.orders), 'order')} cut by the volume of the bars "
            f"({_named(order.asset.symbol for order in cut)}; {len(filled)} filled in parts)",
            "order less, trade what is traded more, or allow a larger share in the slippage "
            "model: volume_limit= of FixedBasisPointsSlippage, the default, or your own",
        )


# An order without a limit that took several bars, or was not filled by the end.
def _was_cut(order: Order) -> bool:
    if order.limit is not None or order.stop is not None:
        return False
    unfilled = order.state in (OrderState.PARTIALLY_FILLED, OrderState.CANCELED)
    return (unfilled and bool(order.filled)) or order.executions > 1


def _rounded_away(record: RunRecord) -> Iterator[Hint]:
    traded = {order.asset.symbol for order in record.orders}
    lost = {s: n for s, n in record.notes.rounded_away.items() if s not in traded}
    if lost:
        yield Hint(
            f"{counted(sum(lost.values()), 'order')} came to less than one lot, and nothing was "
            f"placed ({_named(lost)})",
            "raise capital_base, or give the assets a smaller lot_size",
        )


def _moved_prices(record: RunRecord) -> Iterator[Hint]:
    for symbol, (asked, placed) in record.notes.moved_prices.items():
        if abs(placed - asked) > asked * MOVED_BY:
            yield Hint(
                f"the tick of {symbol} moved a limit or stop from {plain_text(asked)} to "
                f"{plain_text(placed)}",
                "give the asset its tick_size or asset_class in assets",
            )


def _costs(record: RunRecord) -> Iterator[Hint]:
    paid = sum((one.commission for one in record.transactions), Decimal(0))
    part = float(paid / record.settings.capital_base)
    if part > COSTS_OF_CAPITAL:
        yield Hint(
            f"commissions of {paid:,.2f} are {part:.1%} of the capital, in "
            f"{counted(len(record.transactions), 'fill')}",
            "trade less often, or pass the commission that your broker takes",
        )


def _cash_below_zero(record: RunRecord) -> Iterator[Hint]:
    cash = column(record.sessions, "ending_cash")
    if cash and min(cash) < 0:
        lowest = min(range(len(cash)), key=cash.__getitem__)
        label = column(record.sessions, "label")[lowest]
        closes = sum(one < 0 for one in cash)
        yield Hint(
            f"cash was below zero at {closes} close{'s' * (closes > 1)}, at the lowest "
            f"{min(cash):,.2f} on {label}: the run borrowed without interest",
            "order fractions that add up to less than 1, or sell before buying",
        )


def _leverage(record: RunRecord) -> Iterator[Hint]:
    known = [value for value in column(record.sessions, "gross_leverage") if value == value]  # noqa: PLR0124
    if known and max(known) > LEVERAGE:
        yield Hint(
            f"gross leverage reached {max(known):.2f}",
            "check that your broker lends that much, or limit it with set_max_leverage()",
        )


def _denied(record: RunRecord) -> Iterator[Hint]:
    if record.denied:
        reasons = _named(order.reason or "no reason" for order in record.denied)
        yield Hint(
            f"{counted(len(record.denied), 'order')} denied ({reasons})",
            "see result.denied, and the controls and breakers of the run",
        )


def _currencies(record: RunRecord) -> Iterator[Hint]:
    quotes = {one.asset.quote_currency for one in record.transactions}
    if len(quotes) > 1:
        yield Hint(
            f"prices in {', '.join(sorted(quotes))} were added up as one currency",
            "trade assets of one quote currency, or convert the bars",
        )


def _waited(record: RunRecord) -> Iterator[Hint]:
    if record.notes.waited_for:
        yield Hint(
            f"the run begins on {record.settings.start}: {record.notes.waited_for} had to be "
            "there first",
            "pass start= or warmup= to say where it begins",
        )


_RULES: Final[tuple[Callable[[RunRecord], Iterator[Hint]], ...]] = (
    _no_orders,
    _no_fills,
    _rounded_away,
    _cut_by_volume,
    _moved_prices,
    _denied,
    _costs,
    _cash_below_zero,
    _leverage,
    _currencies,
    _waited,
)


def _named(words: object) -> str:
    names = list(dict.fromkeys(map(str, words)))  # type: ignore[call-overload]
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return ", ".join(names[:_FEW]) + more
