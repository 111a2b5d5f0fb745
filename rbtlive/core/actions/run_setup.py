"""A strategy's setup (cost models, controls, fetched values), and its questions about
the run's environment.
"""

from __future__ import annotations

from typing import Any

from rbtlive.core.rules.controls import TradingControl
from rbtlive.core.run_state import RunState
from rbtlive.core.shown.fetcher import FetchedValues, Fetcher, FetchOptions
from rbtlive.sim.matching import SimVenue


def set_cost_models(state: RunState, *, slippage: Any = None, commission: Any = None) -> None:
    """Use these models for fills and costs from now on; a remote venue uses its own."""
    if isinstance(state.venue, SimVenue):
        state.venue.set_models(slippage=slippage, commission=commission)


def add_trading_control(state: RunState, control: TradingControl) -> None:
    """Check every order by `control`, in order of registration; a violation that is
    only logged becomes a message.
    """
    control.report = lambda text: state.on_message("warning", text)
    state.trading_controls.append(control)


def fetch_csv(
    state: RunState, source: object, options: FetchOptions, read_options: dict[str, Any]
) -> FetchedValues:
    """Read values from a CSV file or a frame, for `data.current`."""
    if state.fetcher is None:
        end = state.settings.end
        last = None if end is None else state.calendar.number(end)
        state.fetcher = Fetcher(state.market, state.assets, last)
        state.data.fetched_now = state.fetcher.known_assets
    return state.fetcher.fetch(source, options, read_options)


def environment(state: RunState) -> dict[str, Any]:
    """Return what `get_environment` answers, in zipline's words."""
    calendar, presenter, settings = state.calendar, state.presenter, state.settings
    first = calendar.number(settings.start)
    last = None if settings.end is None else calendar.number(settings.end)
    return {
        "arena": "backtest",
        "data_frequency": "minute" if settings.intraday else "daily",
        "start": presenter.timestamp(calendar.first_minute_us(first)),
        "end": None if last is None else presenter.timestamp(int(calendar.closes_us[last])),
        "capital_base": presenter.number(settings.capital_base),
        "platform": "zipline",
    }
