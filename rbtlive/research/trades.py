"""The frame of round trips: `result.trades`.

The rule: money is exact, and values measured along the way (return, excursions) are
floats. An open trade is marked at the last known price.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, localcontext
from itertools import pairwise
from typing import Any

import polars as pl

from rbtlive.core.state.record import RunRecord
from rbtlive.data.calendars.calendar import us_of
from rbtlive.model.arrays import NDArray, np
from rbtlive.model.number import ENGINE_CONTEXT, ZERO, Number, to_money
from rbtlive.research.result_frames import MONEY, TIME, frame_of_columns
from rbtlive.research.round_trips import Method, RoundTrip, round_trips_of
from rbtlive.research.run_bars import RunBars, SymbolBars

PROFIT = pl.Decimal(38, 18)
"""Open trades are valued at prices with as many digits as floats have."""
_CASH = {"dividends": "dividend", "fees": "fee", "interest": "interest", "transfers": "transfer"}

TRADE_SCHEMA: dict[str, Any] = {
    "symbol": pl.String(),
    "side": pl.String(),
    "quantity": MONEY,
    "entry_time": TIME,
    "exit_time": TIME,
    "entry_price": MONEY,
    "exit_price": MONEY,
    "gross_profit": PROFIT,
    "costs": PROFIT,
    "net_profit": PROFIT,
    "return": pl.Float64(),
    "bars_held": pl.Int64(),
    "duration": pl.Duration("us"),
    "mae": pl.Float64(),
    "mfe": pl.Float64(),
    "entry_tag": pl.String(),
    "exit_tag": pl.String(),
    "open": pl.Boolean(),
}


def trades_frame(record: RunRecord, bars: RunBars | None, method: Method = "fifo") -> pl.DataFrame:
    """Return one row per round trip, in the order of exits, with open ones last.

    Args:
        record: The run's record.
        bars: Its bars, for `bars_held`, `mae` and `mfe`; None leaves these null.
        method: "fifo" or "average".
    """
    trips = round_trips_of(record, method)
    now = _last_moment(record)
    clock = _Clock(record, bars)
    with localcontext(ENGINE_CONTEXT):
        rows = [_row(trip, bars, now, clock) for trip in trips]
    columns = zip(*rows, strict=True) if rows else ((),) * len(TRADE_SCHEMA)
    return frame_of_columns(TRADE_SCHEMA, columns)


def _row(
    trip: RoundTrip, bars: RunBars | None, now: datetime | None, clock: _Clock
) -> tuple[Any, ...]:
    lot = trip.lot
    quantity, known = abs(lot.quantity), not trip.is_open or trip.mark is not None
    until = trip.exit_time or now
    exit_price = None
    if known:
        exit_price = trip.mark if trip.is_open else to_money(trip.proceeds / lot.quantity)
    net = trip.gross - trip.costs
    mae, mfe = _excursions(trip, bars, until)
    return (
        trip.asset.symbol,
        "long" if lot.quantity > 0 else "short",
        quantity,
        lot.time,
        trip.exit_time,
        to_money(lot.cost / lot.quantity),
        exit_price,
        trip.gross if known else None,
        trip.costs,
        net if known else None,
        float(net / abs(lot.cost)) if known and lot.cost else None,
        None if until is None else clock.bars_between(lot.time, until),
        None if until is None else until - lot.time,
        mae,
        mfe,
        lot.tag,
        trip.exit_tag,
        trip.is_open,
    )


def _last_moment(record: RunRecord) -> datetime | None:
    moments = [record.sessions[-1].close] if record.sessions else []
    moments += [t.dt for t in record.transactions[-1:]]
    return max(moments, default=None)


class _Clock:
    """Counts the bars of a run between two moments: sessions of a daily run, otherwise
    bars in which any traded asset had a price.
    """

    def __init__(self, record: RunRecord, bars: RunBars | None) -> None:
        if not record.settings.intraday or bars is None:
            self._ends = np.array([us_of(row.close) for row in record.sessions], dtype=np.int64)
            return
        symbols = sorted({t.asset.symbol for t in record.transactions})
        ends = [bars.of(symbol).us for symbol in symbols]
        self._ends = np.unique(np.concatenate(ends)) if ends else np.empty(0, dtype=np.int64)

    def bars_between(self, first: datetime, last: datetime) -> int:
        low, high = np.searchsorted(self._ends, (us_of(first), us_of(last)), side="right").tolist()
        return max(int(high - low), 0)


# Fractions of the entry's cost: the worst and best value of the trade at a bar's low or
# high after the entry, including the exit itself.
def _excursions(
    trip: RoundTrip, bars: RunBars | None, until: datetime | None
) -> tuple[float | None, float | None]:
    cost = float(trip.lot.cost)
    if bars is None or until is None or not cost:
        return None, None
    seen = bars.of(trip.asset.symbol)
    if not len(seen.us):
        return None, None
    quantity, profits = float(trip.lot.quantity), [0.0]
    for part, shares in _stretches(trip, seen, until, quantity):
        if len(part.us):
            profits += [_low(part.low, part.close, shares), _high(part.high, part.close, shares)]
    reached = [value - cost if place else 0.0 for place, value in enumerate(profits)]
    reached.append(float(trip.gross))
    return min(reached) / abs(cost), max(reached) / abs(cost)


def _low(low: NDArray[np.float64], close: NDArray[np.float64], shares: float) -> float:
    return float(np.fmin(low, close).min()) * shares


def _high(high: NDArray[np.float64], close: NDArray[np.float64], shares: float) -> float:
    return float(np.fmax(high, close).max()) * shares


# Before each split there were fewer shares at higher prices.
def _stretches(
    trip: RoundTrip, seen: SymbolBars, until: datetime, quantity: float
) -> list[tuple[SymbolBars, float]]:
    splits: Sequence[tuple[datetime, Decimal]] = trip.lot.splits
    edges = [us_of(trip.lot.time), *(us_of(dt) for dt, _ in splits), _end(seen, us_of(until))]
    found = []
    for number, (first, last) in enumerate(pairwise(edges)):
        shares = quantity
        for _dt, ratio in splits[number:]:
            shares *= float(ratio)
        found.append((seen.between(first, last), shares))
    return found


# The bar in which a trade was closed counts, even if it ends after the exit.
def _end(seen: SymbolBars, until_us: int) -> int:
    place = int(np.searchsorted(seen.us, until_us, side="left"))
    return int(seen.us[place]) if place < len(seen.us) else until_us


def profit_bridge(
    record: RunRecord, trips: Sequence[RoundTrip] | None = None
) -> dict[str, Decimal]:
    """Return the exact components of the change of equity: `closed_profit`,
    `open_profit` (both gross), `commissions` (negative), `dividends`, `fees`,
    `interest`, `transfers`, and `change_of_equity`, their sum.
    """
    trips = round_trips_of(record) if trips is None else trips
    with localcontext(ENGINE_CONTEXT):
        parts = {
            "closed_profit": sum((t.gross for t in trips if not t.is_open), ZERO),
            "open_profit": sum((t.gross for t in trips if t.is_open), ZERO),
            "commissions": -sum((t.commission for t in record.transactions), ZERO),
        }
        for name, kind in _CASH.items():
            parts[name] = sum((a.cash for a in record.adjustments if a.kind == kind), ZERO)
        parts["change_of_equity"] = sum(parts.values(), ZERO)
        return {name: Number(money) for name, money in parts.items()}
