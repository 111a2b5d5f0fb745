"""History of assets that join what a live feed gives.

The rule: past days come as one journaled event, so that a recovery and a parity run
have them at the same place; what the feed does not have is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from rbtlive.errors import RbtliveError
from rbtlive.model.bar import OHLCV, Bar
from rbtlive.model.events import PastDaysEvent

if TYPE_CHECKING:
    from rbtlive.data.portal import PolarsDataPortal
    from rbtlive.runtime.engine.background_tasks import BackgroundTasks
    from rbtlive.runtime.engine.live_run import LiveRun

_NAMED: Final = 10  # so many symbols are named in a message
Spans = Mapping[str, tuple[int, int]]
"""First and last session without bars, by symbol."""


class Joining:
    """Fetches the days that assets were outside.

    Args:
        run: The run.
        tasks: What runs beside the run.
    """

    def __init__(self, run: LiveRun, tasks: BackgroundTasks) -> None:
        self._run = run
        self._tasks = tasks
        self._waiting: dict[str, tuple[int, int]] = {}

    def want(self, spans: Spans) -> None:
        """Remember what is missing: it is fetched by the next `fetch`."""
        self._waiting |= spans

    def fetch(self) -> None:
        """Ask for what is missing, beside the run."""
        spans = {
            symbol: span for symbol, span in self._waiting.items() if not self._has(symbol, span)
        }
        self._waiting = {}
        if spans:
            self._tasks.start(self._fetched(spans), "history of joining assets")

    # What the journal gave again is not asked for again.
    def _has(self, symbol: str, span: tuple[int, int]) -> bool:
        state = self._run.core.state
        index = next(asset.index for asset in state.assets if asset.symbol == symbol)
        return state.market.days.has_late(index, *span)

    async def _fetched(self, spans: Spans) -> None:
        run = self._run
        label = run.core.state.calendar.label
        first, last = (
            pick(span[at] for span in spans.values()) for pick, at in ((min, 0), (max, 1))
        )
        why, bars = "", []
        try:
            portal = await run.feed.past_days(sorted(spans), label(first), label(last))
            bars = [] if portal is None else self._bars(portal, spans)
        except (RbtliveError, ValidationError, OSError) as error:
            why = f" ({type(error).__name__}: {error!s:.200})"
        if bars:
            run.enqueue(PastDaysEvent(timestamp=run.clock.now(), bars=tuple(bars)))
        given = {bar.symbol for bar in bars}
        self._say({symbol: span for symbol, span in spans.items() if symbol in given}, "")
        self._say(
            {symbol: span for symbol, span in spans.items() if symbol not in given}, why, lost=True
        )

    def _bars(self, portal: PolarsDataPortal, spans: Spans) -> list[Bar]:
        calendar, found = self._run.core.state.calendar, []
        names = [asset.symbol for asset in portal.assets]
        for row in portal.daily.iter_rows(named=True):
            symbol, session = (
                names[row["asset"]],
                calendar.number(portal.calendar.label(row["session"])),
            )
            low, high = spans.get(symbol, (0, -1))
            if low <= session <= high:
                facts: dict[str, Any] = {name: row[name] for name in OHLCV}
                end: datetime = calendar.close(session)
                found.append(Bar(symbol=symbol, timestamp=end, **facts))
        return found

    def _say(self, spans: Spans, why: str, *, lost: bool = False) -> None:
        if not spans:
            return
        label = self._run.core.state.calendar.label
        words = {
            symbol: f"{label(low)}" if low == high else f"{label(low)} to {label(high)}"
            for symbol, (low, high) in list(spans.items())[:_NAMED]
        }
        named = ", ".join(f"{symbol} ({span})" for symbol, span in words.items())
        named += ", …" if len(spans) > _NAMED else ""
        if not lost:
            self._run.on_message(
                "info",
                "these symbols join what the feed gives, and the daily bars of the days they were "
                f"outside were fetched: {named}; windows of days and tables have them, windows of "
                "shorter bars have not",
            )
            return
        self._run.on_message(
            "warning",
            "these symbols join what the feed gives, and windows and tables have no whole bars of "
            f"the days they were outside{why}: {named}; to let them in, attach again with fresh "
            "history, data=await feed.fetch_bars(...): the run goes on",
        )
