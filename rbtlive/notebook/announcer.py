"""A session's log messages: its start, its fills, its end.

The rule: facts that a replay repeats were logged when they happened, and are not logged
again.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rbtlive.model.events import OrderFillEvent, SystemErrorEvent
from rbtlive.model.wording import counted
from rbtlive.runtime.log import WHERE, Log, traced

MOST_TRACED = 100
"""Maximum number of remembered tracebacks, each of which is logged once."""

if TYPE_CHECKING:
    from rbtlive.runtime.engine.dispatcher import HandlerFailure
    from rbtlive.runtime.engine.engine import TradingEngine
    from rbtlive.runtime.engine.launch import Launch


def has_panel() -> bool:
    """Say whether this is a notebook, which shows a session in its panel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    marimo = sys.modules.get("marimo")
    return hasattr(shell, "kernel") or bool(marimo is not None and marimo.running_in_notebook())


class Announcer:
    """Logs one session.

    Args:
        launch: The session's launch.
        engine: The session's engine.
    """

    def __init__(self, launch: Launch, engine: TradingEngine) -> None:
        self.log = Log(level=launch.log_level, speaks=lambda: not has_panel(), session=launch.name)
        self._launch = launch
        self._engine = engine
        self._fills = 0
        self._traced: set[str] = set()
        engine.dispatcher.report = self._note_failure
        engine.dispatcher.register_handler(OrderFillEvent, self._note_fill)

    def write(self, level: str, text: str, *, trace: str = "") -> None:
        """Log a line, with the time of the run's current bar."""
        if not self.log.takes(level):
            return
        lead, _line, rest = trace.partition("\n")
        if rest in self._traced:  # the same failure again: its line is enough
            trace = ""
        elif rest and len(self._traced) < MOST_TRACED:
            self._traced.add(rest if lead.startswith(WHERE) else trace)
        state = self._engine.core.state
        facts = {"bar": state.now.isoformat()} if state.market.now_us else {}
        self.log.write(level, text, trace=trace, **facts)

    def begin(self) -> None:
        """Log what starts."""
        engine, launch = self._engine, self._launch
        journal, settings = engine.journal, launch.settings
        how = (
            f"continues run {journal.run_id}" if journal.resumed else f"starts run {journal.run_id}"
        )
        self.write(
            "info",
            f"{how} of {launch.executor.name} at {launch.broker.name}, bars of "
            f"{settings.frequency} from {type(launch.feed).__name__}",
        )

    def end(self) -> None:
        """Log how the session ended, and its results."""
        engine = self._engine
        if engine.journal.is_foreign:
            return
        state = engine.core.state
        if engine.failure is not None:
            how, level = "failed", "error"
        elif state.trading_state == "halted":
            how, level = f"ended while trading was halted: {state.halt_reason}", "warning"
        else:
            how, level = ("the feed has ended" if engine.ended else "stopped"), "info"
        self.write(
            level,
            f"{how}; {counted(engine.meters.events, 'event')}, "
            f"{counted(len(state.orders), 'order')}, {counted(self._fills, 'fill')}, "
            f"{engine.refusals.total} refused, "
            f"{counted(state.callbacks.failure_count, 'callback')} failed",
        )

    def _note_failure(self, failure: HandlerFailure) -> None:
        # Any other failure becomes an event, which is logged.
        if isinstance(failure.event, SystemErrorEvent):
            what = f"handler {failure.handler} failed on {failure.event.event_type}"
            self.write("error", what, trace=traced(failure.error))

    def _note_fill(self, event: OrderFillEvent) -> None:
        self._fills += 1
        if not self.log.takes("info"):
            return
        order = self._engine.core.state.orders.get_order(event.order_id)
        symbol = "" if order is None else order.asset.symbol
        whole = "" if order is None else f", {order.filled:f} of {order.amount:f}"
        self.log.write(
            "info",
            f"filled {event.amount:f} {symbol} at {event.price:f} (order {event.order_id}{whole})",
            order_id=event.order_id,
            symbol=symbol,
            amount=f"{event.amount:f}",
            price=f"{event.price:f}",
            bar=event.timestamp.isoformat(),
        )
