"""Attributes of zipline's algorithm object besides its API: `datetime`, `sim_params`,
`asset_finder`, `blotter` and others.

The rule: each only reads the run; a value that the user sets under one of these names
replaces it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from rbtlive.core.actions.asset_lookup import find_symbol
from rbtlive.core.actions.order_entry import show_open_orders
from rbtlive.core.actions.run_setup import environment
from rbtlive.core.run_state import RunState
from rbtlive.core.shown.order_views import OrderView
from rbtlive.errors import SidsNotFound
from rbtlive.model.asset import Asset


@dataclass(frozen=True)
class SimulationParameters:
    """Settings of the run, by zipline's names.

    Attributes:
        start_session: Label of the first session.
        end_session: Label of the last session; None if the run goes on.
        capital_base: Cash at the start.
        data_frequency: "daily" or "minute".
        emission_rate: Equal to `data_frequency`.
        first_open: END of the first session's first minute, UTC.
        last_close: The last session's close, UTC; None if the run goes on.
        arena: Always "backtest": a strategy cannot ask whether it is live.
        trading_calendar: exchange_calendars' calendar.
    """

    start_session: Any
    end_session: Any
    capital_base: Any
    data_frequency: str
    emission_rate: str
    first_open: object
    last_close: object
    arena: str
    trading_calendar: Any

    @property
    def sessions(self) -> object:
        """Labels of the run's sessions, as a DatetimeIndex; of a run that goes on,
        those of the calendar from its start.
        """
        end = self.trading_calendar.last_session if self.end_session is None else self.end_session
        return self.trading_calendar.sessions_in_range(self.start_session, end)


class AssetFinder:
    """Looks up the run's assets, by zipline's names."""

    def __init__(self, state: RunState) -> None:
        self._state = state

    @property
    def sids(self) -> list[int]:
        """Numbers of all assets."""
        return [asset.sid for asset in self._state.assets]

    equities_sids = sids

    def lookup_symbol(
        self,
        symbol: str,
        as_of_date: Any = None,
        fuzzy: bool = False,
        country_code: str | None = None,
    ) -> Asset:
        """Return the asset with that ticker, in any case.

        Raises:
            SymbolNotFound: no asset has that ticker.
        """
        del as_of_date, fuzzy, country_code  # a portal's symbols never change hands
        return find_symbol(self._state, symbol)

    def lookup_symbols(
        self, symbols: Iterable[str], as_of_date: Any = None, **options: Any
    ) -> list[Asset]:
        """Return the assets with those tickers."""
        return [self.lookup_symbol(symbol, as_of_date, **options) for symbol in symbols]

    def retrieve_asset(self, sid: int, default_none: bool = False) -> Asset | None:
        """Return the asset with that number.

        Raises:
            SidsNotFound: no asset has that number.
        """
        found = next((asset for asset in self._state.assets if asset.sid == int(sid)), None)
        if found is None and not default_none:
            raise SidsNotFound(f"no asset has sid {sid!r}: known are {self.sids[:20]}")
        return found

    def retrieve_all(self, sids: Iterable[int], default_none: bool = False) -> list[Asset | None]:
        """Return the assets with those numbers."""
        return [self.retrieve_asset(sid, default_none) for sid in sids]


class Blotter:
    """Reads the run's orders, by zipline's names."""

    def __init__(self, state: RunState) -> None:
        self._state = state

    @property
    def open_orders(self) -> dict[Asset, Any]:
        """Open orders by asset."""
        return {
            asset: show_open_orders(self._state, asset)
            for asset, orders in self._state.orders.open_by_asset().items()
            if orders
        }

    @property
    def orders(self) -> dict[str, OrderView]:
        """All orders by their ids."""
        presenter = self._state.presenter
        return {order.id: OrderView(order, presenter) for order in self._state.orders}

    @property
    def current_dt(self) -> Any:
        """The bar's time."""
        return self._state.presenter.timestamp(self._state.now)


def _frequency(state: RunState) -> str:
    return "minute" if state.settings.intraday else "daily"


def _calendar(state: RunState) -> Any:
    from rbtlive.utils.calendar_utils import get_calendar

    return get_calendar(state.calendar.name)


def _sim_params(state: RunState) -> SimulationParameters:
    settings, presenter, known = state.settings, state.presenter, environment(state)
    return SimulationParameters(
        start_session=presenter.session(settings.start),
        end_session=None if settings.end is None else presenter.session(settings.end),
        capital_base=presenter.number(settings.capital_base),
        data_frequency=_frequency(state),
        emission_rate=_frequency(state),
        first_open=known["start"],
        last_close=known["end"],
        arena=known["arena"],
        trading_calendar=_calendar(state),
    )


NAMES: Final[dict[str, Callable[[RunState], Any]]] = {
    "datetime": lambda state: state.presenter.timestamp(state.now),
    "recorded_vars": lambda state: dict(state.recorded),
    "data_frequency": _frequency,
    "sim_params": _sim_params,
    "trading_calendar": _calendar,
    "asset_finder": AssetFinder,
    "blotter": Blotter,
    "benchmark_sid": lambda state: state.benchmark,
    "initialized": lambda state: not state.initializing,
}
"""zipline's attributes, and the function that answers each."""
