"""The state of a session in the panel's messages: complete at first, then only the
changes.

The rule: messages are JSON of bounded size, numbered so that a listener notices a gap
and requests the complete state.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from time import monotonic
from typing import Any

from rbtlive.core.actions.callbacks import describe_error
from rbtlive.core.state.callback_state import KEPT_FAILURES
from rbtlive.core.trading_core import TradingCore
from rbtlive.model.arrays import np
from rbtlive.notebook.operated_session import OperatedSession
from rbtlive.notebook.panel.columns import ORDER_COLUMNS, POSITION_COLUMNS, described
from rbtlive.notebook.panel.curves import EquityCurve, PriceCurves, RecordedCurves
from rbtlive.notebook.panel.failures import Failures
from rbtlive.notebook.panel.order_rows import DenialReasons, Fills, LogLines, OrderRows
from rbtlive.notebook.panel.plain import cut, parameter_texts, plain
from rbtlive.notebook.panel.position_rows import PositionRows

DEPTHS_KEPT = 150
"""Samples of the queue's depth: half a minute of ticks."""
LAGS_KEPT = 300
"""Samples of the loop's lag: a minute of ticks."""
_QUANTILE_PERIOD = 8

State = dict[str, Any]


class PanelState:
    """Examines a session tick by tick, and returns the changes.

    Args:
        session: The session; it is only read.
    """

    def __init__(self, session: OperatedSession) -> None:
        self._session = session
        self._ticks = -1
        self.seq = 0
        self._sent: State = {}
        self._depths: deque[int] = deque(maxlen=DEPTHS_KEPT)
        self._lags: deque[float] = deque(maxlen=LAGS_KEPT)
        self._quantiles: list[float | None] = [None, None]
        self._logs = LogLines()
        self._failures = Failures()
        self._bar_us = 0
        self._bar_since_s = monotonic()
        self._watch(session.engine.core)

    def _watch(self, core: TradingCore) -> None:
        # A live engine replaces its core when the first bar shows in which session the
        # run begins.
        self._core = core
        self._moment: tuple[int, ...] = ()
        self._fills = Fills()
        self._orders = OrderRows()
        self._positions = PositionRows()
        self._refusals = DenialReasons()
        self._equity = EquityCurve(core)
        self._prices = PriceCurves()
        self._recorded = RecordedCurves()
        self._parameters = parameter_texts(core.strategy)

    def watch(self, symbol: str) -> State:
        """Send the prices of this symbol from now on; return its earlier ones."""
        if symbol in self._prices.symbols:
            self._prices.watched = symbol
        return {"t": "price", **self._price()}

    def _price(self) -> State:
        return {"symbol": self._prices.watched, "points": self._prices.points()}

    # -- messages ----------------------------------------------------------------------

    def whole(self) -> State:
        """Return the complete current state."""
        self._look(anew=True)
        return self.sent()

    def delta(self) -> State | None:
        """Return what changed since the last call, or None if nothing did."""
        changes = self._look()
        if changes is None:
            return self.sent()
        if not changes:
            return None
        self.seq += 1
        return {"t": "delta", "seq": self.seq, **changes}

    def beat(self) -> State:
        """Return a message that only shows that the session's loop is alive."""
        self.seq += 1
        return {"t": "delta", "seq": self.seq}

    def sent(self) -> State:
        """Return the complete state as of the last look, so that unsent changes are not
        lost.
        """
        return {
            "t": "whole",
            "seq": self.seq,
            **self._sent,
            "silent_s": round(monotonic() - self._bar_since_s, 1),
            "columns": self._columns(),
            "parameters": self._parameters,
            "orders": list(self._orders.rows.values()),
            "positions": list(self._positions.rows.values()),
            "refusals": self._refusals.rows,
            "recorded": self._recorded.rows(),
            "symbols": self._prices.symbols,
            "price": self._price(),
            "equity": [list(point) for point in self._equity.points],
            "markers": list(self._fills.markers),
            "depths": list(self._depths),
            "logs": list(self._logs.lines),
            "failures": [dict(row) for row in self._failures.kinds.values()],
        }

    # On paper, no other owner holds anything.
    def _columns(self) -> State:
        if self._session.engine.link is not None:
            return _COLUMNS
        mine = tuple(column for column in POSITION_COLUMNS if column.key != "elsewhere")
        return _COLUMNS | {"positions": described(mine)}

    def summary(self) -> State:
        """Examine the session, and return only the groups of figures."""
        self._look(anew=True)
        return dict(self._sent)

    def last(self) -> State:
        """Return the complete state with all executions processed; the session is not
        examined after this.
        """
        state = self.whole()
        while self._fills.is_behind(self._core):
            state = self.whole()
        return state

    # -- looking ----------------------------------------------------------------------

    def _look(self, *, anew: bool = False) -> State | None:
        # Returns None if there is no earlier message to which changes could be added.
        self._ticks += 1
        engine = self._session.engine
        restarted = engine.core is not self._core
        if restarted:
            self._watch(engine.core)
        changes: State = dict(self._gauges(anew=anew))
        core = self._core
        moment = (
            engine.meters.events,
            core.state.market.now_us,
            len(core.state.orders),
            len(core.state.record.transactions),
        )
        if moment != self._moment or self._fills.is_behind(core):
            changes.update(self._books())
            self._moment = moment
        lines = self._logs.step(self._session.logs)
        if lines:
            changes["logs"] = lines
        failures = self._failures.step(self._all_failures())
        if failures:
            changes["failures"] = [dict(row) for row in failures]
        return None if restarted else changes

    def _gauges(self, *, anew: bool) -> Iterator[tuple[str, Any]]:
        depths = [
            depth
            for _priority, depth in sorted(self._session.engine.queue.depth_by_priority().items())
        ]
        depth = sum(depths)
        flat = len(self._depths) == DEPTHS_KEPT and not depth and not any(self._depths)
        self._depths.append(depth)
        if not flat:
            yield "depth", depth
        queue = self._session.engine.queue
        yield from self._changed(
            ("head", self._head()),
            ("queue", {"depths": depths, "peak": queue.high_water, "limit": queue.maxsize}),
            ("meters", self._meters(anew=anew)),
            ("feed", self._feed()),
        )

    def _books(self) -> Iterator[tuple[str, Any]]:
        core = self._core
        yield from _with_content(
            ("markers", self._fills.step(core)),
            *zip(
                ("orders", "orders_gone"),
                self._orders.step(core.state.orders, self._fills),
                strict=True,
            ),
            ("refusals", self._refusals.step(core.state.orders)),
            *zip(
                ("positions", "positions_gone"),
                self._positions.step(core, self._elsewhere),
                strict=True,
            ),
            ("recorded_added", self._recorded.step(core)),
        )
        yield from self._price_changes(core)
        cash = float(core.state.portfolio.cash)
        value = cash + self._positions.value
        points, thinned = self._equity.step(core, value)
        if thinned:
            yield "equity_anew", [list(point) for point in self._equity.points]
        elif points:
            yield "equity", points
        yield from self._changed(
            ("money", self._money(cash, value)),
            ("counts", self._counts()),
            ("live", self._equity.live),
            ("price_live", self._prices.now(core)),
        )

    def _elsewhere(self, symbol: str) -> str:
        link = self._session.engine.link
        return "" if link is None else link.watch.elsewhere(symbol)

    # Small groups, each sent again if any of its values changed.
    def _changed(self, *groups: tuple[str, Any]) -> Iterator[tuple[str, Any]]:
        for name, facts in groups:
            if self._sent.get(name) != facts:
                self._sent[name] = facts
                yield name, facts

    def _price_changes(self, core: TradingCore) -> Iterator[tuple[str, Any]]:
        before, watched = self._prices.symbols, self._prices.watched
        latest, held = list(reversed(self._fills.latest)), list(self._positions.rows)
        first = [watched] if watched else held[:1]
        self._prices.follow(core, list(dict.fromkeys((*first, *latest, *held))))
        fresh = self._prices.step(core)
        if self._prices.symbols != before:
            yield "symbols", self._prices.symbols
        if self._prices.watched != watched or (fresh and len(fresh) > 1):
            yield "price", self._price()
        elif fresh:
            yield "price_added", [list(point) for point in fresh]

    def _money(self, cash: float, value: float) -> State:
        portfolio, held = self._core.state.portfolio, self._positions
        capital = float(portfolio.capital_base)
        gain = value - capital
        short_value = held.value - held.long_value
        return {
            "value": plain(value, 2),
            "cash": plain(cash, 2),
            "gain": plain(gain, 2),
            "gain_share": plain(gain / capital, 6) if capital else None,
            "realised": plain(gain - held.open_profit, 2),
            "open": plain(held.open_profit, 2),
            **self._equity.figures(value),
            "gross": plain((held.long_value - short_value) / value, 4) if value else None,
            "net": plain(held.value / value, 4) if value else None,
            "commissions": plain(portfolio.commissions_paid, 2),
        }

    def _counts(self) -> State:
        core = self._core
        denied = len(core.state.orders.denied)
        return {
            "orders": len(core.state.orders) + denied,
            "open": sum(map(len, core.state.orders.open_by_asset().values())),
            "denied": denied,
            "fills": len(core.state.record.transactions),
            "positions": self._positions.held,
        }

    def _head(self) -> State:
        session, engine = self._session, self._session.engine
        core = engine.core
        failure = engine.failure
        return {
            "name": session.name,
            "strategy": core.strategy.name,
            "broker": engine.broker.name,
            "state": session.state,
            "trading": core.state.trading_state,
            "reason": cut(core.state.halt_reason),
            "failure": "" if failure is None else cut(describe_error(failure)),
        }

    def _meters(self, *, anew: bool) -> State:
        engine = self._session.engine
        meters = engine.meters
        if anew or self._ticks % _QUANTILE_PERIOD == 0:
            self._quantiles = _quantiles_us(meters.latencies_ns)
        self._lags.append(meters.loop_lag_ms)
        failed = self._core.state.callbacks.failure_count + engine.dispatcher.failed
        return {
            "events": meters.events,
            "rate": plain(meters.events_per_s(), 1),
            "p50_us": plain(self._quantiles[0], 1),
            "p99_us": plain(self._quantiles[1], 1),
            "lag_ms": plain(meters.loop_lag_ms, 1),
            "worst_lag_ms": plain(max(self._lags), 1),
            "errors": meters.errors + failed,
        }

    def _feed(self) -> State:
        engine = self._session.engine
        feed, bar_us = engine.feed, engine.core.state.market.now_us
        if bar_us != self._bar_us:
            self._bar_us, self._bar_since_s = bar_us, monotonic()
        counts = feed.stats()
        return {
            "name": type(feed).__name__,
            "live": feed.is_live,
            "speed": plain(getattr(feed, "speed", None)),
            "bar": bar_us // 1000 or None,
            "stale": self._is_stale(),
            "reconnects": counts.get("reconnects", 0),
            "quarantined": counts.get("quarantined", 0),
            "conflated": counts.get("conflated", 0),
        }

    def _is_stale(self) -> bool:
        # Only a live feed can be late; the breaker's own rule decides.
        engine = self._session.engine
        watched = engine.feed.is_live and engine.state == "running"
        return watched and engine.timekeeper.silence_s(engine.core) > 0

    def _all_failures(self) -> dict[str, deque[BaseException]]:
        engine = self._session.engine
        return {
            "callbacks": self._core.state.callbacks.failures,
            "handlers": deque(
                (failure.error for failure in engine.dispatcher.failures), KEPT_FAILURES
            ),
            "engine": deque([] if engine.failure is None else [engine.failure]),
        }


def _with_content(*changes: tuple[str, Any]) -> Iterator[tuple[str, Any]]:
    return ((name, change) for name, change in changes if change)


def _quantiles_us(latencies_ns: deque[int]) -> list[float | None]:
    # The 50th and 99th of a hundred. Sorting all would cost four times as much, and
    # more than the rest of a tick.
    count = len(latencies_ns)
    if not count:
        return [None, None]
    places = [min(int(share * count), count - 1) for share in (0.5, 0.99)]
    parted = np.partition(np.fromiter(latencies_ns, np.int64, count), places)
    return [float(parted[place]) / 1000 for place in places]


_COLUMNS = {"orders": described(ORDER_COLUMNS), "positions": described(POSITION_COLUMNS)}
