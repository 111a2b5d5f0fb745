"""Corporate actions of the shares that a run trades, booked as events.

The rule: actions in the run's own data are not booked again; an action that a run
cannot book is named, and halts the run if it holds the asset.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rbtlive.brokers.base import BrokerAction, BrokerAdapter, BrokerSplit, BrokerSymbolChange
from rbtlive.data.calendars.calendar import us_of
from rbtlive.model.events import (
    CircuitBreakerEvent,
    Event,
    OrderFillEvent,
    OrderReplacedEvent,
    SplitEvent,
    SymbolChangeEvent,
    SystemErrorEvent,
)
from rbtlive.model.number import ZERO
from rbtlive.runtime.broker import asking
from rbtlive.runtime.broker.account_splits import is_restated_first
from rbtlive.runtime.broker.books_watch import BooksWatch

if TYPE_CHECKING:
    from rbtlive.core.trading_core import TradingCore
    from rbtlive.model.asset import Asset

OLD_NEWS = timedelta(days=4)
"""An action that cannot be booked and is older than this has been seen by a person."""
SOURCE = "by the broker's corporate actions"


def awaits_split(core: TradingCore, asset: Asset, at: datetime) -> bool:
    """Say whether a fill came after a split that the books do not have yet, so that its
    terms are those of the session that begins with the split.
    """
    market = core.state.market
    if asset.index not in market.coming_splits():
        return False
    session = core.state.calendar.session_of_us(us_of(at))
    return any(
        index == asset.index and market.session < first <= session
        for index, first in market.known_splits
    )


def comes_early(core: TradingCore, asset: Asset, event: Event) -> bool:
    """Say whether an event's terms are those of a session that the books have not
    reached.
    """
    if isinstance(event, OrderReplacedEvent):
        return is_restated_first(core, asset, event.timestamp)
    return isinstance(event, OrderFillEvent) and awaits_split(core, asset, event.timestamp)


class CorporateNews:
    """Asks one broker for corporate actions.

    Args:
        broker: The broker.
        core: Returns the core.
        watch: Knows which shares belong to which owner.
        tell: Puts events into the queue.
        now: Returns the time, UTC.
    """

    def __init__(
        self,
        broker: BrokerAdapter,
        *,
        core: Callable[[], TradingCore],
        watch: BooksWatch,
        tell: Callable[[Event], None],
        now: Callable[[], datetime],
    ) -> None:
        self._broker = broker
        self._core = core
        self._watch = watch
        self._tell = tell
        self._now = now
        self._taken: set[str] = set()

    async def look(self, tell: Callable[[Event], None] | None = None) -> None:
        """Apply actions that the run's data lacks.

        Args:
            tell: Receives the events; by default the queue.
        """
        tell = tell or self._tell
        state = self._core().state
        symbols = {asset.symbol for asset in state.assets}
        later = {new for _symbol, new, _session in state.symbol_changes}
        found = await asking.corporate_actions(self._broker, sorted(symbols | later))
        for change in found.symbol_changes:
            self._take_symbol_change(change, tell)
        for split in found.splits:
            self._take_split(split, tell)
        for action in found.others:
            self._take_other(action, tell)

    def _take_symbol_change(self, one: BrokerSymbolChange, tell: Callable[[Event], None]) -> None:
        symbol = self._watch.called_here(one.symbol)
        state = self._core().state
        mine = any(asset.symbol == symbol for asset in state.assets)
        if not mine or one.action_id in self._taken:
            return
        self._taken.add(one.action_id)
        if state.symbol_changes.knows(symbol, one.new_symbol):
            return
        tell(
            SymbolChangeEvent(
                timestamp=self._now(),
                symbol=symbol,
                new_symbol=one.new_symbol,
                effective=one.effective,
                reason=SOURCE,
            )
        )

    def _take_split(self, one: BrokerSplit, tell: Callable[[Event], None]) -> None:
        state, symbol = self._core().state, self._watch.called_here(one.symbol)
        asset = next((asset for asset in state.assets if asset.symbol == symbol), None)
        if asset is None:
            return
        session = state.calendar.at_or_after(one.ex_date)
        known = (asset.index, session) in state.market.known_splits
        if known or one.action_id in self._taken:
            return
        coming = session > state.market.session
        if self._is_within(session):
            # In such a week the account has fills in both kinds of shares: the split
            # takes effect when the account shows it.
            coming = False
            if not self._has_begun(one, symbol):
                return
        elif not coming and not self._explains(one, symbol):
            return
        self._taken.add(one.action_id)
        tell(
            SplitEvent(
                timestamp=self._now(),
                symbol=symbol,
                ratio=one.ratio,
                effective=one.ex_date if coming else None,
                reason=SOURCE,
            )
        )

    # Whether a run's session is a week or month in progress.
    def _is_within(self, session: int) -> bool:
        calendar, now_us = self._core().state.calendar, us_of(self._now())
        if calendar.periods is None or session >= len(calendar.closes_us):
            return False
        return calendar.closes_us.item(session) > now_us

    def _has_begun(self, one: BrokerSplit, symbol: str) -> bool:
        periods = self._core().state.calendar.periods
        assert periods is not None
        first = periods.whole.at_or_after(one.ex_date)
        if periods.whole.closes_us.item(first - 1) > us_of(self._now()):
            return False
        return not self._watch.ours().get(symbol) or self._explains(one, symbol)

    def _explains(self, one: BrokerSplit, symbol: str) -> bool:
        # Whether a split has begun that the books lack, according to the account's
        # shares. A fraction of a share may have been paid in cash.
        known = self._watch.ours().get(symbol, ZERO) + self._watch.held_elsewhere(symbol)
        missing = known / one.ratio - known
        return any(
            found.symbol == symbol and found.gap is not None and abs(found.gap - missing) < 1
            for found in self._watch.differences
        )

    def _take_other(self, one: BrokerAction, tell: Callable[[Event], None]) -> None:
        symbol = self._watch.called_here(one.symbol)
        state = self._core().state
        mine = any(asset.symbol == symbol for asset in state.assets)
        begun = state.calendar.at_or_after(one.effective) <= state.market.session
        key = f"{one.action_id} {'begun' if begun else 'announced'}"
        if not mine or key in self._taken:
            return
        if state.calendar.label(state.market.session) - one.effective > OLD_NEWS:
            return
        self._taken.add(key)
        text = f"{one.text}, effective {one.effective}: a run does not book it"
        if not begun or not self._watch.ours().get(symbol):
            tell(SystemErrorEvent(timestamp=self._now(), message=text, source="broker"))
            return
        tell(
            CircuitBreakerEvent(
                timestamp=self._now(),
                name="corporate action",
                reason=f"{text}; see what the account holds, then resume or stop",
            )
        )
