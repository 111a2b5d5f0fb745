"""Bounded lines over a run of any length: equity, prices, recorded values.

The rule: a line remembers what was sent, and a step returns only the points added
since.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from rbtlive.core.trading_core import TradingCore
from rbtlive.data.calendars.calendar import us_of
from rbtlive.notebook.panel.plain import plain, plain_price

CURVE_POINTS = 400
RECORDED_SHOWN = 8
RECORDED_POINTS = 120
PRICES_KEPT = 24
"""Number of symbols whose prices are followed: those held, and those traded last."""

Point = list[Any]


class Curve:
    """A line of at most `limit` points over a whole run: it gets coarser as the run
    gets longer.

    Args:
        limit: Maximum number of points.
    """

    def __init__(self, limit: int = CURVE_POINTS) -> None:
        self.points: list[Point] = []
        self._limit = limit
        self._stride = 0.0

    def add(self, points: Iterable[tuple[float, float]]) -> tuple[list[Point], bool]:
        """Add (x, y) in order of x; return the points added, and whether the line was
        thinned instead.
        """
        fresh: list[Point] = []
        thinned = False
        for x, y in points:
            if self.points and x - self.points[-1][0] < max(self._stride, 1.0):
                continue
            self.points.append([x, y])
            fresh.append(self.points[-1])
            if len(self.points) >= self._limit:
                self._stride = 2 * (self.points[-1][0] - self.points[0][0]) / self._limit
                self.points[:] = self.points[::2]
                thinned = True
        return fresh, thinned


class EquityCurve(Curve):
    """Portfolio value over the run: each session's close, and the values at ticks in
    between.

    Attributes:
        live: The latest point, which may not be in the line yet.
        before: Portfolio value at the previous session's close.
        drawdown: Loss from the highest value so far, as a fraction, 0 or below.
        max_drawdown: The deepest drawdown so far.
    """

    def __init__(self, core: TradingCore) -> None:
        super().__init__()
        self.live: Point | None = None
        self.before = float(core.state.settings.capital_base)
        self.drawdown = self.max_drawdown = 0.0
        self._sessions = 0
        self._last_close = self.before
        self._last_session = -1
        self._peak = self.before

    def step(self, core: TradingCore, value: float) -> tuple[list[Point], bool]:
        """Return the result of `add` for the sessions closed since, and for the current
        value.
        """
        rows = core.state.record.sessions
        backlog = len(rows) - self._sessions
        closes: list[tuple[float, float]] = []
        if backlog:
            every = max(1, backlog // CURVE_POINTS)
            first = self._sessions + (backlog - 1) % every
            closes = [
                (us_of(row.close) // 1000, round(float(row.portfolio_value), 2))
                for row in rows[first::every]
            ]
            self._note_closes(core, closes)
        self._sessions = len(rows)
        if core.state.market.now_us:
            if core.state.session_open and core.state.market.session != self._last_session:
                self._last_session, self.before = core.state.market.session, self._last_close
            self._note_value(value)
            self.live = [core.state.market.now_us // 1000, round(value, 2)]
            closes.append((self.live[0], self.live[1]))
        return self.add(closes)

    def figures(self, value: float) -> dict[str, float | int | None]:
        """Return the day's change and the drawdown, rounded like the panel's money.

        Args:
            value: The portfolio's current value.
        """
        day = value - self.before
        return {
            "day": plain(day, 2),
            "day_share": plain(day / self.before, 6) if self.before else None,
            "drawdown": plain(self.drawdown, 6),
            "max_drawdown": plain(self.max_drawdown, 6),
        }

    # A closed session stays the current one until the next begins.
    def _note_closes(self, core: TradingCore, closes: list[tuple[float, float]]) -> None:
        for _moment, value in closes:
            self._note_value(value)
        if core.state.market.session != self._last_session:
            self.before = closes[-2][1] if len(closes) > 1 else self._last_close
            self._last_session = core.state.market.session
        self._last_close = closes[-1][1]

    def _note_value(self, value: float) -> None:
        self._peak = max(self._peak, value)
        self.drawdown = value / self._peak - 1.0 if self._peak > 0 else 0.0
        self.max_drawdown = min(self.max_drawdown, self.drawdown)


class PriceCurves:
    """Closes of the symbols that a run holds or traded last.

    Only the watched symbol's points are sent; others wait until they are requested.
    """

    def __init__(self) -> None:
        self.watched = ""
        self._session = -1
        self._seen_us = 0
        self._curves: dict[str, Curve] = {}
        self._indices: dict[str, int] = {}
        self._known: dict[str, int] = {}

    @property
    def symbols(self) -> list[str]:
        """The symbols that can be watched, the latest first."""
        return list(reversed(self._curves))

    def follow(self, core: TradingCore, symbols: Sequence[str]) -> None:
        """Follow these symbols, in order of priority.

        Args:
            core: The run's core.
            symbols: The wanted symbols; only the first `PRICES_KEPT` are followed, and
                when that many are, one new symbol per call is added.
        """
        fresh = 0
        for symbol in reversed(symbols[:PRICES_KEPT]):
            if symbol in self._curves:
                self._curves[symbol] = self._curves.pop(symbol)
            elif fresh == 0 or len(self._curves) < PRICES_KEPT:
                fresh += 1
                self._begin(core, symbol)
        if not self.watched and symbols and symbols[0] in self._curves:
            self.watched = symbols[0]

    def _begin(self, core: TradingCore, symbol: str) -> None:
        if symbol not in self._known:
            self._known = {a.symbol: i for i, a in enumerate(core.state.market.assets)}
        index = self._known.get(symbol)
        if index is None:
            return
        self._indices[symbol] = index
        self._curves[symbol] = curve = Curve()
        curve.add(_closes_until_now(core, index))
        while len(self._curves) > PRICES_KEPT:
            oldest = next(iter(self._curves))
            del self._curves[oldest], self._indices[oldest]

    def step(self, core: TradingCore) -> list[Point] | None:
        """Add the current prices; return all points of the watched symbol if its line
        was thinned or replaced, otherwise the new ones.
        """
        moment, fresh = core.state.market.now_us // 1000, None
        if not moment:
            return None
        split = self._apply_splits(core)
        missed_us, self._seen_us = self._missed_since_us(core), core.state.market.now_us
        for symbol, curve in self._curves.items():
            index = self._indices[symbol]
            price = plain_price(core.state.market.price(index))
            if price is None:
                continue
            missed = _closes_until_now(core, index, missed_us) if missed_us else []
            added, thinned = curve.add([*missed, (moment, price)])
            if symbol == self.watched and (added or thinned):
                fresh = curve.points if thinned or split else added
        return fresh

    # A replay processes many bars between two ticks: the line goes through each, like
    # the fills beside it. 0 if there is at most the current bar.
    def _missed_since_us(self, core: TradingCore) -> int:
        now_us, stamps = core.state.market.now_us, core.state.market.table.row_us
        seen, last = stamps.searchsorted([self._seen_us, now_us - 1], side="right").tolist()
        return self._seen_us if last > seen else 0

    # Prices before a split are adjusted, as in price charts.
    def _apply_splits(self, core: TradingCore) -> bool:
        first, self._session = self._session + 1, core.state.market.session
        split = False
        for session in range(first, self._session + 1) if first else ():
            for symbol, index in self._indices.items():
                ratio = _split_of(core, index, session)
                if ratio != 1.0:
                    split = True
                    for point in self._curves[symbol].points:
                        point[1] = plain_price(point[1] * ratio)
        return split

    def now(self, core: TradingCore) -> Point | None:
        """Return time, price and symbol of the watched symbol, which may not be in the
        line yet.
        """
        index = self._indices.get(self.watched)
        if index is None or not core.state.market.now_us:
            return None
        price = plain_price(core.state.market.price(index))
        return None if price is None else [core.state.market.now_us // 1000, price, self.watched]

    def points(self) -> list[Point]:
        """Return the line of the watched symbol."""
        curve = self._curves.get(self.watched)
        return [] if curve is None else [list(point) for point in curve.points]


# The panel reads rows by index, without changing anything.
def _closes_until_now(
    core: TradingCore, index: int, after_us: int = 0
) -> list[tuple[float, float]]:
    panel, now_us = core.state.market.table, core.state.market.now_us
    last = int(panel.row_us.searchsorted(now_us, side="right"))
    seen = int(panel.row_us.searchsorted(after_us, side="right"))
    first = max(seen, last - CURVE_POINTS // 2)
    held_from = getattr(panel, "start", 0)
    closes = panel.column(index, "close", first, last) if first >= held_from else ()
    stamps = panel.row_us[first:last].tolist()
    session = core.state.market.calendar.session_of_us(stamps[0]) if stamps else 0
    splits = [
        (number, float(ratio))
        for number, ratio in core.state.market.splits_of(index)
        if max(session, 0) < number <= core.state.market.session
    ]
    points = []
    for us, close in zip(stamps, closes, strict=False):
        if math.isfinite(close):
            at = core.state.market.calendar.session_of_us(us) if splits else 0
            factor = math.prod(ratio for number, ratio in splits if number > at)
            points.append((us // 1000, round(float(close) * factor, 6)))
    return points


def _split_of(core: TradingCore, index: int, session: int) -> float:
    return math.prod(
        float(split.ratio) for split in core.state.market.splits_at(session) if split.asset == index
    )


class RecordedCurves:
    """The numbers that a strategy records, each with its curve."""

    def __init__(self) -> None:
        self._curves: dict[str, Curve] = {}
        self._last: dict[str, Any] = {}

    def step(self, core: TradingCore) -> list[dict[str, Any]]:
        """Return name, value and moment of the values that changed."""
        moment = core.state.market.now_us // 1000
        values = {
            str(name): _number(value)
            for name, value in list(core.state.recorded.items())[:RECORDED_SHOWN]
            if isinstance(value, (int, float)) or hasattr(value, "__float__")
        }
        for name, value in values.items():
            if value is not None and moment:
                self._curves.setdefault(name, Curve(RECORDED_POINTS)).add([(moment, value)])
        before, self._last = self._last, values
        return [
            {"name": name, "value": value, "at": moment}
            for name, value in values.items()
            if before.get(name, "") != value
        ]

    def rows(self) -> list[dict[str, Any]]:
        """Return name, value and points of each."""
        return [
            {
                "name": name,
                "value": value,
                "points": [list(p) for p in self._curves[name].points]
                if name in self._curves
                else [],
            }
            for name, value in self._last.items()
        ]


# A recorded value may be of a user's class, which may raise anything.
def _number(value: Any) -> Any:
    try:
        return plain(value)
    except BaseException:  # noqa: BLE001 - around a user's code
        return None
